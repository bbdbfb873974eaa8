import { type BranchEvidence, type Evidence, imageCommit, type ImageEvidence } from "../release/evidence";
import { isVersion } from "../version/version";
import { annotation } from "./annotation";
import { defined } from "./object";

/** The annotations of an object that belongs to one release of a tenant. A fact that is not known has none. */
export function releaseAnnotations(tenant: string, evidence: Evidence): Record<string, string> {
  return defined({
    [annotation.tenant]: tenant,
    [annotation.follow]: "tags",
    [annotation.version]: evidence.version,
    [annotation.repository]: evidence.repository,
    [annotation.gitTag]: evidence.gitTag,
    [annotation.commit]: evidence.commit,
    [annotation.branch]: evidence.branch,
    [annotation.chart]: evidence.chart,
    [annotation.chartDigest]: evidence.chartDigest,
    [annotation.chartVersion]: evidence.chartVersion,
    [annotation.appVersion]: evidence.appVersion,
    [annotation.chartProblems]: evidence.chartProblems?.join("\n"),
    [annotation.images]: imagesText(evidence.images),
    [annotation.revision]: evidence.revision,
  });
}

/** Stands for the version of the chart of a followed branch, which moves without any `up`. */
const movingVersion = "<version>";

/**
 * The annotations of an object that follows a branch. What Flux moves without any `up` is left out on purpose, for a
 * preview must show no change when nothing was decided here: the commit, unless its image runs, and the version. What
 * stays of `Chart.yaml` is that both of its fields hold the same version, and what stands before it in each; where they
 * do not, they are carried as they are.
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

/** The longest version that a text ends in. */
function versionAtEnd(text: string): string | undefined {
  return Array.from(text, (_, start) => text.slice(start)).find(isVersion);
}

/**
 * Reads back what `branchAnnotations` wrote of `Chart.yaml`.
 *
 * @param version takes the place of the version that was left out
 */
export function chartFieldsOfBranch(annotations: Readonly<Record<string, string>>, version: string): ChartFields {
  const read = (key: string) => annotations[key]?.replace(movingVersion, version);
  return { chartVersion: read(annotation.chartVersion), appVersion: read(annotation.appVersion) };
}

/** Reads back what `releaseAnnotations` wrote; `undefined` where the object carries no evidence of a release. */
export function evidenceOfAnnotations(annotations: Readonly<Record<string, string>>): Evidence | undefined {
  const version = annotations[annotation.version];
  const chart = annotations[annotation.chart];
  if (version === undefined || chart === undefined) return undefined;
  return {
    version,
    chart,
    repository: annotations[annotation.repository],
    gitTag: annotations[annotation.gitTag],
    commit: annotations[annotation.commit],
    branch: annotations[annotation.branch],
    chartDigest: annotations[annotation.chartDigest],
    chartVersion: annotations[annotation.chartVersion],
    appVersion: annotations[annotation.appVersion],
    chartProblems: chartProblemsOfAnnotations(annotations),
    images: imagesOfAnnotations(annotations) ?? [],
    revision: annotations[annotation.revision],
  };
}

/** What the annotations say is wrong with the chart; nothing where they say nothing. */
export function chartProblemsOfAnnotations(annotations: Readonly<Record<string, string>>): string[] | undefined {
  return annotations[annotation.chartProblems]?.split("\n");
}

/** The images that an object's annotations name; nothing where they name none. */
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
