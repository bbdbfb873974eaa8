import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";

/** Identifies a process even if its number is used again later. */
export interface ProcessIdentity {
  readonly pid: number;
  /** In clock ticks since boot, as in `/proc/<pid>/stat`. */
  readonly startTime: string;
}

/** The environment variable with the lab's ID. Every process of a lab inherits it. */
export const labMark = "SHARED_AUTHORITY_LAB_ID";

/** Set in addition to `labMark`, for the lab's supervisor only. */
export const supervisorMark = "SHARED_AUTHORITY_LAB_SUPERVISOR";

/** The identity of a running process, or `undefined` if no process has this number. */
export function identify(pid: number): ProcessIdentity | undefined {
  const stat = readProcessFile(pid, "stat");
  // The process name is in parentheses and may contain spaces and parentheses.
  const [state, ...fields] = stat?.slice(stat.lastIndexOf(")") + 2).split(" ") ?? [];
  const startTime = fields[18];
  return state === "Z" || state === "X" || startTime === undefined ? undefined : { pid, startTime };
}

/** Whether the process is still running. */
export function isRunning(identity: ProcessIdentity): boolean {
  return identify(identity.pid)?.startTime === identity.startTime;
}

/** The processes of a lab. Includes processes that no record lists, for example after a crash. */
export function findMarked(labId: string): number[] {
  return findAllMarked()
    .filter(({ lab }) => lab === labId)
    .map(({ pid }) => pid);
}

/** The IDs of labs that have processes but no supervisor. */
export function findOrphanedLabs(): string[] {
  const marked = findAllMarked();
  const supervised = new Set(marked.filter(({ isSupervisor }) => isSupervisor).map(({ lab }) => lab));
  return [...new Set(marked.map(({ lab }) => lab))].filter((lab) => !supervised.has(lab));
}

/** All processes of labs, without this process. */
function findAllMarked(): { readonly pid: number; readonly lab: string; readonly isSupervisor: boolean }[] {
  return readdirSync("/proc")
    .filter((name) => /^[0-9]+$/.test(name) && Number(name) !== process.pid)
    .flatMap((name) => {
      const variables = readProcessFile(Number(name), "environ")?.split("\0") ?? [];
      const mark = variables.find((variable) => variable.startsWith(`${labMark}=`));
      if (mark === undefined) return [];
      const isSupervisor = variables.includes(`${supervisorMark}=1`);
      return [{ pid: Number(name), lab: mark.slice(labMark.length + 1), isSupervisor }];
    });
}

/**
 * Kills all processes of a lab and waits for their exit.
 *
 * @throws Error if a process is still running after 10 s, for example in an uninterruptible system call
 */
export async function killMarked(labId: string): Promise<void> {
  const deadline = Date.now() + 10_000;
  for (let pids = findMarked(labId); pids.length > 0; pids = findMarked(labId)) {
    if (Date.now() > deadline) throw new Error(`Cannot kill these processes of the lab: ${pids.join(", ")}.`);
    for (const pid of pids) killGroup(pid);
    await delay(20);
  }
}

/** Kills a process and its process group, if it leads one. Ignores processes that have exited. */
export function killGroup(pid: number): void {
  for (const target of [-pid, pid]) {
    try {
      process.kill(target, "SIGKILL");
    } catch {
      // No such process or group.
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
