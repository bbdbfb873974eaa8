import { annotation } from "../src/manifests/annotation";
import { withoutCredentials } from "../src/config/address";
import {
  chartFieldsOfBranch,
  chartProblemsOfAnnotations,
  evidenceOfAnnotations,
  imagesOfAnnotations,
} from "../src/manifests/evidence-annotations";
import type { Tenant } from "../src/config/stack-config";
import { branchReasons, chartReference, expectationsOf, promiseReasons } from "../src/release/promise";
import type { BranchEvidence, Evidence } from "../src/release/evidence";
import type { StackConfig } from "../src/config/stack-config";
import type { JudgedObject } from "./judged-object";
import { tenantNamed } from "./tenants";

/** The evidence in an object's annotations, with the tenant that it names. */
export type Carried =
  | { readonly kind: "tags"; readonly tenant: Tenant; readonly evidence: Evidence }
  | { readonly kind: "branch"; readonly tenant: Tenant; readonly evidence: BranchEvidence };

/** The tenant that the object's annotation names; `undefined` if the stack does not declare it. */
export function tenantOf(object: JudgedObject, config: StackConfig): Tenant | undefined {
  const name = object.annotations[annotation.tenant];
  return name === undefined ? undefined : tenantNamed(config, name);
}

/** The evidence in the object's annotations, or what is wrong with it, in one sentence. */
export function carriedEvidence(object: JudgedObject, config: StackConfig): Carried | string {
  const { annotations } = object;
  const name = annotations[annotation.tenant];
  if (name === undefined) return `it carries no evidence: there is no annotation \`${annotation.tenant}\``;
  const tenant = tenantNamed(config, name);
  if (tenant === undefined) return `it belongs to "${name}", and the stack declares no such tenant`;
  const follow = annotations[annotation.follow];
  if (follow !== config.follow) {
    return `its annotation \`${annotation.follow}\` is ${quoted(follow)}, but the stack follows "${config.follow}"`;
  }
  if (follow === "tags") {
    const evidence = evidenceOfAnnotations(annotations);
    if (evidence === undefined) {
      return `it carries no evidence of a release: \`${annotation.version}\` and \`${annotation.chart}\` must be there`;
    }
    return { kind: "tags", tenant, evidence };
  }
  const evidence = branchEvidence(annotations);
  if (tenant.branchImage === undefined) return { kind: "branch", tenant, evidence };
  const commit = annotations[annotation.commit];
  const images = imagesOfAnnotations(annotations);
  if (commit === undefined || images === undefined) {
    return `it carries no evidence of a commit's image: \`${annotation.commit}\` and \`${annotation.images}\` must be there`;
  }
  return { kind: "branch", tenant, evidence: { ...evidence, commit, images } };
}

/** Why the promise is broken: the differences between the evidence and what the stack's config expects. */
export function brokenPromise(object: JudgedObject, carried: Carried): string[] {
  const { tenant } = carried;
  if (carried.kind === "branch") {
    const { evidence } = carried;
    return [
      ...mustBe("the branch of the evidence", evidence.branch, tenant.branch),
      ...mustBe("the repository of the evidence", evidence.repository, tenant.repository),
      ...mustBe("the chart of the evidence", evidence.chart, chartReference(tenant.chart)),
      ...branchReasons(evidence, tenant).map((reason) => reason.replaceAll(anyVersion, "<version>")),
    ];
  }
  if (tenant.tag === undefined) return [`the stack file gives "${tenant.name}" no tag, so no release may run`];
  const { evidence } = carried;
  // A source runs nothing by itself. The previous release's source is kept for a rollback without network access.
  const imageTag = object.isFluxKind("HelmRelease") ? tenant.tag : tenant.prefix.image + evidence.version;
  return promiseReasons(evidence, expectationsOf(tenant, imageTag));
}

/** One sentence if `actual` differs from `expected`, otherwise none. */
export function mustBe(fact: string, actual: unknown, expected: string | undefined): string[] {
  if (actual === expected) return [];
  return [`${fact} is ${quoted(actual)}, must be ${expected === undefined ? "absent" : `"${expected}"`}`];
}

function quoted(value: unknown): string {
  if (value === undefined || value === null) return "missing";
  return typeof value === "string"
    ? `"${withoutCredentials(value)}"`
    : `a ${Array.isArray(value) ? "list" : typeof value}`;
}

/** Placeholder for the chart version of a followed branch, which is not in the annotations. */
const anyVersion = "0.0.0-any";

/** The annotations of a followed branch do not contain the commit, because Flux moves it. */
function branchEvidence(annotations: Readonly<Record<string, string>>): BranchEvidence {
  return {
    repository: annotations[annotation.repository],
    branch: annotations[annotation.branch] ?? "",
    chart: annotations[annotation.chart] ?? "",
    commit: "",
    chartProblems: chartProblemsOfAnnotations(annotations),
    ...chartFieldsOfBranch(annotations, anyVersion),
  };
}
