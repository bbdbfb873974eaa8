/**
 * The time until a lab is ready, and the time to stop it.
 *
 *   npx tsx test/bench/lab.ts [--rounds 5]
 */
import { join } from "node:path";
import { startLab } from "../lab/start";
import { describeMachine, describeSpans, numberOption } from "./measure";

const root = join(__dirname, "..", "..");

async function main(): Promise<void> {
  const rounds = numberOption("rounds", 5);
  const [up, down]: [number[], number[]] = [[], []];
  for (let round = 0; round <= rounds; round += 1) {
    const begin = performance.now();
    const lab = await startLab({ root });
    const started = performance.now();
    await lab.stop();
    const ended = performance.now();
    const [upSeconds, downSeconds] = [(started - begin) / 1000, (ended - started) / 1000];
    const title = round === 0 ? "warm-up" : `round ${round}`;
    process.stderr.write(`${title}: up ${upSeconds.toFixed(2)} s, down ${downSeconds.toFixed(2)} s\n`);
    // The first round reads the programs from disk.
    if (round === 0) continue;
    up.push(upSeconds);
    down.push(downSeconds);
  }
  console.log(`${describeMachine()}; ${rounds} rounds`);
  console.log("| a lab | time |");
  console.log("|---|---|");
  console.log(`| up | ${describeSpans(up)} |`);
  console.log(`| down | ${describeSpans(down)} |`);
}

void main();
