import { join } from "node:path";
import { skippedText, skippedVariable } from "../program/skipped-tenants";
import { readStackConfig } from "../config/read-stack-config";
import { readLock } from "../release/lock";
import { type CheckedStack, checkStack, describeStack } from "./check";
import { type ExitCode, exitCode } from "./exit-code";
import { skip, outlook } from "./skip";
import { InputError } from "./input-error";
import { showPulumi } from "./pulumi-command";
import { describeRecovery, recoverObjects } from "./recover";
import type { Session } from "./session";

/** Options of `authority up`. */
export interface UpOptions {
  readonly stack: string;
}

/**
 * Runs `pulumi up` with the policy pack for every tenant that may be deployed. A tenant whose release breaks the promise,
 * cannot be verified or is blocked by a policy is skipped: its objects stay as they are. A violation that belongs to no
 * tenant blocks the whole run.
 *
 * Objects that an interrupted `up` created but did not record are taken over first.
 *
 * @param flags further flags for `pulumi up`, except those that name another stack or folder
 * @returns fine; blocked if a tenant was skipped; internal if Pulumi failed
 */
export async function up({ stack }: UpOptions, flags: readonly string[], session: Session): Promise<ExitCode> {
  const { root, terminal } = session;
  refuseOtherStack(flags);
  const config = readStackConfig({ root, stack });
  const checked = await checkStack(config, readLock(root), session.reader());
  terminal.done();
  for (const line of describeStack(checked, terminal.messageColors)) terminal.log(line);
  const names = skippedOf(checked);
  if (names === undefined) return exitCode.blocked;
  if (names.length > 0) {
    terminal.log(
      `skipped: ${names.join(", ")}; deploying ${config.tenants.length - names.length} of ${config.tenants.length} tenants. ` +
        "The objects of skipped tenants stay as they are; run this again when the problems above are fixed.",
    );
  }
  const recovery = await recoverObjects(config, terminal);
  if (recovery !== undefined) terminal.log(describeRecovery(recovery));
  const skipped = await skip(config, names);
  for (const line of outlook(config, skipped)) terminal.log(line);
  const code = await showPulumi(
    root,
    [
      ...["up", "--stack", stack, "--policy-pack", join(root, "policy-pack"), "--continue-on-error"],
      ...skipped.excluded.flatMap((urn) => ["--exclude", urn]),
      ...flags,
    ],
    names.length === 0 ? {} : { [skippedVariable]: skippedText(stack, skipped.tenants) },
  );
  if (code !== 0) {
    terminal.log("`pulumi up` failed. docs/recovery.md explains its messages and what to do.");
    return exitCode.internal;
  }
  return names.length === 0 ? exitCode.fine : exitCode.blocked;
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

/** The tenants that must not be deployed; `undefined` if a violation belongs to no tenant. */
function skippedOf({ releases, violations }: CheckedStack): string[] | undefined {
  const blocked = violations.filter(({ enforcement }) => enforcement === "mandatory").map(({ tenant }) => tenant);
  const tenants = [...releases.map(({ tenant }) => tenant), ...blocked];
  return tenants.includes(undefined) ? undefined : [...new Set(tenants as string[])].sort();
}
