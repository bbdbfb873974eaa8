/**
 * `pulumi preview` of 100 tenants with and without the policy pack, compared with a bare compiled program that registers
 * the same objects, with and without an empty policy pack.
 *
 *   npx tsx test/bench/preview.ts [--tenants 100] [--rounds 5]
 */
import { ProgramFolder } from "./engine";
import { alternate, describeMachine, describeSeconds, medianRatio, numberOption, type Run } from "./measure";

async function main(): Promise<void> {
  const tenants = numberOption("tenants", 100);
  const rounds = numberOption("rounds", 5);
  const bench = await ProgramFolder.open();
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
    console.log("| program | `pulumi preview` | ratio to bare | CPU time of the Node process | ratio to bare |");
    console.log("|---|---|---:|---|---:|");
    for (const [name, title] of [
      ["bare", "bare program, the same objects"],
      ["judged", "bare program with an empty policy pack"],
      ["ours", "this project"],
      ["gated", "this project with the policy pack"],
    ] as const) {
      // Without the warm-up round.
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
