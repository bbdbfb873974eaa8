/** What `authority up` does for tenants with `policy.onFailure: rollback` whose new version does not become ready. */
import { emergencyReason } from "../config/emergency";
import { objectName } from "../config/object-name";
import { printable } from "../config/printable";
import { readStackConfig } from "../config/read-stack-config";
import { type StackConfig, standstillOf, type Tenant } from "../config/stack-config";
import type { FailedRelease } from "../program/failed-releases";
import { type BranchHistory, remoteBranch } from "../program/push-before-deploy";
import { type DecisionHistory, readDecisions } from "../release/decision-history";
import { GitError } from "../release/git-command";
import { type Lock, lockedEvidence, lockFile, readLock } from "../release/lock";
import { gitIn } from "../release/git-objects";
import { commitsOf, type StackCommit } from "../release/stack-versions";
import { isDenied } from "../version/range";
import { compareVersions, versionOfTag } from "../version/version";
import { exitCode } from "./exit-code";
import { InputError } from "./input-error";
import { OwnGit } from "./own-git";
import { rollback } from "./rollback";
import type { Session } from "./session";

/** Who decides such a rollback, as its commit says. */
const self = "authority up";

/** What an `up` knows of its failures. */
export interface UpFailures {
  readonly config: StackConfig;
  readonly failed: readonly FailedRelease[];
  /** The versions that ran before, by the tenants' names in the cluster. */
  readonly before: ReadonlyMap<string, string>;
}

/** Whether a tenant asks for a rollback if its release fails. */
function isAsking({ policy }: Tenant): boolean {
  return policy.onFailure === "rollback";
}

/**
 * Rolls back the tenants that ask for it, each with one commit as `authority rollback` makes it, and pushes the commits
 * to the branch that decides.
 *
 * @param yes whether to commit without a question
 * @returns whether there is something to deploy
 */
export async function rollBackFailures(failures: UpFailures, yes: boolean, session: Session): Promise<boolean> {
  const { config, failed, before } = failures;
  const asking = config.tenants.filter(isAsking);
  const found = asking.flatMap((tenant) => {
    const failure = failed.find((one) => one.tenant === objectName(tenant));
    return failure === undefined ? [] : [{ tenant, failure, to: before.get(failure.tenant) }];
  });
  if (found.length === 0) return false;
  let due = found;
  try {
    const { root, stack } = config;
    const history = await readDecisions(root, stack);
    const [lock, rollbacks] = [readLock(root), await ownRollbacks(config, history)];
    due = found.filter(({ tenant, failure, to }) => {
      const reason = reasonAgainst(tenant, failure, { before: to, lock, history, rollbacks });
      if (reason !== undefined) tell(session, tenant, reason);
      return reason === undefined;
    });
    if (due.length === 0) return false;
    const branch = await remoteBranch(config);
    if (branch === undefined) throw new InputError("this clone has no remote to push the rollback to");
    const tenants = due.map(({ tenant }) => tenant);
    const head = await catchUp(branch, config, tenants);
    let count = 0;
    for (const { tenant, failure, to = "" } of due) {
      if (await isRolledBack(config, tenant, { failure, to, yes }, session)) count += 1;
    }
    if (count === 0) return false;
    await push(branch, head, config);
    session.terminal.log(`Pushed to the branch ${printable(branch.branch)} of ${printable(branch.remote)}.`);
    return true;
  } catch (error) {
    if (!(error instanceof GitError || error instanceof InputError)) throw error;
    for (const { tenant, to } of due) tell(session, tenant, error.message, command(config, tenant, to));
    return false;
  }
}

/** What speaks against a rollback of a tenant. */
interface Known {
  /** The version that ran before. */
  readonly before: string | undefined;
  readonly lock: Lock;
  readonly history: DecisionHistory;
  /** What `up` has rolled back in this stack. The history does not show it where a `git pull` has merged it. */
  readonly rollbacks: readonly StackCommit[];
}

/** The commits of an `up`, on whatever side of a merge. */
async function ownRollbacks({ root }: StackConfig, { stacks }: DecisionHistory): Promise<StackCommit[]> {
  const commits = await commitsOf(gitIn(root), ["--fixed-strings", `--grep=By: ${self}`, "HEAD"]);
  return commits.filter(({ trailers }) => trailers.By === self && stacks.includes(trailers.Stack ?? ""));
}

/**
 * Why a failed release is not rolled back, in a clause: the version may not be the cause, nobody can tell where to go back
 * to, or a person has decided that it runs.
 */
export function reasonAgainst(tenant: Tenant, failure: FailedRelease, known: Known): string | undefined {
  const { policy, prefix, tag = "" } = tenant;
  const { before, lock, history, rollbacks } = known;
  const version = versionOfTag(tag, prefix.image);
  const standstill = standstillOf(policy);
  if (failure.doubt !== undefined) return failure.doubt;
  if (before === undefined) return "no version of it has run before";
  if (version === undefined) return `its tag ${JSON.stringify(tag)} is not a version`;
  if (emergencyReason() !== undefined) return "not done automatically in an emergency";
  const order = compareVersions(version, before);
  if (order === 0)
    return `${version} ran before, so the version is not the cause. Look at what else was changed, such as values`;
  if (order < 0) return `${version} is itself a step back from ${before}`;
  if (standstill !== undefined) {
    return `${standstill.by} has decided that ${version} stays: ${standstill.reason}`;
  }
  for (const one of [version, before]) {
    const named = { ...tenant, tag: prefix.image + one, digest: undefined };
    if (lockedEvidence(lock, named) === undefined) return `${lockFile} lacks the evidence of ${one}`;
  }
  const decisions = history.decisions.get(objectName(tenant)) ?? [];
  if (decisions.some(({ entryBefore }) => isDenied(entryBefore?.deny ?? [], version))) {
    return `${version} was denied before, and a person has allowed it again`;
  }
  if (rollbacks.some(({ trailers }) => trailers.Tenant === tenant.name && trailers.Denied === version)) {
    return `${version} was rolled back before, and a person has decided it again`;
  }
  if (history.isComplete) return undefined;
  return "this clone is shallow, so it cannot tell whether that was done before. `git fetch --unshallow` fetches the history (`fetch-depth: 0` in GitHub Actions)";
}

function tell({ terminal }: Session, { name }: Pick<Tenant, "name">, reason: string, instead?: string): void {
  const line = reason.trim().replace(/\s+/g, " ").replace(/\.$/, "");
  const more = instead === undefined ? "" : ` Instead: ${instead}.`;
  terminal.log(`${name}: not rolled back (\`policy.onFailure\`): ${printable(line)}.${more}`);
}

/** What a person runs instead. */
function command({ stack }: StackConfig, { name }: Tenant, to = "<version>"): string {
  return (
    "`git pull --ff-only`, " +
    `\`authority rollback ${name} --to ${to} --stack ${stack} --reason "did not become ready" --push\`, ` +
    `\`authority up --stack ${stack}\``
  );
}

/**
 * Brings the clone to the newest commit of the branch, on which the rollback is made.
 *
 * @returns that commit
 * @throws InputError if the clone is not part of that branch, or the branch has decided otherwise meanwhile
 */
async function catchUp(branch: BranchHistory, config: StackConfig, tenants: readonly Tenant[]): Promise<string> {
  const { root, stack } = config;
  const place = `the branch ${branch.branch} of ${branch.remote}`;
  const [head, tip] = [await branch.commit("HEAD"), await branch.tip()];
  if (tip === undefined) throw new InputError(`there is no ${place}`);
  if (tip === head) return head;
  await branch.fetch(tip);
  if (!(await branch.contains(tip, head))) throw new InputError(`HEAD is not on ${place}`);
  await new OwnGit(root).run("merge", "--quiet", "--ff-only", tip);
  const now = new Map(readStackConfig({ root, stack }).tenants.map((tenant) => [tenant.name, tenant]));
  const changed = tenants.find(({ name, tag }) => {
    const tenant = now.get(name);
    if (tenant === undefined || !isAsking(tenant)) return true;
    return tenant.tag !== tag || standstillOf(tenant.policy) !== undefined;
  });
  if (changed === undefined) return tip;
  throw new InputError(`${place} has decided otherwise about ${changed.name} meanwhile: run \`up\` again`);
}

/** Makes the commit of one rollback. */
async function isRolledBack(
  config: StackConfig,
  tenant: Tenant,
  { failure, to, yes }: { readonly failure: FailedRelease; readonly to: string; readonly yes: boolean },
  session: Session,
): Promise<boolean> {
  const { stack } = config;
  const { name } = tenant;
  session.terminal.log(`${name} did not become ready: rolling back to ${to} (\`policy.onFailure\`).`);
  const cause = ["Flux reports:", ...failure.conditions.map((condition) => `- ${condition}`)];
  const options = { stack, to, reason: "did not become ready", by: self, cause, yes, push: false };
  try {
    if ((await rollback(name, options, session)) === exitCode.fine) return true;
    tell(session, tenant, "nothing was committed", command(config, tenant, to));
  } catch (error) {
    if (!(error instanceof GitError || error instanceof InputError)) throw error;
    tell(session, tenant, error.message, command(config, tenant, to));
  }
  return false;
}

/** @throws InputError if the branch refuses the commits; the clone is as before then */
async function push({ branch, remote }: BranchHistory, head: string, { root }: StackConfig): Promise<void> {
  const git = new OwnGit(root);
  const { exitCode: code, said } = await git.try("push", "--quiet", remote, `HEAD:refs/heads/${branch}`);
  if (code === 0) return;
  await git.run("reset", "--quiet", "--keep", head);
  throw new InputError(`${remote} refused the commit for the branch ${branch}, and it is taken back here: ${said}`);
}
