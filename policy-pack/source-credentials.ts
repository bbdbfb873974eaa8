import { annotation } from "../src/manifests/annotation";
import type { StackConfig } from "../src/config/stack-config";
import { isSet, textAt } from "./field";
import type { JudgedObject } from "./judged-object";
import { mustBe, tenantOf } from "./release-evidence";

/** Kinds by which Flux's controllers call on a host, with the credentials that the object names. */
export const callingKinds = ["GitRepository", "OCIRepository", "ImageRepository"];

/** Further fields by which a controller would take credentials along: a client's certificate, a proxy's, an account's. */
const lendingFields = ["certSecretRef", "proxySecretRef", "serviceAccountName"];

/**
 * Whose credentials a host is sent. Every Secret of the authority namespace can be named there, another tenant's and the
 * platform's own too; so it must be just the one that the stack names for this tenant, or for the shared repository.
 */
export function credentialFaults(object: JudgedObject, config: StackConfig): string[] {
  const provider = textAt(object.content, "spec", "provider");
  return [
    ...mustBe(
      "spec.secretRef.name",
      textAt(object.content, "spec", "secretRef", "name"),
      declaredSecret(object, config),
    ),
    ...lendingFields
      .filter((field) => isSet(object.content, "spec", field))
      .map((field) => `spec.${field} is set, which lends credentials that the stack does not name`),
    ...(provider === undefined || provider === "generic"
      ? []
      : [`spec.provider is "${provider}", which lends the controller's own identity`]),
  ];
}

function declaredSecret(object: JudgedObject, config: StackConfig): string | undefined {
  if (object.annotations[annotation.tenant] === undefined) {
    const { configRepository } = config;
    return textAt(object.content, "spec", "url") === configRepository?.url ? configRepository?.secretName : undefined;
  }
  const tenant = tenantOf(object, config);
  return object.kind === "GitRepository" ? tenant?.repositorySecret : tenant?.registrySecret;
}
