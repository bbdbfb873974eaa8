/**
 * The environment variable that names the tenants, separated by commas, that an `up` leaves as they are. `authority up`
 * sets it, together with the engine's `--exclude` for all that these tenants have; by itself it would delete them.
 */
export const heldVariable = "SHARED_AUTHORITY_HELD";

/** The names of the tenants that this `up` leaves as they are. */
export function heldTenants(): ReadonlySet<string> {
  return new Set((process.env[heldVariable] ?? "").split(",").filter((name) => name !== ""));
}
