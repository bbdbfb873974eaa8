import type { BranchChart, Intervals } from "../config/stack-config";
import { type BranchEvidence, type Evidence, imageCommit } from "../release/evidence";
import { chartTagOf } from "../version/version";
import { branchAnnotations, releaseAnnotations } from "./evidence-annotations";
import type { GitRepository, LocalReference, OciRepository } from "./flux";
import { commitSourceName, label, sourceName } from "./name";
import { defined, type ObjectMeta } from "./object";

/** Where a tenant's chart comes from, and how Flux gets at it. */
export interface SourceSpec<Text = string> {
  /** The tenant's name. */
  readonly tenant: string;
  readonly authorityNamespace: string;
  /** A release, or the branch that the stack follows. */
  readonly resolved: ResolvedSource;
  /** Which charts of a registry are followed, where those of a branch are. */
  readonly branchChart?: BranchChart;
  /** Whether the chart's registry speaks plain HTTP. For labs. */
  readonly insecureRegistry: boolean;
  /** How often Flux looks. */
  readonly interval: Text;
  /** How long Flux waits for the Git host or the registry. */
  readonly timeout: Text;
  /** A Secret in the authority namespace with the credentials of the Git host or the registry. */
  readonly secretName?: Text;
}

/** What a source follows, with the facts that were read about it. */
export type ResolvedSource =
  | { readonly kind: "tags"; readonly evidence: Evidence }
  | { readonly kind: "branch"; readonly evidence: BranchEvidence };

/** Helm's own media type of the layer that holds a chart. */
const chartLayer = "application/vnd.cncf.helm.chart.content.v1.tar+gzip";

/** Pulumi waits on this before it goes on: nothing switches to a source that is not known to be fetchable. */
const waitForReady = { "pulumi.com/waitFor": "condition=Ready" };

/** The evidence that a source or a release carries, with the mark that lets Pulumi wait for it. */
export function sourceAnnotations(tenant: string, resolvedSource: ResolvedSource): Record<string, string> {
  const evidence =
    resolvedSource.kind === "tags"
      ? releaseAnnotations(tenant, resolvedSource.evidence)
      : branchAnnotations(tenant, resolvedSource.evidence);
  return { ...evidence, ...waitForReady };
}

/**
 * The name of the source of what is followed: named after the version; for a branch after the tenant, or after the commit
 * whose image runs, so that one patch of the release moves chart and image together.
 */
export function resolvedSourceName(tenant: string, resolvedSource: ResolvedSource): string {
  if (resolvedSource.kind === "tags") return sourceName(tenant, resolvedSource.evidence.version);
  const commit = imageCommit(resolvedSource.evidence);
  return commit === undefined ? tenant : commitSourceName(tenant, commit);
}

/**
 * How often Flux looks at a source that names a commit or a digest. It cannot change, but source-controller clones its
 * whole history at each look (two of podinfo's at 2 s took 28 % of a core); a fetch that failed is tried again by itself.
 */
const fixedSourceInterval = "1h0m0s";

/** How often Flux looks at a source: as often as the stack asks for where there can be something new. */
export function sourceInterval(resolvedSource: ResolvedSource, intervals: Intervals): string {
  const fixed = resolvedSource.kind === "tags" || imageCommit(resolvedSource.evidence) !== undefined;
  return fixed ? fixedSourceInterval : intervals.source;
}

/** A chart that is an OCI artifact has an OCIRepository, any other a GitRepository. */
export function sourceObject<Text = string>(spec: SourceSpec<Text>): GitRepository<Text> | OciRepository<Text> {
  return isOci(spec.resolved.evidence.chart) ? ociRepository(spec) : gitRepository(spec);
}

/** Whether a chart, as the tenant declares it, is an OCI artifact. */
export function isOci(chart: string): boolean {
  return chart.startsWith("oci://");
}

function gitRepository<Text>(spec: SourceSpec<Text>): GitRepository<Text> {
  const { resolved } = spec;
  const ref =
    resolved.kind === "branch"
      ? defined({ branch: resolved.evidence.branch, commit: imageCommit(resolved.evidence) })
      : defined({ tag: resolved.evidence.gitTag, commit: resolved.evidence.commit });
  return {
    apiVersion: "source.toolkit.fluxcd.io/v1",
    kind: "GitRepository",
    metadata: metadata(spec),
    spec: {
      url: resolved.evidence.repository ?? "",
      ref,
      interval: spec.interval,
      timeout: spec.timeout,
      ...secretRef(spec),
    },
  };
}

function ociRepository<Text>(spec: SourceSpec<Text>): OciRepository<Text> {
  const { resolved, branchChart } = spec;
  return {
    apiVersion: "source.toolkit.fluxcd.io/v1",
    kind: "OCIRepository",
    metadata: metadata(spec),
    spec: {
      url: resolved.evidence.chart,
      ref:
        resolved.kind === "branch"
          ? { semver: branchChart?.range ?? "", semverFilter: branchChart?.pattern ?? "" }
          : {
              tag: chartTagOf(resolved.evidence.chartVersion ?? ""),
              ...defined({ digest: resolved.evidence.chartDigest }),
            },
      layerSelector: { mediaType: chartLayer, operation: "copy" },
      interval: spec.interval,
      timeout: spec.timeout,
      ...(spec.insecureRegistry ? { insecure: true } : {}),
      ...secretRef(spec),
    },
  };
}

function metadata<Text>(spec: SourceSpec<Text>): ObjectMeta {
  return {
    name: resolvedSourceName(spec.tenant, spec.resolved),
    namespace: spec.authorityNamespace,
    labels: { [label.tenant]: spec.tenant },
    annotations: sourceAnnotations(spec.tenant, spec.resolved),
  };
}

function secretRef<Text>(spec: SourceSpec<Text>): { secretRef?: LocalReference<Text> } {
  return spec.secretName === undefined ? {} : { secretRef: { name: spec.secretName } };
}
