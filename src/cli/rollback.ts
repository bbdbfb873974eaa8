import { objectName } from "../config/object-name";
import type { StackConfig } from "../config/stack-config";
import { specialConfigPaths } from "../config/values";
import type { StackFile } from "../config/stack-file";
import { withValue } from "../config/tenant-edit";
import { type DecisionHistory, readDecisions, tagDecisions } from "../release/decision-history";
import { GitError } from "../release/git-command";
import { readLock } from "../release/lock";
import { isDenied, notAllowed } from "../version/range";
import { compareVersions, versionOfTag } from "../version/version";
import { versionFor } from "./chosen-release";
import { decide, type DecisionOptions, refuseHeld, refuseUnprintable, type Subject, subjectOf } from "./decision";
import { withDenied } from "./deny";
import type { ExitCode } from "./exit-code";
import { InputError } from "./input-error";
import { OwnGit } from "./own-git";
import { withPin } from "./pin";
import { judgeRelease } from "./promote";
import { refuseToWrite } from "./releases";
import { rolledBackFrom, rollbackReason } from "./rollback-pin";
import type { Session } from "./session";

/** Options of `authority rollback`. */
export interface RollbackOptions extends DecisionOptions {
  readonly reason: string;
  readonly to?: string;
  readonly by?: string;
  /** What the commit cites as the cause, one sentence each. */
  readonly cause?: readonly string[];
}

/**
 * Goes back to the release before: decides it, denies the current version, and pins the tenant if Flux writes its version,
 * because Flux learns of the denial only from the `up` that applies it.
 */
export async function rollback(name: string, options: RollbackOptions, session: Session): Promise<ExitCode> {
  const { root, terminal } = session;
  refuseUnprintable("--by", options.by);
  const subject = await subjectOf("rollback", name, options, session);
  refuseHeld(subject);
  const { config, tenant } = subject;
  const current = currentVersion(subject);
  const history = await historyOf(config);
  const wanted = options.to === undefined ? releaseBefore(subject, current, history) : versionFor(tenant, options.to);
  refuseTarget(subject, current, wanted);
  const fault = notAllowed(tenant.policy, wanted);
  if (fault !== undefined) {
    return refuseToWrite(terminal, [
      `${config.stack}/${name}: not allowed`,
      `  - the version ${wanted} ${fault}`,
      ...(options.to === undefined ? ["  - `--to` names another version"] : []),
    ]);
  }
  const judged = await judgeRelease(subject, tenant.prefix.image + wanted, readLock(root), session.reader(), session);
  if ("reasons" in judged) return refuseToWrite(terminal, judged.reasons);
  const by = options.by ?? (await ownName(subject));
  const file = withRollback(judged.file, subject, { current, reason: options.reason, by });
  const to = tenant.prefix.image + wanted;
  const title = `Roll back ${name} from ${String(tenant.tag)} to ${to} in ${config.stack}`;
  const trailers = { From: tenant.tag, To: to, Denied: current, By: by };
  const notes = [
    ...judged.notes,
    ...pinNotes(subject, current),
    ...(await valuesNotes(subject, { current, to }, history)),
  ];
  const decision = { title, tenants: [name], trailers, body: options.cause, file, lock: judged.lock, notes };
  return decide(subject, decision, options, session);
}

/** The stack file with the release before, without its successor, and for Flux without a marker. */
export function withRollback(
  file: StackFile,
  { tenant }: Pick<Subject, "tenant">,
  { current, reason, by }: { readonly current: string; readonly reason: string; readonly by: string },
): StackFile {
  const { name, policy } = tenant;
  const denied = isDenied(policy.deny, current) ? file : withDenied(file, name, current);
  if (!isPinning({ tenant })) return denied;
  const pin = { reason: rollbackReason(current, reason), by };
  if (policy.pin === undefined) return withPin(denied, name, pin);
  const path = ["tenants", name, "policy", "pin"];
  return withValue(withValue(denied, [...path, "reason"], pin.reason), [...path, "by"], by);
}

/**
 * The versions that still stand, the current one last: what a later decision went back behind was taken back.
 *
 * @param versions in the order in which they were decided
 */
export function standingVersions(versions: readonly string[]): string[] {
  const standing: string[] = [];
  for (const version of versions) {
    while (standing.length > 0 && compareVersions(standing.at(-1) ?? "", version) >= 0) standing.pop();
    standing.push(version);
  }
  return standing;
}

/** @throws InputError if there is no release to go back from */
function currentVersion({ config, tenant }: Subject): string {
  const { name, tag = "", prefix } = tenant;
  const version = config.follow === "tags" ? versionOfTag(tag, prefix.image) : undefined;
  if (version !== undefined) return version;
  throw new InputError(
    `The stack ${config.stack} follows branches, so ${name} has no release to go back to. Revert the commit in the ` +
      "application's repository.",
  );
}

function refuseTarget({ config, tenant: { name } }: Subject, current: string, wanted: string): void {
  const order = compareVersions(wanted, current);
  if (order > 0) {
    throw new InputError(
      `${wanted} is newer than ${current}. \`authority promote ${name} ${wanted} --stack ${config.stack}\` decides it, and ` +
        `\`authority deny\` then denies ${current}.`,
    );
  }
  if (order === 0) throw new InputError(`${name} is at ${current} in the stack ${config.stack} already.`);
}

/** Whether the rollback leaves a pin of its own. */
function isPinning({ tenant: { policy } }: Pick<Subject, "tenant">): boolean {
  return policy.pin === undefined ? policy.automation !== "manual" : rolledBackFrom(policy.pin) !== undefined;
}

/** The person that Git has as the author of the commit. */
async function ownName({ config: { root } }: Subject): Promise<string> {
  const { stdout } = await new OwnGit(root).try("config", "user.name");
  const name = stdout.trim();
  if (name === "") throw new InputError("Git has no `user.name`, so `--by <who>` has to say who decides the rollback.");
  refuseUnprintable("--by", name);
  return name;
}

function pinNotes({ config, tenant }: Subject, current: string): string[] {
  const { name, policy } = tenant;
  if (isPinning({ tenant })) {
    const isCluster = config.delivery.kind === "cluster";
    const applied = isCluster ? "an `up` has applied" : "Flux has applied the folder with";
    const next = isCluster ? ", and the `up` after it, let" : " lets";
    return [
      `${name} is pinned, because Flux would write ${current} again until ${applied} the denial. Afterwards ` +
        `\`authority unpin ${name} --stack ${config.stack}\`${next} Flux promote again.`,
    ];
  }
  const { pin } = policy;
  return pin === undefined ? [] : [`${name} stays pinned by ${pin.by}: ${pin.reason}.`];
}

/** The version to go back to, from Git. @throws InputError if there is none, or Git cannot tell */
function releaseBefore({ config, tenant }: Subject, current: string, history: DecisionHistory | undefined): string {
  const { name, policy, prefix } = tenant;
  if (history?.isComplete !== true) {
    const missing =
      history === undefined
        ? "Git has no history of this folder"
        : "this clone is shallow. Run `git fetch --unshallow` to get all decisions";
    throw new InputError(
      `Cannot tell the release of ${name} before ${current}: ${missing}. \`--to <version>\` names one.`,
    );
  }
  const decided = tagDecisions(history.decisions.get(objectName(tenant))).reverse();
  const versions = decided.flatMap(({ tag }) => versionOfTag(tag ?? "", prefix.image) ?? []);
  const [, ...before] = standingVersions([...versions, current]).reverse();
  const found = before.find((version) => !isDenied(policy.deny, version));
  if (found !== undefined) return found;
  throw new InputError(
    `There is nothing to go back to: in the history of HEAD, ${config.file} has decided no release of ${name} before ` +
      `${current} that is neither denied nor taken back. \`--to <version>\` names one.`,
  );
}

/** Nothing where Git cannot tell: `--to` needs no history. */
async function historyOf({ root, stack }: StackConfig): Promise<DecisionHistory | undefined> {
  try {
    return await readDecisions(root, stack);
  } catch (error) {
    if (error instanceof GitError) return undefined;
    throw error;
  }
}

/** Values files are not part of the decision, but may have been changed for the release that goes. */
async function valuesNotes(
  { config, tenant }: Subject,
  { current, to }: { readonly current: string; readonly to: string },
  history: DecisionHistory | undefined,
): Promise<string[]> {
  const left = tagDecisions(history?.decisions.get(objectName(tenant))).find(({ previous }) => previous === to);
  if (left === undefined) return [];
  const paths = specialConfigPaths({ tenants: [tenant], stack: config.stack });
  const since = `${left.commit}^1`;
  const git = new OwnGit(config.root);
  const { stdout } = await git.try("diff", "--name-only", "--relative", "-z", since, "HEAD", "--", ...paths);
  const changed = stdout.split("\0").filter((path) => path !== "");
  if (changed.length === 0) return [];
  return [
    `Values stay as they are. Changed since ${to} was decided: ${changed.join(", ")}. ` +
      `\`git diff ${left.commit.slice(0, 10)}^1 HEAD -- ${changed.join(" ")}\` shows it: revert it too if it belongs to ${current}.`,
  ];
}
