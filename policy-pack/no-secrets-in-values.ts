import { type CredentialPlace, findCredentials } from "./credential";
import { isSet, textMapAt, valueAt } from "./field";
import { definePolicy } from "./gate";
import { isValuesConfigMap } from "./values-content-addressed";

/** Special config is read by everybody who can read the shared repository, so it holds no credential. */
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
        faults.push(...(await findCredentials(content)).map((place) => describe(key, place)));
      }
      // Helm takes text from `data` alone, so what hides in `binaryData` could only be meant not to be read.
      for (const key of Object.keys(textMapAt(object.content, "binaryData"))) {
        faults.push(`${key} is no UTF-8 text, so it cannot be searched`);
      }
      return faults;
    },
  },
);

function describe(key: string, { line, path, looks }: CredentialPlace): string {
  return `${key}, line ${line}: ${path ?? "the text"} ${looks}`;
}
