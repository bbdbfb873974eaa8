/** A version that a person has taken back does not run again because automation promotes it again. */
import { defaultConfigRepository } from "../config/built-in-defaults";
import { objectName } from "../config/object-name";
import { shortSubject } from "../config/printable";
import type { StackConfig, Tenant } from "../config/stack-config";
import { compareVersions, versionOfTag } from "../version/version";
import {
  type Decision,
  type DecisionHistory,
  decisionsIn,
  decisionsOf,
  mayHaveCommits,
  isPromotedSince,
  mergesAutomation,
  readDecisionsOf,
  tagDecisions,
} from "./decision-history";
import { GitError } from "./git-command";
import { type Git, gitIn } from "./git-objects";
import { isAutomation, listVersions, type StackVersions } from "./stack-versions";

/** What the history says against a tenant's tag. */
interface Finding {
  /** Where a person had taken it back. Absent: the clone lacks the commits that would tell. */
  readonly back?: Decision;
  /** Where automation promoted it after that. */
  readonly again?: Decision;
  /** Merges by people after that. If one brings no commit of automation, a person has decided the tag. */
  readonly merges: readonly Decision[];
}

/** How a reason begins that says only that the clone lacks what would tell. */
const unknown = "this clone ";

/** Whether a reason says that it cannot be told. */
export function isUnknown(reason: string): boolean {
  return reason.startsWith(unknown);
}

const known = new WeakMap<StackConfig, Promise<ReadonlyMap<string, string>>>();

/**
 * Why tenants of a stack must not run what automation has decided, one sentence each, by the tenant's name. The clone that
 * holds the stack file says so, without network. Outside of a repository, nothing has been taken back.
 */
export function takenBackReasons(config: StackConfig): Promise<ReadonlyMap<string, string>> {
  const reasons = known.get(config) ?? readReasons(config);
  known.set(config, reasons);
  return reasons;
}

async function readReasons(config: StackConfig): Promise<ReadonlyMap<string, string>> {
  const { root, follow } = config;
  const automated = follow === "tags" ? config.tenants.filter(isAutomated) : [];
  if (automated.length === 0) return new Map();
  try {
    const history = await historyFor(config, automated);
    const found = history === undefined ? [] : automated.map((tenant) => reasonFor(config, tenant, history));
    return new Map((await Promise.all(found)).flat());
  } catch (error) {
    if (!(error instanceof GitError)) throw error;
    if (!(await mayHaveCommits(root))) return new Map();
    const reason = `${unknown}cannot tell whether a person has taken back the version that automation has promoted: ${error.message}`;
    return new Map(automated.map(({ name }) => [name, reason]));
  }
}

/** @returns the reason by the tenant's name, or nothing */
async function reasonFor(
  { root, stack }: StackConfig,
  tenant: Tenant,
  history: DecisionHistory,
): Promise<[string, string][]> {
  const finding = takenBack(tenant, history);
  if (finding === undefined) return [];
  const { back, again, merges } = finding;
  for (const merge of merges) if (!(await mergesAutomation(root, merge, history))) return [];
  if (back === undefined || again === undefined) return [[tenant.name, unknownReason(tenant)]];
  // Before a rename, a person promoted it by the name of that time.
  const names = (history.decisions.get(objectName(tenant)) ?? []).map((decision) => decision.tenant);
  const promoted = { tenants: [tenant.name, ...names], tag: again.tag ?? "" };
  if (await isPromotedSince(root, back.commit, promoted, history)) return [];
  return [[tenant.name, takenBackReason(stack, tenant, back, again)]];
}

/**
 * The history since the first commit that matters: that by which a person went back from what a tenant is at. Only people's
 * commits are read to find it.
 *
 * @returns nothing if there is no such commit
 */
export async function historyFor(
  config: StackConfig,
  tenants: readonly Tenant[],
): Promise<DecisionHistory | undefined> {
  const whole = readDecisionsOf(config);
  if (whole !== undefined) return whole;
  const git = gitIn(config.root);
  const listed = await listVersions(git, config.stack);
  const { author, history, isExact } = await decisionsOfPeople(git, config, listed);
  // In doubt, such as with an author that is not committed, all of it.
  if (!listed.isComplete || !isExact || !isAutomation(author, history.authors)) return decisionsOf(config);
  const decided = tenants.filter((tenant) => history.current.get(objectName(tenant))?.tag === tenant.tag);
  const backs = new Set(decided.flatMap((tenant) => lastBack(tenant, history)?.commit ?? []));
  if (backs.size === 0) return undefined;
  const oldest = listed.versions.findLastIndex(({ commit }) => backs.has(commit));
  const since = new Set(listed.versions.slice(0, oldest + 1));
  const later = await decisionsIn(git, listed, (version) => since.has(version), history.authors);
  return later.isExact ? later.history : decisionsOf(config);
}

async function decisionsOfPeople(git: Git, { configRepository }: StackConfig, listed: StackVersions) {
  const { author } = configRepository ?? defaultConfigRepository;
  return { author, ...(await decisionsIn(git, listed, (version) => !isAutomation(version.author, [author]))) };
}

/**
 * Where a person has gone back from tags that automation proposes, unless a person has decided them since; by tenant.
 *
 * @param tenants with the proposed tags
 * @param tip the last commit
 * @throws GitError if the clone is damaged
 */
export async function backsFrom(
  config: StackConfig,
  tenants: readonly Tenant[],
  tip: string,
): Promise<ReadonlyMap<string, Decision>> {
  if (tenants.length === 0) return new Map();
  const git = gitIn(config.root);
  const { history } = await decisionsOfPeople(git, config, await listVersions(git, config.stack, tip));
  return new Map(
    tenants.flatMap((tenant) => {
      const back = lastBack(tenant, history);
      return back === undefined ? [] : [[tenant.name, back] as const];
    }),
  );
}

/** Where a person has gone back from the tenant's tag, unless a person has decided it since. */
function lastBack(tenant: Tenant, { decisions }: DecisionHistory): Decision | undefined {
  for (const decision of tagDecisions(decisions.get(objectName(tenant)))) {
    if (decision.byAutomation) continue;
    if (decision.tag === tenant.tag && !mayBeAutomations(tenant, decision)) return undefined;
    if (decision.previous === tenant.tag && isBack(tenant, decision)) return decision;
  }
  return undefined;
}

/** A pin or a hold keeps what automation has decided; it does not say that it may run. */
function isAutomated({ policy }: Tenant): boolean {
  return policy.automation !== "manual";
}

/** Whether automation has promoted the tenant's tag again after a person had taken it back. Nothing: it has not. */
export function takenBack(tenant: Tenant, { decisions, current, isComplete }: DecisionHistory): Finding | undefined {
  const object = objectName(tenant);
  // A change that is not committed is a person's.
  if (current.get(object)?.tag !== tenant.tag) return undefined;
  const decided = tagDecisions(decisions.get(object));
  const [again] = decided;
  const merges: Decision[] = [];
  for (const decision of decided) {
    if (decision.byAutomation) continue;
    if (decision.tag === tenant.tag) {
      if (!mayBeAutomations(tenant, decision)) return undefined;
      merges.push(decision);
    }
    if (decision.previous === tenant.tag && isBack(tenant, decision)) return { back: decision, again, merges };
  }
  return isComplete ? undefined : { again, merges };
}

/** Where Flux commits to the main branch, a merge may only repeat what Flux has committed there. */
function mayBeAutomations({ policy }: Tenant, { byAutomation, isMerge }: Decision): boolean {
  return byAutomation || (isMerge && policy.automation === "auto");
}

/** A version that a newer one has replaced was not taken back; nor that of a tenant that was removed for a time. */
function isBack({ prefix }: Tenant, { tag, previous = "" }: Decision): boolean {
  if (tag === undefined) return false;
  const [from, to] = [versionOfTag(previous, prefix.image), versionOfTag(tag, prefix.image)];
  return from === undefined || to === undefined || compareVersions(to, from) < 0;
}

function takenBackReason(stack: string, { name, prefix }: Tenant, back: Decision, again: Decision): string {
  const { tag = "" } = again;
  const version = versionOfTag(tag, prefix.image) ?? tag;
  return (
    `${name} ${tag} was taken back in ${shownDecision(back)}, and promoted again by automation in ${shownDecision(again)}; ` +
    `to keep it out: \`npx authority rollback ${name} --stack ${stack} --reason "..."\`; ` +
    `to accept it: \`npx authority promote ${name} ${version} --stack ${stack}\``
  );
}

/** A decision in words: its commit, author and subject. */
export function shownDecision({ commit, author, subject }: Decision): string {
  return `${commit.slice(0, 10)} (${author.name}: ${JSON.stringify(shortSubject(subject))})`;
}

function unknownReason({ name, tag = "" }: Tenant): string {
  return (
    `${unknown}is shallow, so it cannot tell whether a person has taken back ${name} ${tag}, which automation may have ` +
    "promoted again; `git fetch --unshallow` fetches the history (`fetch-depth: 0` in GitHub Actions)"
  );
}
