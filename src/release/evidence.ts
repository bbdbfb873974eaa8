/** The facts that were read, from Git and from the registry, to judge whether one release keeps the promise. */
export interface Evidence {
  /** The version without prefix: `6.14.1`. */
  readonly version: string;
  /** The application's Git repository, as the tenant declares it. Absent for an OCI chart without `repository`. */
  readonly repository?: string;
  /** `<git prefix>` + version. */
  readonly gitTag?: string;
  /** The object that the tag names, where that is no commit: an annotated tag. */
  readonly tagObject?: string;
  /** The commit that the tag, peeled, points at. */
  readonly commit?: string;
  /** The release branch on which the commit lies. Absent: on none of those that `releasedFrom` names. */
  readonly branch?: string;
  /** The chart as the tenant declares it: a path in the repository, or `oci://...` without tag. */
  readonly chart: string;
  /** Digest of the chart's OCI manifest; for OCI charts only. */
  readonly chartDigest?: string;
  /** `version` of the chart's own `Chart.yaml`, character for character. Absent: the chart has none. */
  readonly chartVersion?: string;
  /** `appVersion` of the chart's own `Chart.yaml`, character for character. Absent: the chart has none. */
  readonly appVersion?: string;
  /**
   * What is wrong with `Chart.yaml` itself, or with the charts that a chart in Git depends on, each in one sentence.
   * Absent: nothing.
   */
  readonly chartProblems?: readonly string[];
  /** Every image that the tenant declares, with the digest that the tag had in the registry. */
  readonly images: readonly ImageEvidence[];
  /** The artifact's label `org.opencontainers.image.revision`, where there is one; for OCI charts only. */
  readonly revision?: string;
}

/** One image at the release's tag. */
export interface ImageEvidence {
  /** Repository and tag: `ghcr.io/stefanprodan/podinfo:6.15.0`. */
  readonly reference: string;
  /** `sha256:...` of the manifest or index. Absent: the registry has no such tag. */
  readonly digest?: string;
}

/**
 * The commit that stays until an `up` moves it: the one whose image runs. Nothing where Flux follows the branch by
 * itself.
 */
export function imageCommit({ images, commit }: BranchEvidence): string | undefined {
  return images === undefined ? undefined : commit;
}

/**
 * What is known of a followed branch: of its head; or of the commit whose image runs, where the application publishes
 * an image for each; or of the newest chart, where it publishes a chart for each.
 */
export interface BranchEvidence {
  readonly repository?: string;
  readonly branch: string;
  /** A path in the repository, or `oci://...` without tag. */
  readonly chart: string;
  /** The head of the branch, or the commit whose image runs. Absent: there is no such branch, or the chart is an artifact. */
  readonly commit?: string;
  readonly chartVersion?: string;
  readonly appVersion?: string;
  /**
   * What is wrong with `Chart.yaml` itself, or, at the commit whose image runs, with the charts that it depends on, each
   * in one sentence. Absent: nothing.
   */
  readonly chartProblems?: readonly string[];
  /** Every image that the tenant declares, at the tag of the commit. Absent: the chart says which image runs. */
  readonly images?: readonly ImageEvidence[];
}

/** Whether the evidence is that of a release; otherwise it is that of a branch. */
export function isRelease(evidence: Evidence | BranchEvidence): evidence is Evidence {
  return "version" in evidence;
}
