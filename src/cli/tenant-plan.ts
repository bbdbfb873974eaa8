import { followed, type Pin, type StackConfig, type Tenant } from "../config/stack-config";
import type { EvidenceReader } from "../release/evidence-reader";
import type { Lock } from "../release/lock";
import { type ResolvedStack, type ResolvedTenant, resolveStack } from "../release/resolve";
import { notAllowed } from "../version/range";
import { versionOfTag } from "../version/version";
import { type PlannedRemoval, plannedRemovals } from "./tip-removals";

/** What is decided of one tenant, and whether it may run. A missing fact is `null`. */
export interface PlannedTenant {
  readonly tenant: string;
  /** What is decided, without prefix. With `follow: branch`, the `version` of the chart that it follows. */
  readonly version: string | null;
  /** The image tag. With `follow: branch`, that of the commit whose image runs, or `null` if the stack names none. */
  readonly tag: string | null;
  /** What the tenant follows, such as `latest of master`; `null` with `follow: tags`. */
  readonly follows: string | null;
  readonly commit: string | null;
  /** Where the evidence comes from. */
  readonly source: "lock" | "read" | "none";
  /** Whether the promise is kept and the policy allows the version; `null` if it was not checked, as with `--offline`. */
  readonly valid: boolean | null;
  /** Why it may not run, one sentence each. */
  readonly reasons: readonly string[];
  /** Whether the policy allows the version. */
  readonly allowed: boolean;
  readonly automation: Tenant["policy"]["automation"];
  readonly pinned: Standstill | null;
  readonly held: Standstill | null;
}

/** Who keeps a tenant as it is, why, and until which day. */
export interface Standstill {
  readonly by: string;
  readonly reason: string;
  readonly until: string | null;
}

/** What the tenants of one stack would run. */
export interface PlannedStack {
  readonly stack: string;
  readonly follow: StackConfig["follow"];
  readonly tenants: readonly PlannedTenant[];
  /** What is to be deleted. */
  readonly removed: readonly PlannedRemoval[];
}

/** What `planStack` reads from. */
export interface PlanSources {
  readonly lock: Lock;
  readonly reader: EvidenceReader;
  /** Whether heads of branches are read. */
  readonly offline: boolean;
}

/** Finds what each tenant of a stack would run, and what is to be deleted. */
export async function planStack(config: StackConfig, sources: PlanSources): Promise<PlannedStack> {
  const tenants = (await planTenants(config, sources)).map(({ planned }) => planned);
  const removed = await plannedRemovals(config, sources.offline);
  return { stack: config.stack, follow: config.follow, tenants, removed };
}

/** A tenant's plan, and the release that it is about. */
export interface PlannedRelease {
  readonly planned: PlannedTenant;
  readonly release: ResolvedTenant;
}

/** Finds what each tenant of a stack would run, and whether it may. */
export async function planTenants(config: StackConfig, sources: PlanSources): Promise<PlannedRelease[]> {
  const { lock, reader, offline } = sources;
  const resolved = await resolveStack(config, lock, reader);
  const unchecked = offline && config.follow === "branch";
  return resolved.tenants.map((release) => {
    const judged = unchecked ? { ...release, reasons: [] } : release;
    return { release, planned: plannedTenant(config, judged, unchecked) };
  });
}

function plannedTenant(
  { follow }: ResolvedStack["config"],
  { tenant, evidence, source, reasons }: ResolvedTenant,
  unchecked: boolean,
): PlannedTenant {
  const { name, tag, prefix, policy } = tenant;
  // The stack file alone says which version is decided, and whether the policy allows it.
  const version = follow === "tags" ? versionOfTag(tag ?? "", prefix.image) : evidence?.chartVersion;
  const fault = follow === "tags" && version !== undefined ? notAllowed(policy, version) : undefined;
  const all = [...(fault === undefined ? [] : [`the version ${String(version)} ${fault}`]), ...reasons];
  return {
    tenant: name,
    version: version ?? null,
    tag: tag ?? null,
    follows: follow === "branch" ? followed(tenant) : null,
    commit: evidence?.commit ?? null,
    source,
    valid: unchecked ? null : all.length === 0,
    reasons: all,
    allowed: fault === undefined,
    automation: policy.automation,
    pinned: standstill(policy.pin),
    held: standstill(policy.hold),
  };
}

function standstill(pin: Pin | undefined): Standstill | null {
  return pin === undefined ? null : { by: pin.by, reason: pin.reason, until: pin.until ?? null };
}
