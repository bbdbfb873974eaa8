import { isDeepStrictEqual } from "node:util";
import type { StackConfig, Tenant } from "../config/stack-config";
import { ProblemsError } from "../config/problem";
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
import { printable } from "./terminal";

/** Options of `authority lock`. */
export interface LockOptions {
  readonly stack?: string;
}

/**
 * Adds the evidence of every release that the stacks name and the lock does not hold. An entry that breaks the promise,
 * as the stack files are now, is read again, and replaced where the release itself is what it was. What breaks the
 * promise, or cannot be read, is not locked; what is in order is locked all the same.
 */
export async function lock(options: LockOptions, session: Session): Promise<ExitCode> {
  const { root, terminal } = session;
  const all = readTagStacks(options.stack, session);
  refuseTwoMeanings(all);
  const before = readLock(root);
  const reader = session.reader();
  let after = before;
  const found: Found[] = [];
  const reasons: string[] = [];
  for (const config of all) {
    if (options.stack !== undefined && config.stack !== options.stack) continue;
    for (const release of await resolve(config, after, reader)) {
      const { source, evidence } = release;
      const tenant = release.tenant.name;
      const broken = describeReasons(config.stack, tenant, release);
      reasons.push(...broken);
      if (source !== "read" || evidence === undefined || !isRelease(evidence) || broken.length > 0) continue;
      const next = withEvidence(after, tenant, evidence);
      const losses = describeLosses(config, tenant, all, after, next);
      reasons.push(...losses);
      if (losses.length > 0) continue;
      after = next;
      found.push({ tenant, evidence });
    }
  }
  const { added, refused } = await keep(root, before, found);
  reasons.push(...refused);
  if (added.length > 0) terminal.print(added.map(printable).join("\n"));
  else if (reasons.length === 0) terminal.print(`${lockFile} holds every release that the stacks name.`);
  if (reasons.length === 0) return exitCode.fine;
  terminal.tell(["Not locked:", ...reasons.map(printable)].join("\n"));
  return exitCode.blocked;
}

/** Evidence that the lock is to have. */
interface Found {
  readonly tenant: string;
  readonly evidence: Evidence;
}

/**
 * All stacks that follow tags: also where one alone is to be locked, its entries are those of the others. One of the
 * others that cannot be read is left out and told: it is its own stack's fault, and must not keep this one from a deploy.
 */
function readTagStacks(wanted: string | undefined, { root, terminal }: Session): StackConfig[] {
  const configs =
    wanted === undefined
      ? readStacks(root, undefined)
      : [...new Set([wanted, ...listStacks(root)])].sort().flatMap((stack) => {
          try {
            return [readStackConfig({ root, stack })];
          } catch (error) {
            if (stack === wanted || !(error instanceof ProblemsError)) throw error;
            terminal.tell(
              `The stack ${printable(stack)} cannot be read, and so was not asked whether it means the same by its ` +
                `releases; \`authority check --stack ${printable(stack)}\` says what is wrong with it.`,
            );
            return [];
          }
        });
  return configs.filter(({ follow }) => follow === "tags");
}

/** Judges the stack's releases. If locked evidence breaks the promise, the release is read again. */
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
 * Why another stack would lose by the new entry what the lock has for it now: they may differ in the branches that they
 * name, and an entry has one.
 */
function describeLosses(
  config: StackConfig,
  name: string,
  all: readonly StackConfig[],
  now: Lock,
  next: Lock,
): string[] {
  const tag = config.tenants.find((tenant) => tenant.name === name)?.tag;
  return all.flatMap(({ stack, tenants }) => {
    const other = stack === config.stack ? undefined : tenants.find((one) => one.name === name && one.tag === tag);
    if (other === undefined || lockedReasons(now, other)?.length !== 0) return [];
    const lost = lockedReasons(next, other) ?? [];
    if (lost.length === 0) return [];
    return [
      `${config.stack}/${name}: the stack ${stack} runs ${name} ${String(tag)} too, and the entry would break its promise`,
      ...lost.map((reason) => `  - ${reason}`),
      `  - declare the same \`releasedFrom\` in both stacks, and lock again`,
    ];
  });
}

function lockedReasons(known: Lock, tenant: Tenant): string[] | undefined {
  const evidence = lockedEvidence(known, tenant);
  return evidence === undefined ? undefined : promiseReasons(evidence, expectationsOf(tenant));
}

/**
 * Writes what was found into the lock as it is by now: the network takes its time, and a `git pull` or another `lock`
 * may have written in it. Over another entry for the same release nothing is written.
 *
 * @param before the lock that the releases were judged by
 * @returns lines about what was written, and about what was not
 */
async function keep(
  root: string,
  before: Lock,
  found: readonly Found[],
): Promise<{ added: string[]; refused: string[] }> {
  const added: string[] = [];
  const refused: string[] = [];
  if (found.length === 0) return { added, refused };
  const now = readLock(root);
  let after = now;
  for (const { tenant, evidence } of found) {
    const { version } = evidence;
    const present = now.releases.get(tenant)?.get(version);
    if (isDeepStrictEqual(present, evidence)) continue;
    if (present !== undefined && !isDeepStrictEqual(present, before.releases.get(tenant)?.get(version))) {
      refused.push(
        `${tenant} ${version}: somebody else has written another entry for it meanwhile`,
        "  - run `authority lock` again: it judges that entry",
      );
      continue;
    }
    added.push(describeAdded(now, tenant, evidence));
    after = withEvidence(after, tenant, evidence);
  }
  if (after !== now) await writeLock(root, after);
  return { added, refused };
}

/** The lock has one place for a tenant's version: two stacks that mean different things by it cannot both be locked. */
function refuseTwoMeanings(configs: readonly StackConfig[]): void {
  const known = new Map<string, { stack: string; meaning: string }>();
  for (const { stack, tenants } of configs) {
    for (const tenant of tenants) {
      const release = `${tenant.name} ${String(tenant.tag)}`;
      const meaning = meaningOf(tenant);
      const other = known.get(release);
      if (other !== undefined && other.meaning !== meaning) {
        throw new InputError(
          `The stacks ${other.stack} and ${stack} both run ${release}, but declare another repository, chart, prefix or image for it. ` +
            "Give the tenant another name in one of the two.",
        );
      }
      known.set(release, { stack, meaning });
    }
  }
}

function meaningOf({ repository, chart, prefix, images }: Tenant): string {
  return JSON.stringify([repository, chart, prefix, images]);
}

function describeAdded(before: Lock, tenant: string, { version, commit, chartDigest, images }: Evidence): string {
  const verb = before.releases.get(tenant)?.has(version) === true ? "replaced" : "added";
  const facts = [
    ...(commit === undefined ? [] : [`commit ${commit}`]),
    ...(chartDigest === undefined ? [] : [`chart ${chartDigest}`]),
    ...images.map(({ reference, digest = "" }) => `${reference}@${digest}`),
  ];
  return `${verb} ${tenant} ${version}: ${facts.join(", ")}`;
}
