/**
 * The annotations by which an object carries its evidence. Components write them, policies judge them, people read
 * them with `kubectl describe`. A fact that does not exist has no annotation.
 */
export const annotation = {
  /** The tenant's name, on every object that the program makes for it. */
  tenant: "shared-authority/tenant",
  /** `tags` or `branch`. */
  follow: "shared-authority/follow",
  /** The version without prefix. Only where tags are followed. */
  version: "shared-authority/version",
  repository: "shared-authority/repository",
  gitTag: "shared-authority/git-tag",
  /** Where a branch is followed, only the commit whose image runs: Flux moves any other by itself. */
  commit: "shared-authority/commit",
  /** The release branch that holds the commit, or the branch that is followed. */
  branch: "shared-authority/branch",
  chart: "shared-authority/chart",
  chartDigest: "shared-authority/chart-digest",
  chartVersion: "shared-authority/chart-version",
  appVersion: "shared-authority/app-version",
  /** What is wrong with the chart, one sentence a line. Such a release breaks the promise, and the gate blocks it. */
  chartProblems: "shared-authority/chart-problems",
  /** Every image as `repository:tag@sha256:...`, separated by one blank. */
  images: "shared-authority/images",
  revision: "shared-authority/revision",
} as const;
