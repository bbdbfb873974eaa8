import type { Chart } from "../config/stack-config";

/** The address of an image repository. */
export interface ImageAddress {
  /** Host and optional port, as people write it: `ghcr.io`, `docker.io`, `127.0.0.1:5000`. */
  readonly registry: string;
  /** The host to send requests to. For Docker Hub it differs from `registry`. */
  readonly host: string;
  /** The name in the registry: `stefanprodan/podinfo`. */
  readonly name: string;
}

/**
 * Parses an image repository as Docker does: without a host it is on Docker Hub, where `nginx` means `library/nginx`.
 *
 * @param repository without tag or digest; it may begin with `oci://`
 * @returns nothing when the text is not an image repository
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

/** The addresses of images, and of a chart that is in a registry. */
export function addressesOf({
  images,
  chart,
}: {
  readonly images: readonly string[];
  readonly chart: Chart;
}): ImageAddress[] {
  const addresses = [...images, ...(chart.kind === "oci" ? [chart.url] : [])];
  return addresses.flatMap((address) => parseImageAddress(address) ?? []);
}
