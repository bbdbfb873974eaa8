import { refusal } from "./refusal";

/**
 * The environment variable with the tenants that an `up` skips: `4711@prod,cart,pay:new`. It starts with the process ID
 * and the stack of the `authority up` that sets it, which also passes `--exclude` for these tenants' resources: without
 * that, the engine would delete them.
 */
export const skippedVariable = "SHARED_AUTHORITY_SKIPPED";

/** A tenant that an `up` skips. */
export interface SkippedTenant {
  readonly name: string;
  /** Whether the stack has no resource of it yet. Then it gets none; otherwise its image policy is updated. */
  readonly isNew: boolean;
}

/**
 * The tenants that this `up` skips.
 *
 * @throws pulumi.RunError if the variable was not set by a running `authority up` of this stack
 */
export function skippedTenants(stack: string): readonly SkippedTenant[] {
  const text = process.env[skippedVariable] ?? "";
  if (text === "") return [];
  const [authority = "", ...tenants] = text.split(",");
  const at = authority.indexOf("@");
  if (authority.slice(at + 1) !== stack || !isRunning(authority.slice(0, at))) {
    throw refusal(
      `${skippedVariable} is "${text}", but no running \`authority up --stack ${stack}\` has set it: this run would ` +
        "delete these tenants' resources. Unset it; `authority up` determines which tenants to skip.",
    );
  }
  return tenants.map((text) => ({ name: text.split(":", 1)[0] ?? "", isNew: text.endsWith(newMark) }));
}

/** The value of the environment variable for an engine that this process starts. */
export function skippedText(stack: string, tenants: readonly SkippedTenant[]): string {
  return [`${process.pid}@${stack}`, ...tenants.map(({ name, isNew }) => (isNew ? `${name}${newMark}` : name))].join(
    ",",
  );
}

/** A tenant's name has no colon. */
const newMark = ":new";

function isRunning(pid: string): boolean {
  if (!/^[1-9][0-9]*$/.test(pid)) return false;
  try {
    // Signal 0 only checks whether the process exists.
    return process.kill(Number(pid), 0);
  } catch {
    return false;
  }
}
