import { objectName } from "../config/object-name";
import type { StackConfig } from "../config/stack-config";
import { emergencyVariable } from "../config/emergency";
import { type Evidence, isRelease } from "../release/evidence";
import { lockFile } from "../release/lock";
import type { ResolvedStack } from "../release/resolve";
import { compareVersions } from "../version/version";
import { uncommittedReasons } from "./commit-before-deploy";
import type { LastOutputs } from "./previous-release";
import { type PushVerdict, pushVerdict } from "./push-before-deploy";

/** Whether what would be deployed is a decision that everybody can see. */
export interface DecidedVerdict extends PushVerdict {
  /** What to do first, in a few words. */
  readonly title: string;
}

/**
 * Whether the decision is committed and, where the stack names its repository, on the branch that decides.
 *
 * @param more further files and folders that the `up` depends on, relative to the project's folder
 */
export async function decidedVerdict(config: StackConfig, more: readonly string[] = []): Promise<DecidedVerdict> {
  const title = "Commit before deploy";
  if (config.follow !== "tags") return { title, reasons: [] };
  const [uncommitted, pushed] = await Promise.all([uncommittedReasons(config, more), pushVerdict(config)]);
  const reasons = [...uncommitted, ...pushed.reasons];
  return { ...pushed, title: uncommitted.length > 0 ? title : "Push before deploy", reasons };
}

/** What to do about the reasons of a verdict. */
export const decideFirst = `Correct this and run \`up\` again. In an emergency set ${emergencyVariable} to the reason.`;

/**
 * Why an `up` must not run while the Git host cannot be asked: each tenant may only stay at its release or move back to
 * one that the lock knows, because nobody can tell whether a step forward was decided.
 *
 * @param last the outputs of the last `up`
 */
export function forwardReasons({ config, tenants }: ResolvedStack, last: LastOutputs): string[] {
  const steps = tenants.flatMap(({ tenant, evidence, source }) => {
    if (evidence === undefined || !isRelease(evidence)) return [];
    const { name } = tenant;
    const { version } = evidence;
    const running: Evidence | undefined = last[objectName(tenant)]?.evidence;
    if (running === undefined) return [`${name} is new`];
    if (source !== "lock") return [`${name} ${version} is not in ${lockFile}`];
    if (compareVersions(version, running.version) <= 0) return [];
    return [`${name} ${version} is newer than ${running.version}, which was deployed last`];
  });
  const removed = Object.keys(last).filter((name) => !config.tenants.some((tenant) => objectName(tenant) === name));
  return [...steps, ...removed.map((name) => `${name} would be removed`)];
}
