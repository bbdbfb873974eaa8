import type { StackConfig } from "../config/stack-config";
import { resolvedSource, stackManifests, tenantManifests, tenantSpecs } from "../manifests/stack-objects";
import type { KubernetesObject } from "../manifests/object";
import type { BranchEvidence, Evidence } from "../release/evidence";
import type { EvidenceReader } from "../release/evidence-reader";
import type { Lock } from "../release/lock";
import { type Resolution, resolveBranches, resolveReleases, hint } from "../release/resolve";

/** What one tenant would run: a release, or the head of a branch. */
export type AnyResolution = Resolution<Evidence | BranchEvidence>;

/** What each tenant of the stack would run, in the fleet's order. */
export function resolveStack(config: StackConfig, lock: Lock, reader: EvidenceReader): Promise<AnyResolution[]> {
  return config.follow === "tags" ? resolveReleases(config, lock, reader) : resolveBranches(config, reader);
}

/**
 * The objects of the stack in the order in which the program registers them, one by one, so that a large fleet's are
 * never all in memory. A tenant without evidence has none.
 */
export function* stackObjects(config: StackConfig, releases: readonly AnyResolution[]): Generator<KubernetesObject> {
  yield* stackManifests(config);
  for (const [index, tenant] of config.tenants.entries()) {
    const evidence = releases[index]?.evidence;
    if (evidence !== undefined) yield* tenantManifests(tenantSpecs(config, tenant, resolvedSource(evidence)));
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
    ...[...reasons, hint(stack, release) ?? []].flat().map((line) => `  - ${line}`),
  ];
}
