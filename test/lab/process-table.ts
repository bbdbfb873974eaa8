import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";

/** One process, told apart from a later one with the same number by the time of its start. */
export interface ProcessIdentity {
  readonly pid: number;
  /** In clock ticks since the machine's start, as in `/proc/<pid>/stat`. */
  readonly startTime: string;
}

/** The environment variable that marks every process of a lab, whichever process started it, with the lab's id. */
export const labMark = "SHARED_AUTHORITY_LAB";

/** Set for the lab's keeper alone, beside the mark. */
export const keeperMark = "SHARED_AUTHORITY_LAB_KEEPER";

/** The identity of a process that runs, or `undefined` where there is none with that number. */
export function identify(pid: number): ProcessIdentity | undefined {
  const stat = readProcessFile(pid, "stat");
  if (stat === undefined) return undefined;
  // The name stands in brackets and may itself hold blanks and brackets; the fields after it are plain.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const [state = "Z"] = fields;
  const startTime = fields[19];
  const ended = state === "Z" || state === "X";
  return ended || startTime === undefined ? undefined : { pid, startTime };
}

/** Whether this very process still runs. */
export function isRunning(identity: ProcessIdentity): boolean {
  return identify(identity.pid)?.startTime === identity.startTime;
}

/** A process of some lab. */
interface MarkedProcess {
  readonly pid: number;
  /** The id of its lab. */
  readonly lab: string;
  readonly isKeeper: boolean;
}

/**
 * The processes of a lab, found by the mark in their environment: those too that nobody wrote down before a crash.
 *
 * @param id the lab's id
 */
export function findMarked(id: string): number[] {
  return findAllMarked()
    .filter(({ lab }) => lab === id)
    .map(({ pid }) => pid);
}

/** The ids of labs that have processes and no keeper any more, wherever their directory is or was. */
export function findOrphanedLabs(): string[] {
  const marked = findAllMarked();
  const kept = new Set(marked.filter(({ isKeeper }) => isKeeper).map(({ lab }) => lab));
  return [...new Set(marked.map(({ lab }) => lab))].filter((lab) => !kept.has(lab));
}

/** All but this process itself. */
function findAllMarked(): MarkedProcess[] {
  return readdirSync("/proc")
    .filter((name) => /^[0-9]+$/.test(name) && Number(name) !== process.pid)
    .flatMap((name) => {
      const variables = readProcessFile(Number(name), "environ")?.split("\0") ?? [];
      const mark = variables.find((variable) => variable.startsWith(`${labMark}=`));
      if (mark === undefined) return [];
      const isKeeper = variables.includes(`${keeperMark}=1`);
      return [{ pid: Number(name), lab: mark.slice(labMark.length + 1), isKeeper }];
    });
}

/**
 * Kills the processes of a lab and their process groups, and returns when none is left.
 *
 * @param id the lab's id
 * @throws Error where a process outlives its kill for 10 s, as one does that hangs in the kernel
 */
export async function killMarked(id: string): Promise<void> {
  const deadline = Date.now() + 10_000;
  for (let pids = findMarked(id); pids.length > 0; pids = findMarked(id)) {
    if (Date.now() > deadline) throw new Error(`Processes of the lab cannot be killed: ${pids.join(", ")}.`);
    for (const pid of pids) killGroup(pid);
    await delay(20);
  }
}

/** Kills a process, and its whole process group where it leads one. A process that is gone is no error. */
export function killGroup(pid: number): void {
  for (const target of [-pid, pid]) {
    try {
      process.kill(target, "SIGKILL");
    } catch {
      // Gone, or it leads no group.
    }
  }
}

function readProcessFile(pid: number, file: string): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "utf8");
  } catch {
    return undefined;
  }
}
