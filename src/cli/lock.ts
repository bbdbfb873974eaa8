import { isDeepStrictEqual } from "node:util";
import type { StackConfig, Tenant } from "../config/stack-config";
import { ProblemsError } from "../config/problem";
import { printable } from "../config/printable";
import { listStacks, readStackConfig } from "../config/read-stack-config";
import { type Evidence, isRelease } from "../release/evidence";
import type { EvidenceReader } from "../release/evidence-reader";
import { type Lock, lockedEvidence, lockFile, readLock, withEvidence, writeLock } from "../release/lock";
import { expectationsOf, promiseReasons } from "../release/promise";
import { type ResolvedTenant, resolveAgain, resolveStack } from "../release/resolve";
import { type ExitCode, exitCode } from "./exit-code";
import { InputError } from "./input-error";
import { readStacks } from "./project";
import { describeReasons } from "./releases";
import type { Session } from "./session";

/** Options of `authority lock`. */
export interface LockOptions {
  readonly stack?: string;
  /** Removes releases in place of adding them. */
  readonly prune?: boolean;
  /** Only with `prune`. */
  readonly since?: string;
}

/** Evidence to add to the lock. */
interface NewEvidence {
  readonly tenant: string;
  readonly evidence: Evidence;
}

/**
 * Adds to the lock the evidence of each release that the stacks name. An entry that breaks the promise, as the stack
 * files are now, is read again and replaced if the release itself has not changed. A release that breaks the promise or
 * cannot be read is reported; the others are locked.
 */
export async function lock(options: LockOptions, session: Session): Promise<ExitCode> {
  if (options.prune === true) return (await import("./prune")).prune(options, session);
  if (options.since !== undefined) throw new InputError("`--since` needs `--prune`, which removes releases.");
  const { root, terminal } = session;
  const configs = readTagStacks(options.stack, session);
  refuseDifferentDeclarations(configs);
  const before = readLock(root);
  const reader = session.reader();
  let after = before;
  const found: NewEvidence[] = [];
  const reasons: string[] = [];
  for (const config of configs) {
    if (options.stack !== undefined && config.stack !== options.stack) continue;
    for (const release of await resolve(config, after, reader)) {
      const { source, evidence } = release;
      const tenant = release.tenant.name;
      const broken = describeReasons(config.stack, tenant, release);
      reasons.push(...broken);
      if (source !== "read" || evidence === undefined || !isRelease(evidence) || broken.length > 0) continue;
      const next = withEvidence(after, tenant, evidence);
      const conflicts = describeConflicts(config, tenant, configs, after, next);
      reasons.push(...conflicts);
      if (conflicts.length > 0) continue;
      after = next;
      found.push({ tenant, evidence });
    }
  }
  const { added, refused } = await save(root, before, found);
  reasons.push(...refused);
  if (added.length > 0) terminal.print(added.map(printable).join("\n"));
  else if (reasons.length === 0) terminal.print(`${lockFile} already contains all releases of the stacks.`);
  if (reasons.length === 0) return exitCode.fine;
  terminal.log(["Not locked:", ...reasons.map(printable)].join("\n"));
  return exitCode.blocked;
}

/**
 * All stacks that follow tags, because they share the entries of the lock. With `--stack`, another stack that cannot be
 * read is left out with a message: its problems must not prevent the lock of this one.
 */
export function readTagStacks(wanted: string | undefined, { root, terminal }: Session): StackConfig[] {
  const read = (stack: string): StackConfig[] => {
    try {
      return [readStackConfig({ root, stack })];
    } catch (error) {
      if (stack === wanted || !(error instanceof ProblemsError)) throw error;
      const name = printable(stack);
      terminal.log(
        `Cannot read the stack ${name}, so its declarations are not compared; ` +
          `\`authority check --stack ${name}\` shows its problems.`,
      );
      return [];
    }
  };
  const configs =
    wanted === undefined
      ? readStacks(root, undefined)
      : [...new Set([wanted, ...listStacks(root)])].sort().flatMap(read);
  return configs.filter(({ follow }) => follow === "tags");
}

/** Resolves the stack. If the lock's evidence of a release breaks the promise, reads the release again. */
async function resolve(config: StackConfig, known: Lock, reader: EvidenceReader): Promise<ResolvedTenant[]> {
  const { tenants } = await resolveStack(config, known, reader);
  return Promise.all(
    tenants.map(async (release) => {
      const { tenant, source, evidence, reasons } = release;
      const isBroken = source === "lock" && reasons.length > 0;
      return isBroken && evidence !== undefined && isRelease(evidence)
        ? resolveAgain(tenant, evidence, reader)
        : release;
    }),
  );
}

/**
 * Why the new entry would break the promise of the same release in another stack, for which the current entry keeps it.
 * The stacks may declare different branches, but an entry has only one.
 */
export function describeConflicts(
  config: StackConfig,
  name: string,
  configs: readonly StackConfig[],
  current: Lock,
  next: Lock,
): string[] {
  const tag = config.tenants.find((tenant) => tenant.name === name)?.tag;
  return configs.flatMap(({ stack, tenants }) => {
    const other = stack === config.stack ? undefined : tenants.find((one) => one.name === name && one.tag === tag);
    if (other === undefined || lockedReasons(current, other)?.length !== 0) return [];
    const broken = lockedReasons(next, other) ?? [];
    if (broken.length === 0) return [];
    return [
      `${config.stack}/${name}: the stack ${stack} also runs ${name} ${String(tag)}, and the new entry would break its promise`,
      ...broken.map((reason) => `  - ${reason}`),
      `  - declare the same \`releasedFrom\` in both stacks, then lock again`,
    ];
  });
}

function lockedReasons(known: Lock, tenant: Tenant): string[] | undefined {
  const evidence = lockedEvidence(known, tenant);
  return evidence === undefined ? undefined : promiseReasons(evidence, expectationsOf(tenant));
}

/**
 * Adds evidence to the lock as it is now: reading the network takes time, and a `git pull` or another `authority lock`
 * may have changed the file. An entry that was changed meanwhile is not overwritten.
 *
 * @param before the lock that the releases were resolved with
 * @returns lines about what was added and what was refused
 */
async function save(
  root: string,
  before: Lock,
  found: readonly NewEvidence[],
): Promise<{ added: string[]; refused: string[] }> {
  const added: string[] = [];
  const refused: string[] = [];
  if (found.length === 0) return { added, refused };
  const current = readLock(root);
  let after = current;
  for (const { tenant, evidence } of found) {
    const { version } = evidence;
    const present = current.releases.get(tenant)?.get(version);
    if (isDeepStrictEqual(present, evidence)) continue;
    if (present !== undefined && !isDeepStrictEqual(present, before.releases.get(tenant)?.get(version))) {
      refused.push(
        `${tenant} ${version}: another process has just written a different entry`,
        "  - run `authority lock` again to judge that entry",
      );
      continue;
    }
    added.push(describeEvidence(present === undefined ? "added" : "replaced", tenant, evidence));
    after = withEvidence(after, tenant, evidence);
  }
  if (after !== current) await writeLock(root, after);
  return { added, refused };
}

/** The lock has one entry for a tenant's version, so the stacks must declare the tenant in the same way. */
export function refuseDifferentDeclarations(configs: readonly StackConfig[]): void {
  const known = new Map<string, { stack: string; declaration: string }>();
  for (const { stack, tenants } of configs) {
    for (const { name, tag, repository, chart, prefix, images } of tenants) {
      const release = `${name} ${String(tag)}`;
      const declaration = JSON.stringify([repository, chart, prefix, images]);
      const other = known.get(release);
      if (other !== undefined && other.declaration !== declaration) {
        throw new InputError(
          `The stacks ${other.stack} and ${stack} both run ${release}, but with different repositories, charts, prefixes ` +
            "or images. Rename the tenant in one of them.",
        );
      }
      known.set(release, { stack, declaration });
    }
  }
}

/** One line of the result, such as `added shop 1.0.0: ...`. */
export function describeEvidence(verb: string, tenant: string, evidence: Evidence): string {
  const { version, commit, chartDigest, images } = evidence;
  const facts = [
    ...(commit === undefined ? [] : [`commit ${commit}`]),
    ...(chartDigest === undefined ? [] : [`chart ${chartDigest}`]),
    ...images.map(({ reference, digest = "" }) => `${reference}@${digest}`),
  ];
  return `${verb} ${tenant} ${version}: ${facts.join(", ")}`;
}
