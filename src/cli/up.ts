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
 * Runs `pulumi up` with the policy pack, for every tenant that may be deployed. A tenant whose release breaks the
 * promise, cannot be verified or is blocked by a policy is held: what runs of it stays as it is, and the others go on.
 * What no single tenant is to blame for holds everything.
 *
 * What an interrupted `up` has made and not written down is taken over first.
 *
 * @param flags further flags for `pulumi up`, none that names another stack or folder
 * @returns fine; blocked where a tenant is held; what Pulumi ended with where it failed
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
      `held: ${names.join(", ")}; ${config.tenants.length - names.length} of ${config.tenants.length} go on. What is held ` +
        "stays as it is; run this again once what is said of it above is fixed, or can be read.",
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
    terminal.log("`pulumi up` has failed. What its messages mean and what to do then is in docs/recovery.md.");
    return exitCode.internal;
  }
  return names.length === 0 ? exitCode.fine : exitCode.blocked;
}

/** What is judged, held and deployed is one stack of one project. @throws InputError where a flag names another */
function refuseOtherStack(flags: readonly string[]): void {
  const other = flags.find((flag) => /^(?:-[sC]|--stack(?:=|$)|--cwd(?:=|$))/.test(flag));
  if (other === undefined) return;
  throw new InputError(
    `\`${other}\` stands behind \`--\`, and would have another stack deployed than the one that was judged. ` +
      "Name the stack before it: `authority up --stack prod -- --yes`.",
  );
}

/** The tenants that may not be deployed, or nothing where a policy blocks something that belongs to none of them. */
function skippedOf({ releases, violations }: CheckedStack): string[] | undefined {
  const blocked = violations.filter(({ enforcement }) => enforcement === "mandatory").map(({ tenant }) => tenant);
  const tenants = [...releases.map(({ tenant }) => tenant), ...blocked];
  return tenants.includes(undefined) ? undefined : [...new Set(tenants as string[])].sort();
}
