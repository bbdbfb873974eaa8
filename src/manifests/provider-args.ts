import type { StackConfig } from "../config/stack-config";

/** How the stack's cluster is reached, as `kubernetes:kubeconfig` and `kubernetes:context` say. */
export interface ClusterArgs<Text = string> {
  readonly kubeconfig?: Text;
  readonly context?: string;
}

/** The arguments of the one Kubernetes provider of a stack. */
export type ProviderArgs<Text = string> =
  | { readonly renderYamlToDirectory: string }
  | (ClusterArgs<Text> & { readonly enablePatchForce: true; readonly upsertExistingObjects?: true });

/**
 * For the stack's cluster, or for its folder of manifests.
 *
 * `enablePatchForce`: the stack's decision wins over manual changes. Without it the API server does not let the provider
 * revert a field that something else has written since. Objects that we did not create are still refused, unless a tenant
 * `adopts` a release: then the preflight refuses them, all but the namespace of that tenant.
 */
export function providerArgs<Text>(
  { delivery, tenants }: Pick<StackConfig, "delivery" | "tenants">,
  cluster: ClusterArgs<Text>,
): ProviderArgs<Text> {
  return delivery.kind === "manifests"
    ? { renderYamlToDirectory: delivery.directory }
    : {
        ...cluster,
        enablePatchForce: true,
        ...(tenants.some(({ adopts }) => adopts !== undefined) && { upsertExistingObjects: true as const }),
      };
}
