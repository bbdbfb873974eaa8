import { annotation } from "../src/manifests/annotation";
import type { StackConfig } from "../src/config/stack-config";
import { isSet, textAt } from "./field";
import type { JudgedObject } from "./judged-object";
import { mustBe, tenantOf } from "./release-evidence";

/** Kinds for which Flux's controllers connect to a host with the credentials that the object names. */
export const connectingKinds = ["GitRepository", "OCIRepository", "ImageRepository"];

/** Other fields that give a controller credentials: a client certificate, a proxy login, a service account. */
const credentialFields = ["certSecretRef", "proxySecretRef", "serviceAccountName"];

/**
 * Checks which credentials are sent to a host. An object could name any Secret of the authority namespace, including
 * other tenants' and the platform's own. So it must name exactly the Secret that the stack declares for this tenant or
 * for the shared repository.
 */
export function credentialFaults(object: JudgedObject, config: StackConfig): string[] {
  const provider = textAt(object.content, "spec", "provider");
  return [
    ...mustBe(
      "spec.secretRef.name",
      textAt(object.content, "spec", "secretRef", "name"),
      declaredSecret(object, config),
    ),
    ...credentialFields
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
