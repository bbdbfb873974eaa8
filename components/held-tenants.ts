/**
 * The environment variable that names the tenants that an `up` leaves as they are: `cart,pay:new`. `authority up` sets
 * it, together with the engine's `--exclude` for what these tenants have; by itself it would delete that.
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

/** The tenants that this `up` leaves as they are. */
export function heldTenants(): readonly HeldTenant[] {
  return (process.env[heldVariable] ?? "")
    .split(",")
    .filter((text) => text !== "")
    .map((text) => ({ name: text.split(":", 1)[0] ?? "", isNew: text.endsWith(newMark) }));
}

/** The text of the environment variable. */
export function heldText(tenants: readonly HeldTenant[]): string {
  return tenants.map(({ name, isNew }) => (isNew ? `${name}${newMark}` : name)).join(",");
}

/** No tenant's name holds a colon. */
const newMark = ":new";
