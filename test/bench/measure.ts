/** Times whole processes from outside, in turn, since the speed of a shared machine drifts. */
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { cpus, totalmem } from "node:os";

/** One run of one program. */
export interface Run {
  readonly seconds: number;
  /** Processor time of all its threads, which a busy machine changes less; 0 where the system does not tell. */
  readonly processorSeconds: number;
  /** Most memory that the process had at any time; 0 where the system does not tell (only Linux does). */
  readonly peakMiB: number;
}

/** A program that is timed. */
export interface Command {
  readonly program: string;
  readonly parameters: readonly string[];
  readonly directory: string;
  readonly environment?: NodeJS.ProcessEnv;
}

const pollMs = 10;

/** Linux counts processor time in hundredths of a second. */
const ticksPerSecond = 100;

/**
 * Runs a program once. What it prints is thrown away.
 *
 * @throws Error where it ends with another code than 0, with what it said
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

/** The high-water mark that Linux keeps of each process. */
function peakOf(pid: number | undefined): number {
  try {
    const kibibytes = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid ?? 0}/status`, "utf8"))?.[1];
    return Number(kibibytes ?? 0) / 1024;
  } catch {
    return 0;
  }
}

/** User and system time, the fourteenth and fifteenth field after the program's name in parentheses. */
function processorSecondsOf(pid: number | undefined): number {
  try {
    const stat = readFileSync(`/proc/${pid ?? 0}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
  } catch {
    return 0;
  }
}

/** What is compared, by name. */
export type Contestants = Readonly<Record<string, () => Promise<Run>>>;

/** Runs all contestants in turn, so often, after one round that does not count. */
export async function alternate(contestants: Contestants, rounds: number): Promise<Record<string, Run[]>> {
  const runs: Record<string, Run[]> = Object.fromEntries(Object.keys(contestants).map((name) => [name, []]));
  // A single round is of what takes minutes, where a warm-up changes nothing.
  for (let round = rounds === 1 ? 1 : 0; round <= rounds; round += 1) {
    for (const [name, run] of Object.entries(contestants)) {
      const result = await run();
      process.stderr.write(`${round === 0 ? "warm-up" : `round ${round}`} ${name}: ${result.seconds.toFixed(2)} s\n`);
      if (round > 0) runs[name]?.push(result);
    }
  }
  return runs;
}

/** The middle of the values. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((one, other) => one - other);
  const middle = sorted.length / 2;
  const upper = sorted[Math.floor(middle)] ?? NaN;
  return Number.isInteger(middle) ? ((sorted[middle - 1] ?? NaN) + upper) / 2 : upper;
}

/** The median of the ratios of runs that followed each other. */
export function medianRatio(runs: readonly Run[], baseline: readonly Run[], figure: Figure = "seconds"): string {
  return median(runs.map((run, index) => run[figure] / (baseline[index]?.[figure] ?? NaN))).toFixed(2);
}

type Figure = "seconds" | "processorSeconds";

/** `1.23 s (1.20 to 1.31)`: the median, the least and the most. */
export function describeSeconds(runs: readonly Run[], figure: Figure = "seconds"): string {
  return describeSpans(runs.map((run) => run[figure]));
}

/** The same of plain seconds, for what is not a run of a program. */
export function describeSpans(seconds: readonly number[]): string {
  const [middle, least, most] = [median(seconds), Math.min(...seconds), Math.max(...seconds)];
  return `${middle.toFixed(2)} s (${least.toFixed(2)} to ${most.toFixed(2)})`;
}

/** The machine, in one line. */
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
