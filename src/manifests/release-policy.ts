import {
  builtInDefaults,
  defaultBranchRange,
  defaultAuthorityNamespace,
  defaultIntervals,
  defaultTimeouts,
} from "../config/built-in-defaults";
import { fullRepository } from "../config/image-reference";
import { type BranchEvidence, type Evidence, imageCommit, isRelease } from "../release/evidence";
import { fluxRange } from "../version/range";
import { chartTagOf } from "../version/version";
import { annotation, label, tenantMarks } from "./annotation";
import { type ComponentObject, defined, type KubernetesObject, secretRef } from "./object";
import { isFixed, resolvedSource, waitForAnnotation } from "./source";

/** Where the chart comes from, which versions may run and who moves them. */
export interface ReleasePolicyArgs<Text = string> {
  /** The namespace of the objects. Default: `flux-system`. */
  readonly authorityNamespace?: string;
  /** Whether the registry speaks plain HTTP. For labs. Default: false. */
  readonly insecureRegistry?: boolean;
  /** Where Flux fetches the chart. Default: no source, which only informs Flux's automation of the policy. */
  readonly source?: SourceArgs<Text>;
  /** The release that ran before. Its source stays, so that a rollback needs no network. Default: none. */
  readonly previous?: Evidence;
  /** Which image tags are scanned and may run. Default: no image is scanned. */
  readonly images?: ImageArgs<Text>;
  /** How long `up` waits until a source is fetched, a Go duration. Default: Pulumi's own, ten minutes. */
  readonly waitFor?: string;
}

/** How Flux fetches a source. */
export interface SourceArgs<Text = string> {
  /** The facts of the release, as `readRelease` reads them, or of a branch. */
  readonly evidence: Evidence | BranchEvidence;
  /** Which charts of a registry are followed. Required with an OCI chart of a branch. Default: none. */
  readonly branchChart?: BranchChart;
  /** How often Flux checks the source, a Go duration. Default: `1h0m0s` for a release, `1m0s` for a branch. */
  readonly interval?: Text;
  /** How long Flux waits for the Git host or the registry, a Go duration. Default: `1m0s`. */
  readonly timeout?: Text;
  /** A Secret in the authority namespace with the credentials of the Git host or the registry. Default: none. */
  readonly secretName?: Text;
  /** The stack, as a label by which its receivers and alerts find the source. Default: no label. */
  readonly stack?: string;
  /** Whether Flux fetches nothing new. For a Git repository that follows a branch: the release runs on. Default: false. */
  readonly suspended?: boolean;
}

/** Which image tags Flux scans, which of them may run, and who moves the version. */
export interface ImageArgs<Text = string> {
  /** The stack whose automations move the version, and whose receivers and alerts find the objects, as a label. Default: no label. */
  readonly stack?: string;
  /** The image repository without tag. */
  readonly image: string;
  /** Which of its tags may run. Default: all releases. */
  readonly choice?: VersionChoice | CommitChoice;
  /** Which ImageUpdateAutomation moves the version. Default: `manual`, which is none. */
  readonly automation?: Automation;
  /** No automation selects a pinned tenant. Default: false. */
  readonly pinned?: boolean;
  /** How often Flux scans the registry, a Go duration. Default: `5m0s`. */
  readonly interval?: Text;
  /** A Secret in the authority namespace with the credentials of the registry. Default: none. */
  readonly secretName?: Text;
}

/** Who changes a version: Flux on the main branch, Flux on a promotion branch, or people. */
export type Automation = "auto" | "pull-request" | "manual";

/** Which of the charts that an application publishes for its commits are followed: the newest that both allow. */
export interface BranchChart {
  /** A SemVer range in Flux's syntax. Default: `>=0.0.0-0`, all versions. */
  readonly range?: string;
  /** A regular expression over tags. */
  readonly pattern: string;
}

/** The newest version that the policy allows. */
export interface VersionChoice {
  /** Says that it is this choice. */
  readonly kind: "version";
  /** The prefix of the version in an image tag. Default: none. */
  readonly prefix?: string;
  /** A SemVer range in Flux's syntax. Default: `*`, all releases. */
  readonly range?: string;
  /** Versions that never run. Default: none. */
  readonly deny?: readonly string[];
}

/** Of the images that are built for each commit, the one whose tag has the highest number. */
export interface CommitChoice {
  /** Says that it is this choice. */
  readonly kind: "commit";
  /** A regular expression over tags; its group `ts` is the number. */
  readonly pattern: string;
}

/** Helm's own media type of the layer that holds a chart. */
export const chartLayer = "application/vnd.cncf.helm.chart.content.v1.tar+gzip";

/**
 * How often Flux checks a source with a commit or a digest. It cannot change, but source-controller clones its whole
 * history each time (two of podinfo's at 2 s took 28 % of a core). Flux retries a failed fetch earlier.
 */
const fixedSourceInterval = "1h0m0s";

/** SemVer's grammar without build metadata, which no image tag can carry (semver.org, question 12). */
const semVer =
  "(?:0|[1-9]\\d*)\\.(?:0|[1-9]\\d*)\\.(?:0|[1-9]\\d*)" +
  "(?:-(?:0|[1-9]\\d*|\\d*[a-zA-Z-][0-9a-zA-Z-]*)(?:\\.(?:0|[1-9]\\d*|\\d*[a-zA-Z-][0-9a-zA-Z-]*))*)?";

/** The sources of a tenant, then its ImageRepository and ImagePolicy. */
export function releasePolicyObjects<Text = string>(tenant: string, args: ReleasePolicyArgs<Text>): ComponentObject[] {
  const { source, previous, images, waitFor } = args;
  const sources = [source, source && previous && { ...source, evidence: previous }].filter((one) => one !== undefined);
  return [
    ...sources.map((one) => ({ object: sourceObject(tenant, args, one), ...(!one.suspended && { waitFor }) })),
    ...(images === undefined ? [] : imageObjects(tenant, args, images).map((object) => ({ object }))),
  ];
}

function sourceObject<Text>(
  tenant: string,
  { authorityNamespace = defaultAuthorityNamespace, insecureRegistry = false }: ReleasePolicyArgs<Text>,
  source: SourceArgs<Text>,
): KubernetesObject {
  const { evidence } = source;
  const resolved = resolvedSource(tenant, evidence);
  const isOci = resolved.kind === "OCIRepository";
  const isSuspended = source.suspended === true;
  return {
    apiVersion: "source.toolkit.fluxcd.io/v1",
    kind: resolved.kind,
    metadata: {
      name: resolved.name,
      namespace: authorityNamespace,
      labels: tenantMarks(tenant, source.stack).labels,
      // Flux observes no change of a suspended object, so it would never be ready.
      annotations: defined({ ...resolved.annotations, ...(isSuspended && { [waitForAnnotation]: undefined }) }),
    },
    spec: {
      ...(isOci ? ociSpec(source) : gitSpec(evidence)),
      interval: source.interval ?? (isFixed(evidence) ? fixedSourceInterval : defaultIntervals.source),
      timeout: source.timeout ?? defaultTimeouts.source,
      ...(isOci && insecureRegistry ? { insecure: true } : {}),
      ...(isSuspended && { suspend: true }),
      ...secretRef(source.secretName),
    },
  };
}

/** Flux prefers `commit` to `tag`, which stays for people, and to `branch`, which must contain the commit. */
function gitSpec(evidence: Evidence | BranchEvidence): Record<string, unknown> {
  const ref = isRelease(evidence)
    ? { tag: evidence.gitTag, commit: evidence.commit }
    : { branch: evidence.branch, commit: imageCommit(evidence) };
  return { url: evidence.repository ?? "", ref: defined<string>(ref) };
}

/** Flux prefers `digest` to `tag`, which stays for people. */
function ociSpec<Text>({ evidence, branchChart }: SourceArgs<Text>): Record<string, unknown> {
  const ref = isRelease(evidence)
    ? { tag: chartTagOf(evidence.chartVersion ?? ""), digest: evidence.chartDigest }
    : { semver: branchChart?.range ?? defaultBranchRange, semverFilter: branchChart?.pattern ?? "" };
  return { url: evidence.chart, ref: defined(ref), layerSelector: { mediaType: chartLayer, operation: "copy" } };
}

function imageObjects<Text>(
  tenant: string,
  { authorityNamespace = defaultAuthorityNamespace, insecureRegistry = false }: ReleasePolicyArgs<Text>,
  { stack, image, choice = { kind: "version" }, ...images }: ImageArgs<Text>,
): KubernetesObject[] {
  const { labels, annotations } = tenantMarks(tenant, stack);
  const apiVersion = "image.toolkit.fluxcd.io/v1";
  const metadata = { name: tenant, namespace: authorityNamespace };
  const automation = images.pinned ? "manual" : (images.automation ?? builtInDefaults.policy.automation);
  return [
    {
      apiVersion,
      kind: "ImageRepository",
      metadata: { ...metadata, labels, annotations: { ...annotations, [annotation.image]: fullRepository(image) } },
      spec: {
        image,
        interval: images.interval ?? defaultIntervals.image,
        ...(insecureRegistry ? { insecure: true } : {}),
        ...secretRef(images.secretName),
      },
    },
    {
      apiVersion,
      kind: "ImagePolicy",
      metadata: {
        ...metadata,
        labels: { ...labels, [label.automation]: automation },
        annotations,
      },
      spec: {
        imageRepositoryRef: { name: tenant },
        ...chosenTags(choice),
        // `Always` would write a re-pushed tag's new digest into the stack file without anybody's decision.
        digestReflectionPolicy: "IfNotPresent",
      },
    },
  ];
}

function chosenTags(choice: VersionChoice | CommitChoice): Record<string, unknown> {
  if (choice.kind === "commit") {
    return { filterTags: { pattern: choice.pattern, extract: "$ts" }, policy: { numerical: { order: "asc" } } };
  }
  const { prefix = "", range = "*", deny = [] } = choice;
  return {
    // Masterminds reads `v1.2.3` and `1.2` as versions too. Here a version must have the declared prefix.
    filterTags: { pattern: `^${escapeForGo(prefix)}(?P<version>${semVer})$`, extract: "$version" },
    policy: { semver: { range: fluxRange(range, deny) } },
  };
}

/** Go's RE2 has the same special characters as JavaScript. */
function escapeForGo(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
}
