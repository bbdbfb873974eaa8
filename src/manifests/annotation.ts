import { createHash } from "node:crypto";
import { dnsSubdomain } from "../config/kubernetes-name";

/**
 * Every object of a tenant has the label `tenant`. The automations select image policies by `automation` and `stack`, the
 * admission policy selects namespaces by `stack` and `admission`, receivers and alerts select Flux's objects by `stack`.
 */
export const label = {
  tenant: "shared-authority/tenant",
  automation: "shared-authority/automation",
  stack: "shared-authority/stack",
  /** `deny` or `audit`. */
  admission: "shared-authority/image-admission",
  /** On the GitRepository of the root Kustomization, which an administrator applies: the stack that it deploys. */
  root: "shared-authority/root",
} as const;

/**
 * The annotations that carry an object's evidence. Components write them, policies judge them, and people read them
 * with `kubectl describe`. A missing fact has no annotation.
 */
export const annotation = {
  /** The tenant's name, on every object of the tenant. */
  tenant: "shared-authority/tenant",
  /** `tags` or `branch`. */
  follow: "shared-authority/follow",
  /** The version without prefix. Only with `follow: tags`. */
  version: "shared-authority/version",
  repository: "shared-authority/repository",
  gitTag: "shared-authority/git-tag",
  /** Where the Git tag is missing: the one that the repository has instead. */
  otherTag: "shared-authority/other-tag",
  /** With `follow: branch` only the commit whose image runs: Flux moves every other commit without an `up`. */
  commit: "shared-authority/commit",
  /** The release branch that contains the commit, or the branch that the stack follows. */
  branch: "shared-authority/branch",
  /** Where no release branch exists: the branch of the repository's HEAD. */
  remoteHead: "shared-authority/remote-head",
  chart: "shared-authority/chart",
  chartDigest: "shared-authority/chart-digest",
  chartVersion: "shared-authority/chart-version",
  appVersion: "shared-authority/app-version",
  /** The chart's problems, one sentence per line. They break the promise, so the policy pack blocks the release. */
  chartProblems: "shared-authority/chart-problems",
  /** Every image as `repository:tag@sha256:...`, separated by single spaces. */
  images: "shared-authority/images",
  revision: "shared-authority/revision",
  /** Only on a HelmRelease: the reason of the emergency in which it was deployed. */
  emergency: "shared-authority/emergency",
  /** The image repositories that may run in the namespace, one a line. Only on a tenant's Namespace. */
  allowedImages: "shared-authority/allowed-images",
  /** The image repository, for the filter of a receiver. Only on an ImageRepository. */
  image: "shared-authority/image",
} as const;

/** The stack's name, or its hash where Kubernetes accepts no such label or name: `Prod`, or one of 80 characters. */
export function labelOf(stack: string): string {
  const isLabel = dnsSubdomain.test(stack) && stack.length <= 63;
  return isLabel ? stack : `stack-${createHash("sha256").update(stack).digest("hex").slice(0, 16)}`;
}

/** The labels and the annotation of a tenant's object. */
export function tenantMarks(
  tenant: string,
  stack?: string,
): {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
} {
  return {
    labels: { [label.tenant]: tenant, ...(stack !== undefined && { [label.stack]: labelOf(stack) }) },
    annotations: { [annotation.tenant]: tenant },
  };
}
