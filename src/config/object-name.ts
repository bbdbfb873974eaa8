import { isMapping, valueAt } from "./report";
import type { Tenant } from "./stack-config";

/** The name of a tenant's objects in the cluster: its first one, because Kubernetes renames nothing. */
export function objectName({ name, formerly }: Pick<Tenant, "name" | "formerly">): string {
  return formerly ?? name;
}

/** The same of an entry that is not checked: of a stack file, or of the stack's outputs. */
export function objectNameOf(name: string, entry: unknown): string {
  const formerly = valueAt(entry, ["formerly"]);
  return typeof formerly === "string" ? formerly : name;
}

/** The names in the cluster of all tenants that a stack file has, without a check of their entries. */
export function objectNamesOf(tenants: unknown): ReadonlySet<string> {
  return new Set(Object.entries(isMapping(tenants) ? tenants : {}).map(([name, entry]) => objectNameOf(name, entry)));
}
