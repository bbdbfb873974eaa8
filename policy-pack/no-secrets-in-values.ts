import { type CredentialLocation, findCredentials } from "./credential";
import { isSet, textMapAt, valueAt } from "./field";
import { definePolicy } from "./define-policy";
import { isValuesConfigMap } from "./values-content-addressed";

/** Everyone who can read the shared repository can read special config, so it must not contain credentials. */
export const noSecretsInValues = definePolicy(
  {
    name: "no-secrets-in-values",
    displayName: "No credentials in special config",
    description: "Special config holds nothing that looks like a credential.",
    severity: "critical",
    enforcementLevel: "mandatory",
    remediationSteps:
      "take the credential out, count it as leaked and change it; put the new one into a Secret in the authority " +
      "namespace and name that under the tenant's `secrets`, or refer to a Secret of the tenant by its name.",
  },
  {
    applies: (object, context) => object.isFluxKind("HelmRelease") || isValuesConfigMap(object, context),
    judge: async (object) => {
      if (object.kind === "HelmRelease") {
        if (!isSet(object.content, "spec", "values")) return [];
        const inline = JSON.stringify(valueAt(object.content, "spec", "values"), undefined, 2);
        return (await findCredentials(inline)).map(({ path = "", looks }) => `spec.values.${path} ${looks}`);
      }
      const faults: string[] = [];
      for (const [key, content] of Object.entries(textMapAt(object.content, "data"))) {
        faults.push(...(await findCredentials(content)).map((location) => describe(key, location)));
      }
      // Helm reads values from `data` only. `binaryData` cannot be searched, so it is refused.
      for (const key of Object.keys(textMapAt(object.content, "binaryData"))) {
        faults.push(`${key} is no UTF-8 text, so it cannot be searched`);
      }
      return faults;
    },
  },
);

function describe(key: string, { line, path, looks }: CredentialLocation): string {
  return `${key}, line ${line}: ${path ?? "the text"} ${looks}`;
}
