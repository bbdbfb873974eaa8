import { annotation } from "../src/manifests/annotation";
import { contentHash, isContentHash } from "../src/manifests/content-hash";
import { valuesNamePrefix } from "../src/manifests/helm-release";
import { isSet, listAt, mapAt, textAt, textMapAt, valueAt } from "./field";
import { definePolicy, type PolicyContext } from "./define-policy";
import type { JudgedObject } from "./judged-object";
import { mustBe, tenantOf } from "./release-evidence";
import { tenantNamed } from "./tenants";

/** The name of special config contains a hash of its content, so the same name always means the same values. */
export const valuesContentAddressed = definePolicy(
  {
    name: "values-content-addressed",
    displayName: "Special config is named by its content",
    description: "A tenant's special config is an immutable ConfigMap whose name ends in the hash of its content.",
    severity: "high",
    enforcementLevel: "mandatory",
    remediationSteps:
      "put the values into the tenant's files under tenants/ and let the component HelmReleaseWithValues make the " +
      "ConfigMap and refer to it.",
  },
  {
    applies: (object, context) => object.isFluxKind("HelmRelease") || isValuesConfigMap(object, context),
    judge: (object, context) =>
      object.kind === "HelmRelease" ? referenceFaults(object, context) : configMapFaults(object, context),
  },
);

/** Whether the ConfigMap belongs to a tenant, by its annotation or its name. */
export function isValuesConfigMap(object: JudgedObject, context: PolicyContext): boolean {
  if (!object.isCoreKind("ConfigMap")) return false;
  if (object.annotations[annotation.tenant] !== undefined) return true;
  const { config } = context;
  const owner = tenantNamed(config, object.name.replace(/-values-[^-]*$/, ""));
  return object.namespace === config.authorityNamespace && owner !== undefined;
}

function configMapFaults(object: JudgedObject, { config }: PolicyContext): string[] {
  if (object.isPatch) return ["it is a patch, which changes values under the same name; register the whole object"];
  const tenant = tenantOf(object, config);
  if (tenant === undefined) {
    return [`its annotation \`${annotation.tenant}\` must name a tenant of the stack`];
  }
  const hash = contentHash({
    data: textMapAt(object.content, "data"),
    binaryData: textMapAt(object.content, "binaryData"),
  });
  return [
    ...mustBe("its name", object.name, valuesNamePrefix(tenant.name) + hash),
    ...mustBe("its namespace", object.namespace, config.authorityNamespace),
    ...(valueAt(object.content, "immutable") === true ? [] : ["`immutable` must be true"]),
  ];
}

function referenceFaults(object: JudgedObject, { config, run }: PolicyContext): string[] {
  const owner = tenantOf(object, config)?.name ?? object.name;
  const prefix = valuesNamePrefix(owner);
  return listAt(object.content, "spec", "valuesFrom").flatMap((reference) => {
    if (textAt(reference, "kind") !== "ConfigMap") return [];
    const name = textAt(reference, "name") ?? "";
    const key = textAt(reference, "valuesKey") ?? "values.yaml";
    if (!name.startsWith(prefix) || !isContentHash(name.slice(prefix.length))) {
      return [`spec.valuesFrom refers to the ConfigMap "${name}", must be "${prefix}" and the hash of its content`];
    }
    const configMap = run.find("ConfigMap", object.namespace, name);
    if (configMap === undefined) {
      return [
        `its ConfigMap "${name}" was not judged before it; register it first and let the HelmRelease depend on it`,
      ];
    }
    if (isSet(reference, "optional"))
      return [`the ConfigMap "${name}" is optional; without it another config would run`];
    return key in mapAt(configMap.content, "data") ? [] : [`the ConfigMap "${name}" has no key "${key}"`];
  });
}
