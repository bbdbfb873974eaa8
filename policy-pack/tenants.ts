import type { StackConfig, Tenant } from "../src/config/stack-config";

interface Index {
  readonly byName: ReadonlyMap<string, Tenant>;
  readonly byNamespace: ReadonlyMap<string, Tenant>;
}

const indexes = new WeakMap<StackConfig, Index>();

/** The policies look a tenant up for each object of a stack, which may have thousands of tenants. */
function indexOf(config: StackConfig): Index {
  const index = indexes.get(config) ?? {
    byName: new Map(config.tenants.map((tenant) => [tenant.name, tenant])),
    byNamespace: new Map(config.tenants.map((tenant) => [tenant.namespace, tenant])),
  };
  indexes.set(config, index);
  return index;
}

/** The tenant of this name, if the stack has one. */
export function tenantNamed(config: StackConfig, name: string): Tenant | undefined {
  return indexOf(config).byName.get(name);
}

/** The tenant whose workload runs in this namespace, if the stack has one. */
export function tenantIn(config: StackConfig, namespace: string): Tenant | undefined {
  return indexOf(config).byNamespace.get(namespace);
}
