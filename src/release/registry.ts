/**
 * Facts from an OCI registry. A tag that the registry says it has not is a fact; a registry that cannot be read is
 * none, and throws. (Of the npm clients for registries none is both maintained and made for reading: `@sigstore/oci`
 * signs in by starting an upload.)
 */
import { createHash } from "node:crypto";
import { isDigest } from "./digest";
import { parseImageAddress, type ImageAddress } from "./image-address";
import {
  createRegistryClient,
  parseJson,
  RegistryError,
  type RegistryAnswer,
  type RegistryOptions,
} from "./registry-client";

export { RegistryError, type RegistryOptions } from "./registry-client";

/** Reads one or more registries. */
export interface Registry {
  /** The digest that the tag has now; nothing when the registry has no such tag. */
  readDigest(image: string, tag: string, insecure: boolean): Promise<string | undefined>;
  /** All tags of an image repository, in the registry's order; none when it has no such repository. */
  readTags(image: string, insecure: boolean): Promise<string[]>;
  /** The Helm chart at the tag; nothing when the registry has no such tag. */
  readChart(url: string, tag: string, insecure: boolean): Promise<ChartArtifact | undefined>;
}

/** What a chart's OCI artifact says of itself. */
export interface ChartArtifact {
  /** Of the manifest. */
  readonly digest: string;
  readonly version?: string;
  readonly appVersion?: string;
  /** The annotation `org.opencontainers.image.revision`. */
  readonly revision?: string;
  /** Why this is no chart, each in one sentence. */
  readonly problems: readonly string[];
}

const manifestTypes = [
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
  "application/vnd.docker.distribution.manifest.v2+json",
].join(", ");

const helmConfigType = "application/vnd.cncf.helm.config.v1+json";
const revisionLabel = "org.opencontainers.image.revision";
const mostManifestBytes = 4 * 1024 * 1024;
const mostConfigBytes = 1024 * 1024;
const mostTagPages = 1000;

/** A registry reader; signs in with the Docker config's credentials where it is asked to. */
export function createRegistry(options: RegistryOptions = {}): Registry {
  const request = createRegistryClient(options);

  async function readManifest(address: ImageAddress, tag: string, insecure: boolean): Promise<RegistryAnswer> {
    const path = `manifests/${checkTag(tag)}`;
    return request({ address, path, method: "GET", accept: manifestTypes, insecure, mostBytes: mostManifestBytes });
  }

  async function readBlob(address: ImageAddress, digest: string, insecure: boolean): Promise<Buffer> {
    const answer = await request({
      address,
      path: `blobs/${digest}`,
      method: "GET",
      insecure,
      mostBytes: mostConfigBytes,
    });
    if (!answer.found) {
      throw new RegistryError(`${address.registry}/${address.name} has no blob ${digest}, which its manifest names`);
    }
    const actual = digestOf(answer.body, digest);
    if (actual !== digest) {
      throw new RegistryError(`the blob ${digest} of ${address.registry}/${address.name} has the digest ${actual}`);
    }
    return answer.body;
  }

  return {
    async readDigest(image, tag, insecure) {
      const address = addressOf(image);
      const path = `manifests/${checkTag(tag)}`;
      const head = await request({ address, path, method: "HEAD", accept: manifestTypes, insecure, mostBytes: 0 });
      const named = head.headers.get("docker-content-digest");
      if (head.found && named !== null && isDigest(named)) return named;
      // Some registries answer no HEAD, or give no digest there; and only the body of a 404 says what is unknown.
      const answer = await readManifest(address, tag, insecure);
      return answer.found ? manifestDigest(answer, image, tag) : undefined;
    },

    async readTags(image, insecure) {
      const address = addressOf(image);
      const tags: string[] = [];
      let path = "tags/list?n=1000";
      for (let page = 0; page < mostTagPages; page += 1) {
        const answer = await request({ address, path, method: "GET", insecure, mostBytes: mostManifestBytes });
        if (!answer.found) return tags;
        const listed = (parseJson(answer.body, `the tags of ${image}`) as { tags?: string[] | null }).tags ?? [];
        tags.push(...listed);
        const next = /<([^>]+)>\s*;[^,]*\brel="?next"?/.exec(answer.headers.get("link") ?? "")?.[1];
        if (next === undefined) return tags;
        path = next;
      }
      throw new RegistryError(`the list of the tags of ${image} does not end`);
    },

    async readChart(url, tag, insecure) {
      const address = addressOf(url);
      const answer = await readManifest(address, tag, insecure);
      if (!answer.found) return undefined;
      const digest = manifestDigest(answer, url, tag);
      const manifest = parseJson(answer.body, `the manifest of ${url}:${tag}`) as Manifest;
      const revision = textOf(manifest.annotations?.[revisionLabel]);
      const { mediaType, digest: configDigest } = manifest.config ?? {};
      if (mediaType !== helmConfigType || configDigest === undefined || !isDigest(configDigest)) {
        const is = mediaType === undefined ? "missing" : `"${mediaType}"`;
        return {
          digest,
          revision,
          problems: [`the config of ${url}:${tag} is ${is}, must be "${helmConfigType}", a Helm chart`],
        };
      }
      const config = parseJson(
        await readBlob(address, configDigest, insecure),
        `the config of ${url}:${tag}`,
      ) as Record<string, unknown>;
      return { digest, revision, version: textOf(config.version), appVersion: textOf(config.appVersion), problems: [] };
    },
  };
}

interface Manifest {
  readonly config?: { readonly mediaType?: string; readonly digest?: string };
  readonly annotations?: Readonly<Record<string, unknown>>;
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

function addressOf(image: string): ImageAddress {
  const address = parseImageAddress(image);
  if (address === undefined) {
    throw new RegistryError(
      `${JSON.stringify(image)} is no image repository: expected one such as "ghcr.io/stefanprodan/podinfo"`,
    );
  }
  return address;
}

function checkTag(tag: string): string {
  if (!/^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/.test(tag)) {
    throw new RegistryError(
      `${JSON.stringify(tag)} can be no tag in a registry: expected letters, digits, ".", "_" and "-" alone`,
    );
  }
  return tag;
}

/** The digest of what came, which is what counts, and must be what the registry calls it. */
function manifestDigest(answer: RegistryAnswer, image: string, tag: string): string {
  const named = answer.headers.get("docker-content-digest");
  const actual = digestOf(answer.body, named ?? "sha256:");
  if (named !== null && named !== actual) {
    throw new RegistryError(
      `the manifest of ${image}:${tag} has the digest ${actual}, and the registry calls it ${JSON.stringify(named)}`,
    );
  }
  return actual;
}

/** By the algorithm of the digest that it is held against. */
function digestOf(content: Buffer, like: string): string {
  const algorithm = like.startsWith("sha512:") ? "sha512" : "sha256";
  return `${algorithm}:${createHash(algorithm).update(content).digest("hex")}`;
}
