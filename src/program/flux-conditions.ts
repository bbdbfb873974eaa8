import { homedir } from "node:os";
import type { CustomObjectsApi, RequestContext, ResponseContext } from "@kubernetes/client-node";

/** How a cluster is reached, as the Kubernetes provider takes it. */
export interface ClusterAccess<Text = string> {
  /** A kubeconfig, or the path of one. Default: `kubectl`'s default. */
  readonly kubeconfig?: Text;
  /** Default: the kubeconfig's current context. */
  readonly context?: string;
}

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

/** How long the API server has to answer. Only a message depends on the answer. */
const answerMs = 10_000;

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
  const api = await customObjects(cluster);
  const request = { group, version, plural: plurals.get(kind) ?? "", ...metadata };
  const live = (await api.getNamespacedCustomObject(request).catch(fail)) as LiveObject;
  const { generation = 0 } = live.metadata;
  const { conditions = [], observedGeneration } = live.status ?? {};
  return conditions.filter((condition) => (condition.observedGeneration ?? observedGeneration ?? 0) >= generation);
}

interface LiveObject {
  readonly metadata: { readonly generation?: number };
  readonly status?: {
    readonly observedGeneration?: number;
    readonly conditions?: readonly (FluxCondition & { readonly observedGeneration?: number })[];
  };
}

/** The client is large, so it is loaded only when something has failed. */
async function customObjects({ kubeconfig, context }: ClusterAccess): Promise<CustomObjectsApi> {
  const { CustomObjectsApi, KubeConfig, ServerConfiguration, createConfiguration } =
    await import("@kubernetes/client-node");
  const config = new KubeConfig();
  if (kubeconfig === undefined) config.loadFromDefault();
  else if (/[\n{]/.test(kubeconfig)) config.loadFromString(kubeconfig);
  else config.loadFromFile(kubeconfig.replace(/^~(?=\/)/, homedir()));
  if (context !== undefined) config.setCurrentContext(context);
  const server = config.getCurrentCluster()?.server;
  if (server === undefined) throw new Error("the kubeconfig names no cluster");
  const bound = {
    pre: (request: RequestContext) => {
      request.setSignal(AbortSignal.timeout(answerMs));
      return Promise.resolve(request);
    },
    post: (response: ResponseContext) => Promise.resolve(response),
  };
  return new CustomObjectsApi(
    createConfiguration({
      baseServer: new ServerConfiguration(server.replace(/\/$/, ""), {}),
      authMethods: { default: config },
      promiseMiddleware: [bound],
    }),
  );
}

/** The client's messages have headers and body of the response, and `fetch` puts the reason into the cause. */
function fail(error: unknown): never {
  if (!(error instanceof Error)) throw error;
  if ("body" in error && "code" in error) throw new Error(`the API server answered ${String(error.code)}`);
  throw error.cause instanceof Error ? error.cause : error;
}
