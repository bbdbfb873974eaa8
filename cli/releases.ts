import type { Fleet } from "../fleet/fleet";
import { followed, stackManifests, tenantManifests, tenantSpecs } from "../manifests/fleet-manifests";
import type { KubernetesObject } from "../manifests/object";
import type { BranchEvidence, Evidence } from "../release/evidence";
import type { EvidenceReader } from "../release/evidence-reader";
import type { Lock } from "../release/lock";
import { type Resolution, resolveBranches, resolveFleet, wayOut } from "../release/resolve";

/** What one tenant would run: a release, or the head of a branch. */
export type AnyResolution = Resolution<Evidence | BranchEvidence>;

/** What each tenant of the stack would run, in the fleet's order. */
export function resolveStack(fleet: Fleet, lock: Lock, reader: EvidenceReader): Promise<AnyResolution[]> {
  return fleet.follow === "tags" ? resolveFleet(fleet, lock, reader) : resolveBranches(fleet, reader);
}

/**
 * The objects of the stack in the order in which the program registers them, one by one, so that a large fleet's are
 * never all in memory. A tenant without evidence has none.
 */
export function* stackObjects(fleet: Fleet, releases: readonly AnyResolution[]): Generator<KubernetesObject> {
  yield* stackManifests(fleet);
  for (const [index, tenant] of fleet.tenants.entries()) {
    const evidence = releases[index]?.evidence;
    if (evidence !== undefined) yield* tenantManifests(tenantSpecs(fleet, tenant, followed(evidence)));
  }
}

/** One line for each reason, and for the way out where there is one, under the names of stack and tenant. */
export function describeReasons(
  stack: string,
  release: Pick<AnyResolution, "tenant" | "source" | "reasons">,
): string[] {
  const { tenant, source, reasons } = release;
  if (reasons.length === 0) return [];
  const title = source === "none" ? "cannot be verified" : "the promise is broken";
  return [
    `${stack}/${tenant}: ${title}`,
    ...[...reasons, wayOut(stack, release) ?? []].flat().map((line) => `  - ${line}`),
  ];
}
