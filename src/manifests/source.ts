import { createHash } from "node:crypto";
import type { StackConfig } from "../config/stack-config";
import { type BranchEvidence, type Evidence, imageCommit, isRelease } from "../release/evidence";
import { branchAnnotations, releaseAnnotations } from "./evidence-annotations";

/** A chart in a registry has an OCIRepository. */
export function sourceKind({ chart }: Evidence | BranchEvidence): "GitRepository" | "OCIRepository" {
  return chart.startsWith("oci://") ? "OCIRepository" : "GitRepository";
}

/** The source of a tenant's chart, with the evidence for what it fetches. */
export interface ResolvedSource {
  readonly kind: "GitRepository" | "OCIRepository";
  /** The name of the source object: `podinfo-6.14.1`. */
  readonly name: string;
  /** The annotations of the source and of the HelmRelease. */
  readonly annotations: Readonly<Record<string, string>>;
  /** Facts about a release, or about the branch that the stack follows. */
  readonly evidence: Evidence | BranchEvidence;
}

/** The condition that Pulumi waits for. */
export const waitForAnnotation = "pulumi.com/waitFor";

/** A HelmRelease switches only to a source that is fetched. */
const waitForReady = { [waitForAnnotation]: "condition=Ready" };

/** Names and annotates the source of a tenant's chart. */
export function resolvedSource(tenant: string, evidence: Evidence | BranchEvidence): ResolvedSource {
  const annotations = isRelease(evidence) ? releaseAnnotations(tenant, evidence) : branchAnnotations(tenant, evidence);
  return {
    kind: sourceKind(evidence),
    name: resolvedSourceName(tenant, evidence),
    annotations: { ...annotations, ...waitForReady },
    evidence,
  };
}

/** Whether the source never changes: a release, or the commit whose image runs. */
export function isFixed(evidence: Evidence | BranchEvidence): boolean {
  return isRelease(evidence) || imageCommit(evidence) !== undefined;
}

/**
 * The name of a tenant's source: with the version of a release; with the commit whose image runs, so that one patch of
 * the HelmRelease moves chart and image together; otherwise the tenant's own name.
 */
export function resolvedSourceName(tenant: string, evidence: Evidence | BranchEvidence): string {
  if (isRelease(evidence)) return sourceName(tenant, evidence.version);
  const commit = imageCommit(evidence);
  // The dot keeps the name apart from the source of a tenant named `podinfo-commit-...`.
  return commit === undefined ? tenant : `${tenant}-commit.${commit.slice(0, 12)}`;
}

/**
 * The name of the source of one release: `podinfo-6.14.1`.
 *
 * A source that moves causes two upgrades, the first with the old chart and the new values. A source per version causes
 * one. Kubernetes names have no upper case and at most 253 characters, so `1.0.0-RC.1` gets a hash.
 */
export function sourceName(tenant: string, version: string): string {
  const plain = `${tenant}-${version}`;
  if (plain === plain.toLowerCase() && plain.length <= 253) return plain;
  const hash = createHash("sha256").update(plain).digest("hex").slice(0, 8);
  return `${plain.toLowerCase().slice(0, 253 - hash.length - 1)}-${hash}`;
}

/**
 * Whether the stack keeps the source of the release that ran before. It does not if it renders manifests, where no source
 * runs, or if it follows a branch, where there is no release to go back to.
 */
export function keepsPreviousSources(config: StackConfig): boolean {
  return config.follow === "tags" && config.delivery.kind === "cluster";
}
