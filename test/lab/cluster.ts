import { KubeConfig } from "@kubernetes/client-node";
import type { KubernetesObject, ObjectMeta } from "../../src/manifests/object";
import { ApiConnection, ApiError, type ApiRequest, type Identity } from "./api-connection";

/** What an object is called, without what it holds. */
export interface ObjectReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
}

/** All objects of one kind, in one namespace or in all. */
export interface Selection {
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
}

/** An object as the API server gives it. */
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

/** The parts of a status that Flux and Kubernetes share. */
export interface LiveStatus {
  readonly conditions?: readonly Condition[];
  readonly observedGeneration?: number;
  readonly [field: string]: unknown;
}

/** One of an object's conditions. */
export interface Condition {
  readonly type: string;
  readonly status: "True" | "False" | "Unknown";
  readonly reason?: string;
  readonly message?: string;
  readonly observedGeneration?: number;
}

/** One event of a watch. `object` is the last known state where the object was deleted. */
export interface WatchEvent {
  readonly type: "ADDED" | "MODIFIED" | "DELETED" | "BOOKMARK" | "ERROR";
  readonly object: LiveObject;
}

/** All objects of a selection at one moment. */
export interface Snapshot {
  readonly items: readonly LiveObject[];
  readonly resourceVersion: string;
}

interface Resource {
  readonly name: string;
  readonly kind: string;
  readonly namespaced: boolean;
}

/** One object, for a list or a watch. */
export function selectionOf({ apiVersion, kind, metadata: { name, namespace } }: ObjectReference): Selection {
  return { apiVersion, kind, fieldSelector: `metadata.name=${name}`, ...(namespace !== undefined && { namespace }) };
}

/** A Kubernetes API server, for objects of any kind. */
export class Cluster {
  private readonly resources = new Map<string, Promise<readonly Resource[]>>();

  private constructor(private readonly connection: ApiConnection) {}

  /**
   * @param path a kubeconfig file, of which the current context counts
   * @throws Error where the file cannot be read
   */
  static fromKubeconfig(path: string): Cluster {
    const config = new KubeConfig();
    config.loadFromFile(path);
    return new Cluster(new ApiConnection(config));
  }

  /** The same cluster, asked on behalf of somebody else: `cluster.as({ user: "dev", groups: ["podinfo-team"] })`. */
  as(identity: Identity): Cluster {
    return new Cluster(this.connection.as(identity));
  }

  /** The API server's address. */
  get url(): string {
    return this.connection.url;
  }

  /** Any request, for what has no method here, such as `/readyz` or a subresource. */
  request(request: ApiRequest): Promise<unknown> {
    return this.connection.request(request);
  }

  /** @throws ApiError 404 where there is none */
  async get(reference: ObjectReference): Promise<LiveObject> {
    return (await this.request({ method: "GET", path: await this.pathOf(reference) })) as LiveObject;
  }

  /** The object, or `undefined` where there is none. */
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

  /** What is there now, and the version from which on a watch misses nothing. */
  async snapshot(selection: Selection): Promise<Snapshot> {
    const { apiVersion, kind } = selection;
    const path = await this.pathOfAll(selection);
    const { items, metadata } = (await this.request({ method: "GET", path })) as {
      items: readonly LiveObject[];
      metadata: { resourceVersion: string };
    };
    // The items of a list come without the two fields by which anything else would name them.
    return { items: items.map((item) => ({ ...item, apiVersion, kind })), resourceVersion: metadata.resourceVersion };
  }

  /** @throws ApiError 409 where there is one already */
  async create(object: KubernetesObject | ObjectReference): Promise<LiveObject> {
    const { apiVersion, kind, metadata } = object;
    const path = await this.pathOfAll({ apiVersion, kind, namespace: metadata.namespace });
    return (await this.request({ method: "POST", path, body: object })) as LiveObject;
  }

  /** Server-side apply, which takes over fields that others own. */
  async apply(object: KubernetesObject | ObjectReference): Promise<LiveObject> {
    return (await this.request({
      method: "PATCH",
      path: `${await this.pathOf(object)}?fieldManager=shared-authority-lab&force=true`,
      contentType: "application/apply-patch+yaml",
      body: object,
    })) as LiveObject;
  }

  /**
   * Changes some fields, as `kubectl patch --type merge` does.
   *
   * @param subresource such as `status` or `scale`
   */
  async patch(reference: ObjectReference, change: object, subresource?: string): Promise<LiveObject> {
    const path = await this.pathOf(reference);
    return (await this.request({
      method: "PATCH",
      path: subresource === undefined ? path : `${path}/${subresource}`,
      contentType: "application/merge-patch+json",
      body: change,
    })) as LiveObject;
  }

  /** Asks for the deletion and does not wait for its end. @throws ApiError 404 where there is none */
  async delete(reference: ObjectReference): Promise<void> {
    await this.request({ method: "DELETE", path: await this.pathOf(reference) });
  }

  /**
   * Every change since a snapshot, until the signal or until the API server ends the stream.
   *
   * @param resourceVersion the snapshot's
   * @throws ApiError where the API server refuses
   */
  async *watch(selection: Selection, resourceVersion: string, signal: AbortSignal): AsyncGenerator<WatchEvent> {
    const path = await this.pathOfAll(selection, { watch: "true", resourceVersion });
    try {
      const stream = await this.connection.send({ method: "GET", path, signal });
      let unread = "";
      // Node's readline would neither pass on an error of the stream nor close it for a reader that has seen enough.
      for await (const chunk of stream.setEncoding("utf8")) {
        const lines = (unread + String(chunk)).split("\n");
        unread = lines.pop() ?? "";
        for (const line of lines) yield JSON.parse(line) as WatchEvent;
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  private async pathOf({ apiVersion, kind, metadata }: ObjectReference): Promise<string> {
    const [path = ""] = (await this.pathOfAll({ apiVersion, kind, namespace: metadata.namespace })).split("?");
    return `${path}/${encodeURIComponent(metadata.name)}`;
  }

  private async pathOfAll(selection: Selection, query: Readonly<Record<string, string>> = {}): Promise<string> {
    const { apiVersion, kind, namespace, labelSelector, fieldSelector } = selection;
    const { name, namespaced } = await this.findResource(apiVersion, kind);
    const place = namespaced && namespace !== undefined ? `/namespaces/${encodeURIComponent(namespace)}` : "";
    const parameters = new URLSearchParams(query);
    if (labelSelector !== undefined) parameters.set("labelSelector", labelSelector);
    if (fieldSelector !== undefined) parameters.set("fieldSelector", fieldSelector);
    const path = `${groupPath(apiVersion)}${place}/${name}`;
    return parameters.size === 0 ? path : `${path}?${parameters.toString()}`;
  }

  private async findResource(apiVersion: string, kind: string): Promise<Resource> {
    const resource = (await this.discover(apiVersion)).find((candidate) => candidate.kind === kind);
    if (resource === undefined) {
      this.resources.delete(apiVersion);
      throw new ApiError(404, "NotFound", `The cluster knows no ${kind} in ${apiVersion}.`);
    }
    return resource;
  }

  private discover(apiVersion: string): Promise<readonly Resource[]> {
    const known = this.resources.get(apiVersion);
    if (known !== undefined) return known;
    const asked = this.request({ method: "GET", path: groupPath(apiVersion) }).then((answer) =>
      (answer as { resources: readonly Resource[] }).resources.filter(({ name }) => !name.includes("/")),
    );
    this.resources.set(apiVersion, asked);
    asked.catch(() => this.resources.delete(apiVersion));
    return asked;
  }
}

function groupPath(apiVersion: string): string {
  return apiVersion.includes("/") ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
}
