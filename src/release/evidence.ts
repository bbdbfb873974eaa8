/** Evidence: the facts, read from Git and from the registry, that show whether a release keeps the promise. */

/** The evidence of one release. */
export interface Evidence {
  /** The version without prefix: `6.14.1`. */
  readonly version: string;
  /** The application's Git repository, as the tenant declares it. Absent for an OCI chart without `repository`. */
  readonly repository?: string;
  /** `<git prefix>` + version. */
  readonly gitTag?: string;
  /** A Git tag that the repository has instead, with a `v` or without. Only read when `gitTag` is missing. */
  readonly otherTag?: string;
  /** The tag object of an annotated tag. */
  readonly tagObject?: string;
  /** The commit that the tag points at, peeled. */
  readonly commit?: string;
  /** The release branch with the commit. Absent: no branch that `releasedFrom` names has it. */
  readonly branch?: string;
  /** The branch of the remote's HEAD. Only read when no branch matches `releasedFrom`. */
  readonly remoteHead?: string;
  /** The chart as the tenant declares it: a path in the repository, or `oci://...` without tag. */
  readonly chart: string;
  /** The digest of an OCI chart's manifest. */
  readonly chartDigest?: string;
  /** `version` of the chart's own `Chart.yaml`, character for character. Absent: missing there. */
  readonly chartVersion?: string;
  /** `appVersion` of the chart's own `Chart.yaml`, character for character. Absent: missing there. */
  readonly appVersion?: string;
  /** Problems of `Chart.yaml`, and of the dependencies of a chart in Git, each in one sentence. Absent: none. */
  readonly chartProblems?: readonly string[];
  /** All images that the tenant declares. */
  readonly images: readonly ImageEvidence[];
  /** An OCI chart's label `org.opencontainers.image.revision`. */
  readonly revision?: string;
}

/** One image at the release's tag. */
export interface ImageEvidence {
  /** Repository and tag: `ghcr.io/stefanprodan/podinfo:6.15.0`. */
  readonly reference: string;
  /** `sha256:...` of the manifest or index. Absent: the registry does not have the tag. */
  readonly digest?: string;
}

/**
 * The evidence of a followed branch: of its head; or of the commit whose image runs, when the application publishes an
 * image for each commit; or of the newest chart, when it publishes a chart for each commit.
 */
export interface BranchEvidence extends Pick<
  Evidence,
  "repository" | "chart" | "chartVersion" | "appVersion" | "chartProblems"
> {
  /** The branch that is followed. */
  readonly branch: string;
  /** The branch's head, or the commit whose image runs. Absent: the branch is missing, or the chart is an OCI artifact. */
  readonly commit?: string;
  /** All images that the tenant declares, at the tag of the commit. Absent: the chart selects the image. */
  readonly images?: readonly ImageEvidence[];
}

/** The commit that stays until an `up` moves it: the one whose image runs. Nothing when Flux follows the branch. */
export function imageCommit({ images, commit }: BranchEvidence): string | undefined {
  return images === undefined ? undefined : commit;
}

/** Whether the evidence is that of a release; otherwise it is that of a branch. */
export function isRelease(evidence: Evidence | BranchEvidence): evidence is Evidence {
  return "version" in evidence;
}
