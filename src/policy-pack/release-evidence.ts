import type { StackConfig, Tenant } from "../config/stack-config";
import { annotation } from "../manifests/annotation";
import {
  anyVersion,
  branchEvidenceOfAnnotations,
  evidenceOfAnnotations,
  imagesOfAnnotations,
} from "../manifests/evidence-annotations";
import type { BranchEvidence, Evidence } from "../release/evidence";
import { branchReasons, chartReference, expectationsOf, promiseReasons } from "../release/promise";
import { versionOfTag } from "../version/version";
import { differences } from "./difference";

/** The evidence in a source's annotations, with its tenant. */
export type Carried =
  | { readonly kind: "tags"; readonly tenant: Tenant; readonly evidence: Evidence }
  | { readonly kind: "branch"; readonly tenant: Tenant; readonly evidence: BranchEvidence };

/** The evidence in the annotations, or what is wrong with it, in one sentence. */
export function carriedEvidence(
  annotations: Readonly<Record<string, string>>,
  tenant: Tenant,
  { follow }: Pick<StackConfig, "follow">,
): Carried | string {
  const [other] = differences(annotations[annotation.follow], follow);
  if (other !== undefined) return `its annotation \`${annotation.follow}\`${other}`;
  if (follow === "tags") {
    const evidence = evidenceOfAnnotations(annotations);
    if (evidence !== undefined) return { kind: "tags", tenant, evidence };
    return `it carries no evidence of a release: \`${annotation.version}\` and \`${annotation.chart}\` must be there`;
  }
  const evidence = branchEvidenceOfAnnotations(annotations);
  if (tenant.branchImage === undefined) return { kind: "branch", tenant, evidence };
  const commit = annotations[annotation.commit];
  const images = imagesOfAnnotations(annotations);
  const isUnread = evidence.chartProblems !== undefined;
  if ((commit !== undefined || isUnread) && images !== undefined)
    return { kind: "branch", tenant, evidence: { ...evidence, commit, images } };
  return `it carries no evidence of a commit's image: \`${annotation.commit}\` and \`${annotation.images}\` must be there`;
}

/** Whether the evidence is that of what the stack file decides, and not of an earlier release. */
export function isCurrent({ kind, tenant, evidence }: Carried): boolean {
  return kind === "branch" || versionOfTag(tenant.tag ?? "", tenant.prefix.image) === evidence.version;
}

/** Why the promise is broken: the differences between the evidence and what the stack's config expects. */
export function brokenPromise({ kind, tenant, evidence }: Carried): string[] {
  if (kind === "branch") {
    const { branch, repository, chart } = evidence;
    const expected = { branch: tenant.branch, repository: tenant.repository, chart: chartReference(tenant.chart) };
    return [
      ...differences({ branch, repository, chart }, expected).map((fault) => `the evidence's ${fault}`),
      ...branchReasons(evidence, tenant).map((reason) => reason.replaceAll(anyVersion, "<version>")),
    ];
  }
  if (tenant.tag === undefined) return [`the stack file gives "${tenant.name}" no tag, so no release may run`];
  // An earlier release's source stays for a rollback without network access.
  return promiseReasons(evidence, expectationsOf(tenant, tenant.prefix.image + evidence.version));
}
