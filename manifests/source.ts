import type { BranchChart, Intervals } from "../fleet/fleet";
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
  readonly follows: Followed;
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
export type Followed =
  | { readonly kind: "tags"; readonly evidence: Evidence }
  | { readonly kind: "branch"; readonly evidence: BranchEvidence };

/** Helm's own media type of the layer that holds a chart. */
const chartLayer = "application/vnd.cncf.helm.chart.content.v1.tar+gzip";

/** Pulumi waits on this before it goes on: nothing switches to a source that is not known to be fetchable. */
const waitForReady = { "pulumi.com/waitFor": "condition=Ready" };

/** The evidence that a source or a release carries, with the mark that lets Pulumi wait for it. */
export function followedAnnotations(tenant: string, followed: Followed): Record<string, string> {
  const evidence =
    followed.kind === "tags"
      ? releaseAnnotations(tenant, followed.evidence)
      : branchAnnotations(tenant, followed.evidence);
  return { ...evidence, ...waitForReady };
}

/**
 * The name of the source of what is followed: named after the version; for a branch after the tenant, or after the commit
 * whose image runs, so that one patch of the release moves chart and image together.
 */
export function followedSourceName(tenant: string, followed: Followed): string {
  if (followed.kind === "tags") return sourceName(tenant, followed.evidence.version);
  const commit = imageCommit(followed.evidence);
  return commit === undefined ? tenant : commitSourceName(tenant, commit);
}

/**
 * How often Flux looks at a source that names a commit or a digest. It cannot change, but source-controller clones its
 * whole history at each look (two of podinfo's at 2 s took 28 % of a core); a fetch that failed is tried again by itself.
 */
const fixedSourceInterval = "1h0m0s";

/** How often Flux looks at a source: as often as the stack asks for where there can be something new. */
export function sourceInterval(followed: Followed, intervals: Intervals): string {
  const fixed = followed.kind === "tags" || imageCommit(followed.evidence) !== undefined;
  return fixed ? fixedSourceInterval : intervals.source;
}

/** A chart that is an OCI artifact has an OCIRepository, any other a GitRepository. */
export function sourceObject<Text = string>(spec: SourceSpec<Text>): GitRepository<Text> | OciRepository<Text> {
  return isOci(spec.follows.evidence.chart) ? ociRepository(spec) : gitRepository(spec);
}

/** Whether a chart, as the tenant declares it, is an OCI artifact. */
export function isOci(chart: string): boolean {
  return chart.startsWith("oci://");
}

function gitRepository<Text>(spec: SourceSpec<Text>): GitRepository<Text> {
  const { follows } = spec;
  const ref =
    follows.kind === "branch"
      ? defined({ branch: follows.evidence.branch, commit: imageCommit(follows.evidence) })
      : defined({ tag: follows.evidence.gitTag, commit: follows.evidence.commit });
  return {
    apiVersion: "source.toolkit.fluxcd.io/v1",
    kind: "GitRepository",
    metadata: metadata(spec),
    spec: {
      url: follows.evidence.repository ?? "",
      ref,
      interval: spec.interval,
      timeout: spec.timeout,
      ...secretRef(spec),
    },
  };
}

function ociRepository<Text>(spec: SourceSpec<Text>): OciRepository<Text> {
  const { follows, branchChart } = spec;
  return {
    apiVersion: "source.toolkit.fluxcd.io/v1",
    kind: "OCIRepository",
    metadata: metadata(spec),
    spec: {
      url: follows.evidence.chart,
      ref:
        follows.kind === "branch"
          ? { semver: branchChart?.range ?? "", semverFilter: branchChart?.pattern ?? "" }
          : {
              tag: chartTagOf(follows.evidence.chartVersion ?? ""),
              ...defined({ digest: follows.evidence.chartDigest }),
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
    name: followedSourceName(spec.tenant, spec.follows),
    namespace: spec.authorityNamespace,
    labels: { [label.tenant]: spec.tenant },
    annotations: followedAnnotations(spec.tenant, spec.follows),
  };
}

function secretRef<Text>(spec: SourceSpec<Text>): { secretRef?: LocalReference<Text> } {
  return spec.secretName === undefined ? {} : { secretRef: { name: spec.secretName } };
}
