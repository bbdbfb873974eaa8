import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { Provider } from "@pulumi/kubernetes/provider";
import * as pulumi from "@pulumi/pulumi";
import type { StackConfig } from "../config/stack-config";
import type { ClusterAccess } from "./flux-conditions";
import { refusal } from "./refusal";

/** How the stack's cluster is reached: what is known only later, and may be a secret, is an output. */
export type StackCluster = ClusterAccess<pulumi.Output<string>>;

/**
 * What is decided here wins over what somebody changed by hand: without it the API server refuses to take back a field
 * that anything else has written since, and the drift would stay. An object that we did not make is still refused.
 */
const enablePatchForce = true;

/**
 * The cluster that every object of the stack goes to; nothing where manifests are rendered. It is always named: by
 * `kubernetes:context`, by `kubernetes:kubeconfig`, or by the stack that exports its kubeconfig. Whatever the shell
 * points at is never taken, for that is how a deploy lands in the wrong cluster. To be called once.
 *
 * @throws pulumi.RunError when the delivery is a cluster and none is named.
 */
export function stackCluster(config: StackConfig): StackCluster | undefined {
  if (config.delivery.kind === "manifests") return undefined;
  const kubernetes = new pulumi.Config("kubernetes");
  const context = kubernetes.get("context");
  const { kubeconfigFrom } = config.cluster;
  if (kubeconfigFrom !== undefined) {
    const kubeconfig = new pulumi.StackReference(kubeconfigFrom.stack).requireOutput(kubeconfigFrom.output);
    return { kubeconfig: pulumi.secret(kubeconfig as pulumi.Output<string>), context };
  }
  const kubeconfig = kubernetes.getSecret("kubeconfig");
  refuseMissingFile(config, pulumi.runtime.allConfig()["kubernetes:kubeconfig"]);
  if (kubeconfig !== undefined || context !== undefined) return { kubeconfig, context };
  throw refusal(
    `${config.file}: no cluster is named. Name it with \`kubernetes:context\`, with \`kubernetes:kubeconfig\`, or with ` +
      "`shared-authority:cluster` and the stack that exports its kubeconfig; or set `shared-authority:delivery` to a " +
      "directory of manifests.",
  );
}

/**
 * The provider takes a text that names no file for the kubeconfig itself, and then complains of its JSON.
 *
 * @param kubeconfig a path, or a kubeconfig, which is never shown
 */
function refuseMissingFile({ file, root }: StackConfig, kubeconfig = ""): void {
  const isPath = /^\.{0,2}\/\S+$/.test(kubeconfig);
  if (!isPath || existsSync(resolve(root, kubeconfig))) return;
  throw refusal(
    `${file}: \`kubernetes:kubeconfig\` names ${kubeconfig}, and there is no such file. Nothing was changed. Put the ` +
      "kubeconfig there, or name another one.",
  );
}

/** The one provider that every object of the stack is registered with: for its cluster, or for a folder of manifests. */
export function clusterProvider(config: StackConfig, cluster: StackCluster | undefined): Provider {
  const { delivery } = config;
  return new Provider(
    `${config.stack}-cluster`,
    delivery.kind === "manifests" ? { renderYamlToDirectory: delivery.directory } : { ...cluster, enablePatchForce },
  );
}
