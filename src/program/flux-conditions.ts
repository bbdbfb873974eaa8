import { once } from "node:events";
import http from "node:http";
import https, { type RequestOptions } from "node:https";
import { homedir } from "node:os";
import { text } from "node:stream/consumers";

/** How a cluster is reached, as the Kubernetes provider takes it. */
export interface ClusterAccess<Text = string> {
  /** A kubeconfig, or the path of one. Default: the one that `kubectl` takes. */
  readonly kubeconfig?: Text;
  /** Default: the kubeconfig's current one. */
  readonly context?: string;
}

/** A Flux object, as it is asked for. */
export interface FluxObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace: string };
}

/** One of an object's conditions, as far as people want to know it. */
export interface FluxCondition {
  readonly type: string;
  readonly status: string;
  readonly reason?: string;
  readonly message?: string;
}

/** The name of each kind in the API's paths: of the kinds that an `up` waits for. */
const plurals = new Map([
  ["GitRepository", "gitrepositories"],
  ["OCIRepository", "ocirepositories"],
  ["HelmRelease", "helmreleases"],
]);

/** How long the API server has to answer. A message waits on it, and nothing else. */
const answerMs = 10_000;

/** Whether an `up` waits for objects of this kind, so that their conditions say why it waits in vain. */
export function hasConditions(kind: string): boolean {
  return plurals.has(kind);
}

/**
 * What Flux says of the newest generation of an object; empty where it has not got to it.
 *
 * The provider in use knows it too, but keeps it: its error says only that the time is up, and what it shows in between
 * may be of the release before.
 *
 * @throws Error where the cluster cannot be asked: it does not answer, it refuses, or it has no such object
 */
export async function readConditions(cluster: ClusterAccess, object: FluxObject): Promise<FluxCondition[]> {
  const { apiVersion, kind, metadata } = object;
  const path = `/apis/${apiVersion}/namespaces/${metadata.namespace}/${plurals.get(kind) ?? ""}/${metadata.name}`;
  const live = JSON.parse(await get(cluster, path)) as LiveObject;
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

async function get(cluster: ClusterAccess, path: string): Promise<string> {
  const { server, options } = await connectionOf(cluster);
  const url = new URL(server.replace(/\/$/, "") + path);
  const { request } = url.protocol === "http:" ? http : https;
  const outgoing = request(url, { ...options, signal: AbortSignal.timeout(answerMs) });
  outgoing.end();
  const [response] = (await once(outgoing, "response")) as [http.IncomingMessage];
  const body = await text(response);
  if (response.statusCode !== 200) throw new Error(`the API server answered ${String(response.statusCode)}`);
  return body;
}

/** The official client reads a kubeconfig with every kind of credentials that there is. It is large, so not before. */
async function connectionOf({ kubeconfig, context }: ClusterAccess): Promise<Connection> {
  const { KubeConfig } = await import("@kubernetes/client-node");
  const config = new KubeConfig();
  if (kubeconfig === undefined) config.loadFromDefault();
  else if (/[\n{]/.test(kubeconfig)) config.loadFromString(kubeconfig);
  else config.loadFromFile(kubeconfig.replace(/^~(?=\/)/, homedir()));
  if (context !== undefined) config.setCurrentContext(context);
  const server = config.getCurrentCluster()?.server;
  if (server === undefined) throw new Error("the kubeconfig names no cluster");
  const options: RequestOptions = {};
  await config.applyToHTTPSOptions(options);
  return { server, options };
}

interface Connection {
  readonly server: string;
  readonly options: RequestOptions;
}
