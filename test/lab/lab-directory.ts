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

/** What a lab writes down of itself, in `lab.json` of its directory. */
export interface LabRecord {
  /** Marks the lab's processes. */
  readonly id: string;
  /** The process that keeps the lab; without it the lab is stale. */
  readonly keeper: ProcessIdentity;
  readonly phase: "starting" | "ready";
  /** ISO 8601. */
  readonly startedAt: string;
  /** Where the keeper takes orders. Absent until the lab is ready, as are the addresses below. */
  readonly controlUrl?: string;
  readonly apiUrl?: string;
  /** Host and port, without scheme. */
  readonly registryHost?: string;
  readonly gitUrl?: string;
  readonly components: Readonly<Record<string, ComponentRecord>>;
}

/** What is known of one process of the lab. */
export interface ComponentRecord {
  /** Absent while it is down. */
  readonly pid?: number;
  /** How often the keeper started it again after it had ended by itself. */
  readonly restarts: number;
}

/** The paths in a lab's directory. */
export function layoutOf(directory: string) {
  return {
    directory,
    record: join(directory, "lab.json"),
    kubeconfig: join(directory, "kubeconfig"),
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

/** The folder that holds this user's labs, unless they name another directory. */
export function labsFolder(): string {
  return join(realpathSync(tmpdir()), `shared-authority-lab-${userInfo().username}`);
}

/** The directory of the lab that `npm run lab -- up` starts. */
export function defaultDirectory(): string {
  return join(labsFolder(), "default");
}

/** A directory for one more lab beside the others. */
export function freshDirectory(): string {
  return join(labsFolder(), `${process.pid}-${randomBytes(4).toString("hex")}`);
}

/** This user's labs, stale ones too, sorted by directory. */
export function findLabs(): string[] {
  const folder = labsFolder();
  if (!existsSync(folder)) return [];
  const directories = readdirSync(folder).map((name) => join(folder, name));
  return directories.filter((directory) => readRecord(directory) !== undefined).sort();
}

/** What the lab in this directory wrote down, or `undefined` where there is no lab. */
export function readRecord(directory: string): LabRecord | undefined {
  try {
    return JSON.parse(readFileSync(layoutOf(directory).record, "utf8")) as LabRecord;
  } catch (error) {
    if (hasCode(error, "ENOENT") || hasCode(error, "ENOTDIR")) return undefined;
    throw error;
  }
}

/** Writes the record, whole. */
export function writeRecord(directory: string, record: LabRecord): void {
  writeFileAtomically(layoutOf(directory).record, `${JSON.stringify(record, undefined, 2)}\n`);
}

/** Whether the lab's keeper is gone, so that the lab is to be cleaned up. */
export function isStale(record: LabRecord): boolean {
  return !isRunning(record.keeper);
}

/**
 * Takes a directory for a new lab, with this process as its keeper for now. The directory appears with its record in
 * it, in one step: of two that try, one gets it.
 *
 * @throws Error where there is a lab already, or something else
 */
export async function claimDirectory(directory: string): Promise<{ directory: string; record: LabRecord }> {
  const parent = dirname(resolve(directory));
  mkdirSync(parent, { recursive: true, mode: 0o700 });
  const wanted = join(realpathSync(parent), basename(directory));
  await removeIfStale(wanted);
  const keeper = identify(process.pid);
  if (keeper === undefined) throw new Error("This process is not in /proc; the lab needs a mounted /proc.");
  const record: LabRecord = {
    id: randomBytes(16).toString("hex"),
    keeper,
    phase: "starting",
    startedAt: new Date().toISOString(),
    components: {},
  };
  const draft = mkdtempSync(`${wanted}.claim-`);
  writeRecord(draft, record);
  try {
    renameSync(draft, wanted);
  } catch (error) {
    rmSync(draft, { recursive: true, force: true });
    const theirs = readRecord(wanted);
    if (theirs !== undefined) {
      throw new Error(
        `There is a lab in ${wanted} already (process ${theirs.keeper.pid}). End it with \`npm run lab -- down\`.`,
        { cause: error },
      );
    }
    throw new Error(`${wanted} is not empty and no lab: give another --directory, or remove it.`, { cause: error });
  }
  return { directory: wanted, record };
}

/** Cleans up after every lab of this user whose keeper is gone. */
export async function removeStaleLabs(): Promise<void> {
  await Promise.all(findLabs().map(removeIfStale));
  // A lab may have had its directory elsewhere, or have lost it.
  await Promise.all(findOrphanedLabs().map(killMarked));
}

async function removeIfStale(directory: string): Promise<void> {
  const record = readRecord(directory);
  if (record !== undefined && isStale(record)) await removeLab(directory, record);
}

/** Kills what is left of a lab's processes and removes its directory. */
export async function removeLab(directory: string, record: LabRecord): Promise<void> {
  await killMarked(record.id);
  // A new lab may have taken the directory while the old one's processes were ending.
  if (readRecord(directory)?.id === record.id) rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}
