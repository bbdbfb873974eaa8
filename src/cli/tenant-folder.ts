import { valueAt } from "../config/report";
import type { StackConfig } from "../config/stack-config";
import { listStacks, readStackFile } from "../config/stack-file";
import { settingsOf } from "../config/structure";

/** The folder of a tenant's values files. */
export function tenantFolder(tenant: string): string {
  return `tenants/${tenant}`;
}

/** The stacks that use a tenant's folder without this stack's tenant: by its name, or for another tenant. */
export function otherUsers({ root, stack }: StackConfig, tenant: string): string[] {
  return listStacks(root).filter((other) => {
    const { tenants } = settingsOf(readStackFile(root, other));
    const { [tenant]: own, ...rest } = (tenants ?? {}) as Readonly<Record<string, unknown>>;
    const isNamed = Object.values(rest).some((entry) => names(entry, tenant));
    return isNamed || (other !== stack && own !== undefined);
  });
}

/** The stacks that have a tenant of this name, apart from this one. */
export function otherStacksWith({ root, stack }: StackConfig, tenant: string): string[] {
  return listStacks(root).filter(
    (other) => other !== stack && valueAt(settingsOf(readStackFile(root, other)), ["tenants", tenant]) !== undefined,
  );
}

function names(entry: unknown, tenant: string): boolean {
  const values = valueAt(entry, ["values"]);
  const own = `${tenantFolder(tenant)}/`;
  return Array.isArray(values) && values.some((path) => typeof path === "string" && path.startsWith(own));
}
