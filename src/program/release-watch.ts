import { setTimeout as pause } from "node:timers/promises";
import { type ClusterAccess, clusterError, openCluster, statusOf } from "./cluster-client";
import { type LiveHelmRelease, requestedAt, resetAt, stateOf } from "./helm-release-state";

/** The requests to the API server that a watch needs. */
export interface HelmReleaseClient {
  /** All HelmReleases of the authority namespace. */
  list(): Promise<readonly LiveHelmRelease[]>;
  /** Adds annotations to one of them. */
  annotate(name: string, annotations: Readonly<Record<string, string>>): Promise<void>;
}

/** A HelmRelease that does not run, as it was last seen. */
export interface NotRunning {
  readonly live: LiveHelmRelease | undefined;
  /** Whether this `up` has changed the HelmRelease. */
  readonly isChanged: boolean;
  /** Whether Flux has given up. Otherwise the timeout has passed, or the cluster does not answer. */
  readonly hasGivenUp: boolean;
  /** Why the cluster cannot be read. */
  readonly error?: unknown;
}

/** How often Flux is asked, and how long the cluster may be silent, in milliseconds. All tenants are in one answer. */
export interface Patience {
  /** At most. A small stack, whose answer takes no time, is asked more often. */
  readonly intervalMs: number;
  /** A restart of the API server takes less. */
  readonly silenceMs: number;
}

/**
 * Waits until Flux runs the releases of an `up`.
 *
 * The Kubernetes provider could only wait until a HelmRelease is ready, or the timeout has passed. Flux says earlier that it
 * has given up. It then waits for a change of the HelmRelease, also after the cause, such as a quota, is gone. So a
 * release that failed before this `up`, and that this `up` does not change, is tried again. The request is an annotation
 * that no input has: neither a preview nor the policy pack sees a difference.
 */
export class ReleaseWatch {
  #next: Promise<ReadonlyMap<string, LiveHelmRelease>> | undefined;
  /** How long the last answer took, in milliseconds. */
  #tookMs = 0;

  private constructor(
    readonly client: HelmReleaseClient,
    readonly patience: Patience,
    /** The HelmReleases as they were before this `up`, by name; `undefined` if they could not be read. */
    readonly before: ReadonlyMap<string, LiveHelmRelease> | undefined,
  ) {}

  /** To be called before an object is changed. */
  static async start(
    client: HelmReleaseClient,
    patience: Patience = { intervalMs: 1_000, silenceMs: 120_000 },
  ): Promise<ReleaseWatch> {
    return new ReleaseWatch(client, patience, await byName(client).catch(() => undefined));
  }

  /**
   * Waits until a release runs, unless it ran before and is not changed. To be called after the `up` has written its
   * HelmRelease.
   *
   * @param timeoutMs how long, in milliseconds
   * @returns `undefined` if it runs
   */
  async untilRuns(name: string, timeoutMs: number): Promise<NotRunning | undefined> {
    const end = Date.now() + timeoutMs;
    let answeredAt = Date.now();
    const before = this.before?.get(name);
    let isRequested = false;
    let isChanged = true;
    let live: LiveHelmRelease | undefined;
    for (;;) {
      let error: unknown;
      try {
        live = (await this.#read()).get(name);
        answeredAt = Date.now();
        const state = stateOf(live);
        isChanged = live === undefined || !isSame(live, before);
        const stateBefore = isChanged ? "pending" : stateOf(before);
        if (state === "runs" || stateBefore === "runs") return undefined;
        if (state !== "pending" && stateBefore !== "pending" && !isRequested) {
          const now = new Date().toISOString();
          await this.client.annotate(name, { [requestedAt]: now, [resetAt]: now });
          isRequested = true;
        } else if (state === "given up") return { live, isChanged, hasGivenUp: true };
      } catch (caught) {
        error = clusterError(caught);
        const isRefused = [401, 403].includes(statusOf(caught) ?? 0);
        const isSilent = Date.now() - answeredAt >= this.patience.silenceMs;
        if (isRefused || isSilent) return { live, isChanged, hasGivenUp: false, error };
      }
      if (Date.now() >= end) return { live, isChanged, hasGivenUp: false, error };
    }
  }

  /** All who wait share one request. */
  #read(): Promise<ReadonlyMap<string, LiveHelmRelease>> {
    const pauseMs = Math.min(this.patience.intervalMs, Math.max(shortestPauseMs, 10 * this.#tookMs));
    return (this.#next ??= pause(pauseMs).then(async () => {
      this.#next = undefined;
      const began = Date.now();
      const releases = await byName(this.client);
      this.#tookMs = Date.now() - began;
      return releases;
    }));
  }
}

const shortestPauseMs = 100;

/** Whether a HelmRelease is not changed. */
function isSame({ metadata: { uid, generation } }: LiveHelmRelease, before: LiveHelmRelease | undefined): boolean {
  return before?.metadata.uid === uid && before.metadata.generation === generation;
}

async function byName(client: HelmReleaseClient): Promise<ReadonlyMap<string, LiveHelmRelease>> {
  return new Map((await client.list()).map((live) => [live.metadata.name, live]));
}

/** The HelmReleases of a namespace. @throws Error if the kubeconfig cannot be read */
export async function openHelmReleases(cluster: ClusterAccess, namespace: string): Promise<HelmReleaseClient> {
  const { client, configuration } = await openCluster(cluster);
  const api = new client.CustomObjectsApi(configuration);
  const kind = { group: "helm.toolkit.fluxcd.io", version: "v2", namespace, plural: "helmreleases" };
  const merge = client.setHeaderOptions("Content-Type", client.PatchStrategy.MergePatch);
  return {
    async list() {
      return ((await api.listNamespacedCustomObject(kind)) as { readonly items: readonly LiveHelmRelease[] }).items;
    },
    async annotate(name, annotations) {
      const body = { metadata: { annotations } };
      await api.patchNamespacedCustomObject({ ...kind, name, body, fieldManager: "shared-authority" }, merge);
    },
  };
}
