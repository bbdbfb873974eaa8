import type { KubernetesListObject, KubernetesObject, KubernetesObjectApi } from "@kubernetes/client-node";
import { judgedKinds, refusedImages, type WithPods } from "../manifests/image-admission";
import { type ClusterAccess, clusterError, openCluster } from "./cluster-client";

/** A pod, or an object with a pod template, with images that its tenant does not declare. */
export interface UndeclaredImages {
  /** `Deployment podinfo`. */
  readonly object: string;
  readonly images: readonly string[];
}

/** The most objects in one answer. */
const pageSize = 500;

/** Reads what the admission mode `deny` would refuse to create again in a namespace. */
export type ReadUndeclared = (namespace: string, allowed: readonly string[]) => Promise<UndeclaredImages[]>;

/**
 * Opens a cluster. Pods that have ended are left out, and objects that a Deployment or a CronJob creates, which has their
 * template.
 *
 * @returns a function that throws a ClusterError if the cluster does not answer or refuses the request
 * @throws ClusterError if the kubeconfig cannot be read
 */
export async function openUndeclared(cluster: ClusterAccess): Promise<ReadUndeclared> {
  const { client, configuration } = await openCluster(cluster);
  const api = new client.KubernetesObjectApi(configuration);
  return async (namespace, allowed) => {
    const found: UndeclaredImages[] = [];
    for (const { apiVersion, kind } of judgedKinds) {
      for await (const object of list(api, apiVersion, kind, namespace)) {
        if (isMade(object) || ["Succeeded", "Failed"].includes(object.status?.phase ?? "")) continue;
        const images = refusedImages({ ...object, kind }, allowed);
        if (images.length > 0) found.push({ object: `${kind} ${object.metadata?.name ?? ""}`, images });
      }
    }
    return found;
  };
}

type Listed = KubernetesObject & WithPods & Ended;

async function* list(api: KubernetesObjectApi, apiVersion: string, kind: string, namespace: string) {
  let next: string | undefined;
  do {
    const no = undefined;
    const page: KubernetesListObject<Listed> = await api
      .list<Listed>(apiVersion, kind, namespace, no, no, no, no, no, pageSize, next)
      .catch((error: unknown) => {
        throw clusterError(error);
      });
    yield* page.items;
    next = page.metadata?._continue;
  } while (next !== undefined && next !== "");
}

interface Ended {
  readonly status?: { readonly phase?: string };
}

function isMade({ metadata }: KubernetesObject): boolean {
  return metadata?.ownerReferences?.some(({ kind }) => kind === "Deployment" || kind === "CronJob") === true;
}
