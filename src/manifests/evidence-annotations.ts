import { type BranchEvidence, type Evidence, imageCommit, type ImageEvidence } from "../release/evidence";
import { isVersion } from "../version/version";
import { annotation } from "./annotation";
import { defined } from "./object";

/** The annotations of an object of one release. A missing fact has no annotation. */
export function releaseAnnotations(tenant: string, evidence: Evidence): Record<string, string> {
  return defined({
    [annotation.tenant]: tenant,
    [annotation.follow]: "tags",
    [annotation.version]: evidence.version,
    [annotation.repository]: evidence.repository,
    [annotation.gitTag]: evidence.gitTag,
    [annotation.otherTag]: evidence.otherTag,
    [annotation.commit]: evidence.commit,
    [annotation.branch]: evidence.branch,
    [annotation.remoteHead]: evidence.remoteHead,
    [annotation.chart]: evidence.chart,
    [annotation.chartDigest]: evidence.chartDigest,
    [annotation.chartVersion]: evidence.chartVersion,
    [annotation.appVersion]: evidence.appVersion,
    [annotation.chartProblems]: evidence.chartProblems?.join("\n"),
    [annotation.images]: imagesText(evidence.images),
    [annotation.revision]: evidence.revision,
  });
}

/** Replaces the version of a branch's chart, which changes without an `up`. */
const movingVersion = "<version>";

/**
 * The annotations of an object that follows a branch. They omit what Flux moves without an `up`, so that a preview shows
 * only decided changes: the commit, unless its image runs, and the version. If both fields of `Chart.yaml` end in the
 * same version, it is replaced in them and their prefixes stay; otherwise they are written unchanged.
 */
export function branchAnnotations(tenant: string, evidence: BranchEvidence): Record<string, string> {
  const { chartVersion, appVersion } = withoutMovingVersion(evidence);
  return defined({
    [annotation.tenant]: tenant,
    [annotation.follow]: "branch",
    [annotation.repository]: evidence.repository,
    [annotation.commit]: imageCommit(evidence),
    [annotation.branch]: evidence.branch,
    [annotation.chart]: evidence.chart,
    [annotation.chartVersion]: chartVersion,
    [annotation.appVersion]: appVersion,
    [annotation.chartProblems]: evidence.chartProblems?.join("\n"),
    [annotation.images]: imagesText(evidence.images),
  });
}

type ChartFields = Pick<BranchEvidence, "chartVersion" | "appVersion">;

function withoutMovingVersion({ chartVersion, appVersion, ...evidence }: BranchEvidence): ChartFields {
  const version = imageCommit(evidence) === undefined ? versionAtEnd(chartVersion ?? "") : undefined;
  if (version === undefined || appVersion?.endsWith(version) !== true) return { chartVersion, appVersion };
  const abstracted = (text = "") => text.slice(0, text.length - version.length) + movingVersion;
  return { chartVersion: abstracted(chartVersion), appVersion: abstracted(appVersion) };
}

/** The longest version at the end of a text. */
function versionAtEnd(text: string): string | undefined {
  return Array.from(text, (_, start) => text.slice(start)).find(isVersion);
}

/** Reads the evidence that `releaseAnnotations` wrote; `undefined` if there is no evidence of a release. */
export function evidenceOfAnnotations(annotations: Readonly<Record<string, string>>): Evidence | undefined {
  const version = annotations[annotation.version];
  const chart = annotations[annotation.chart];
  if (version === undefined || chart === undefined) return undefined;
  return {
    version,
    chart,
    repository: annotations[annotation.repository],
    gitTag: annotations[annotation.gitTag],
    otherTag: annotations[annotation.otherTag],
    commit: annotations[annotation.commit],
    branch: annotations[annotation.branch],
    remoteHead: annotations[annotation.remoteHead],
    chartDigest: annotations[annotation.chartDigest],
    chartVersion: annotations[annotation.chartVersion],
    appVersion: annotations[annotation.appVersion],
    chartProblems: chartProblemsOf(annotations),
    images: imagesOfAnnotations(annotations) ?? [],
    revision: annotations[annotation.revision],
  };
}

/** What the evidence has for the version of a branch's chart, which is not in the annotations. */
export const anyVersion = "0.0.0-any";

/**
 * Reads the evidence that `branchAnnotations` wrote. The commit is empty, because Flux moves it: where its image runs,
 * `imagesOfAnnotations` and the annotation have the two.
 */
export function branchEvidenceOfAnnotations(annotations: Readonly<Record<string, string>>): BranchEvidence {
  const field = (key: string) => annotations[key]?.replace(movingVersion, anyVersion);
  return {
    repository: annotations[annotation.repository],
    branch: annotations[annotation.branch] ?? "",
    chart: annotations[annotation.chart] ?? "",
    commit: "",
    chartProblems: chartProblemsOf(annotations),
    chartVersion: field(annotation.chartVersion),
    appVersion: field(annotation.appVersion),
  };
}

function chartProblemsOf(annotations: Readonly<Record<string, string>>): string[] | undefined {
  return annotations[annotation.chartProblems]?.split("\n");
}

/** The images in the annotations, if there are any. */
export function imagesOfAnnotations(annotations: Readonly<Record<string, string>>): ImageEvidence[] | undefined {
  return annotations[annotation.images]?.split(" ").map(imageOfText);
}

function imagesText(images: readonly ImageEvidence[] = []): string | undefined {
  return images.length === 0 ? undefined : images.map(imageText).join(" ");
}

function imageText(image: ImageEvidence): string {
  return image.digest === undefined ? image.reference : `${image.reference}@${image.digest}`;
}

function imageOfText(text: string): ImageEvidence {
  const [reference = "", digest] = text.split("@");
  return digest === undefined ? { reference } : { reference, digest };
}
