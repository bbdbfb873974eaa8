/**
 * The life of the program's Node process in `pulumi preview`, from its start until the last resource of one tenant is
 * registered, against that of an empty compiled program.
 *
 *   npx tsx test/bench/start.ts [--rounds 9]
 */
import { Workbench } from "./engine";
import { alternate, describeMachine, describeSeconds, medianRatio, numberOption } from "./measure";

async function main(): Promise<void> {
  const rounds = numberOption("rounds", 9);
  const bench = await Workbench.open();
  try {
    const ours = await bench.ours(1);
    const bare = await bench.bare(ours.objects);
    const empty = await bench.empty();
    const contestants = {
      empty: async () => (await empty.preview()).process,
      bare: async () => (await bare.preview()).process,
      ours: async () => (await ours.preview()).process,
    };
    const runs = await alternate(contestants, rounds);
    console.log(`${describeMachine()}; ${ours.objects.length} objects, ${rounds} rounds`);
    console.log("| program | life of its Node process | to the empty one | of the processor | to the empty one |");
    console.log("|---|---|---:|---|---:|");
    for (const [name, title] of [
      ["empty", "empty program"],
      ["bare", "bare program, the same objects"],
      ["ours", "this project, one tenant"],
    ] as const) {
      const own = runs[name] ?? [];
      const baseline = runs.empty ?? [];
      const cells = [
        title,
        describeSeconds(own),
        medianRatio(own, baseline),
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
