import { join, relative, resolve } from "node:path";
import { isInnerPath } from "../config/address";
import { documentation } from "../config/documentation";
import { emergencyReason } from "../config/emergency";
import { decidedVerdict, decideFirst } from "../program/before-deploy";
import { withFailedReleases } from "../program/failed-releases";
import { announceSkipped } from "../program/announce-skipped";
import { printable } from "../config/printable";
import { readStackConfig } from "../config/read-stack-config";
import type { StackConfig } from "../config/stack-config";
import { readLock } from "../release/lock";
import { type CheckedStack, checkStack, describeStack, readPackConfig } from "./check";
import { type ExitCode, exitCode } from "./exit-code";
import { exportState } from "./engine-state";
import { resourcesOf } from "./interrupted";
import { skip, outlook } from "./skip";
import { InputError } from "./input-error";
import { lastDeployOf } from "./last-deploy";
import { rollBackFailures } from "./on-failure";
import { showPulumi } from "./pulumi-command";
import { describeRecovery, recoverObjects } from "./recover";
import { declaredRemovals, isPreview, removeLeaving, removeLeft, StateRemovals } from "./removal";
import { hasRollbackPin, unpinOffers } from "./rollback-pin";
import type { Session } from "./session";
import type { Terminal } from "./terminal";

/** Options of `authority up`. */
export interface UpOptions {
  readonly stack: string;
  readonly policyPackConfig?: string;
}

/**
 * Runs `pulumi up` with the policy pack for every tenant that may be deployed. A tenant whose release breaks the promise,
 * cannot be verified or is blocked by a policy is skipped: its objects stay as they are. A violation that belongs to no
 * tenant blocks the whole run.
 *
 * Nothing is deployed that is not committed and, with a `configRepository`, pushed. Objects that an interrupted `up`
 * created but did not record are taken over first. A new version that does not become ready is rolled back, if its tenant asks for it.
 *
 * @param flags further flags for `pulumi up`, except those that name another stack or folder
 * @returns fine; blocked if a tenant was skipped or rolled back, or the decision is not committed and pushed; internal if
 *   Pulumi failed
 */
export async function up(
  { stack, policyPackConfig }: UpOptions,
  flags: readonly string[],
  session: Session,
): Promise<ExitCode> {
  const { root, terminal } = session;
  session.requireOneVersion();
  refuseOtherStack(flags);
  refuseOtherPackConfig(flags);
  const config = readStackConfig({ root, stack });
  const packConfig = readPackConfig(policyPackConfig, session);
  const packConfigFlags =
    policyPackConfig === undefined ? [] : ["--policy-pack-config", session.path(policyPackConfig)];
  const decided = isPreview(flags) ? "yes" : await isDecided(config, [...packConfigFlags, ...flags], terminal);
  if (decided === "no") return exitCode.blocked;
  const checked = await checkStack(config, readLock(root), session.reader(), packConfig);
  terminal.done();
  // The program names what the lock lacks.
  for (const line of describeStack({ ...checked, unlocked: [] }, terminal.messageColors)) terminal.log(line);
  const names = skippedOf(checked);
  if (names === undefined) return exitCode.blocked;
  if (names.length > 0) {
    terminal.log(
      `skipped: ${names.join(", ")}; deploying ${config.tenants.length - names.length} of ${config.tenants.length} tenants. ` +
        "The objects of skipped tenants stay as they are; run this again when the problems above are fixed.",
    );
  }
  const state = await exportState(root, config.stack);
  const recovery = await recoverObjects(config, state, terminal);
  if (recovery !== undefined) terminal.log(describeRecovery(recovery));
  const removals =
    recovery === undefined ? new StateRemovals(config, resourcesOf(state)) : await StateRemovals.read(config);
  const refused = removals.undeclared;
  if (refused.length > 0) {
    terminal.log([`Only what ${config.file} declares is deleted:`, ...refused.map(printable)].join("\n"));
    return exitCode.blocked;
  }
  if (decided === "unknown" && removals.leaving.length > 0) {
    terminal.log(
      "Nothing is deleted while the Git host cannot tell whether that was decided. Run this again when it answers.",
    );
    return exitCode.blocked;
  }
  const remaining = await removeLeaving(removals, flags, terminal);
  const skipped = skip(config, names, removals.resources);
  for (const line of outlook(config, skipped)) terminal.log(line);
  const excluded = new Set([...skipped.excluded, ...remaining, ...removals.urnsOf(removals.left)]);
  const parameters = [
    ...(isPreview(flags) ? ["preview"] : ["up", "--continue-on-error"]),
    ...["--stack", stack, "--policy-pack", join(root, "policy-pack")],
    // They are the records of all tenants. What changes comes first, by tenant.
    "--suppress-outputs",
    ...packConfigFlags,
    ...[...excluded].flatMap((urn) => ["--exclude", urn]),
    ...(isPreview(flags) ? flags.filter((flag) => !isOfUp.test(flag)) : flags),
  ];
  const removed = declaredRemovals(config);
  const isPlain = names.length + removed.length === 0;
  const announced = isPlain ? undefined : await announceSkipped(stack, skipped.tenants, removed);
  const { result: code, failed } = await withFailedReleases((environment) =>
    showPulumi(root, parameters, { ...announced?.environment, ...environment }).finally(announced?.close),
  );
  if (code !== 0)
    terminal.log(`\`pulumi up\` failed. ${documentation("recovery.md")} explains its messages and what to do.`);
  const isRemoved = await removeLeft(removals, code === 0, flags, terminal);
  const isAllRemoved = isRemoved && (isPreview(flags) || remaining.length === 0);
  if (code !== 0 || !isAllRemoved) {
    const failures = { config, failed, before: lastDeployOf(state) };
    const isYes = flags.some((flag) => /^(?:--yes|-y)$/.test(flag));
    if (!(await rollBackFailures(failures, isYes, session))) return exitCode.internal;
    // A step back is never rolled back, so this ends.
    const rolledBack = await up({ stack, policyPackConfig }, flags, session);
    return rolledBack === exitCode.fine ? exitCode.blocked : rolledBack;
  }
  if (!isPreview(flags) && hasRollbackPin(config)) {
    const offers = unpinOffers(config, resourcesOf(await exportState(root, config.stack)));
    if (offers.length > 0) terminal.log(offers.join("\n"));
  }
  const adopted = config.tenants.filter(({ name, adopts }) => adopts !== undefined && !names.includes(name));
  if (!isPreview(flags) && config.delivery.kind === "cluster" && adopted.length > 0) {
    const taken = adopted.map(({ name }) => name).join(", ");
    terminal.log(`Taken over: ${taken}. Remove \`adopts\` from the entry in ${config.file}, and run this again.`);
  }
  return names.length === 0 ? exitCode.fine : exitCode.blocked;
}

/** Flags that `pulumi preview` does not have. The first is ours: `pulumi destroy` has it, `pulumi up` does not. */
const isOfUp = /^(?:--preview-only|-[fy]|--skip-preview|--yes)$/;

/** Reports what is not committed and pushed, before anything that takes longer. The program decides about an emergency. */
async function isDecided(
  config: StackConfig,
  flags: readonly string[],
  terminal: Terminal,
): Promise<"yes" | "no" | "unknown"> {
  const { title, reasons, unreachable } = await decidedVerdict(config, policyPaths(config.root, flags));
  if (unreachable !== undefined) terminal.log(printable(`${unreachable}. Only a step back can be deployed now.`));
  if (emergencyReason() !== undefined) return "yes";
  if (reasons.length === 0) return unreachable === undefined ? "yes" : "unknown";
  terminal.log([`${title}:`, ...reasons.map((reason) => `  ${printable(reason)}`), `  ${decideFirst}`].join("\n"));
  return "no";
}

/** Further policy packs and their settings in the flags: those of this project, and not those of an installed package. */
function policyPaths(root: string, flags: readonly string[]): string[] {
  const given = flags.flatMap((flag, index) => {
    if (!/^--policy-pack(?:-config)?(?:=|$)/.test(flag)) return [];
    return flag.includes("=") ? [flag.slice(flag.indexOf("=") + 1)] : flags.slice(index + 1, index + 2);
  });
  return given
    .map((path) => relative(root, resolve(root, path)))
    .filter((path) => isInnerPath(path) && !path.split("/").includes("node_modules"));
}

/** Only the stack that was judged may be deployed. @throws InputError if a flag names another stack or folder */
function refuseOtherStack(flags: readonly string[]): void {
  const other = flags.find((flag) => /^(?:-[sC]|--stack(?:=|$)|--cwd(?:=|$))/.test(flag));
  if (other === undefined) return;
  throw new InputError(
    `\`${other}\` after \`--\` would deploy another stack than the one that was judged. ` +
      "Name the stack before it: `authority up --stack prod -- --yes`.",
  );
}

/**
 * The engine and the check before it judge by the same config. Each further policy pack may have one of its own.
 *
 * @throws InputError if a flag names one for this pack
 */
function refuseOtherPackConfig(flags: readonly string[]): void {
  const countOfFlag = (flag: RegExp) => flags.filter((one) => flag.test(one)).length;
  if (countOfFlag(/^--policy-pack-config(?:=|$)/) <= countOfFlag(/^--policy-pack(?:=|$)/)) return;
  throw new InputError(
    "`--policy-pack-config` after `--` would judge the stack by another config than the check before it. " +
      "Name it before: `authority up --stack prod --policy-pack-config policies.json -- --yes`.",
  );
}

/** The tenants that must not be deployed; `undefined` if a violation belongs to no tenant. */
export function skippedOf({ releases, violations }: CheckedStack): string[] | undefined {
  const blocked = violations.filter(({ enforcement }) => enforcement === "mandatory").map(({ tenant }) => tenant);
  const tenants = [...releases.map(({ tenant }) => tenant), ...blocked];
  return tenants.includes(undefined) ? undefined : [...new Set(tenants as string[])].sort();
}
