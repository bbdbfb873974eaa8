import { Provider, type ProviderArgs } from "@pulumi/kubernetes/provider";
import * as pulumi from "@pulumi/pulumi";
import type { Fleet } from "../fleet/fleet";
import { refusal } from "./refusal";

/** The config of the stack, read like any Pulumi program's. */
interface ClusterConfig {
  /** `kubernetes:kubeconfig`, which may be a secret. */
  readonly kubeconfig?: pulumi.Output<string>;
  /** `kubernetes:context`. */
  readonly context?: string;
}

/**
 * What is decided here wins over what somebody changed by hand: without it the API server refuses to take back a field
 * that anything else has written since, and the drift would stay. An object that we did not make is still refused.
 */
const enablePatchForce = true;

/**
 * The one provider that every object of the stack is registered with. The cluster is always named: by
 * `kubernetes:context`, by `kubernetes:kubeconfig`, or by the stack that exports its kubeconfig. Whatever the shell
 * points at is never taken, for that is how a deploy lands in the wrong cluster.
 *
 * @throws pulumi.RunError when the delivery is a cluster and none is named.
 */
export function clusterProvider(fleet: Fleet): Provider {
  return new Provider(`${fleet.stack}-cluster`, providerArgs(fleet, clusterConfig()));
}

function clusterConfig(): ClusterConfig {
  const config = new pulumi.Config("kubernetes");
  return { kubeconfig: config.getSecret("kubeconfig"), context: config.get("context") };
}

function providerArgs(fleet: Fleet, config: ClusterConfig): ProviderArgs {
  if (fleet.delivery.kind === "manifests") return { renderYamlToDirectory: fleet.delivery.directory };
  const { kubeconfigFrom } = fleet.cluster;
  if (kubeconfigFrom !== undefined) {
    const kubeconfig = new pulumi.StackReference(kubeconfigFrom.stack).requireOutput(kubeconfigFrom.output);
    return { kubeconfig: pulumi.secret(kubeconfig), context: config.context, enablePatchForce };
  }
  if (config.kubeconfig !== undefined || config.context !== undefined) return { ...config, enablePatchForce };
  throw refusal(
    `${fleet.file}: no cluster is named. Name it with \`kubernetes:context\`, with \`kubernetes:kubeconfig\`, or with ` +
      "`shared-authority:cluster` and the stack that exports its kubeconfig; or set `shared-authority:delivery` to a " +
      "directory of manifests.",
  );
}
