/** How one tenant of one stack is: what is decided, what runs, what may run, and what is to be done about it. */
import { countOf } from "../config/count";
import { objectName } from "../config/object-name";
import { printableSentence } from "../config/printable";
import type { StackConfig, Tenant } from "../config/stack-config";
import { annotation } from "../manifests/annotation";
import { currentConditions } from "../program/flux-conditions";
import { deployedRevision, type LiveHelmRelease, stateOf, suspendedCondition } from "../program/helm-release-state";
import { type Decision, tagDecisions } from "../release/decision-history";
import type { BranchEvidence, Evidence } from "../release/evidence";
import { type BrokenRelease, brokenText, type NewestRelease, unreadOf } from "../release/newest-release";
import { hint, type ResolvedTenant } from "../release/resolve";
import { isUnknown } from "../release/taken-back";
import { notAllowed } from "../version/range";
import { compareVersions, versionOfTag } from "../version/version";
import { openPaths } from "./hold-paths";
import type { RunningStack } from "./running-stack";
import type { PlannedTenant, Standstill } from "./tenant-plan";

/** One word, or a few, for how a tenant is. With `ok`, nothing that was read asks for an action. */
export type TenantState =
  | "ok"
  | "newer"
  | "newer broken"
  | "newer unverified"
  | "pinned"
  | "held"
  | "waits for render"
  | "waits for up"
  | "waits for Flux"
  | "deploying"
  | "failing"
  | "suspended"
  | "taken back"
  | "not allowed"
  | "broken"
  | "unverified";

/** The commit that decided what is decided now. */
export interface DecidedBy {
  readonly commit: string;
  /** When it was committed, in ISO 8601. */
  readonly at: string;
  readonly by: string;
  readonly byAutomation: boolean;
  readonly subject: string;
  /** As its trailer says. */
  readonly reason: string | null;
}

/** A version in the registry that is newer than the decided one, and that the policy does not allow. */
export interface NewerVersion {
  readonly version: string;
  /** The end of a sentence about it: `is denied by the policy`. */
  readonly reason: string;
}

/** A tenant in `npx authority status --json`. A missing fact is `null`. */
export interface TenantStatus extends Omit<PlannedTenant, "pinned" | "held"> {
  readonly state: TenantState;
  /** Why, one sentence each. Empty with `ok`. */
  readonly why: readonly string[];
  /** The command that acts on it; `null` if there is nothing to run. */
  readonly command: string | null;
  /** What runs: the version or tag; `null` if that is unknown, or Flux may have moved it since. */
  readonly running: string | null;
  /** Whether the policy allows what runs; `null` if it is unknown or no version. */
  readonly runningAllowed: boolean | null;
  /** The newest version, or tag of a commit, that the policy allows and that keeps the promise; `null` if none is known. */
  readonly newestAllowed: string | null;
  /** Whether the registry has answered, and so has everything that says whether its newest versions may run. */
  readonly newestKnown: boolean;
  /** Newer versions, but for the decided one, that the policy allows and that break the promise or cannot be verified. */
  readonly newerBroken: readonly BrokenRelease[];
  /** With `follow: branch`, the commit that runs, as the cluster tells it: at least its first digits. */
  readonly runningCommit: string | null;
  /** Since when it runs, in ISO 8601; `null` unless the cluster tells. */
  readonly runningSince: string | null;
  /** With `delivery: manifests`, the version in the rendered folder. */
  readonly rendered: string | null;
  readonly pinned: KeptUntil | null;
  readonly held: KeptUntil | null;
  /** What could still change a held tenant, one sentence each. */
  readonly openPaths: readonly string[];
  readonly range: string;
  readonly denied: readonly string[];
  readonly newerNotAllowed: readonly NewerVersion[];
  /** `null` if the history was not read, or does not have it: it is not committed, or the clone is shallow. */
  readonly decision: DecidedBy | null;
  readonly evidence: Evidence | BranchEvidence | null;
}

/** A pin or a hold. */
export interface KeptUntil extends Standstill {
  readonly isOver: boolean;
}

/** The facts from which the status of a tenant follows. */
export interface StatusFacts {
  readonly config: StackConfig;
  readonly planned: PlannedTenant;
  readonly release: ResolvedTenant;
  readonly running: RunningStack;
  /** What runs, by the tenants' names in the cluster; nothing if that is unknown. */
  readonly runningVersions: ReadonlyMap<string, string> | undefined;
  /** Nothing without an answer of the registry. */
  readonly newest: NewestRelease | undefined;
  readonly rendered: string | undefined;
  readonly newerNotAllowed: readonly NewerVersion[];
  /** The tenant's decisions, the newest first; nothing if the history was not read. */
  readonly decisions: readonly Decision[] | undefined;
  /** Why the version must not run that automation has promoted again, or why that cannot be told. */
  readonly takenBack: string | undefined;
  /** `YYYY-MM-DD`. */
  readonly today: string;
}

/** The status of a tenant. */
export function tenantStatus(facts: StatusFacts): TenantStatus {
  const { config, planned, release, newest, rendered, newerNotAllowed, today } = facts;
  const { tenant } = release;
  const { range, deny } = tenant.policy;
  // Flux moves what has no tag without a deploy.
  const running = (tenant.tag === undefined ? undefined : facts.runningVersions?.get(objectName(tenant))) ?? null;
  const isVersion = config.follow === "tags" && running !== null;
  const revision = deployedRevision(liveOf(facts));
  const verdict = refused(facts) ?? undeployed(facts) ?? unhealthy(facts) ?? outdated(facts) ?? heldBack(facts);
  return {
    ...planned,
    ...(verdict ?? { state: "ok", why: [], command: null }),
    running,
    runningAllowed: isVersion ? notAllowed(tenant.policy, running) === undefined : null,
    newestAllowed: newest?.newest ?? null,
    newestKnown: isNewestKnown(newest),
    newerBroken: newerBroken(facts),
    runningCommit: runningCommit(facts) ?? null,
    runningSince: revision?.lastDeployed ?? null,
    rendered: rendered ?? null,
    pinned: keptUntil(planned.pinned, today),
    held: keptUntil(planned.held, today),
    openPaths: openPathsOf(facts),
    range,
    denied: deny,
    newerNotAllowed,
    decision: decidedBy(facts) ?? null,
    evidence: release.evidence ?? null,
  };
}

function decidedBy({ release, decisions }: StatusFacts): DecidedBy | undefined {
  const [last] = tagDecisions(decisions);
  if (last === undefined || last.tag !== release.tenant.tag) return undefined;
  const { commit, at, author, byAutomation, subject, trailers } = last;
  return {
    commit,
    at: new Date(at).toISOString(),
    by: author.name,
    byAutomation,
    subject,
    reason: trailers.Reason ?? null,
  };
}

/** The versions that run of a stack that follows tags, by the tenants' names in the cluster. */
export function runningVersions(
  { follow, tenants }: StackConfig,
  running: RunningStack,
): ReadonlyMap<string, string> | undefined {
  if (running.source === "unknown") return undefined;
  if (running.source === "last deploy") return running.versions;
  if (follow === "branch") return undefined;
  return new Map(
    tenants.flatMap((tenant): [string, string][] => {
      const { chartVersion } = deployedRevision(running.releases.get(objectName(tenant))) ?? {};
      // Flux adds the digest of an OCI artifact as build metadata.
      const version = versionOfTag(chartVersion?.replace(/\+.*$/, "") ?? "", tenant.prefix.chart);
      return version === undefined ? [] : [[objectName(tenant), version]];
    }),
  );
}

type Verdict = Pick<TenantStatus, "state" | "why" | "command">;

function keptUntil(one: Standstill | null, today: string): KeptUntil | null {
  return one === null ? null : { ...one, isOver: one.until !== null && one.until < today };
}

function openPathsOf({ config, planned, release }: StatusFacts): readonly string[] {
  return planned.held === null ? [] : openPaths(config, release.tenant);
}

function isNewestKnown(newest: NewestRelease | undefined): newest is NewestRelease {
  return newest !== undefined && unreadOf(newest) === undefined;
}

function newerBroken({ newest, planned }: StatusFacts): readonly BrokenRelease[] {
  return (newest?.broken ?? []).filter(({ version }) => version !== planned.version);
}

function liveOf({ running, release }: StatusFacts): LiveHelmRelease | undefined {
  return running.source === "cluster" ? running.releases.get(objectName(release.tenant)) : undefined;
}

/** Flux writes the beginning of the commit behind the version of a branch's chart. */
function runningCommit(facts: StatusFacts): string | undefined {
  if (facts.config.follow === "tags") return undefined;
  return /\+([0-9a-f]{7,64})$/.exec(deployedRevision(liveOf(facts))?.chartVersion ?? "")?.[1];
}

function command(verb: string, { config, planned }: StatusFacts): string {
  return `npx authority ${verb} ${planned.tenant} --stack ${config.stack}`;
}

/** The verb that acts first: `unpin` refuses a tenant that is held as well. */
function endOfStandstill({ held }: PlannedTenant): string {
  return held === null ? "unpin" : "resume";
}

/** What is decided may not run. */
function refused(facts: StatusFacts): Verdict | undefined {
  const { config, planned, newest, takenBack } = facts;
  const { valid, allowed, source, reasons } = planned;
  // The reason names the commands that may act on it.
  if (takenBack !== undefined) {
    return { state: isUnknown(takenBack) ? "unverified" : "taken back", why: [takenBack], command: null };
  }
  if (valid !== false) return undefined;
  const { stack } = config;
  const check = `npx authority check --stack ${stack}`;
  const other =
    (planned.held ?? planned.pinned) !== null
      ? command(endOfStandstill(planned), facts)
      : config.follow === "branch" || (isNewestKnown(newest) && newest.newest === undefined)
        ? check
        : command("promote", facts);
  if (!allowed) return { state: "not allowed", why: reasons.slice(0, 1), command: other };
  if (source === "none") {
    const lock = config.follow === "tags" ? `npx authority lock --stack ${stack}` : null;
    return { state: "unverified", why: reasons.slice(0, 1), command: lock };
  }
  return { state: "broken", why: reasons, command: hint(stack, planned) === undefined ? other : check };
}

/** What is decided has not reached the cluster, or not even the rendered folder. */
function undeployed(facts: StatusFacts): Verdict | undefined {
  const { config, planned, release, running, rendered } = facts;
  const { stack, delivery, follow } = config;
  const version = follow === "tags" ? planned.version : null;
  if (delivery.kind === "manifests" && version !== null && rendered !== version) {
    const folder = delivery.directory;
    const why = [`${folder} has ${rendered ?? "no files for it"}`];
    return { state: "waits for render", why, command: "npx authority complete --push" };
  }
  const waits = (reason: string): Verdict =>
    delivery.kind === "cluster"
      ? { state: "waits for up", why: [reason], command: `npx authority up --stack ${stack}` }
      : { state: "waits for Flux", why: [`${reason}; ${delivery.directory} has it rendered`], command: null };
  if (running.source === "cluster") {
    const live = liveOf(facts);
    if (live === undefined) return waits("it is not in the cluster");
    const applied = live.metadata.annotations?.[annotation.version];
    if (version !== null && applied !== version) return waits(`the cluster has ${applied ?? "a followed branch"}`);
  }
  if (running.source === "last deploy" && version !== null) {
    const deployed = running.versions.get(objectName(release.tenant));
    if (deployed !== version)
      return waits(`the last deploy ${deployed === undefined ? "did not include it" : `had ${deployed}`}`);
  }
  return undefined;
}

/** Flux does not run what it was given. */
function unhealthy(facts: StatusFacts): Verdict | undefined {
  const { config, planned } = facts;
  const live = liveOf(facts);
  if (live === undefined) return undefined;
  const { name, namespace } = live.metadata;
  const argument = `helmrelease ${name} --namespace ${namespace}`;
  if (suspendedCondition(live).length > 0) {
    return { state: "suspended", why: ["somebody has suspended it"], command: `flux resume ${argument}` };
  }
  const state = stateOf(live);
  const { chartVersion = "nothing" } = deployedRevision(live) ?? {};
  if (state === "pending") {
    return { state: "deploying", why: [`Flux works on it; ${chartVersion} runs`], command: null };
  }
  if (state === "runs") return undefined;
  const { reason = "", message = "" } = currentConditions(live).find(({ type }) => type === "Ready") ?? {};
  const why = [
    printableSentence(`Flux reports ${reason}: ${message.trim().replace(/\s+/g, " ")}`),
    `${chartVersion} runs`,
  ];
  const retry =
    config.delivery.kind === "cluster"
      ? `npx authority up --stack ${config.stack}`
      : `flux reconcile ${argument} --reset`;
  return { state: "failing", why, command: planned.valid === true && state === "given up" ? retry : null };
}

/** The followed branch has a newer commit than the one that runs. */
function outdated(facts: StatusFacts): Verdict | undefined {
  const { commit } = facts.planned;
  const runs = runningCommit(facts);
  const isHead = facts.release.tenant.branchImage === undefined;
  if (!isHead || runs === undefined || commit === null || commit.startsWith(runs)) return undefined;
  return { state: "waits for Flux", why: [`the branch is at ${commit.slice(0, 7)}`], command: null };
}

/** A newer release exists that is not decided. */
function heldBack(facts: StatusFacts): Verdict | undefined {
  const { planned, release, today } = facts;
  const { version, tag, automation } = planned;
  const newestAllowed = facts.newest?.newest;
  const isNewer = newestAllowed !== undefined && isNewerThan(release.tenant, newestAllowed, version ?? tag);
  const newer = isNewer ? [`${newestAllowed} may run`] : [];
  const notRunnable = newerBroken(facts);
  const broken = notRunnable.map((one) => `${brokenText(one)}: ${one.reasons[0] ?? ""}`);
  const kept = keptUntil(planned.held ?? planned.pinned, today);
  if (kept !== null) {
    const until = kept.until === null ? "" : ` until ${kept.until}`;
    const over = kept.isOver ? ", which is over" : "";
    const open = openPathsOf(facts).length;
    const paths = open === 0 ? "" : `; ${countOf(open, "path stays", "paths stay")} open`;
    const why = [`by ${kept.by}${until}${over}: ${kept.reason}${paths}`, ...newer, ...broken];
    const state = planned.held === null ? "pinned" : "held";
    return { state, why, command: command(endOfStandstill(planned), facts) };
  }
  if (isNewer) {
    const [who, action] = {
      manual: ["automation is off", command("promote", facts)],
      "pull-request": ["Flux proposes it, and `authority promotions` makes its branch: merge that", null],
      auto: ["Flux commits it at its next run", null],
    }[automation] as [string, string | null];
    return { state: "newer", why: [`${newestAllowed} may run; ${who}`, ...broken], command: action };
  }
  if (broken.length === 0) return undefined;
  const isUnread = notRunnable.some((one) => one.isUnread);
  return { state: isUnread ? "newer unverified" : "newer broken", why: broken, command: null };
}

function isNewerThan({ branchImage }: Tenant, newest: string, decided: string | null): boolean {
  if (decided === null) return false;
  return branchImage === undefined ? compareVersions(newest, decided) > 0 : newest !== decided;
}
