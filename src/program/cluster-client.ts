import { homedir } from "node:os";
import { setTimeout as pause } from "node:timers/promises";
import type { Configuration, RequestContext, ResponseContext } from "@kubernetes/client-node";

/** How a cluster is reached, as the Kubernetes provider takes it. */
export interface ClusterAccess<Text = string> {
  /** A kubeconfig, or the path of one. Default: `kubectl`'s default. */
  readonly kubeconfig?: Text;
  /** Default: the kubeconfig's current context. */
  readonly context?: string;
}

/** A cluster that cannot be read. The message says why in a few words. */
export class ClusterError extends Error {
  override readonly name = "ClusterError";
}

/** How long the API server has to answer. */
const answerMs = 10_000;

/** Kubernetes' client, and its configuration for one cluster. */
export interface OpenCluster {
  readonly client: typeof import("@kubernetes/client-node");
  readonly configuration: Configuration;
}

/**
 * The client is large, so it is loaded only when it is needed. Nothing is sent yet.
 *
 * @throws ClusterError if the kubeconfig cannot be read, or names no such context or cluster
 */
export async function openCluster({ kubeconfig, context }: ClusterAccess): Promise<OpenCluster> {
  const client = await import("@kubernetes/client-node");
  const { KubeConfig, ServerConfiguration, createConfiguration } = client;
  const config = new KubeConfig();
  try {
    if (kubeconfig === undefined) config.loadFromDefault();
    else if (/[\n{]/.test(kubeconfig)) config.loadFromString(kubeconfig);
    else config.loadFromFile(kubeconfig.replace(/^~(?=\/)/, homedir()));
  } catch (error) {
    // A parser quotes what it cannot read, such as a token.
    const isUnread = error instanceof Error && "code" in error;
    throw new ClusterError(isUnread ? error.message : "the kubeconfig is not valid YAML, or no kubeconfig");
  }
  if (context !== undefined) config.setCurrentContext(context);
  const current = config.getCurrentCluster();
  if (current === null) {
    const name = config.getCurrentContext() as string | undefined;
    throw new ClusterError(
      `the kubeconfig has ${name ? `no cluster for its context "${name}"` : "no current context"}`,
    );
  }
  const { server } = current;
  // The client refuses `kubectl proxy` otherwise, which the provider takes.
  if (server.startsWith("http:")) {
    config.clusters = config.clusters.map((one) => (one === current ? { ...one, skipTLSVerify: true } : one));
  }
  const bound = {
    pre: (request: RequestContext) => {
      request.setSignal(AbortSignal.timeout(answerMs));
      return Promise.resolve(request);
    },
    post: (response: ResponseContext) => Promise.resolve(response),
  };
  const settings = {
    baseServer: new ServerConfiguration(server.replace(/\/$/, ""), {}),
    authMethods: { default: config },
    promiseMiddleware: [bound],
  };
  const { httpApi } = createConfiguration(settings);
  const patient = client.wrapHttpLibrary({ send: (request) => sendPatiently(httpApi, request) });
  return { client, configuration: createConfiguration({ ...settings, httpApi: patient }) };
}

/** An overloaded API server says when to ask again (429). The provider waits, and so does this, until the time is over. */
async function sendPatiently(http: Configuration["httpApi"], request: RequestContext): Promise<ResponseContext> {
  for (;;) {
    const response = await http.send(request).toPromise();
    if (response.httpStatusCode !== 429) return response;
    const seconds = Number(response.headers["retry-after"] ?? 1) || 1;
    const isOver = await pause(seconds * 1_000, false, { signal: request.getSignal() }).catch(() => true);
    if (isOver) return response;
  }
}

/** The status of an answer that refuses the request; `undefined` if there was no answer. */
export function statusOf(error: unknown): number | undefined {
  return error instanceof Error && "body" in error && "code" in error ? Number(error.code) : undefined;
}

/** An error with a short message: the client's have headers and body of the answer, and `fetch` puts the reason into the cause. */
export function clusterError(error: unknown): ClusterError {
  const status = statusOf(error);
  if (status !== undefined) return new ClusterError(`the API server answered ${status}`);
  if (!(error instanceof Error)) return new ClusterError(String(error));
  if (error.name === "TimeoutError") return new ClusterError(`no answer in ${answerMs / 1_000} s`);
  return new ClusterError(error.cause instanceof Error ? error.cause.message : error.message);
}
