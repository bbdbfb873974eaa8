import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

/** What an API server would say of a HelmRelease. */
export interface ScratchRelease {
  readonly name: string;
  /** The annotation of what was applied; absent with a followed branch. */
  readonly applied?: string;
  /** The chart's version that Helm has deployed. Default: the applied one. */
  readonly deployed?: string;
  /** Default: `True`. */
  readonly ready?: "True" | "False" | "Unknown";
  readonly stalled?: boolean;
  readonly message?: string;
  readonly suspend?: boolean;
}

/** Serves one list of HelmReleases, as an API server does over plain HTTP. The end-to-end tests read a real one. */
export class ScratchCluster {
  /** The paths of all requests. */
  readonly requests: string[] = [];
  releases: readonly ScratchRelease[] = [];
  readonly #server = createServer((request, response) => {
    this.requests.push(`${String(request.method)} ${String(request.url)}`);
    response.setHeader("content-type", "application/json");
    response.end(
      JSON.stringify({ apiVersion: "helm.toolkit.fluxcd.io/v2", kind: "HelmReleaseList", items: this.#items() }),
    );
  });

  async start(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    return this;
  }

  /** The text of a kubeconfig. */
  get kubeconfig(): string {
    const { port } = this.#server.address() as AddressInfo;
    return JSON.stringify({
      ...{ apiVersion: "v1", kind: "Config", "current-context": "scratch", users: [{ name: "scratch", user: {} }] },
      clusters: [{ name: "scratch", cluster: { server: `http://127.0.0.1:${port}` } }],
      contexts: [{ name: "scratch", context: { cluster: "scratch", user: "scratch" } }],
    });
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #items(): object[] {
    return this.releases.map(({ name, applied, deployed = applied, ready = "True", stalled, message, suspend }) => ({
      metadata: {
        ...{ name, namespace: "flux-system", uid: name, generation: 1 },
        annotations: { "shared-authority/tenant": name, ...(applied && { "shared-authority/version": applied }) },
      },
      spec: { suspend },
      status: {
        observedGeneration: 1,
        conditions: [
          { type: "Ready", status: ready, reason: "Scratch", message: message ?? "" },
          ...(stalled === true ? [{ type: "Stalled", status: "True", reason: "Scratch", message: "" }] : []),
        ],
        history: deployed && [{ status: "deployed", chartVersion: deployed, lastDeployed: "2026-11-20T10:00:00Z" }],
      },
    }));
  }
}
