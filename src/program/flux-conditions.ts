import { type ClusterAccess, clusterError, openCluster } from "./cluster-client";

/** The identity of a Flux object. */
export interface FluxObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace: string };
}

/** A condition of an object. */
export interface FluxCondition {
  readonly type: string;
  readonly status: string;
  readonly reason?: string;
  readonly message?: string;
}

/** The kinds that an `up` waits for, with their names in the API's paths. */
const plurals = new Map([
  ["GitRepository", "gitrepositories"],
  ["OCIRepository", "ocirepositories"],
  ["HelmRelease", "helmreleases"],
]);

/** Whether an `up` waits for objects of this kind, so that their conditions explain a time-out. */
export function hasConditions(kind: string): boolean {
  return plurals.has(kind);
}

/**
 * Reads the conditions of an object's newest generation; empty if Flux has not processed it yet.
 *
 * The Kubernetes provider knows them but does not report them: its error only says that the time is up.
 *
 * @throws Error if the cluster does not answer, refuses the request, or has no such object
 */
export async function readConditions(cluster: ClusterAccess, object: FluxObject): Promise<FluxCondition[]> {
  const { apiVersion, kind, metadata } = object;
  const [group = "", version = ""] = apiVersion.split("/");
  const { client, configuration } = await openCluster(cluster);
  const api = new client.CustomObjectsApi(configuration);
  const request = { group, version, plural: plurals.get(kind) ?? "", ...metadata };
  const live = (await api.getNamespacedCustomObject(request).catch((error: unknown) => {
    throw clusterError(error);
  })) as LiveFluxObject;
  return currentConditions(live);
}

/** A Flux object as the API server returns it. */
export interface LiveFluxObject {
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly uid: string;
    readonly generation?: number;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly status?: {
    readonly observedGeneration?: number;
    readonly conditions?: readonly (FluxCondition & { readonly observedGeneration?: number })[];
  };
}

/** The conditions of an object's newest generation; empty if Flux has not processed it yet. */
export function currentConditions({ metadata, status }: LiveFluxObject): FluxCondition[] {
  const { generation = 0 } = metadata;
  const { conditions = [], observedGeneration } = status ?? {};
  return conditions.filter((condition) => (condition.observedGeneration ?? observedGeneration ?? 0) >= generation);
}
