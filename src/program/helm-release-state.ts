import { currentConditions, type FluxCondition, type LiveFluxObject } from "./flux-conditions";

/** A HelmRelease as the API server returns it. */
export interface LiveHelmRelease extends LiveFluxObject {
  readonly spec?: { readonly suspend?: boolean };
  readonly status?: LiveFluxObject["status"] & {
    readonly lastHandledReconcileAt?: string;
    /** Helm's releases, the newest first. */
    readonly history?: readonly HelmRevision[];
  };
}

/** A release of Helm. */
export interface HelmRevision {
  readonly status: string;
  readonly chartVersion: string;
  /** When Helm has deployed it, in ISO 8601. */
  readonly lastDeployed?: string;
}

/**
 * How far Flux is with a HelmRelease:
 *
 * - `runs`: the release that the HelmRelease describes runs;
 * - `pending`: Flux works on it, or has not noticed the last change or request yet;
 * - `failing`: the last attempt failed, and Flux tries again by itself;
 * - `given up`: the last attempt failed, and Flux waits for a change or a request.
 */
export type HelmReleaseState = "runs" | "pending" | "failing" | "given up";

/** Flux's annotation that requests a reconciliation. */
export const requestedAt = "reconcile.fluxcd.io/requestedAt";

/** Flux's annotation that, with the same value as `requestedAt`, makes it forget that an attempt has failed. */
export const resetAt = "reconcile.fluxcd.io/resetAt";

/** How far Flux is. A HelmRelease that does not exist yet is pending. */
export function stateOf(live: LiveHelmRelease | undefined): HelmReleaseState {
  if (live === undefined) return "pending";
  const request = live.metadata.annotations?.[requestedAt];
  if (request !== undefined && request !== live.status?.lastHandledReconcileAt) return "pending";
  const conditions = new Map(currentConditions(live).map(({ type, status }) => [type, status]));
  const ready = conditions.get("Ready");
  if (ready === "True") return "runs";
  if (conditions.get("Stalled") === "True") return "given up";
  return ready === "False" ? "failing" : "pending";
}

/** What runs of a release that did not become ready, in a sentence; `undefined` if it is not known. */
export function runningText(live: LiveHelmRelease | undefined): string | undefined {
  if (live !== undefined && currentConditions(live).some(({ reason }) => reason === "RollbackFailed")) {
    return "Neither the upgrade nor the rollback succeeded: objects of both releases may run.";
  }
  const history = live?.status?.history ?? [];
  const running = deployedRevision(live);
  if (running !== undefined) return `What ran before keeps running: the chart's version ${running.chartVersion}.`;
  const isFirst = history.every(({ status }) => status !== "superseded");
  return isFirst ? "No earlier release of it runs." : undefined;
}

/** The release of Helm that runs; `undefined` if there is none. */
export function deployedRevision(live: LiveHelmRelease | undefined): HelmRevision | undefined {
  return live?.status?.history?.find(({ status }) => status === "deployed");
}

/** Why Flux does not go on, if a person has told it so. */
export function suspendedCondition(live: LiveHelmRelease | undefined): FluxCondition[] {
  if (live?.spec?.suspend !== true) return [];
  const message = `somebody has suspended it; \`flux resume helmrelease ${live.metadata.name}\` ends that`;
  return [{ type: "Ready", status: "False", reason: "Suspended", message }];
}
