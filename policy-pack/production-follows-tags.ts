import { annotation } from "../src/manifests/annotation";
import { isDenied, parseRange, rangeAllows, rangeAsksForPrerelease } from "../src/version/range";
import { isPrerelease, versionOfTag } from "../src/version/version";
import type { Tenant } from "../src/config/stack-config";
import type { StackConfig } from "../src/config/stack-config";
import { textAt, valueAt } from "./field";
import { definePolicy, type PolicyContext } from "./define-policy";
import type { JudgedObject } from "./judged-object";
import { tenantOf } from "./release-evidence";

/** Flux kinds that neither fetch nor run workloads. */
const harmlessKinds = ["ImageRepository", "ImagePolicy", "ImageUpdateAutomation", "Alert", "Provider", "Receiver"];

/** If the stack follows tags, nothing may run that can change without a commit in the shared repository. */
export const productionFollowsTags = definePolicy(
  {
    name: "production-follows-tags",
    displayName: "Production follows releases",
    description:
      "Where the stack follows tags, each workload comes from one allowed release, and from nothing that moves.",
    severity: "critical",
    enforcementLevel: "mandatory",
    remediationSteps:
      "set the tenant's tag to a release that its policy allows (`authority plan` shows them), and let the source name " +
      "the release: `ref.tag` with `ref.commit` for Git, `ref.tag` with `ref.digest` for OCI.",
  },
  {
    applies: (object, context) =>
      (object.isFlux || isHelmInstall(object)) &&
      !harmlessKinds.includes(object.kind) &&
      context.config.follow === "tags",
    judge: (object, context) => {
      if (isHelmInstall(object))
        return ["it installs a chart past Flux, so no release is judged; declare a tenant instead"];
      switch (object.kind) {
        case "GitRepository":
          return isConfigSource(object, context.config) ? [] : gitFaults(object);
        case "OCIRepository":
          return ociFaults(object);
        case "HelmRelease":
          return helmReleaseFaults(object, context);
        default:
          return [`a ${object.kind} brings workloads that are no release; declare a tenant with a chart instead`];
      }
    },
  },
);

/** Whether the object is the Kubernetes provider's `helm.sh/v3:Release`, which bypasses Flux. */
function isHelmInstall(object: JudgedObject): boolean {
  return object.group === "helm.sh" && object.kind === "Release";
}

/** Whether this is the shared repository, which the automation commits to. It follows the main branch and runs nothing. */
function isConfigSource(object: JudgedObject, { configRepository }: StackConfig): boolean {
  if (configRepository === undefined || object.annotations[annotation.tenant] !== undefined) return false;
  const url = textAt(object.content, "spec", "url");
  const ref = valueAt(object.content, "spec", "ref");
  const isMainBranch = ["tag", "semver", "name", "commit"].every((key) => textAt(ref, key) === undefined);
  return url === configRepository.url && isMainBranch && textAt(ref, "branch") === configRepository.branch;
}

function gitFaults(object: JudgedObject): string[] {
  const ref = valueAt(object.content, "spec", "ref");
  const tag = textAt(ref, "tag");
  const commit = textAt(ref, "commit");
  const floating = ["branch", "semver", "name"].filter((key) => textAt(ref, key) !== undefined);
  const faults = floating.map((key) => `spec.ref.${key} moves without any commit in the shared repository`);
  if (tag === undefined && commit !== undefined) {
    return [...faults, "spec.ref.commit stands alone: a bare commit is no release; spec.ref.tag must be there too"];
  }
  if (tag === undefined && floating.length === 0) {
    return ["spec.ref names no release, so Flux would take a branch; spec.ref.tag and spec.ref.commit must be there"];
  }
  if (tag !== undefined && commit === undefined) {
    return [...faults, `spec.ref.tag "${tag}" stands alone: a tag can be moved; spec.ref.commit must be there too`];
  }
  return faults;
}

function ociFaults(object: JudgedObject): string[] {
  const ref = valueAt(object.content, "spec", "ref");
  const tag = textAt(ref, "tag");
  const floating = ["semver", "semverFilter"].filter((key) => textAt(ref, key) !== undefined);
  return [
    ...floating.map((key) => `spec.ref.${key} moves without any commit in the shared repository`),
    ...(tag === undefined ? ["spec.ref.tag is missing: a release has a name"] : []),
    ...(textAt(ref, "digest") === undefined ? ["spec.ref.digest is missing: a tag can be pushed again"] : []),
  ];
}

function helmReleaseFaults(object: JudgedObject, { config, run }: PolicyContext): string[] {
  const chart = valueAt(object.content, "spec", "chart", "spec", "sourceRef");
  const reference = chart ?? valueAt(object.content, "spec", "chartRef");
  const kind = textAt(reference, "kind") ?? "";
  const name = textAt(reference, "name") ?? "";
  const faults =
    kind === "GitRepository" || kind === "OCIRepository"
      ? []
      : [
          `its source is a ${kind === "" ? "thing of no kind" : kind}, which names no release; use a GitRepository or an OCIRepository`,
        ];
  const source = run.find(kind, textAt(reference, "namespace") ?? object.namespace, name);
  if (source !== undefined && isConfigSource(source, config)) {
    faults.push(
      `its source "${name}" is the shared repository on its branch "${config.configRepository?.branch ?? ""}"`,
    );
  }
  const tenant = tenantOf(object, config);
  return tenant === undefined
    ? [...faults, "no tenant of the stack declares it"]
    : [...faults, ...versionFaults(tenant)];
}

/** Checks the version in the stack file's tag against the tenant's policy. */
function versionFaults({ name, tag, prefix, policy }: Tenant): string[] {
  const version = tag === undefined ? undefined : versionOfTag(tag, prefix.image);
  if (version === undefined) {
    return [
      `the tag of "${name}" in the stack file is ${JSON.stringify(tag ?? null)}, must be "${prefix.image}" and a version`,
    ];
  }
  const parsed = parseRange(policy.range);
  if ("error" in parsed) return [parsed.error];
  if (isDenied(policy.deny, version)) return [`the version ${version} is denied by the policy of "${name}"`];
  if (isPrerelease(version) && !rangeAsksForPrerelease(parsed.range)) {
    return [`the version ${version} is a pre-release, and the range "${policy.range}" of "${name}" asks for none`];
  }
  if (!rangeAllows(parsed.range, version)) {
    return [`the version ${version} is outside the range "${policy.range}" of "${name}"`];
  }
  return [];
}
