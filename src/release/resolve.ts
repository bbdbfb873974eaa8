import { firstOf } from "../config/count";
import { printable } from "../config/printable";
import type { StackConfig, Tenant } from "../config/stack-config";
import { versionOfTag } from "../version/version";
import type { BranchEvidence, Evidence } from "./evidence";
import type { EvidenceReader, ReadResult } from "./evidence-reader";
import { lockedEvidence, lockFile, type Lock } from "./lock";
import { branchReasons, expectationsOf, promiseReasons } from "./promise";
import { movedFacts } from "./verify";

/** A stack with the evidence of what its tenants run. */
export interface ResolvedStack {
  readonly config: StackConfig;
  /** In the order of the config. */
  readonly tenants: readonly ResolvedTenant[];
}

/** What one tenant runs, and whether it may. */
export interface ResolvedTenant<Facts extends Evidence | BranchEvidence = Evidence | BranchEvidence> {
  readonly tenant: Tenant;
  /** Where the evidence comes from. `none`: a fact is missing, and `reasons` name it. */
  readonly source: "lock" | "read" | "none";
  readonly evidence?: Facts;
  /** Why it may not run, one sentence each. Empty: it may. */
  readonly reasons: readonly string[];
}

/**
 * Finds the evidence of what each tenant of a stack runs, and judges it. Evidence of a release comes from the lock, or
 * else from the reader. Evidence of a branch, which moves, always comes from the reader.
 */
export async function resolveStack(config: StackConfig, lock: Lock, reader: EvidenceReader): Promise<ResolvedStack> {
  const { follow, tenants } = config;
  const resolved = tenants.map((tenant) =>
    follow === "tags" ? resolveRelease(tenant, lock, reader) : resolveBranch(tenant, reader),
  );
  return { config, tenants: await Promise.all(resolved) };
}

/** Judges a tenant's release by the evidence in the lock, which needs no network, or else by what the reader finds. */
export async function resolveRelease(
  tenant: Tenant,
  lock: Lock,
  reader: EvidenceReader,
): Promise<ResolvedTenant<Evidence>> {
  const expectations = expectationsOf(tenant);
  if (versionOfTag(expectations.imageTag, tenant.prefix.image) === undefined) {
    const nothing: Evidence = { version: "", chart: "", images: [] };
    return { tenant, source: "none", reasons: promiseReasons(nothing, expectations) };
  }
  const locked = lockedEvidence(lock, tenant);
  if (locked !== undefined) {
    return { tenant, source: "lock", evidence: locked, reasons: promiseReasons(locked, expectations) };
  }
  const missing = `release ${expectations.imageTag} is not in ${lockFile}, and not all of its facts can be read`;
  return resolveUnlocked(tenant, reader, [missing]);
}

/** Judges a tenant's release by what the reader finds. @param unread the reasons to begin with where a fact is missing */
export async function resolveUnlocked(
  tenant: Tenant,
  reader: EvidenceReader,
  unread: readonly string[] = [],
): Promise<ResolvedTenant<Evidence>> {
  const expectations = expectationsOf(tenant);
  return judged(tenant, await reader.readRelease(tenant), (read) => promiseReasons(read, expectations), unread);
}

/** Judges what a tenant runs of the branch that its stack follows. */
export async function resolveBranch(tenant: Tenant, reader: EvidenceReader): Promise<ResolvedTenant<BranchEvidence>> {
  return judged(tenant, await reader.readBranch(tenant), (read) => branchReasons(read, tenant));
}

/**
 * Reads a release again whose locked evidence breaks the promise, because the tenant's declaration has changed since.
 * If the release itself has changed, the reasons report that, whatever the declaration is.
 */
export async function resolveAgain(
  tenant: Tenant,
  locked: Evidence,
  reader: EvidenceReader,
): Promise<ResolvedTenant<Evidence>> {
  const expectations = expectationsOf(tenant);
  const judge = (read: Evidence): string[] => {
    const moved = movedFacts(locked, read);
    if (moved.length === 0) return promiseReasons(read, expectations);
    return [
      ...moved,
      "`authority verify` lists everything that changed since it was locked: ask the team for a new release; or, if " +
        `the change is intended, remove ${tenant.name} "${locked.version}" from ${lockFile} and lock it again`,
    ];
  };
  return judged(tenant, await reader.readRelease(tenant), judge, promiseReasons(locked, expectations));
}

function judged<Facts extends Evidence | BranchEvidence>(
  tenant: Tenant,
  read: ReadResult<Facts>,
  judge: (evidence: Facts) => readonly string[],
  unread: readonly string[] = [],
): ResolvedTenant<Facts> {
  return "evidence" in read
    ? { tenant, source: "read", evidence: read.evidence, reasons: judge(read.evidence) }
    : { tenant, source: "none", reasons: [...unread, ...read.missing] };
}

/**
 * What to do if locked evidence breaks the promise, in one sentence: only releases that kept it are locked, so the
 * tenant's declaration has changed since. `undefined` for every other release.
 */
export function hint(
  stack: string,
  { source, reasons }: Pick<ResolvedTenant, "source" | "reasons">,
): string | undefined {
  return source === "lock" && reasons.length > 0
    ? `the evidence is from ${lockFile}; if the stack file has changed since, \`npx authority lock --stack ${stack}\` reads it again`
    : undefined;
}

/** The releases, as `<tenant> <tag>`, that keep the promise and are not in the lock. */
export function unlockedReleases({ config, tenants }: ResolvedStack): string[] {
  if (config.follow !== "tags") return [];
  const unlocked = tenants.filter(({ source, reasons }) => source === "read" && reasons.length === 0);
  return unlocked.map(({ tenant: { name, tag } }) => `${name} ${String(tag)}`);
}

/** That the lock lacks releases, in one line with the command that adds them. Nothing if it lacks none. */
export function unlockedHint(stack: string, unlocked: readonly string[]): string | undefined {
  if (unlocked.length === 0) return undefined;
  const what = `${stack}: ${lockFile} lacks ${printable(firstOf(unlocked))}, so a rollback needs the network.`;
  return `${what} \`npx authority lock --stack ${stack}\` adds what is missing: commit it.`;
}

/** The reasons, and the hint if there is one. */
export function reasonsWithHint(stack: string, resolved: Pick<ResolvedTenant, "source" | "reasons">): string[] {
  return [...resolved.reasons, ...[hint(stack, resolved) ?? []].flat()];
}
