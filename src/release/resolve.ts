/** What each tenant of a stack would run, with the evidence for it: from the lock, or read. */
import type { StackConfig, Tenant } from "../config/stack-config";
import type { BranchEvidence, Evidence } from "./evidence";
import type { EvidenceReader, ReadResult } from "./evidence-reader";
import { lockedEvidence, lockFile, type Lock } from "./lock";
import { branchReasons, expectationsOf, promiseReasons } from "./promise";
import { movedFacts } from "./verify";
import { versionOfTag } from "../version/version";

/** Whether a tenant's release may run. */
export interface Resolution<Facts = Evidence> {
  /** The tenant's name. */
  readonly tenant: string;
  /** Where the evidence comes from; `none`: there is none, and `reasons` say which fact is missing. */
  readonly source: "lock" | "read" | "none";
  readonly evidence?: Facts;
  /** Why it may not run, each in one sentence. Empty: it may. */
  readonly reasons: readonly string[];
}

/** Judges the tenant's release. What the lock holds is not read again: no network is asked then. */
export async function resolveRelease(tenant: Tenant, lock: Lock, reader: EvidenceReader): Promise<Resolution> {
  const expectations = expectationsOf(tenant);
  const judge = (source: "lock" | "read", evidence: Evidence): Resolution => ({
    tenant: tenant.name,
    source,
    evidence,
    reasons: promiseReasons(evidence, expectations),
  });
  if (versionOfTag(expectations.imageTag, tenant.prefix.image) === undefined) {
    const nothing: Evidence = { version: "", chart: "", images: [] };
    return { tenant: tenant.name, source: "none", reasons: promiseReasons(nothing, expectations) };
  }
  const locked = lockedEvidence(lock, tenant);
  if (locked !== undefined) {
    return judge("lock", locked);
  }
  const read = await reader.readRelease(tenant);
  return "evidence" in read
    ? judge("read", read.evidence)
    : unread(tenant, [
        `release ${expectations.imageTag} is not in ${lockFile}, and not all of its facts can be read`,
        ...read.missing,
      ]);
}

/**
 * Judges by what is read now a release whose locked evidence breaks the promise: the tenant's declaration has changed
 * since. Of a release that has itself changed since, the reasons say so, whatever is declared.
 */
export async function resolveAgain(tenant: Tenant, locked: Evidence, reader: EvidenceReader): Promise<Resolution> {
  const expectations = expectationsOf(tenant);
  const read = await reader.readRelease(tenant);
  if (!("evidence" in read)) {
    return unread(tenant, [...promiseReasons(locked, expectations), ...read.missing]);
  }
  const moved = movedFacts(locked, read.evidence);
  const reasons =
    moved.length === 0
      ? promiseReasons(read.evidence, expectations)
      : [
          ...moved,
          "`authority verify` tells all that has changed since it was locked: ask the team for a new release; or, where " +
            `the change is meant, take ${tenant.name} "${locked.version}" out of ${lockFile}, and lock it again`,
        ];
  return { tenant: tenant.name, source: "read", evidence: read.evidence, reasons };
}

/**
 * How people get on where the lock's evidence breaks the promise, in one sentence: only what kept it is locked, so that
 * the declaration has changed since. Nothing for any other release.
 */
export function hint(stack: string, { source, reasons }: Pick<Resolution, "source" | "reasons">): string | undefined {
  return source === "lock" && reasons.length > 0
    ? `the evidence is that of ${lockFile}; where the stack file has changed since, \`authority lock --stack ${stack}\` reads it again`
    : undefined;
}

/** Judges what the tenant runs of the branch that is followed. It moves, so no lock holds it. */
export async function resolveBranch(tenant: Tenant, reader: EvidenceReader): Promise<Resolution<BranchEvidence>> {
  const read: ReadResult<BranchEvidence> = await reader.readBranch(tenant);
  return "evidence" in read
    ? {
        tenant: tenant.name,
        source: "read",
        evidence: read.evidence,
        reasons: branchReasons(read.evidence, tenant),
      }
    : unread(tenant, read.missing);
}

/** Judges all tenants of a stack that follows tags, in the fleet's order. The reader bounds what is read at once. */
export async function resolveReleases(config: StackConfig, lock: Lock, reader: EvidenceReader): Promise<Resolution[]> {
  return Promise.all(config.tenants.map((tenant) => resolveRelease(tenant, lock, reader)));
}

/** Judges the branch's head for all tenants of a stack that follows a branch, in the fleet's order. */
export async function resolveBranches(
  config: StackConfig,
  reader: EvidenceReader,
): Promise<Resolution<BranchEvidence>[]> {
  return Promise.all(config.tenants.map((tenant) => resolveBranch(tenant, reader)));
}

function unread(tenant: Tenant, reasons: readonly string[]): Resolution<never> {
  return { tenant: tenant.name, source: "none", reasons };
}
