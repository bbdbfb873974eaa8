import type { Automation, BranchChart } from "../config/stack-config";
import { imageCommit, isRelease } from "../release/evidence";
import { fluxRange } from "../version/range";
import { chartTagOf } from "../version/version";
import { label, tenantMarks } from "./annotation";
import { type ComponentObject, defined, type KubernetesObject, secretRef } from "./object";
import type { ResolvedSource } from "./source";

/** Where the chart comes from, which versions may run and who moves them. */
export interface ReleasePolicyArgs<Text = string> {
  readonly authorityNamespace: string;
  /** Whether the registry speaks plain HTTP. For labs. */
  readonly insecureRegistry: boolean;
  /** Where Flux fetches the chart. Default: no source, which only informs Flux's automation of the policy. */
  readonly source?: SourceArgs<Text>;
  /** The source of the release that ran before. It stays, so that a rollback needs no network. Default: none. */
  readonly previous?: ResolvedSource;
  /** Which image tags are scanned and may run. Default: no image is scanned. */
  readonly images?: ImageArgs<Text>;
  /** How long `up` waits until a source is fetched, a Go duration. Default: Pulumi's own, ten minutes. */
  readonly waitFor?: string;
}

/** How Flux fetches a source. */
export interface SourceArgs<Text = string> {
  readonly resolved: ResolvedSource;
  /** Which charts of a registry are followed. Required for an OCI chart of a stack that follows a branch. */
  readonly branchChart?: BranchChart;
  /** How often Flux checks the source. */
  readonly interval: Text;
  /** How long Flux waits for the Git host or the registry. */
  readonly timeout: Text;
  /** A Secret in the authority namespace with the credentials of the Git host or the registry. */
  readonly secretName?: Text;
}

/** Which image tags Flux scans, which of them may run, and who moves the version. */
export interface ImageArgs<Text = string> {
  readonly stack: string;
  /** The image repository without tag. */
  readonly image: string;
  readonly choice: VersionChoice | CommitChoice;
  readonly automation: Automation;
  /** No automation selects a pinned tenant. */
  readonly pinned: boolean;
  /** How often Flux scans the registry. */
  readonly interval: Text;
  /** A Secret in the authority namespace with the credentials of the registry. */
  readonly secretName?: Text;
}

/** The newest version that the policy allows. */
export interface VersionChoice {
  readonly kind: "version";
  /** The prefix of the version in an image tag. */
  readonly prefix: string;
  /** A SemVer range in Flux's syntax. */
  readonly range: string;
  /** Versions that never run. */
  readonly deny: readonly string[];
}

/** Of the images that are built for each commit, the one whose tag has the highest number. */
export interface CommitChoice {
  readonly kind: "commit";
  /** A regular expression over tags; its group `ts` is the number. */
  readonly pattern: string;
}

/** Helm's own media type of the layer that holds a chart. */
const chartLayer = "application/vnd.cncf.helm.chart.content.v1.tar+gzip";

/** SemVer's grammar without build metadata, which no image tag can carry (semver.org, question 12). */
const semVer =
  "(?:0|[1-9]\\d*)\\.(?:0|[1-9]\\d*)\\.(?:0|[1-9]\\d*)" +
  "(?:-(?:0|[1-9]\\d*|\\d*[a-zA-Z-][0-9a-zA-Z-]*)(?:\\.(?:0|[1-9]\\d*|\\d*[a-zA-Z-][0-9a-zA-Z-]*))*)?";

/** The sources of a tenant, then its ImageRepository and ImagePolicy. */
export function releasePolicyObjects<Text = string>(tenant: string, args: ReleasePolicyArgs<Text>): ComponentObject[] {
  const { source, previous, images, waitFor } = args;
  const sources = [source, source && previous && { ...source, resolved: previous }].filter((one) => one !== undefined);
  return [
    ...sources.map((one) => ({ object: sourceObject(tenant, args, one), waitFor })),
    ...(images === undefined ? [] : imageObjects(tenant, args, images).map((object) => ({ object }))),
  ];
}

function sourceObject<Text>(
  tenant: string,
  { authorityNamespace, insecureRegistry }: ReleasePolicyArgs<Text>,
  source: SourceArgs<Text>,
): KubernetesObject {
  const { resolved } = source;
  const isOci = resolved.kind === "OCIRepository";
  return {
    apiVersion: "source.toolkit.fluxcd.io/v1",
    kind: resolved.kind,
    metadata: {
      name: resolved.name,
      namespace: authorityNamespace,
      labels: tenantMarks(tenant).labels,
      annotations: resolved.annotations,
    },
    spec: {
      ...(isOci ? ociSpec(source) : gitSpec(resolved)),
      interval: source.interval,
      timeout: source.timeout,
      ...(isOci && insecureRegistry ? { insecure: true } : {}),
      ...secretRef(source.secretName),
    },
  };
}

/** Flux prefers `commit` to `tag`, which stays for people, and to `branch`, which must contain the commit. */
function gitSpec({ evidence }: ResolvedSource): Record<string, unknown> {
  const ref = isRelease(evidence)
    ? { tag: evidence.gitTag, commit: evidence.commit }
    : { branch: evidence.branch, commit: imageCommit(evidence) };
  return { url: evidence.repository ?? "", ref: defined<string>(ref) };
}

/** Flux prefers `digest` to `tag`, which stays for people. */
function ociSpec<Text>({ resolved: { evidence }, branchChart }: SourceArgs<Text>): Record<string, unknown> {
  const ref = isRelease(evidence)
    ? { tag: chartTagOf(evidence.chartVersion ?? ""), digest: evidence.chartDigest }
    : { semver: branchChart?.range ?? "", semverFilter: branchChart?.pattern ?? "" };
  return { url: evidence.chart, ref: defined(ref), layerSelector: { mediaType: chartLayer, operation: "copy" } };
}

function imageObjects<Text>(
  tenant: string,
  { authorityNamespace, insecureRegistry }: ReleasePolicyArgs<Text>,
  images: ImageArgs<Text>,
): KubernetesObject[] {
  const { labels, annotations } = tenantMarks(tenant);
  const apiVersion = "image.toolkit.fluxcd.io/v1";
  const metadata = { name: tenant, namespace: authorityNamespace };
  const automation = images.pinned ? "manual" : images.automation;
  return [
    {
      apiVersion,
      kind: "ImageRepository",
      metadata: { ...metadata, labels, annotations },
      spec: {
        image: images.image,
        interval: images.interval,
        ...(insecureRegistry ? { insecure: true } : {}),
        ...secretRef(images.secretName),
      },
    },
    {
      apiVersion,
      kind: "ImagePolicy",
      metadata: {
        ...metadata,
        labels: { ...labels, [label.stack]: images.stack, [label.automation]: automation },
        annotations,
      },
      spec: {
        imageRepositoryRef: { name: tenant },
        ...chosenTags(images.choice),
        // `Always` would write a re-pushed tag's new digest into the stack file without anybody's decision.
        digestReflectionPolicy: "IfNotPresent",
      },
    },
  ];
}

function chosenTags(choice: ImageArgs["choice"]): Record<string, unknown> {
  if (choice.kind === "commit") {
    return { filterTags: { pattern: choice.pattern, extract: "$ts" }, policy: { numerical: { order: "asc" } } };
  }
  return {
    // Masterminds reads `v1.2.3` and `1.2` as versions too. Here a version must have the declared prefix.
    filterTags: { pattern: `^${escapeForGo(choice.prefix)}(?P<version>${semVer})$`, extract: "$version" },
    policy: { semver: { range: fluxRange(choice.range, choice.deny) } },
  };
}

/** Go's RE2 has the same special characters as JavaScript. */
function escapeForGo(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
}
