import { once } from "node:events";
import http, { type IncomingMessage, type OutgoingHttpHeaders } from "node:http";
import https, { type RequestOptions } from "node:https";
import { text } from "node:stream/consumers";
import { KubeConfig } from "@kubernetes/client-node";
import type { KubernetesObject, ObjectMeta } from "../../src/manifests/object";

/** The identity of an object. */
export interface ObjectReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
}

/** The objects of one kind, in one namespace or in all. */
export interface Selection {
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
}

/** An object as returned by the API server. */
export interface LiveObject extends KubernetesObject {
  readonly metadata: ObjectMeta & {
    readonly uid: string;
    readonly resourceVersion: string;
    readonly generation?: number;
    readonly creationTimestamp: string;
    readonly deletionTimestamp?: string;
  };
  readonly spec?: Readonly<Record<string, unknown>>;
  readonly status?: LiveStatus;
}

/** The status fields that Flux and Kubernetes have in common. */
export interface LiveStatus {
  readonly conditions?: readonly Condition[];
  readonly observedGeneration?: number;
  readonly [field: string]: unknown;
}

/** A condition of an object. */
export interface Condition {
  readonly type: string;
  readonly status: "True" | "False" | "Unknown";
  readonly reason?: string;
  readonly message?: string;
  readonly observedGeneration?: number;
}

/** An event of a watch. For `DELETED`, `object` is the last known state. */
export interface WatchEvent {
  readonly type: "ADDED" | "MODIFIED" | "DELETED" | "BOOKMARK" | "ERROR";
  readonly object: LiveObject;
}

/** The result of a list request. A watch from `resourceVersion` misses no change. */
export interface Snapshot {
  readonly items: readonly LiveObject[];
  readonly resourceVersion: string;
}

/** The user that a request impersonates. */
export interface Identity {
  readonly user: string;
  /** The API server adds `system:authenticated`. */
  readonly groups?: readonly string[];
}

/** A request to the API server. */
export interface ApiRequest {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** The path with its leading slash and the query. */
  readonly path: string;
  /** Sent as JSON. */
  readonly body?: unknown;
  /** Default: `application/json`. */
  readonly contentType?: string;
  readonly signal?: AbortSignal;
}

/** The API server rejected a request. */
export class ApiError extends Error {
  override readonly name = "ApiError";

  /**
   * @param status the HTTP status, such as 403
   * @param reason the API's reason, such as `Forbidden` or `AlreadyExists`
   */
  constructor(
    readonly status: number,
    readonly reason: string,
    message: string,
  ) {
    super(message);
  }
}

interface Resource {
  readonly name: string;
  readonly kind: string;
  readonly namespaced: boolean;
}

/** Selects a single object, for a list or a watch. */
export function selectionOf({ apiVersion, kind, metadata: { name, namespace } }: ObjectReference): Selection {
  return { apiVersion, kind, fieldSelector: `metadata.name=${name}`, ...(namespace !== undefined && { namespace }) };
}

/**
 * A Kubernetes API server, for objects of any kind.
 *
 * The official client reads the kubeconfig and its credentials. The requests are our own because the client's object API
 * and watch (2.0.1) cannot impersonate groups, which the isolation tests need.
 */
export class Cluster {
  private readonly resources = new Map<string, Promise<readonly Resource[]>>();
  private options?: Promise<RequestOptions>;

  constructor(
    private readonly config: KubeConfig,
    private readonly identity?: Identity,
  ) {}

  /** @throws Error if the file cannot be read */
  static fromKubeconfig(path: string): Cluster {
    const config = new KubeConfig();
    config.loadFromFile(path);
    return new Cluster(config);
  }

  /** The same cluster as another user: `cluster.as({ user: "dev", groups: ["podinfo-team"] })`. */
  as(identity: Identity): Cluster {
    return new Cluster(this.config, identity);
  }

  /** The API server's address. */
  get url(): string {
    return this.config.getCurrentCluster()?.server ?? "";
  }

  /**
   * Sends any request, for example to `/readyz` or a subresource. Returns parsed JSON, or the text of other content.
   *
   * @throws ApiError for every status of 400 and above, as all other methods do
   */
  async request(request: ApiRequest): Promise<unknown> {
    const response = await this.send(request);
    const body = await text(response);
    return response.headers["content-type"]?.startsWith("application/json") ? JSON.parse(body) : body;
  }

  /** @throws ApiError 404 if the object does not exist */
  async get(reference: ObjectReference): Promise<LiveObject> {
    return (await this.request({ method: "GET", path: await this.pathOf(reference) })) as LiveObject;
  }

  /** The object, or `undefined` if it does not exist. */
  async find(reference: ObjectReference): Promise<LiveObject | undefined> {
    try {
      return await this.get(reference);
    } catch (error) {
      if (error instanceof ApiError && error.status === 404) return undefined;
      throw error;
    }
  }

  async list(selection: Selection): Promise<readonly LiveObject[]> {
    return (await this.snapshot(selection)).items;
  }

  async snapshot(selection: Selection): Promise<Snapshot> {
    const { apiVersion, kind } = selection;
    const list = await this.request({ method: "GET", path: await this.pathOfAll(selection) });
    const { items, metadata } = list as Snapshot & { readonly metadata: { readonly resourceVersion: string } };
    // The items of a list have no apiVersion and kind.
    return { items: items.map((item) => ({ ...item, apiVersion, kind })), resourceVersion: metadata.resourceVersion };
  }

  /** @throws ApiError 409 if the object exists */
  async create(object: KubernetesObject | ObjectReference): Promise<LiveObject> {
    const { apiVersion, kind, metadata } = object;
    const path = await this.pathOfAll({ apiVersion, kind, namespace: metadata.namespace });
    return (await this.request({ method: "POST", path, body: object })) as LiveObject;
  }

  /** Server-side apply. Takes over fields of other managers. */
  async apply(object: KubernetesObject | ObjectReference): Promise<LiveObject> {
    const path = `${await this.pathOf(object)}?fieldManager=shared-authority-lab&force=true`;
    const contentType = "application/apply-patch+yaml";
    return (await this.request({ method: "PATCH", path, contentType, body: object })) as LiveObject;
  }

  /**
   * Changes some fields, as `kubectl patch --type merge` does.
   *
   * @param subresource such as `status` or `scale`
   */
  async patch(reference: ObjectReference, change: object, subresource?: string): Promise<LiveObject> {
    const path = [await this.pathOf(reference), ...(subresource === undefined ? [] : [subresource])].join("/");
    const contentType = "application/merge-patch+json";
    return (await this.request({ method: "PATCH", path, contentType, body: change })) as LiveObject;
  }

  /** Requests the deletion without waiting for it. @throws ApiError 404 if the object does not exist */
  async delete(reference: ObjectReference): Promise<void> {
    await this.request({ method: "DELETE", path: await this.pathOf(reference) });
  }

  /** Yields every change since a snapshot, until the signal is aborted or the API server closes the stream. */
  async *watch(selection: Selection, resourceVersion: string, signal: AbortSignal): AsyncGenerator<WatchEvent> {
    const path = await this.pathOfAll(selection, { watch: "true", resourceVersion });
    try {
      const stream = await this.send({ method: "GET", path, signal });
      let unread = "";
      // `readline` would hide errors of the stream, and keep it open after the reader has left.
      for await (const chunk of stream.setEncoding("utf8")) {
        const lines = (unread + String(chunk)).split("\n");
        unread = lines.pop() ?? "";
        for (const line of lines) yield JSON.parse(line) as WatchEvent;
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  private async send(request: ApiRequest): Promise<IncomingMessage> {
    const { method, path, body, contentType = "application/json", signal } = request;
    this.options ??= this.connectionOptions();
    const { headers, ...connection } = await this.options;
    const url = new URL(this.url);
    const outgoing = (url.protocol === "http:" ? http : https).request({
      ...connection,
      hostname: url.hostname,
      port: url.port,
      path: url.pathname.replace(/\/$/, "") + path,
      method,
      signal,
      headers: {
        ...(headers as OutgoingHttpHeaders | undefined),
        accept: "application/json",
        ...(body !== undefined && { "content-type": contentType }),
        ...(this.identity !== undefined && {
          "impersonate-user": this.identity.user,
          "impersonate-group": [...(this.identity.groups ?? [])],
        }),
      },
    });
    // An aborted watch emits an error here too, after its reader has received it from the response.
    outgoing.on("error", () => undefined);
    outgoing.end(body === undefined ? undefined : JSON.stringify(body));
    const [response] = (await once(outgoing, "response")) as [IncomingMessage];
    const { statusCode = 0 } = response;
    if (statusCode >= 400) throw errorOf(request, statusCode, await text(response));
    return response;
  }

  private async connectionOptions(): Promise<RequestOptions> {
    const options: RequestOptions = {};
    await this.config.applyToHTTPSOptions(options);
    return options;
  }

  private async pathOf({ apiVersion, kind, metadata }: ObjectReference): Promise<string> {
    const path = await this.pathOfAll({ apiVersion, kind, namespace: metadata.namespace });
    return `${path}/${encodeURIComponent(metadata.name)}`;
  }

  private async pathOfAll(selection: Selection, query: Readonly<Record<string, string>> = {}): Promise<string> {
    const { apiVersion, kind, namespace, labelSelector, fieldSelector } = selection;
    const resource = (await this.discover(apiVersion)).find((candidate) => candidate.kind === kind);
    if (resource === undefined) {
      this.resources.delete(apiVersion);
      throw new ApiError(404, "NotFound", `The cluster has no ${kind} in ${apiVersion}.`);
    }
    const folder = resource.namespaced && namespace !== undefined ? `/namespaces/${encodeURIComponent(namespace)}` : "";
    const parameters = new URLSearchParams(query);
    if (labelSelector !== undefined) parameters.set("labelSelector", labelSelector);
    if (fieldSelector !== undefined) parameters.set("fieldSelector", fieldSelector);
    const path = `${groupPath(apiVersion)}${folder}/${resource.name}`;
    return parameters.size === 0 ? path : `${path}?${parameters.toString()}`;
  }

  /** The resources of an API version. They are requested once. */
  private discover(apiVersion: string): Promise<readonly Resource[]> {
    const known = this.resources.get(apiVersion);
    if (known !== undefined) return known;
    const discovered = this.request({ method: "GET", path: groupPath(apiVersion) }).then((answer) =>
      (answer as { resources: readonly Resource[] }).resources.filter(({ name }) => !name.includes("/")),
    );
    this.resources.set(apiVersion, discovered);
    discovered.catch(() => this.resources.delete(apiVersion));
    return discovered;
  }
}

function groupPath(apiVersion: string): string {
  return apiVersion.includes("/") ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
}

function errorOf(request: ApiRequest, status: number, body: string): ApiError {
  let [message, reason] = [body.trim(), ""];
  try {
    ({ message = message, reason = "" } = JSON.parse(body) as { message?: string; reason?: string });
  } catch {
    // Not every error has a JSON body.
  }
  const path = request.path.replace(/\?.*/, "");
  return new ApiError(status, reason, `${request.method} ${path}: ${message} (HTTP ${status})`);
}
