/** Where an image repository lies: which registry, under which name. */
export interface ImageAddress {
  /** Host, and port where there is one, as people write it: `ghcr.io`, `docker.io`, `127.0.0.1:5000`. */
  readonly registry: string;
  /** The host that answers for it; Docker Hub's is another than its name. */
  readonly host: string;
  /** The repository's name within the registry: `stefanprodan/podinfo`. */
  readonly name: string;
}

/**
 * Reads an image repository as Docker does: without a host it lies on Docker Hub, and there `nginx` is short for
 * `library/nginx`.
 *
 * @param repository without tag or digest; `oci://` before it is allowed
 * @returns nothing when this is no image repository
 */
export function parseImageAddress(repository: string): ImageAddress | undefined {
  const parts = repository.replace(/^oci:\/\//, "").split("/");
  const [first = "", ...rest] = parts;
  const isHost = rest.length > 0 && (/[.:]/.test(first) || first === "localhost");
  const registry = !isHost || first === "index.docker.io" ? "docker.io" : first;
  const path = isHost ? rest : parts;
  const name = (registry === "docker.io" && path.length === 1 ? ["library", ...path] : path).join("/");
  if (!/^[a-z0-9]+(?:[._-]+[a-z0-9]+)*(?:\/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*$/.test(name)) return undefined;
  if (!/^(?:[A-Za-z0-9.-]+|\[[0-9a-fA-F:]+\])(?::[0-9]{1,5})?$/.test(registry)) return undefined;
  return { registry, host: registry === "docker.io" ? "registry-1.docker.io" : registry, name };
}
