/** Measures processes from outside, in turn, because the speed of a shared machine changes. */
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { cpus, totalmem } from "node:os";

/** A run of a program. */
export interface Run {
  readonly seconds: number;
  /** CPU time of all threads, which varies less on a busy machine. 0 except on Linux. */
  readonly processorSeconds: number;
  /** Peak memory. 0 except on Linux. */
  readonly peakMiB: number;
}

/** A program to measure. */
export interface Command {
  readonly program: string;
  readonly parameters: readonly string[];
  readonly directory: string;
  readonly environment?: NodeJS.ProcessEnv;
}

const pollMs = 10;

/** Linux counts CPU time in hundredths of a second. */
const ticksPerSecond = 100;

/**
 * Runs a program once, without its output.
 *
 * @throws Error with the error output, if the exit code is not 0
 */
export async function runOnce({ program, parameters, directory, environment }: Command): Promise<Run> {
  const begin = performance.now();
  const child = spawn(program, parameters, {
    cwd: directory,
    env: { ...process.env, ...environment },
    stdio: ["ignore", "ignore", "pipe"],
  });
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (said += text));
  let [processorSeconds, peakMiB] = [0, 0];
  const poll = setInterval(() => {
    processorSeconds = Math.max(processorSeconds, processorSecondsOf(child.pid));
    peakMiB = Math.max(peakMiB, peakOf(child.pid));
  }, pollMs);
  try {
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once("error", reject);
      child.once("close", resolve);
    });
    const seconds = (performance.now() - begin) / 1000;
    if (code !== 0) throw new Error(`${program} ${parameters.join(" ")} ended with ${String(code)}: ${said}`);
    return { seconds, processorSeconds, peakMiB };
  } finally {
    clearInterval(poll);
  }
}

/** Reads the peak memory of a process from /proc. */
function peakOf(pid: number | undefined): number {
  try {
    const kibibytes = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid ?? 0}/status`, "utf8"))?.[1];
    return Number(kibibytes ?? 0) / 1024;
  } catch {
    return 0;
  }
}

/** Reads user and system time from /proc. The fields are counted after the program's name, which is in parentheses. */
function processorSecondsOf(pid: number | undefined): number {
  try {
    const stat = readFileSync(`/proc/${pid ?? 0}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
  } catch {
    return 0;
  }
}

/** The programs to compare, by name. */
export type Programs = Readonly<Record<string, () => Promise<Run>>>;

/** Runs all programs in turn for a number of rounds, after one warm-up round. */
export async function alternate(contestants: Programs, rounds: number): Promise<Record<string, Run[]>> {
  const runs: Record<string, Run[]> = Object.fromEntries(Object.keys(contestants).map((name) => [name, []]));
  // Programs with a single round take minutes, and do not need a warm-up.
  for (let round = rounds === 1 ? 1 : 0; round <= rounds; round += 1) {
    for (const [name, run] of Object.entries(contestants)) {
      const result = await run();
      process.stderr.write(`${round === 0 ? "warm-up" : `round ${round}`} ${name}: ${result.seconds.toFixed(2)} s\n`);
      if (round > 0) runs[name]?.push(result);
    }
  }
  return runs;
}

/** The median. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((one, other) => one - other);
  const middle = sorted.length / 2;
  const upper = sorted[Math.floor(middle)] ?? NaN;
  return Number.isInteger(middle) ? ((sorted[middle - 1] ?? NaN) + upper) / 2 : upper;
}

/** The median of the ratios of consecutive runs. */
export function medianRatio(runs: readonly Run[], baseline: readonly Run[], figure: Figure = "seconds"): string {
  return median(runs.map((run, index) => run[figure] / (baseline[index]?.[figure] ?? NaN))).toFixed(2);
}

type Figure = "seconds" | "processorSeconds";

/** `1.23 s (1.20 to 1.31)`: median, minimum and maximum. */
export function describeSeconds(runs: readonly Run[], figure: Figure = "seconds"): string {
  return describeSpans(runs.map((run) => run[figure]));
}

/** The same for plain seconds. */
export function describeSpans(seconds: readonly number[]): string {
  const [middle, least, most] = [median(seconds), Math.min(...seconds), Math.max(...seconds)];
  return `${middle.toFixed(2)} s (${least.toFixed(2)} to ${most.toFixed(2)})`;
}

/** A line that describes the machine. */
export function describeMachine(): string {
  const processors = cpus();
  const memory = Math.round(totalmem() / 2 ** 30);
  return `${processors.length} cores (${processors[0]?.model.trim() ?? "unknown"}), ${memory} GiB, Node ${process.version}`;
}

/** The number after an option such as `--rounds`, or the default. */
export function numberOption(name: string, fallback: number): number {
  const at = process.argv.indexOf(`--${name}`);
  const value = Number(at === -1 ? fallback : process.argv[at + 1]);
  if (!Number.isInteger(value) || value < 1) throw new Error(`--${name}: expected a whole number from 1 on`);
  return value;
}
