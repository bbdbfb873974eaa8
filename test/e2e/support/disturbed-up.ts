import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import type { Selection } from "../../lab/cluster";
import type { EngineResult } from "../../../demo/engine-session";
import type { Fixture } from "./fixture";

/** When something happens to an `up`. */
export type Moment =
  /** When the engine has said of so many objects that its work on them has begun or ended. */
  | { readonly seen: "engine"; readonly work: "begun" | "ended"; readonly count: number }
  /** When the API server tells of such an object, which the engine does not know yet. */
  | { readonly seen: "cluster"; readonly change: "ADDED" | "MODIFIED" | "DELETED"; readonly selection: Selection };

/** An `up` to which something happened. */
export interface DisturbedUp extends EngineResult {
  /** Whether the moment came before the `up` had ended. */
  readonly disturbed: boolean;
}

/**
 * Runs `pulumi up`, and lets something happen to it at a moment. Returns when it has ended.
 *
 * @param happen what happens; it gets the engine's process
 */
export async function disturbUp(
  fixture: Fixture,
  stack: string,
  moment: Moment,
  happen: (pid: number) => Promise<void> | void,
): Promise<DisturbedUp> {
  const { environment } = fixture.session;
  const flags = ["--yes", "--skip-preview", "--non-interactive", "--color", "never"];
  const child = spawn(environment.PULUMI ?? "pulumi", ["up", "--stack", stack, ...flags], {
    cwd: fixture.project.directory,
    env: environment,
    stdio: ["ignore", "pipe", "pipe"],
  });
  // Not `close`: where the engine alone is killed, what it has started holds its pipes for minutes.
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
  // The engine needs seconds before it asks for the first object.
  if (moment.seen === "cluster") await onChange(fixture, moment, over.signal, act);
  const [code] = await ended;
  over.abort();
  await happened;
  return { ...output, code: code ?? 1, disturbed: happened !== undefined };
}

/** Who is killed: the engine with all that it has started, or the engine alone, as the kernel does it for want of memory. */
export type Victim = "all" | "engine";

/**
 * Runs `pulumi up` and kills it at a moment, with SIGKILL. What an engine has started that was killed alone lives on, and
 * ends by itself within five minutes.
 */
export function killUp(fixture: Fixture, stack: string, moment: Moment, victim: Victim): Promise<DisturbedUp> {
  return disturbUp(fixture, stack, moment, (engine) => {
    if (victim === "all") killProcesses(fixture);
    else process.kill(engine, "SIGKILL");
  });
}

/** Kills every process of the fixture's engine that is left. */
export function killProcesses(fixture: Fixture): void {
  for (const pid of processesOf(fixture)) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // Gone by itself.
    }
  }
}

/** How many objects the engine has said to be at work on, or to be done with. */
function countWork(output: string, work: "begun" | "ended"): number {
  const verb = work === "begun" ? "(?:creating|updating|deleting)" : "(?:created|updated|deleted)";
  const lines = output.matchAll(new RegExp(`^ *[-+~]+ +(kubernetes:\\S+ \\S+) ${verb} \\(`, "gm"));
  return new Set([...lines].map(([, object]) => object)).size;
}

/** Acts at the first such change from now on. */
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

/** The engine of this fixture and all that it has started: each process that has the fixture's folder for temporary files. */
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
