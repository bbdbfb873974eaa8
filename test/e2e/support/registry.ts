import type { Lab } from "../../lab/lab";

const manifestTypes = [
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.docker.distribution.manifest.v2+json",
];

/** The digest of a tag, or `undefined` if the tag does not exist. */
export async function digestOfTag(lab: Lab, repository: string, tag: string): Promise<string | undefined> {
  const response = await ask(lab, "HEAD", repository, tag);
  return response.headers.get("docker-content-digest") ?? undefined;
}

/** Deletes the manifest of a tag, and with it all tags of that manifest. */
export async function removeTag(lab: Lab, repository: string, tag: string): Promise<void> {
  const digest = await digestOfTag(lab, repository, tag);
  if (digest !== undefined) await ask(lab, "DELETE", repository, digest);
}

async function ask(lab: Lab, method: string, repository: string, reference: string): Promise<Response> {
  const address = `${lab.registryUrl}/v2/${repository}/manifests/${reference}`;
  const response = await fetch(address, { method, headers: { accept: manifestTypes.join(", ") } });
  if (response.ok || response.status === 404) return response;
  throw new Error(`The registry answered ${response.status} to ${method} ${address}.`);
}
