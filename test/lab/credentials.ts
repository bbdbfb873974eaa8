import { generateKeyPairSync, randomBytes } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { stringify } from "yaml";
import type { Cluster } from "./cluster";
import { fluxNamespace } from "./flux-install";
import type { Layout } from "./lab-directory";

/** The credential files of the control plane. */
export function credentialFiles(layout: Layout) {
  return {
    /** The administrator's token. */
    tokens: join(layout.credentials, "tokens.csv"),
    /** Signs and verifies the tokens of service accounts. */
    serviceAccountKey: join(layout.credentials, "service-account.key"),
    /** Created by the API server at its first start. */
    apiCertificate: join(layout.certificates, "apiserver.crt"),
  };
}

/** Creates the administrator's token, which it returns, and the key for service accounts. */
export function makeCredentials(layout: Layout): string {
  const files = credentialFiles(layout);
  const adminToken = randomBytes(24).toString("hex");
  writeSecret(files.tokens, `${adminToken},lab-admin,lab-admin,"system:masters"\n`);
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  writeSecret(files.serviceAccountKey, privateKey.export({ type: "pkcs1", format: "pem" }).toString());
  return adminToken;
}

/** Writes a kubeconfig that trusts the API server's certificate. */
export function writeKubeconfig(layout: Layout, path: string, apiUrl: string, user: string, token: string): void {
  const certificate = readFileSync(credentialFiles(layout).apiCertificate).toString("base64");
  const config = {
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "lab", cluster: { server: apiUrl, "certificate-authority-data": certificate } }],
    users: [{ name: user, user: { token } }],
    contexts: [{ name: "lab", context: { cluster: "lab", user } }],
    "current-context": "lab",
  };
  writeSecret(path, stringify(config));
}

/** The path of a Flux controller's kubeconfig. */
export function controllerKubeconfig(layout: Layout, controller: string): string {
  return join(layout.credentials, `${controller}.kubeconfig`);
}

/**
 * Writes a kubeconfig for a Flux controller with the token of its own service account, as in a real cluster. The token
 * is valid longer than any lab runs.
 */
export async function writeControllerKubeconfig(layout: Layout, cluster: Cluster, controller: string): Promise<void> {
  const answer = await cluster.request({
    method: "POST",
    path: `/api/v1/namespaces/${fluxNamespace}/serviceaccounts/${controller}/token`,
    body: { apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest", spec: { expirationSeconds: 30 * 24 * 3600 } },
  });
  const { token } = (answer as { status: { token: string } }).status;
  writeKubeconfig(layout, controllerKubeconfig(layout, controller), cluster.url, controller, token);
}

function writeSecret(path: string, content: string): void {
  writeFileSync(path, content, { mode: 0o600 });
}
