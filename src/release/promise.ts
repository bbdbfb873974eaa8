/**
 * The promise that a release keeps: `version` of `Chart.yaml` is the version; `appVersion` is the image tag, character
 * for character; the Git tag is the Git prefix and the version; its commit is on a branch that releases are made from,
 * and pins the chart's dependencies; the image with that tag is in the registry. Pure functions: no I/O, no defaults.
 */
import { printableSentence } from "../config/printable";
import type { Chart, Prefix, Tenant } from "../config/stack-config";
import { commitOfTag } from "../version/tag-pattern";
import { versionOfTag } from "../version/version";
import { branchMatches } from "./branch-pattern";
import { isDigest } from "./digest";
import type { BranchEvidence, Evidence } from "./evidence";

/** What the evidence of a tenant's release must agree with. */
export interface Expectations {
  /** The stack file's `tag`. */
  readonly imageTag: string;
  readonly prefix: Prefix;
  /** The application's Git repository. Absent: facts from Git are not judged. A chart in Git always has it. */
  readonly repository?: string;
  readonly chart: Chart;
  /** Patterns for `branchMatches`. Empty: the branch is not judged. */
  readonly releasedFrom: readonly string[];
  /** Image repositories without tag. Empty: images are not judged. */
  readonly images: readonly string[];
  /** The stack file's `digest`: that of the first image. */
  readonly digest?: string;
}

/**
 * What the tenant's entry in a stack file expects of the release with this image tag.
 *
 * @param imageTag default: the tenant's `tag`. The tenant's `digest` is expected for that tag only
 * @throws TypeError when both are missing: the stack follows a branch, not releases
 */
export function expectationsOf(tenant: Tenant, imageTag: string | undefined = tenant.tag): Expectations {
  const { name, prefix, repository, chart, releasedFrom, images } = tenant;
  if (imageTag === undefined) {
    throw new TypeError(`${name} has no tag: a stack that follows a branch expects no release`);
  }
  const digest = imageTag === tenant.tag ? tenant.digest : undefined;
  return { imageTag, prefix, repository, chart, releasedFrom, images, digest };
}

/** The chart as evidence names it: the declared path, or the declared `oci://` address. */
export function chartReference(chart: Chart): string {
  return chart.kind === "git" ? chart.path : chart.url;
}

/**
 * Why the promise is broken, each in one sentence with the fact, its value, and the expected value, escaped. Empty
 * when the promise is kept. A missing fact breaks it.
 */
export function promiseReasons(evidence: Evidence, expectations: Expectations): string[] {
  const { imageTag, prefix, chart } = expectations;
  const version = versionOfTag(imageTag, prefix.image);
  if (version === undefined) return [`the image tag is "${imageTag}", must be ${versionWith(prefix.image)}`];
  // A chart in Git is not found without the commit of its tag, which has a reason of its own.
  const isFound = (chart.kind === "git" ? evidence.commit : evidence.chartDigest) !== undefined;
  const versionMeaning = prefix.chart === "" ? "the version" : "the chart prefix and the version";
  const reasons = [
    ...mustBe("the evidence's version", evidence.version, version, "the image tag without its prefix"),
    ...(expectations.repository === undefined ? [] : gitReasons(evidence, expectations, version)),
    ...mustBe("the chart", evidence.chart, chartReference(chart), "as the tenant declares it"),
    ...(evidence.chartProblems ?? []),
    ...(isFound
      ? [
          ...chartFieldReasons(evidence, "version", prefix.chart + version, versionMeaning),
          ...chartFieldReasons(evidence, "appVersion", imageTag, "the image tag"),
        ]
      : []),
    ...(chart.kind === "oci" ? artifactReasons(evidence) : []),
    ...imagesReasons(evidence, expectations, imageTag),
  ];
  return reasons.map(printableSentence);
}

/** What the evidence of a followed branch must agree with. */
export type BranchExpectations = Pick<Tenant, "prefix" | "tag" | "digest" | "branchImage" | "branchChart"> &
  Pick<Expectations, "images">;

/**
 * Why the evidence of a followed branch is not valid: `version` of its `Chart.yaml` must be the chart prefix and a
 * version, and `appVersion` the image prefix and the same version. With an image for each commit, the image must be in
 * the registry, and the chart is that of its commit. Empty when it is valid.
 */
export function branchReasons(evidence: BranchEvidence, expectations: BranchExpectations): string[] {
  return [...branchChartReasons(evidence, expectations), ...commitImageReasons(evidence, expectations)].map(
    printableSentence,
  );
}

function branchChartReasons(evidence: BranchEvidence, { prefix, branchChart }: BranchExpectations): string[] {
  const { chart, chartVersion, chartProblems: reasons = [] } = evidence;
  if (branchChart !== undefined && chartVersion === undefined && reasons.length === 0) {
    const { range, pattern } = branchChart;
    return [`no version of the chart ${chart} is in the range "${range}" and matches the pattern "${pattern}"`];
  }
  const version = chartVersion === undefined ? undefined : versionOfTag(chartVersion, prefix.chart);
  if (chartVersion === undefined || version === undefined) {
    return [...reasons, ...chartFieldReasons(evidence, "version", undefined, versionWith(prefix.chart))];
  }
  const meaning = `the same as version "${chartVersion}"${prefix.image === prefix.chart ? "" : ", with the image prefix"}`;
  return [...reasons, ...chartFieldReasons(evidence, "appVersion", prefix.image + version, meaning)];
}

/** The fix for a branch that does not exist: the setting with the branch of the remote's HEAD. */
export function headHint(remoteHead: string | undefined, before: string, after: string): string {
  return remoteHead === undefined ? "" : `; the remote's HEAD is "${remoteHead}": set ${before}${remoteHead}${after}`;
}

/** The image must be the one that was built for the commit. */
function commitImageReasons(evidence: BranchEvidence, expectations: BranchExpectations): string[] {
  const { branchImage, tag = "" } = expectations;
  if (branchImage === undefined) return [];
  const { sha } = commitOfTag(branchImage.pattern, tag) ?? {};
  if (sha === undefined) return [`the image tag is "${tag}", must match the pattern "${branchImage.pattern}"`];
  const { commit } = evidence;
  return [
    ...(commit === undefined || commit.startsWith(sha)
      ? []
      : [`the commit is ${commit}, must be the one that the image tag "${tag}" names`]),
    ...imagesReasons(evidence, expectations, tag),
  ];
}

function gitReasons(evidence: Evidence, expectations: Expectations, version: string): string[] {
  const { repository, releasedFrom } = expectations;
  const expected = expectations.prefix.git + version;
  const { gitTag, commit } = evidence;
  const reasons = mustBe("the repository", evidence.repository, repository, "as the tenant declares it");
  if (gitTag === undefined) {
    const { otherTag } = evidence;
    const prefix = otherTag?.endsWith(version) === true ? otherTag.slice(0, -version.length) : undefined;
    const hint = prefix === undefined ? "" : `; there is "${String(otherTag)}": set prefix: { git: "${prefix}" }`;
    return [...reasons, `there is no Git tag "${expected}" in ${String(repository)}${hint}`];
  }
  reasons.push(...mustBe("the Git tag", gitTag, expected, "the Git prefix and the version"));
  if (commit === undefined) {
    // What it points at instead is a problem of the chart.
    const isTold = (evidence.chartProblems ?? []).length > 0;
    return [...reasons, ...(isTold ? [] : [`the Git tag "${gitTag}" does not point at a commit, must point at one`])];
  }
  if (!/^([0-9a-f]{40}|[0-9a-f]{64})$/.test(commit)) {
    reasons.push(`the commit is "${commit}", must be a whole commit id`);
  }
  return [...reasons, ...releasedFromReasons(evidence, releasedFrom), ...revisionReasons(evidence)];
}

function releasedFromReasons(evidence: Evidence, releasedFrom: readonly string[]): string[] {
  const { branch, commit, repository, remoteHead } = evidence;
  const isAllowed = branch !== undefined && releasedFrom.some((pattern) => branchMatches(pattern, branch));
  if (releasedFrom.length === 0 || isAllowed) return [];
  const allowed = releasedFrom.map((pattern) => `"${pattern}"`).join(" or ");
  if (branch !== undefined)
    return [`the commit ${String(commit)} lies on the branch "${branch}", must lie on ${allowed}`];
  return remoteHead === undefined
    ? [`the commit ${String(commit)} lies on no branch that releases are made from, must lie on ${allowed}`]
    : [`no branch ${allowed} in ${String(repository)}${headHint(remoteHead, "releasedFrom: [", "]")}`];
}

/** `flux push artifact` writes `<branch>@sha1:<commit>`, most other tools the commit alone. */
function revisionReasons({ revision, commit }: Evidence): string[] {
  return revision === undefined || (revision.split(":").at(-1) === commit && printableSentence(revision) === revision)
    ? []
    : mustBe("the artifact's label org.opencontainers.image.revision", revision, commit, "the commit of the Git tag");
}

function artifactReasons({ chartDigest, chart }: Evidence): string[] {
  return chartDigest === undefined
    ? [`the chart ${chart} of this version is not in the registry`]
    : mustBeDigest("the chart's digest", chartDigest);
}

function imagesReasons(
  { images = [] }: Pick<BranchEvidence, "images">,
  expectations: Pick<Expectations, "images" | "digest">,
  tag: string,
): string[] {
  return expectations.images.flatMap((image, index) => {
    const reference = `${image}:${tag}`;
    const digest = images.find((found) => found.reference === reference)?.digest;
    if (digest === undefined) return [`the image ${reference} is not in the registry`];
    const fact = `the digest of ${reference}`;
    const invalid = mustBeDigest(fact, digest);
    return invalid.length > 0 || index > 0 || expectations.digest === undefined
      ? invalid
      : mustBe(fact, digest, expectations.digest, "as the stack file says");
  });
}

function mustBeDigest(fact: string, digest: string): string[] {
  return isDigest(digest) ? [] : [`${fact} is "${digest}", must be a digest such as "sha256:..."`];
}

/**
 * A reason unless the field of `Chart.yaml` is `expected`. A missing field is not reported when `Chart.yaml` itself has a
 * problem.
 *
 * @param expected nothing: any value is wrong, and `meaning` says what is expected
 */
function chartFieldReasons(
  evidence: Pick<Evidence, "chartVersion" | "appVersion" | "chartProblems">,
  field: "version" | "appVersion",
  expected: string | undefined,
  meaning: string,
): string[] {
  const actual = field === "version" ? evidence.chartVersion : evidence.appVersion;
  const wanted = expected === undefined ? meaning : `"${expected}", ${meaning}`;
  if (actual === undefined) {
    return (evidence.chartProblems ?? []).length > 0 ? [] : [`${field} is missing in Chart.yaml, must be ${wanted}`];
  }
  return actual === expected ? [] : [`${field} of Chart.yaml is "${actual}", must be ${wanted}`];
}

function mustBe(fact: string, actual: string | undefined, expected: string | undefined, meaning: string): string[] {
  if (actual === expected) return [];
  const is = actual === undefined ? "missing" : `"${actual}"`;
  return [`${fact} is ${is}, must be ${expected === undefined ? "absent" : `"${expected}"`}, ${meaning}`];
}

function versionWith(prefix: string): string {
  return prefix === "" ? 'a version such as "1.0.0"' : `"${prefix}" and a version, such as "${prefix}1.0.0"`;
}
