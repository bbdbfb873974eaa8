import { refusal } from "./refusal";

/**
 * The environment variable that names the tenants that an `up` leaves as they are: `4711@prod,cart,pay:new`, first the
 * process of the `authority up` that says so, and its stack. It goes together with the engine's `--exclude` for what these tenants have; without
 * that, the engine would delete it.
 */
export const skippedVariable = "SHARED_AUTHORITY_HELD";

/** A tenant that an `up` leaves as it is. */
export interface SkippedTenant {
  readonly name: string;
  /**
   * Whether the stack has nothing of it yet: nothing of it is made then. Of any other tenant Flux learns what the
   * platform team has decided.
   */
  readonly isNew: boolean;
}

/**
 * The tenants that this `up` leaves as they are.
 *
 * @throws pulumi.RunError where no `authority up` of this stack runs that has set the variable
 */
export function skippedTenants(stack: string): readonly SkippedTenant[] {
  const text = process.env[skippedVariable] ?? "";
  if (text === "") return [];
  const [authority = "", ...tenants] = text.split(",");
  const at = authority.indexOf("@");
  if (authority.slice(at + 1) !== stack || !isRunning(authority.slice(0, at))) {
    throw refusal(
      `${skippedVariable} is "${text}", and no \`authority up --stack ${stack}\` runs that has set it: this run would ` +
        "delete all that these tenants have. Unset it; `authority up` finds out by itself which tenants to hold.",
    );
  }
  return tenants.map((text) => ({ name: text.split(":", 1)[0] ?? "", isNew: text.endsWith(newMark) }));
}

/** The text of the environment variable, for an engine that this process starts for the stack. */
export function skippedText(stack: string, tenants: readonly SkippedTenant[]): string {
  return [`${process.pid}@${stack}`, ...tenants.map(({ name, isNew }) => (isNew ? `${name}${newMark}` : name))].join(
    ",",
  );
}

/** No tenant's name holds a colon. */
const newMark = ":new";

function isRunning(pid: string): boolean {
  if (!/^[1-9][0-9]*$/.test(pid)) return false;
  try {
    // Signal 0 sends nothing: it asks whether there is such a process.
    return process.kill(Number(pid), 0);
  } catch {
    return false;
  }
}
