import { objectName } from "../config/object-name";
import { followed, type StackConfig, standstillOf, type Tenant } from "../config/stack-config";
import type { EvidenceReader } from "../release/evidence-reader";
import type { Lock } from "../release/lock";
import { type BrokenRelease, type NewestRelease, newestRelease } from "../release/newest-release";
import { type ResolvedStack, type ResolvedTenant, resolveStack } from "../release/resolve";
import { notAllowed } from "../version/range";
import { versionOfTag } from "../version/version";
import { type PlannedRemoval, plannedRemovals } from "./tip-removals";

/** Three different things about one tenant: what is decided, what runs, and what it may run. A missing fact is `null`. */
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
  /** What ran after the last deploy: the version or tag; `null` if that is unknown, or Flux may have moved it since. */
  readonly running: string | null;
  /** Whether the policy allows what runs; `null` if it is unknown or no version. */
  readonly runningAllowed: boolean | null;
  readonly automation: Tenant["policy"]["automation"];
  readonly pinned: { readonly by: string; readonly reason: string; readonly until: string | null } | null;
  /** The newest version, or tag of a commit, that the policy allows and that keeps the promise; `null` if none is known. */
  readonly newestAllowed: string | null;
  /** Whether the registry has answered. */
  readonly newestKnown: boolean;
  /** Newer versions, but for the decided one, that the policy allows and that break the promise or cannot be verified. */
  readonly newerBroken: readonly BrokenRelease[];
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
  /** What each tenant ran after the last deploy, by tenant; nothing if that is unknown. */
  readonly running: ReadonlyMap<string, string> | undefined;
}

/** How long it may take to find the newest release; nothing depends on it. */
const newestMs = 20_000;

/** Finds what each tenant of a stack would run, runs, and may run. */
export async function planStack(config: StackConfig, sources: PlanSources): Promise<PlannedStack> {
  const { lock, reader, offline, running } = sources;
  const resolved = await resolveStack(config, lock, reader);
  const unchecked = offline && config.follow === "branch";
  const tenants = await Promise.all(
    resolved.tenants.map(async (release): Promise<PlannedTenant> => {
      const newest = offline ? undefined : await inTime(newestRelease(release.tenant, lock, reader));
      return plannedTenant(config, unchecked ? { ...release, reasons: [] } : release, { unchecked, newest, running });
    }),
  );
  const removed = await plannedRemovals(config, offline);
  return { stack: config.stack, follow: config.follow, tenants, removed };
}

function plannedTenant(
  { follow }: ResolvedStack["config"],
  { tenant, evidence, source, reasons }: ResolvedTenant,
  found: { unchecked: boolean; newest: NewestRelease | undefined; running: PlanSources["running"] },
): PlannedTenant {
  const { name, tag, prefix, policy } = tenant;
  // The stack file alone says which version is decided, and whether the policy allows it.
  const version = follow === "tags" ? versionOfTag(tag ?? "", prefix.image) : evidence?.chartVersion;
  const fault = follow === "tags" && version !== undefined ? notAllowed(policy, version) : undefined;
  const all = [...(fault === undefined ? [] : [`the version ${String(version)} ${fault}`]), ...reasons];
  const { automation } = policy;
  const pin = standstillOf(policy);
  // Flux moves what has no tag without a deploy.
  const running = (tag === undefined ? undefined : found.running?.get(objectName(tenant))) ?? null;
  return {
    tenant: name,
    version: version ?? null,
    tag: tag ?? null,
    follows: follow === "branch" ? followed(tenant) : null,
    commit: evidence?.commit ?? null,
    source,
    valid: found.unchecked ? null : all.length === 0,
    reasons: all,
    allowed: fault === undefined,
    running,
    runningAllowed: follow === "branch" || running === null ? null : notAllowed(policy, running) === undefined,
    automation,
    pinned: pin === undefined ? null : { by: pin.by, reason: pin.reason, until: pin.until ?? null },
    newestAllowed: found.newest?.newest ?? null,
    newestKnown: found.newest !== undefined,
    newerBroken: (found.newest?.broken ?? []).filter((broken) => broken.version !== version),
  };
}

async function inTime<Result>(finding: Promise<Result>): Promise<Result | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => (timer = setTimeout(resolve, newestMs, undefined)));
  try {
    return await Promise.race([finding, late]);
  } finally {
    clearTimeout(timer);
  }
}
