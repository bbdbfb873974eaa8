import { annotation } from "../src/manifests/annotation";
import { resolvedSourceName } from "../src/manifests/source";
import { pinnedImageKey } from "../src/config/values-key";
import { pinnedImageYaml } from "../src/manifests/helm-release";
import { imageCommit } from "../src/release/evidence";
import { chartReference } from "../src/release/promise";
import { chartTagOf } from "../src/version/version";
import { isSet, listAt, textAt, valueAt } from "./field";
import { definePolicy, type PolicyContext } from "./define-policy";
import type { JudgedObject } from "./judged-object";
import type { Run } from "./run";
import { brokenPromise, type Carried, carriedEvidence, mustBe } from "./release-evidence";

/** Every HelmRelease and every source of a tenant has annotations with evidence of a release that keeps the promise. */
export const releaseSynced = definePolicy(
  {
    name: "release-synced",
    displayName: "The release keeps the promise",
    description: "A HelmRelease runs a release whose Git tag, chart version, appVersion and image tag are one version.",
    severity: "critical",
    enforcementLevel: "mandatory",
    remediationSteps:
      "let the team publish a release that keeps the promise and set its tag in the stack file, or go back to the last " +
      "tag that keeps it; where the stack file changed since the release was locked, `authority lock` reads it again; make the objects with the components of shared-authority, which write the evidence.",
  },
  {
    applies: (object) =>
      object.isFluxKind("HelmRelease") ||
      (object.isFluxKind("GitRepository", "OCIRepository") && object.annotations[annotation.tenant] !== undefined),
    judge: (object, context) => {
      if (object.isPatch) return ["it is a patch, which shows only a part of what will run; register the whole object"];
      const carried = carriedEvidence(object, context.config);
      if (typeof carried === "string") return [carried];
      const broken = brokenPromise(object, carried);
      const own =
        object.kind === "HelmRelease"
          ? helmReleaseFaults(object, carried, context)
          : sourceFaults(object, carried, context.config.authorityNamespace);
      return [...broken, ...own];
    },
  },
);

function sourceFaults(object: JudgedObject, carried: Carried, authorityNamespace: string): string[] {
  const isOci = carried.tenant.chart.kind === "oci";
  return [
    ...mustBe("its kind", object.kind, isOci ? "OCIRepository" : "GitRepository"),
    ...mustBe("its namespace", object.namespace, authorityNamespace),
    ...mustBe("its name", object.name, sourceNameOf(carried)),
    ...(isOci ? ociFaults(object, carried) : gitFaults(object, carried)),
    ...unjudgedFields(object, ["spec.include", "spec.ignore", "spec.sparseCheckout"], "changes what the chart holds"),
  ];
}

function gitFaults(object: JudgedObject, carried: Carried): string[] {
  const ref = valueAt(object.content, "spec", "ref");
  const { evidence } = carried;
  const faults = mustBe("spec.url", textAt(object.content, "spec", "url"), evidence.repository);
  const expected =
    carried.kind === "branch"
      ? { branch: evidence.branch, tag: undefined, commit: imageCommit(carried.evidence) }
      : { branch: undefined, tag: carried.evidence.gitTag, commit: carried.evidence.commit };
  return [
    ...faults,
    ...mustBe("spec.ref.branch", textAt(ref, "branch"), expected.branch),
    ...mustBe("spec.ref.tag", textAt(ref, "tag"), expected.tag),
    ...mustBe("spec.ref.commit", textAt(ref, "commit"), expected.commit),
    ...mustBe("spec.ref.semver", textAt(ref, "semver"), undefined),
    ...mustBe("spec.ref.name", textAt(ref, "name"), undefined),
  ];
}

function ociFaults(object: JudgedObject, carried: Carried): string[] {
  const ref = valueAt(object.content, "spec", "ref");
  const { evidence, tenant } = carried;
  const expected =
    carried.kind === "branch"
      ? { semver: tenant.branchChart?.range, semverFilter: tenant.branchChart?.pattern }
      : {
          tag: evidence.chartVersion === undefined ? undefined : chartTagOf(evidence.chartVersion),
          digest: carried.evidence.chartDigest,
        };
  const wanted: Readonly<Record<string, string | undefined>> = expected;
  return [
    ...mustBe("spec.url", textAt(object.content, "spec", "url"), evidence.chart),
    ...["tag", "digest", "semver", "semverFilter"].flatMap((key) =>
      mustBe(`spec.ref.${key}`, textAt(ref, key), wanted[key]),
    ),
    ...mustBe("spec.layerSelector.operation", textAt(object.content, "spec", "layerSelector", "operation"), "copy"),
  ];
}

function helmReleaseFaults(object: JudgedObject, carried: Carried, { config, run }: PolicyContext): string[] {
  const { tenant } = carried;
  const { authorityNamespace } = config;
  const source = run.find(
    tenant.chart.kind === "oci" ? "OCIRepository" : "GitRepository",
    authorityNamespace,
    sourceNameOf(carried),
  );
  return [
    ...mustBe("its name", object.name, tenant.name),
    ...mustBe("its namespace", object.namespace, authorityNamespace),
    ...(tenant.chart.kind === "oci"
      ? chartRefFaults(object, carried, authorityNamespace)
      : chartFaults(object, carried, authorityNamespace)),
    ...sourceAgreement(object, source, sourceNameOf(carried)),
    ...valuesFaults(object, carried),
    ...commitImageFaults(object, carried, run),
    ...unjudgedFields(object, ["spec.postRenderers"], "changes what the release holds"),
  ];
}

function chartFaults(object: JudgedObject, carried: Carried, authorityNamespace: string): string[] {
  const chart = valueAt(object.content, "spec", "chart", "spec");
  const version = textAt(chart, "version");
  return [
    ...(isSet(object.content, "spec", "chartRef") ? ["spec.chartRef is set, but the tenant's chart is in Git"] : []),
    ...mustBe("spec.chart.spec.chart", textAt(chart, "chart"), chartReference(carried.tenant.chart)),
    ...mustBe("spec.chart.spec.sourceRef.kind", textAt(chart, "sourceRef", "kind"), "GitRepository"),
    ...mustBe("spec.chart.spec.sourceRef.name", textAt(chart, "sourceRef", "name"), sourceNameOf(carried)),
    ...sameNamespace(
      "spec.chart.spec.sourceRef.namespace",
      textAt(chart, "sourceRef", "namespace"),
      authorityNamespace,
    ),
    // Flux ignores the version of a chart in Git, but people read it.
    ...(version === undefined ? [] : mustBe("spec.chart.spec.version", version, carried.evidence.chartVersion)),
    ...mustBe(
      "spec.chart.spec.reconcileStrategy",
      textAt(chart, "reconcileStrategy") ?? "ChartVersion",
      carried.kind === "branch" ? "Revision" : "ChartVersion",
    ),
    ...(isSet(chart, "valuesFiles") ? ["spec.chart.spec.valuesFiles is set: special config belongs in tenants/"] : []),
  ];
}

function chartRefFaults(object: JudgedObject, carried: Carried, authorityNamespace: string): string[] {
  const chartRef = valueAt(object.content, "spec", "chartRef");
  return [
    ...(isSet(object.content, "spec", "chart") ? ["spec.chart is set, but the tenant's chart is an OCI artifact"] : []),
    ...mustBe("spec.chartRef.kind", textAt(chartRef, "kind"), "OCIRepository"),
    ...mustBe("spec.chartRef.name", textAt(chartRef, "name"), sourceNameOf(carried)),
    ...sameNamespace("spec.chartRef.namespace", textAt(chartRef, "namespace"), authorityNamespace),
  ];
}

/** Checks only that the source has the same facts: it was judged earlier, since the HelmRelease depends on it. */
function sourceAgreement(object: JudgedObject, source: JudgedObject | undefined, name: string): string[] {
  if (source === undefined) {
    return [
      `its source "${name}" was not judged before it; register the source first and let the HelmRelease depend on it`,
    ];
  }
  return Object.values(annotation).flatMap((key) =>
    mustBe(`the annotation \`${key}\` of its source "${name}"`, source.annotations[key], object.annotations[key]),
  );
}

/** Values come only from the tenant's ConfigMap and from the Secrets that the stack names. */
function valuesFaults(object: JudgedObject, { tenant }: Carried): string[] {
  const faults = isSet(object.content, "spec", "values")
    ? ["spec.values is set: special config belongs in tenants/, where it gets a content-addressed name"]
    : [];
  for (const reference of listAt(object.content, "spec", "valuesFrom")) {
    const kind = textAt(reference, "kind");
    const name = textAt(reference, "name") ?? "";
    const key = textAt(reference, "valuesKey");
    if (kind !== "ConfigMap" && kind !== "Secret")
      faults.push("spec.valuesFrom refers to neither a ConfigMap nor a Secret");
    if (kind === "Secret" && !tenant.secrets.some((secret) => secret.name === name && secret.key === key)) {
      faults.push(
        `spec.valuesFrom refers to the Secret "${name}", key "${String(key)}", which the stack does not name`,
      );
    }
    if (isSet(reference, "targetPath"))
      faults.push(`spec.valuesFrom of "${name}" sets a targetPath; values are merged whole`);
    if (isSet(reference, "optional"))
      faults.push(`spec.valuesFrom of "${name}" is optional: without it another config would run`);
  }
  return faults;
}

/** Checks the values that set a commit's image. Without them, the chart's default is the image of the last release. */
function commitImageFaults(object: JudgedObject, { kind, tenant, evidence: { images } }: Carried, run: Run): string[] {
  const { branchImage, tag = "" } = tenant;
  if (kind !== "branch" || branchImage === undefined) return [];
  const digest = images?.[0]?.digest ?? "";
  const last = listAt(object.content, "spec", "valuesFrom").findLast((one) => textAt(one, "kind") === "ConfigMap");
  const values = run.find("ConfigMap", object.namespace, textAt(last, "name") ?? "");
  const isSo =
    textAt(last, "valuesKey") === pinnedImageKey &&
    textAt(values?.content, "data", pinnedImageKey) === pinnedImageYaml({ path: branchImage.value, tag, digest });
  return isSo ? [] : [`its values do not set \`${branchImage.value}\` to "${tag}@${digest}", the image of the commit`];
}

function sourceNameOf(carried: Carried): string {
  return resolvedSourceName(carried.tenant.name, carried.evidence);
}

/** A reference without a namespace refers to the object's own, which is the authority namespace. */
function sameNamespace(field: string, actual: string | undefined, expected: string): string[] {
  return actual === undefined ? [] : mustBe(field, actual, expected);
}

function unjudgedFields(object: JudgedObject, fields: readonly string[], why: string): string[] {
  return fields
    .filter((field) => isSet(object.content, ...field.split(".")))
    .map((field) => `${field} is set, which ${why}`);
}
