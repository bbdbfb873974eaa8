import { resolve } from "node:path";
import { valueAt } from "../config/report";
import { settingsOfFiles } from "../config/read-stack-config";
import { type ConfigFiles, hasKubernetesSetting, kubernetesSetting } from "../config/stack-file";
import type { ClusterAccess } from "../program/cluster-client";

/**
 * The cluster that a stack's files name, as the provider takes it. Nothing where they name none, or only the engine can
 * read the kubeconfig: it is encrypted, or the output of another stack. The default one could be of another cluster.
 */
export function declaredCluster(files: ConfigFiles): ClusterAccess | undefined {
  const kubeconfig = kubernetesSetting(files, "kubeconfig");
  const context = kubernetesSetting(files, "context");
  const isElsewhere = valueAt(settingsOfFiles(files), ["cluster", "kubeconfigFrom"]) !== undefined;
  if (isElsewhere || (kubeconfig === undefined && hasKubernetesSetting(files, "kubeconfig"))) return undefined;
  if (kubeconfig === undefined && context === undefined) return undefined;
  const isPath = kubeconfig !== undefined && !/[\n{]|^[~/]/.test(kubeconfig);
  return { kubeconfig: isPath ? resolve(files.root, kubeconfig) : kubeconfig, context };
}
