import { refusal } from "./refusal";

/**
 * The environment variable that names the tenants that an `up` leaves as they are: `4711,cart,pay:new`, first the process
 * of the `authority up` that says so. It goes together with the engine's `--exclude` for what these tenants have; without
 * that, the engine would delete it.
 */
export const heldVariable = "SHARED_AUTHORITY_HELD";

/** A tenant that an `up` leaves as it is. */
export interface HeldTenant {
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
 * @throws pulumi.RunError where no `authority up` runs that has set the variable
 */
export function heldTenants(): readonly HeldTenant[] {
  const [authority, ...tenants] = (process.env[heldVariable] ?? "").split(",");
  if (authority === undefined || authority === "") return [];
  if (!isRunning(authority)) {
    throw refusal(
      `${heldVariable} is "${String(process.env[heldVariable])}", and no \`authority up\` runs that has set it: this ` +
        "`up` would delete all that these tenants have. Unset it. `npx authority up --stack <stack>` finds out by " +
        "itself which tenants to hold.",
    );
  }
  return tenants.map((text) => ({ name: text.split(":", 1)[0] ?? "", isNew: text.endsWith(newMark) }));
}

/** The text of the environment variable, for programs that this process starts. */
export function heldText(tenants: readonly HeldTenant[]): string {
  return [process.pid, ...tenants.map(({ name, isNew }) => (isNew ? `${name}${newMark}` : name))].join(",");
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
