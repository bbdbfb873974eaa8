/**
 * `pulumi preview` of 100 tenants: our program, with and without the policy pack, against a bare compiled program that
 * registers the same objects, with and without a policy pack that judges nothing.
 *
 *   npx tsx test/bench/preview.ts [--tenants 100] [--rounds 5]
 */
import { Workbench } from "./engine";
import { alternate, describeMachine, describeSeconds, medianRatio, numberOption, type Run } from "./measure";

async function main(): Promise<void> {
  const tenants = numberOption("tenants", 100);
  const rounds = numberOption("rounds", 5);
  const bench = await Workbench.open();
  try {
    const ours = await bench.ours(tenants);
    const bare = await bench.bare(ours.objects);
    const ownProcess: Record<string, Run[]> = { bare: [], judged: [], ours: [], gated: [] };
    const emptyPack = bench.emptyPack();
    const whole = async (name: string, preview: ReturnType<typeof bare.preview>): Promise<Run> => {
      const result = await preview;
      ownProcess[name]?.push(result.process);
      return result.whole;
    };
    const runs = await alternate(
      {
        bare: () => whole("bare", bare.preview()),
        judged: () => whole("judged", bare.preview("--policy-pack", emptyPack)),
        ours: () => whole("ours", ours.preview()),
        gated: () => whole("gated", ours.preview("--policy-pack", "policy-pack")),
      },
      rounds,
    );
    console.log(`${describeMachine()}; ${tenants} tenants, ${ours.objects.length} objects, ${rounds} rounds`);
    console.log(
      "| program | `pulumi preview` | to the bare one | its Node process, of the processor | to the bare one |",
    );
    console.log("|---|---|---:|---|---:|");
    for (const [name, title] of [
      ["bare", "bare program, the same objects"],
      ["judged", "bare program with an empty policy pack"],
      ["ours", "this project"],
      ["gated", "this project with the policy pack"],
    ] as const) {
      // What the warm-up reported does not count.
      const [own = [], baseline = []] = [ownProcess[name], ownProcess.bare].map((all) => all?.slice(-rounds));
      const cells = [
        title,
        describeSeconds(runs[name] ?? []),
        medianRatio(runs[name] ?? [], runs.bare ?? []),
        describeSeconds(own, "processorSeconds"),
        medianRatio(own, baseline, "processorSeconds"),
      ];
      console.log(`| ${cells.join(" | ")} |`);
    }
  } finally {
    await bench.close();
  }
}

void main();
