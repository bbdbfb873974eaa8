import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { Provider } from "@pulumi/kubernetes/provider";
import * as pulumi from "@pulumi/pulumi";
import type { StackConfig } from "../config/stack-config";
import { providerArgs } from "../manifests/provider-args";
import type { ClusterAccess } from "./cluster-client";
import { refusal } from "./refusal";

/** How the stack's cluster is reached. The kubeconfig may be known only later, and may be secret. */
export type StackCluster = ClusterAccess<pulumi.Output<string>>;

/**
 * The cluster of the stack's objects; `undefined` if the stack renders manifests. The config must name it with
 * `kubernetes:context`, `kubernetes:kubeconfig`, or the stack that exports its kubeconfig. The shell's current context
 * is never used, because it may be another cluster. To be called once.
 *
 * @throws pulumi.RunError if the config names no cluster
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
    `${config.file}: no cluster is named. Set \`kubernetes:context\`, \`kubernetes:kubeconfig\`, or ` +
      "`shared-authority:cluster` with the stack that exports its kubeconfig; or set `shared-authority:delivery` to a " +
      "directory of manifests.",
  );
}

/**
 * The provider reads the path of a missing file as the kubeconfig itself, and then reports invalid JSON.
 *
 * @param kubeconfig a path, or a kubeconfig, which is never printed
 */
function refuseMissingFile({ file, root }: StackConfig, kubeconfig = ""): void {
  const isPath = /^\.{0,2}\/\S+$/.test(kubeconfig);
  if (!isPath || existsSync(resolve(root, kubeconfig))) return;
  throw refusal(
    `${file}: \`kubernetes:kubeconfig\` names ${kubeconfig}, and there is no such file. Nothing was changed. ` +
      "Create the file, or name another one.",
  );
}

/** The provider of every object of the stack: for its cluster, or for a folder of manifests. */
export function clusterProvider(config: StackConfig, cluster: StackCluster | undefined): Provider {
  return new Provider(`${config.stack}-cluster`, providerArgs(config, cluster ?? {}));
}
