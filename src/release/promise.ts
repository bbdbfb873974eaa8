/**
 * The promise that a release keeps: `version` of `Chart.yaml` is the version; `appVersion` is the image tag, character
 * for character; the Git tag at that commit is the Git prefix and the version, and the commit lies on a branch that
 * releases are made from; it pins the charts that a chart in Git depends on; the image with that tag is in the registry.
 * Pure functions: no I/O, no defaults.
 */
import type { Chart, Prefix, Tenant } from "../config/stack-config";
import { commitOfTag } from "../version/tag-pattern";
import { versionOfTag } from "../version/version";
import { branchMatches } from "./branch-pattern";
import { isDigest } from "./digest";
import type { BranchEvidence, Evidence } from "./evidence";

/** What a tenant declares, and the evidence of its release must agree with. */
export interface Expectations {
  /** The image tag that is to run, as the stack file's `tag` says. */
  readonly imageTag: string;
  readonly prefix: Prefix;
  /** The application's Git repository. Without it no fact of Git is judged; a chart in Git always has it. */
  readonly repository?: string;
  readonly chart: Chart;
  /** Patterns as `branchMatches` reads them. None: the branch is not judged. */
  readonly releasedFrom: readonly string[];
  /** Image repositories without tag. None: no image is judged. */
  readonly images: readonly string[];
  /** The digest of the first image, where the stack file has one. */
  readonly digest?: string;
}

/**
 * What the tenant's entry in a stack file expects of the release with this image tag.
 *
 * @param imageTag by default the tenant's own `tag`; its `digest` belongs to that tag alone
 * @throws TypeError where neither is there: the stack follows a branch, and no release is expected
 */
export function expectationsOf(tenant: Tenant, imageTag: string | undefined = tenant.tag): Expectations {
  if (imageTag === undefined) {
    throw new TypeError(`${tenant.name} has no tag: a stack that follows a branch expects no release`);
  }
  return {
    imageTag,
    prefix: tenant.prefix,
    repository: tenant.repository,
    chart: tenant.chart,
    releasedFrom: tenant.releasedFrom,
    images: tenant.images,
    digest: imageTag === tenant.tag ? tenant.digest : undefined,
  };
}

/** The chart as evidence names it: the declared path, or the declared `oci://` address. */
export function chartReference(chart: Chart): string {
  return chart.kind === "git" ? chart.path : chart.url;
}

/**
 * Why the promise is broken: each reason is one sentence that says which fact, what it is, and what it must be. Empty
 * when the promise is kept. A fact that is not there breaks it.
 */
export function promiseReasons(evidence: Evidence, expectations: Expectations): string[] {
  const { imageTag, prefix } = expectations;
  const version = versionOfTag(imageTag, prefix.image);
  if (version === undefined) {
    return [`the image tag is "${imageTag}", must be ${versionWith(prefix.image)}`];
  }
  return [
    ...mustBe("the evidence's version", evidence.version, version, "the image tag less its prefix"),
    ...(expectations.repository === undefined ? [] : gitReasons(evidence, expectations, version)),
    ...mustBe("the chart", evidence.chart, chartReference(expectations.chart), "as the tenant declares it"),
    ...(evidence.chartProblems ?? []),
    ...chartFieldReasons(
      evidence,
      "version",
      prefix.chart + version,
      prefix.chart === "" ? "the version" : "the chart prefix and the version",
    ),
    ...chartFieldReasons(evidence, "appVersion", imageTag, "the image tag"),
    ...(expectations.chart.kind === "oci" ? artifactReasons(evidence) : []),
    ...expectations.images.flatMap((image, index) =>
      imageReasons(evidence, `${image}:${imageTag}`, index === 0 ? expectations.digest : undefined),
    ),
  ];
}

/** What a tenant declares, and the evidence of the branch that its stack follows must agree with. */
export type BranchExpectations = Pick<Tenant, "prefix" | "images" | "tag" | "digest" | "branchImage" | "branchChart">;

/**
 * Why what a followed branch stands for is not in order: `version` of its `Chart.yaml` must be the chart prefix and a
 * version, and `appVersion` the image prefix and that same version. Where the application publishes an image for each
 * commit, the image must be in the registry, and the chart lie at its commit. Empty when all is well.
 */
export function branchReasons(evidence: BranchEvidence, expectations: BranchExpectations): string[] {
  return [...branchChartReasons(evidence, expectations), ...commitImageReasons(evidence, expectations)];
}

function branchChartReasons(evidence: BranchEvidence, { prefix, branchChart }: BranchExpectations): string[] {
  const reasons = [...(evidence.chartProblems ?? [])];
  const { chartVersion, commit } = evidence;
  if (branchChart === undefined && commit === undefined) {
    reasons.push(
      `the branch "${evidence.branch}" is not there${evidence.repository === undefined ? "" : ` in ${evidence.repository}`}`,
    );
    return reasons;
  }
  if (branchChart !== undefined && chartVersion === undefined && reasons.length === 0) {
    const { range, pattern } = branchChart;
    return [
      `no version of the chart ${evidence.chart} is in the range "${range}" and matches the pattern "${pattern}"`,
    ];
  }
  if (chartVersion === undefined) {
    return [...reasons, ...chartFieldReasons(evidence, "version", undefined, versionWith(prefix.chart))];
  }
  const version = versionOfTag(chartVersion, prefix.chart);
  if (version === undefined) {
    reasons.push(`version of Chart.yaml is "${chartVersion}", must be ${versionWith(prefix.chart)}`);
    return reasons;
  }
  return [
    ...reasons,
    ...chartFieldReasons(
      evidence,
      "appVersion",
      prefix.image + version,
      `the same as version "${chartVersion}", with the image prefix`,
    ),
  ];
}

/** The image that was made for the commit, and no other. */
function commitImageReasons(evidence: BranchEvidence, expectations: BranchExpectations): string[] {
  const { branchImage, images, tag = "", digest } = expectations;
  if (branchImage === undefined) {
    return [];
  }
  const { sha } = commitOfTag(branchImage.pattern, tag) ?? {};
  if (sha === undefined) {
    return [`the image tag is "${tag}", must match the pattern "${branchImage.pattern}"`];
  }
  const { commit } = evidence;
  return [
    ...(commit === undefined || commit.startsWith(sha)
      ? []
      : [`the commit is ${commit}, must be the one that the image tag "${tag}" names`]),
    ...images.flatMap((image, index) => imageReasons(evidence, `${image}:${tag}`, index === 0 ? digest : undefined)),
  ];
}

function gitReasons(evidence: Evidence, expectations: Expectations, version: string): string[] {
  const gitTag = expectations.prefix.git + version;
  const reasons = mustBe("the repository", evidence.repository, expectations.repository, "as the tenant declares it");
  if (evidence.gitTag === undefined) {
    return [...reasons, `there is no Git tag "${gitTag}" in ${String(expectations.repository)}, must be there`];
  }
  reasons.push(...mustBe("the Git tag", evidence.gitTag, gitTag, "the Git prefix and the version"));
  if (evidence.commit === undefined) {
    return [...reasons, `the Git tag "${evidence.gitTag}" points at no commit, must point at one`];
  }
  if (!/^([0-9a-f]{40}|[0-9a-f]{64})$/.test(evidence.commit)) {
    reasons.push(`the commit is "${evidence.commit}", must be a whole commit id`);
  }
  return [...reasons, ...releasedFromReasons(evidence, expectations.releasedFrom), ...revisionReasons(evidence)];
}

function releasedFromReasons({ branch, commit }: Evidence, releasedFrom: readonly string[]): string[] {
  if (
    releasedFrom.length === 0 ||
    (branch !== undefined && releasedFrom.some((pattern) => branchMatches(pattern, branch)))
  ) {
    return [];
  }
  const wanted = releasedFrom.map((pattern) => `"${pattern}"`).join(" or ");
  return branch === undefined
    ? [`the commit ${String(commit)} lies on no branch that releases are made from, must lie on ${wanted}`]
    : [`the commit ${String(commit)} lies on the branch "${branch}", must lie on ${wanted}`];
}

/** `flux push artifact` writes `<branch>@sha1:<commit>`, most other tools the bare commit. */
function revisionReasons({ revision, commit }: Evidence): string[] {
  return revision === undefined || revision.split(":").at(-1) === commit
    ? []
    : [
        `the artifact's label org.opencontainers.image.revision is "${revision}", must be "${String(commit)}", the commit of the Git tag`,
      ];
}

function artifactReasons({ chartDigest, chart }: Evidence): string[] {
  if (chartDigest === undefined) {
    return [`the chart ${chart} of this version is not in the registry, must be there`];
  }
  return isDigest(chartDigest) ? [] : [`the chart's digest is "${chartDigest}", must be a digest such as "sha256:..."`];
}

function imageReasons(
  { images = [] }: Pick<BranchEvidence, "images">,
  reference: string,
  declared: string | undefined,
): string[] {
  const digest = images.find((image) => image.reference === reference)?.digest;
  if (digest === undefined) {
    return [`the image ${reference} is not in the registry, must be there`];
  }
  if (!isDigest(digest)) {
    return [`the digest of ${reference} is "${digest}", must be a digest such as "sha256:..."`];
  }
  return declared === undefined ? [] : mustBe(`the digest of ${reference}`, digest, declared, "as the stack file says");
}

/** A reason where a field of `Chart.yaml` is not `expected`; one that is broken is reported as such and not as missing. */
function chartFieldReasons(
  evidence: Pick<Evidence, "chartVersion" | "appVersion" | "chartProblems">,
  field: "version" | "appVersion",
  expected: string | undefined,
  meaning: string,
): string[] {
  const actual = field === "version" ? evidence.chartVersion : evidence.appVersion;
  if (actual === undefined) {
    const must = expected === undefined ? meaning : `"${expected}", ${meaning}`;
    return (evidence.chartProblems ?? []).length > 0 ? [] : [`${field} is missing in Chart.yaml, must be ${must}`];
  }
  return mustBe(`${field} of Chart.yaml`, actual, expected, meaning);
}

function mustBe(fact: string, actual: string | undefined, expected: string | undefined, meaning: string): string[] {
  if (actual === expected) {
    return [];
  }
  const is = actual === undefined ? "missing" : `"${actual}"`;
  return [`${fact} is ${is}, must be ${expected === undefined ? "absent" : `"${expected}"`}, ${meaning}`];
}

function versionWith(prefix: string): string {
  return prefix === "" ? 'a version such as "1.0.0"' : `"${prefix}" and a version, such as "${prefix}1.0.0"`;
}
