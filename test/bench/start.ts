/**
 * The duration of the program's Node process in `pulumi preview`, without and with a tenant, compared with compiled
 * programs: an empty one, and one that registers the objects of that tenant.
 *
 *   npx tsx test/bench/start.ts [--rounds 9]
 */
import { ProgramFolder } from "./engine";
import { alternate, describeMachine, describeSeconds, medianRatio, numberOption } from "./measure";

async function main(): Promise<void> {
  const rounds = numberOption("rounds", 9);
  const bench = await ProgramFolder.open();
  try {
    const ours = await bench.ours(1);
    const bare = await bench.bare(ours.objects);
    const none = await bench.ours(0);
    const empty = await bench.empty();
    const programs = {
      empty: async () => (await empty.preview()).process,
      none: async () => (await none.preview()).process,
      bare: async () => (await bare.preview()).process,
      ours: async () => (await ours.preview()).process,
    };
    const runs = await alternate(programs, rounds);
    console.log(`${describeMachine()}; ${ours.objects.length} objects, ${rounds} rounds`);
    console.log("| program | Node process | ratio to empty | CPU time | ratio to empty |");
    console.log("|---|---|---:|---|---:|");
    for (const [name, title] of [
      ["empty", "empty program"],
      ["none", "this project, no tenant"],
      ["bare", "bare program, the objects of one tenant"],
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
