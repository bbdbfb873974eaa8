import { type BranchEvidence, type Evidence, imageCommit, type ImageEvidence } from "../release/evidence";
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
    [annotation.images]: imagesText(evidence.images),
    [annotation.revision]: evidence.revision,
  });
}

/**
 * The annotations of an object that follows a branch. The commit is left out on purpose: Flux moves it without any
 * `up`, and a preview must show no change when nothing was decided here. Only the commit whose image runs stays.
 */
export function branchAnnotations(tenant: string, evidence: BranchEvidence): Record<string, string> {
  return defined({
    [annotation.tenant]: tenant,
    [annotation.follow]: "branch",
    [annotation.repository]: evidence.repository,
    [annotation.commit]: imageCommit(evidence),
    [annotation.branch]: evidence.branch,
    [annotation.chart]: evidence.chart,
    [annotation.chartVersion]: evidence.chartVersion,
    [annotation.appVersion]: evidence.appVersion,
    [annotation.images]: imagesText(evidence.images),
  });
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
    images: imagesOfAnnotations(annotations) ?? [],
    revision: annotations[annotation.revision],
  };
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
