import { printableSentence } from "../config/printable";
import type { StackConfig } from "../config/stack-config";
import { readConfigFiles } from "../config/stack-file";
import { annotation } from "../manifests/annotation";
import { clusterError } from "../program/cluster-client";
import type { LiveHelmRelease } from "../program/helm-release-state";
import { openHelmReleases } from "../program/release-watch";
import { declaredCluster } from "./declared-cluster";
import { readLastDeploy } from "./last-deploy";

/** What runs of a stack, by the tenants' names in the cluster, and where that information comes from. */
export type RunningStack = (
  | { readonly source: "cluster"; readonly releases: ReadonlyMap<string, LiveHelmRelease> }
  | { readonly source: "last deploy"; readonly versions: ReadonlyMap<string, string> }
  | { readonly source: "unknown" }
) & {
  /** Why the cluster that the stack names cannot be read. */
  readonly problem?: string;
};

/**
 * Reads what runs: from the cluster that the stack file names, with one request; or else from the stack's outputs of the
 * last deploy, which a stack that renders manifests has not.
 */
export async function readRunningStack(config: StackConfig): Promise<RunningStack> {
  const { root, stack, authorityNamespace, delivery } = config;
  const cluster = declaredCluster(readConfigFiles(root, stack));
  let problem: string | undefined;
  if (cluster !== undefined) {
    try {
      const releases = await (await openHelmReleases(cluster, authorityNamespace)).list();
      const ours = releases.filter(({ metadata }) => metadata.annotations?.[annotation.tenant] !== undefined);
      return { source: "cluster", releases: new Map(ours.map((release) => [release.metadata.name, release])) };
    } catch (error) {
      problem = printableSentence(clusterError(error).message);
    }
  }
  const versions = delivery.kind === "cluster" ? await readLastDeploy(root, stack) : undefined;
  return versions === undefined ? { source: "unknown", problem } : { source: "last deploy", versions, problem };
}
