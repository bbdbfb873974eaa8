import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { isInnerPath } from "../config/address";
import { printable } from "../config/printable";
import { valueAt } from "../config/report";
import { isCalendarDay } from "../config/schema-kinds";
import { readStackFile, type StackFile } from "../config/stack-file";
import { settingsOf } from "../config/structure";
import { annotation } from "../manifests/annotation";
import { GitError } from "../release/git-command";
import { type Lock, lockFile, readLock, withoutEvidence, writeLock } from "../release/lock";
import { type DecidedTag, DecidedTags, tagsOf } from "./decided-tags";
import { type ExitCode, exitCode } from "./exit-code";
import { InputError } from "./input-error";
import { describeEvidence } from "./lock";
import { parsedManifest } from "./places";
import { requireAnyStack } from "./project";
import type { Session } from "./session";

/** Options of `authority lock --prune`. */
export interface PruneOptions {
  /** A day, such as `2026-01-31`. Default: the whole history counts. */
  readonly since?: string;
}

/**
 * Removes from the lock the releases that no history needs: no stack file of today decides them, no folder has them
 * rendered, and no stack file in the history of HEAD has decided them.
 */
export async function prune({ since }: PruneOptions, { root, terminal }: Session): Promise<ExitCode> {
  const day = since === undefined ? undefined : millisecondsOf(since);
  const before = readLock(root);
  const entries = new UnneededEntries(before);
  const files = requireAnyStack(root).map((stack) => readStackFile(root, stack));
  const today = files.flatMap(tagsOf);
  entries.keep([...today, ...files.flatMap((file) => renderedTags(root, file, today))]);
  await keepHistory(new DecidedTags(root), day, entries, (count, total) => {
    terminal.count(`reading the history: ${count} of ${total} stack files`);
  });
  terminal.done();
  // Another process may have written the file while the history was read.
  const current = readLock(root);
  let after = current;
  const removed: string[] = [];
  for (const { tenant, version } of entries.left) {
    const evidence = current.releases.get(tenant)?.get(version);
    if (evidence === undefined || !isDeepStrictEqual(evidence, before.releases.get(tenant)?.get(version))) continue;
    after = withoutEvidence(after, tenant, version);
    removed.push(describeEvidence("removed", tenant, evidence));
  }
  if (removed.length > 0) await writeLock(root, after);
  else removed.push(`Nothing is removed: a stack file has decided each release of ${lockFile}${suffix(since)}.`);
  terminal.print(removed.map(printable).join("\n"));
  return exitCode.fine;
}

function suffix(since: string | undefined): string {
  return since === undefined ? "" : `, since ${since} or as the one before`;
}

/** The start of a day, in UTC. */
function millisecondsOf(day: string): number {
  if (isCalendarDay(day)) return Date.parse(`${day}T00:00:00Z`);
  throw new InputError(`\`--since ${day}\` is not a day; expected one such as \`2026-01-31\`.`);
}

/** @throws InputError if the history is not known, so that nothing may be removed */
async function keepHistory(
  history: DecidedTags,
  since: number | undefined,
  entries: UnneededEntries,
  onRead: (count: number, total: number) => void,
): Promise<void> {
  const unknown = "Cannot tell which releases the history needs";
  try {
    if (await history.isShallow()) {
      const fix = "Run `git fetch --unshallow`, then this again.";
      throw new InputError(`${unknown}: this clone is shallow, and nothing was removed. ${fix}`);
    }
    await history.read(since, (tags) => entries.keep(tags), onRead);
  } catch (error) {
    if (!(error instanceof GitError)) throw error;
    throw new InputError(`${unknown}: ${error.message}. Nothing was removed.`);
  }
}

/** The entries of a lock that nothing is known to need. */
class UnneededEntries {
  readonly #versions: ReadonlyMap<string, Set<string>>;

  constructor({ releases }: Lock) {
    this.#versions = new Map([...releases].map(([tenant, versions]) => [tenant, new Set(versions.keys())]));
  }

  get left(): { tenant: string; version: string }[] {
    return [...this.#versions].flatMap(([tenant, versions]) => [...versions].map((version) => ({ tenant, version })));
  }

  keep(tags: readonly DecidedTag[]): void {
    for (const { tenant, object, tag } of tags) {
      for (const versions of [this.#versions.get(tenant), this.#versions.get(object)]) {
        for (const version of versions ?? []) if (isTagOf(version, tag)) versions?.delete(version);
      }
    }
  }
}

/** Whether the tag may be that of the version: its prefix at that time is not known, but none ends in a digit. */
function isTagOf(version: string, tag: string): boolean {
  return tag.endsWith(version) && !/[0-9]$/.test(tag.slice(0, -version.length));
}

/** What a stack has rendered, which may be behind its stack file. */
function renderedTags(root: string, file: StackFile, today: readonly DecidedTag[]): DecidedTag[] {
  const folder = valueAt(settingsOf(file).delivery, ["manifests"]);
  if (typeof folder !== "string" || !isInnerPath(folder)) return [];
  const manifests = resolve(root, folder, "1-manifest");
  const releases = existsSync(manifests) ? readdirSync(manifests).filter((name) => name.includes("helmrelease")) : [];
  return releases.flatMap((name) => {
    const annotations = valueAt(parsedManifest(readFileSync(join(manifests, name), "utf8")), [
      "metadata",
      "annotations",
    ]);
    const [object, tag] = [annotation.tenant, annotation.version].map((key) => valueAt(annotations, [key]));
    if (typeof object !== "string" || typeof tag !== "string") return [];
    const tenant = today.find((one) => one.object === object)?.tenant ?? object;
    return [{ tenant, object, tag }];
  });
}
