/** What runs by one side's decision of a tenant, and what it says to the other side's. */
import { followed, type Tenant } from "../config/stack-config";
import { type BranchEvidence, type Evidence, isRelease } from "../release/evidence";
import { lockedEvidence, type Lock } from "../release/lock";
import { chartReference } from "../release/promise";
import { compareVersions, versionOfTag } from "../version/version";
import type { Decided } from "./model";

/** A tenant on one side, with what was found of its release. */
export interface Placed {
  readonly tenant: Tenant;
  readonly evidence?: Evidence | BranchEvidence;
  readonly source: Decided["source"];
  readonly reasons: readonly string[];
}

/** The facts that a reviewer compares. */
export function decidedOf({ tenant, evidence, source }: Placed): Decided {
  const release = evidence !== undefined && isRelease(evidence) ? evidence : undefined;
  return {
    shown: tenant.tag ?? followed(tenant),
    tag: tenant.tag ?? null,
    gitTag: release?.gitTag ?? null,
    commit: evidence?.commit ?? null,
    chart: chartReference(tenant.chart),
    chartVersion: evidence?.chartVersion ?? null,
    appVersion: evidence?.appVersion ?? null,
    chartDigest: release?.chartDigest ?? null,
    images: (evidence?.images ?? []).map(({ reference, digest }) => ({ reference, digest: digest ?? null })),
    source,
  };
}

/** Whether the version goes back. */
export function goesBack(before: Tenant, after: Tenant): boolean {
  const [from, to] = [before, after].map(({ tag = "", prefix }) => versionOfTag(tag, prefix.image));
  return from !== undefined && to !== undefined && compareVersions(to, from) < 0;
}

/** The lock that has the tenant's release: that of the head, or else that of the base. */
export function lockWith(tenant: Tenant, head: Lock, base: () => Lock): Lock {
  return lockedEvidence(head, tenant) === undefined ? base() : head;
}
