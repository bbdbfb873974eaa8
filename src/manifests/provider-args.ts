import type { StackConfig } from "../config/stack-config";

/** How the stack's cluster is reached, as `kubernetes:kubeconfig` and `kubernetes:context` say. */
export interface ClusterArgs<Text = string> {
  readonly kubeconfig?: Text;
  readonly context?: string;
}

/** The arguments of the one Kubernetes provider of a stack. */
export type ProviderArgs<Text = string> =
  { readonly renderYamlToDirectory: string } | (ClusterArgs<Text> & { readonly enablePatchForce: true });

/**
 * For the stack's cluster, or for its folder of manifests.
 *
 * `enablePatchForce`: the stack's decision wins over manual changes. Without it the API server does not let the provider
 * revert a field that something else has written since. Objects that we did not create are still refused.
 */
export function providerArgs<Text>({ delivery }: StackConfig, cluster: ClusterArgs<Text>): ProviderArgs<Text> {
  return delivery.kind === "manifests"
    ? { renderYamlToDirectory: delivery.directory }
    : { ...cluster, enablePatchForce: true };
}
