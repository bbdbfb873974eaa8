import { reasonsWithHint, type ResolvedStack, type ResolvedTenant } from "../release/resolve";

/** Why a tenant may not run: a title with the names of stack and tenant, and one line for each reason and the hint. */
export function describeReasons(
  stack: string,
  tenant: string,
  resolved: Pick<ResolvedTenant, "source" | "reasons">,
): string[] {
  const { source, reasons } = resolved;
  if (reasons.length === 0) return [];
  const title = source === "none" ? "cannot be verified" : "the promise is broken";
  return [`${stack}/${tenant}: ${title}`, ...reasonsWithHint(stack, resolved).map((line) => `  - ${line}`)];
}

/** Why tenants of a stack may not run; empty if all of them may. */
export function describeStackReasons({ config, tenants }: ResolvedStack): string[] {
  return tenants.flatMap((resolved) => describeReasons(config.stack, resolved.tenant.name, resolved));
}
