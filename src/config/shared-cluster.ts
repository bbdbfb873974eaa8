import { resolve } from "node:path";
import { objectName } from "./object-name";
import type { Problem } from "./problem";
import type { StackConfig } from "./stack-config";
import { kubernetesSetting, readConfigFiles } from "./stack-file";

/**
 * Objects that two stacks of a project would both own in one cluster. Two stacks are in one cluster if their files name
 * it in the same words; whether different words mean the same cluster cannot be told here.
 */
export function sharedObjects(root: string, configs: readonly StackConfig[]): Problem[] {
  const problems: Problem[] = [];
  const owners = new Map<string, string>();
  const inClusters = configs.flatMap((config) => {
    const cluster = clusterOf(root, config);
    return cluster === undefined ? [] : [{ config, cluster }];
  });
  for (const { cluster, config } of inClusters) {
    const { authorityNamespace, file, stack } = config;
    for (const tenant of config.tenants) {
      const { name, namespace, line } = tenant;
      const objects = objectName(tenant);
      const place = { file, line, path: `shared-authority:tenants.${name}` };
      const authority = inClusters.find(
        (one) => one.cluster === cluster && one.config.authorityNamespace === namespace,
      );
      if (authority !== undefined) {
        const message = `The namespace \`${namespace}\` is the authority namespace of the stack ${authority.config.stack}, which is in the same cluster; no tenant may be in it.`;
        problems.push({ ...place, message, fix: "Choose a namespace of the tenant's own, or name another cluster." });
      }
      const claims = [
        [`the namespace \`${namespace}\``, ["namespace", namespace], "Give the tenant a `namespace` of its own"],
        [
          `the HelmRelease, the account and the policies \`${objects}\` in the authority namespace \`${authorityNamespace}\``,
          ["release", authorityNamespace, objects],
          "Give each stack an `authorityNamespace` of its own, or rename the tenant",
        ],
      ] as const;
      for (const [what, claim, fix] of claims) {
        const key = JSON.stringify([cluster, ...claim]);
        const other = owners.get(key);
        owners.set(key, other ?? stack);
        if (other === undefined) continue;
        problems.push({
          ...place,
          message: `The stack ${other}, which is in the same cluster, has ${what} as well; each would change the other's.`,
          fix: `${fix}, or name another cluster.`,
        });
      }
    }
  }
  return problems;
}

/** The cluster as the stack's file names it. `undefined` with `delivery: manifests`, or if the file names no cluster. */
function clusterOf(root: string, { stack, delivery, cluster }: StackConfig): string | undefined {
  if (delivery.kind === "manifests") return undefined;
  const files = readConfigFiles(root, stack);
  const kubeconfig = kubernetesSetting(files, "kubeconfig");
  const isPath = kubeconfig !== undefined && !/[\n{]|^~/.test(kubeconfig);
  const name = [
    isPath ? resolve(root, kubeconfig) : kubeconfig,
    kubernetesSetting(files, "context"),
    cluster.kubeconfigFrom,
  ];
  return name.every((part) => part === undefined) ? undefined : JSON.stringify(name);
}
