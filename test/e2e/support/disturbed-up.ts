import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import type { Selection } from "../../lab/cluster";
import type { EngineResult } from "../../../demo/engine-session";
import type { Fixture } from "./fixture";

/** What the engine reports of an object. */
type Work = "begun" | "ended" | "failed";

/** The moment of a disturbance. */
export type Moment =
  /** The engine has reported that it started or finished this number of objects, or that so many failed. */
  | { readonly seen: "engine"; readonly work: Work; readonly count: number }
  /** The API server has reported a change of such an object, before the engine knows of it. */
  | { readonly seen: "cluster"; readonly change: "ADDED" | "MODIFIED" | "DELETED"; readonly selection: Selection };

/** The result of a disturbed `up`. */
export interface DisturbedUp extends EngineResult {
  /** Whether the moment came before the end of the `up`. */
  readonly disturbed: boolean;
}

/**
 * Runs `pulumi up` and disturbs it at a given moment.
 *
 * @param happen the disturbance; receives the engine's process ID
 * @param command another command of the engine, with its flags
 */
export async function disturbUp(
  fixture: Fixture,
  stack: string,
  moment: Moment,
  happen: (pid: number) => Promise<void> | void,
  command: readonly string[] = ["up"],
): Promise<DisturbedUp> {
  const { environment } = fixture.session;
  const flags = ["--yes", "--skip-preview", "--non-interactive", "--color", "never"];
  const child = spawn(environment.PULUMI ?? "pulumi", [...command, "--stack", stack, ...flags], {
    cwd: fixture.project.directory,
    env: environment,
    stdio: ["ignore", "pipe", "pipe"],
  });
  // Not `close`: if only the engine is killed, its child processes keep the pipes open for minutes.
  const ended = once(child, "exit") as Promise<[number | null]>;
  const [over, output] = [new AbortController(), { stdout: "", stderr: "" }];
  let happened: Promise<void> | undefined;
  const act = () => {
    if (child.pid === undefined || child.exitCode !== null) return;
    happened ??= Promise.resolve(happen(child.pid));
  };
  child.stderr.setEncoding("utf8").on("data", (text: string) => (output.stderr += text));
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output.stdout += text;
    if (moment.seen === "engine" && countWork(output.stdout, moment.work) >= moment.count) act();
  });
  // The engine sends its first request only after some seconds.
  if (moment.seen === "cluster") await onChange(fixture, moment, over.signal, act);
  const [code] = await ended;
  over.abort();
  await happened;
  return { ...output, code: code ?? 1, disturbed: happened !== undefined };
}

/** What is killed: the engine with its child processes, or only the engine, as when the kernel runs out of memory. */
export type Victim = "all" | "engine";

/**
 * Runs `pulumi up` and kills it with SIGKILL at a given moment. If only the engine is killed, its child processes exit
 * within five minutes.
 */
export function killUp(
  fixture: Fixture,
  stack: string,
  moment: Moment,
  victim: Victim,
  command?: readonly string[],
): Promise<DisturbedUp> {
  const kill = (engine: number): void => {
    if (victim === "all") killProcesses(fixture);
    else process.kill(engine, "SIGKILL");
  };
  return disturbUp(fixture, stack, moment, kill, command);
}

/** Kills all remaining processes of the fixture's engine. */
export function killProcesses(fixture: Fixture): void {
  for (const pid of processesOf(fixture)) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // It has exited.
    }
  }
}

const reports: Readonly<Record<Work, string>> = {
  begun: "(?:creating|updating|deleting) \\(",
  ended: "(?:created|updated|deleted) \\(",
  failed: "\\*\\*(?:creating|updating|deleting) failed\\*\\*",
};

/** The number of objects of which the engine reports this. */
function countWork(output: string, work: Work): number {
  const lines = output.matchAll(new RegExp(`^ *[-+~]+ +(kubernetes:\\S+ \\S+) ${reports[work]}`, "gm"));
  return new Set([...lines].map(([, object]) => object)).size;
}

/** Calls `act` at the first such change. */
async function onChange(
  { opened: { cluster } }: Fixture,
  { selection, change }: Extract<Moment, { seen: "cluster" }>,
  signal: AbortSignal,
  act: () => void,
): Promise<void> {
  const { resourceVersion } = await cluster.snapshot(selection);
  const watched = async () => {
    for await (const { type } of cluster.watch(selection, resourceVersion, signal)) {
      if (type !== change) continue;
      act();
      return;
    }
  };
  void watched();
}

/** The fixture's engine and its child processes, found by their `TMPDIR`. */
function processesOf({ session }: Fixture): number[] {
  const mark = `TMPDIR=${String(session.environment.TMPDIR)}`;
  return readdirSync("/proc")
    .filter((name) => /^[0-9]+$/.test(name) && Number(name) !== process.pid)
    .filter((name) => {
      try {
        return readFileSync(`/proc/${name}/environ`, "utf8").split("\0").includes(mark);
      } catch {
        return false;
      }
    })
    .map(Number);
}
