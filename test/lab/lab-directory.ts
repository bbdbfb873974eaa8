import { randomBytes } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
} from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import { sync as writeFileAtomically } from "write-file-atomic";
import { findOrphanedLabs, identify, isRunning, killMarked, type ProcessIdentity } from "./process-table";

/** The content of `lab.json` in a lab's directory. */
export interface LabRecord {
  /** The ID in the environment of the lab's processes. */
  readonly id: string;
  /** The supervisor's process. If it is not running, the lab is stale. */
  readonly supervisor: ProcessIdentity;
  readonly phase: "starting" | "ready";
  /** ISO 8601. */
  readonly startedAt: string;
  /** The supervisor's address. Like the other addresses, absent until the lab is ready. */
  readonly controlUrl?: string;
  readonly apiUrl?: string;
  /** Host and port, without scheme. */
  readonly registryHost?: string;
  readonly gitUrl?: string;
  readonly receiverUrl?: string;
  readonly components: Readonly<Record<string, ComponentRecord>>;
}

/** The state of one process of the lab. */
export interface ComponentRecord {
  /** Absent while the process is down. */
  readonly pid?: number;
  /** How often the supervisor restarted the process after it exited. */
  readonly restarts: number;
}

/** The paths in a lab's directory. */
export function layoutOf(directory: string) {
  return {
    directory,
    record: join(directory, "lab.json"),
    kubeconfig: join(directory, "kubeconfig"),
    supervisorLog: join(directory, "supervisor.log"),
    credentials: join(directory, "credentials"),
    certificates: join(directory, "certificates"),
    logs: join(directory, "logs"),
    data: join(directory, "data"),
    git: join(directory, "git"),
    temporary: join(directory, "tmp"),
    stages: join(directory, "stages.yaml"),
    registryConfig: join(directory, "registry.yaml"),
  };
}

/** The paths in a lab's directory. */
export type Layout = ReturnType<typeof layoutOf>;

/** The parent folder of this user's labs, unless they set another directory. */
function labsFolder(): string {
  return join(realpathSync(tmpdir()), `shared-authority-labs-${userInfo().username}`);
}

/** The directory of the lab that `npm run lab -- up` starts. */
export function defaultDirectory(): string {
  return join(labsFolder(), "default");
}

/** The command that stops the lab in a directory. */
export function downCommand(directory: string): string {
  return `npm run lab -- down${resolve(directory) === defaultDirectory() ? "" : ` --directory ${directory}`}`;
}

/** A new directory for an additional lab. */
export function freshDirectory(): string {
  return join(labsFolder(), `${process.pid}-${randomBytes(4).toString("hex")}`);
}

/** The directories of this user's labs, including stale ones, in alphabetical order. */
export function findLabs(): string[] {
  const folder = labsFolder();
  const directories = existsSync(folder) ? readdirSync(folder).map((name) => join(folder, name)) : [];
  return directories.filter((directory) => readRecord(directory) !== undefined).sort();
}

/** The record of the lab in this directory, or `undefined` if there is no lab. */
export function readRecord(directory: string): LabRecord | undefined {
  try {
    return JSON.parse(readFileSync(layoutOf(directory).record, "utf8")) as LabRecord;
  } catch (error) {
    if (["ENOENT", "ENOTDIR"].includes((error as NodeJS.ErrnoException).code ?? "")) return undefined;
    throw error;
  }
}

/** Writes the record atomically. */
export function writeRecord(directory: string, record: LabRecord): void {
  writeFileAtomically(layoutOf(directory).record, `${JSON.stringify(record, undefined, 2)}\n`);
}

/** Whether the lab's supervisor is not running any more. */
export function isStale(record: LabRecord): boolean {
  return !isRunning(record.supervisor);
}

/**
 * Creates the directory of a new lab, with this process as its supervisor for now. The directory and its record appear in
 * one atomic step: if two processes try this at once, only one succeeds.
 *
 * @throws Error if the directory has a lab or other content
 */
export async function claimDirectory(directory: string): Promise<{ directory: string; record: LabRecord }> {
  const parent = dirname(resolve(directory));
  mkdirSync(parent, { recursive: true, mode: 0o700 });
  const wanted = join(realpathSync(parent), basename(directory));
  await removeIfStale(wanted);
  const supervisor = identify(process.pid);
  if (supervisor === undefined) throw new Error("Cannot find this process in /proc. The lab needs a mounted /proc.");
  const id = randomBytes(16).toString("hex");
  const startedAt = new Date().toISOString();
  const record: LabRecord = { id, supervisor, phase: "starting", startedAt, components: {} };
  const draft = mkdtempSync(`${wanted}.claim-`);
  writeRecord(draft, record);
  try {
    renameSync(draft, wanted);
  } catch (cause) {
    rmSync(draft, { recursive: true, force: true });
    const other = readRecord(wanted);
    throw new Error(
      other === undefined
        ? `${wanted} has other content. Remove it, or set another --directory.`
        : `${wanted} already has a lab (process ${other.supervisor.pid}). Stop it with \`${downCommand(directory)}\`.`,
      { cause },
    );
  }
  return { directory: wanted, record };
}

/** Removes all labs of this user that have no running supervisor. */
export async function removeStaleLabs(): Promise<void> {
  await Promise.all(findLabs().map(removeIfStale));
  // These labs have another directory, or none any more.
  await Promise.all(findOrphanedLabs().map(killMarked));
}

async function removeIfStale(directory: string): Promise<void> {
  const record = readRecord(directory);
  if (record !== undefined && isStale(record)) await removeLab(directory, record);
}

/** Kills the remaining processes of a lab and removes its directory. */
export async function removeLab(directory: string, record: LabRecord): Promise<void> {
  await killMarked(record.id);
  // A new lab may have claimed the directory in the meantime.
  if (readRecord(directory)?.id === record.id) rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
}
