/**
 * Facts from OCI registries. That a tag does not exist is a fact; a registry that cannot be read throws. No npm package
 * for registries is both maintained and meant for reading (`@sigstore/oci` starts an upload to sign in).
 */
import { createHash } from "node:crypto";
import { valueAt } from "../config/report";
import { isDigest } from "./digest";
import { CredentialsError } from "./docker-credentials";
import { parseImageAddress, type ImageAddress } from "./image-address";
import {
  createRegistryClient,
  parseObject,
  RegistryError,
  type RegistryAnswer,
  type RegistryOptions,
} from "./registry-client";

export { RegistryError, type RegistryOptions } from "./registry-client";

/** Whether a registry could not be read, or the Docker config that has its credentials. */
export function isRegistryFailure(error: unknown): error is RegistryError | CredentialsError {
  return error instanceof RegistryError || error instanceof CredentialsError;
}

/** Reads registries. */
export interface Registry {
  /** The digest of the tag; nothing when it does not exist. */
  readDigest(image: string, tag: string, insecure: boolean): Promise<string | undefined>;
  /** All tags, in the registry's order; none when the image repository does not exist. */
  readTags(image: string, insecure: boolean): Promise<string[]>;
  /** The Helm chart at the tag; nothing when the tag does not exist. */
  readChart(url: string, tag: string, insecure: boolean): Promise<ChartArtifact | undefined>;
  /**
   * The chart itself, packed as a `.tgz`.
   *
   * @throws RegistryError when the registry does not have it, or when it is too large
   */
  readChartArchive(url: string, digest: string, insecure: boolean): Promise<Buffer>;
}

/** The facts of a chart's OCI artifact. */
export interface ChartArtifact {
  /** Of the manifest. */
  readonly digest: string;
  readonly version?: string;
  readonly appVersion?: string;
  /** The annotation `org.opencontainers.image.revision`. */
  readonly revision?: string;
  /** Why it is not a chart, each in one sentence. */
  readonly problems: readonly string[];
}

const manifestTypes = [
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
  "application/vnd.docker.distribution.manifest.v2+json",
].join(", ");

const helmLayerType = "application/vnd.cncf.helm.chart.content.v1.tar+gzip";
const maxChartBytes = 32 * 1024 * 1024;
const helmConfigType = "application/vnd.cncf.helm.config.v1+json";
const revisionLabel = "org.opencontainers.image.revision";
const maxManifestBytes = 4 * 1024 * 1024;
const maxConfigBytes = 1024 * 1024;
const maxTagPages = 1000;
const maxTags = 200_000;
const maxListBytes = 64 * 1024 * 1024;
const maxListMs = 5 * 60 * 1000;

/** A reader that signs in with the credentials of the Docker config when a registry requires it. */
export function createRegistry(options: RegistryOptions = {}): Registry {
  const request = createRegistryClient(options);

  async function readManifest(address: ImageAddress, tag: string, insecure: boolean): Promise<RegistryAnswer> {
    const path = `manifests/${isDigest(tag) ? tag : checkTag(tag)}`;
    const accept = manifestTypes;
    const answer = await request({ address, path, method: "GET", accept, insecure, maxBytes: maxManifestBytes });
    // A portal or a login page may answer in the registry's place.
    if (answer.found) parseObject(answer.body, `the manifest of ${address.registry}/${address.name}:${tag}`);
    return answer;
  }

  async function readBlob(
    address: ImageAddress,
    digest: string,
    insecure: boolean,
    maxBytes = maxConfigBytes,
  ): Promise<Buffer> {
    const path = `blobs/${digest}`;
    const answer = await request({ address, path, method: "GET", insecure, maxBytes });
    if (!answer.found) {
      throw new RegistryError(
        `${address.registry}/${address.name} does not have the blob ${digest}, which its manifest names`,
      );
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
      const head = await request({ address, path, method: "HEAD", accept: manifestTypes, insecure, maxBytes: 0 });
      const named = head.headers["docker-content-digest"]?.[0];
      if (head.found && named !== undefined && isDigest(named)) return named;
      // Some registries do not support HEAD or send no digest, and only a body tells whether a 404 is the registry's.
      const answer = await readManifest(address, tag, insecure);
      return answer.found ? manifestDigest(answer, image, tag) : undefined;
    },

    async readTags(image, insecure) {
      const address = addressOf(image);
      const what = `the list of the tags of ${image}`;
      const tags: string[] = [];
      const pages = new Set<string>();
      const end = performance.now() + maxListMs;
      let bytes = 0;
      let path: string | undefined = "tags/list?n=1000";
      while (path !== undefined) {
        if (pages.has(path)) throw new RegistryError(`${what} never ends: a page follows itself`);
        if (pages.size === maxTagPages) throw new RegistryError(`${what} has more than ${maxTagPages} pages`);
        if (performance.now() > end) throw new RegistryError(`${what} did not end within ${maxListMs / 1000} s`);
        pages.add(path);
        const answer = await request({ address, path, method: "GET", insecure, maxBytes: maxManifestBytes });
        if (!answer.found && pages.size === 1) return tags;
        if (!answer.found) {
          const page = `page ${pages.size}, which page ${pages.size - 1} names`;
          throw new RegistryError(`${what} is not complete: HTTP 404 for its ${page}`);
        }
        bytes += answer.body.length;
        if (bytes > maxListBytes) throw new RegistryError(`${what} has more than ${maxListBytes} bytes`);
        const { tags: listed } = parseObject(answer.body, what);
        // What is not a tag could not be read anyway.
        for (const tag of Array.isArray(listed) ? (listed as unknown[]) : []) {
          if (typeof tag === "string" && isTag(tag)) tags.push(tag);
        }
        if (tags.length > maxTags) throw new RegistryError(`${what} has more than ${maxTags} tags`);
        path = /<([^>]+)>\s*;[^,]*\brel="?next"?/.exec(answer.headers.link?.join(", ") ?? "")?.[1];
      }
      return tags;
    },

    async readChart(url, tag, insecure) {
      const address = addressOf(url);
      const answer = await readManifest(address, tag, insecure);
      if (!answer.found) return undefined;
      const digest = manifestDigest(answer, url, tag);
      const manifest = parseObject(answer.body, `the manifest of ${url}:${tag}`);
      const revision = textOf(valueAt(manifest, ["annotations", revisionLabel]));
      const mediaType = textOf(valueAt(manifest, ["config", "mediaType"]));
      const configDigest = textOf(valueAt(manifest, ["config", "digest"])) ?? "";
      if (mediaType !== helmConfigType || !isDigest(configDigest)) {
        const is = mediaType === undefined ? "missing" : `"${mediaType}"`;
        return {
          digest,
          revision,
          problems: [`the config of ${url}:${tag} is ${is}, must be "${helmConfigType}", a Helm chart`],
        };
      }
      const config = parseObject(await readBlob(address, configDigest, insecure), `the config of ${url}:${tag}`);
      return { digest, revision, version: textOf(config.version), appVersion: textOf(config.appVersion), problems: [] };
    },

    async readChartArchive(url, digest, insecure) {
      const address = addressOf(url);
      const what = `the manifest of ${url}@${digest}`;
      const answer = await readManifest(address, digest, insecure);
      if (!answer.found) throw new RegistryError(`the registry does not have ${url}@${digest}`);
      if (manifestDigest(answer, url, digest) !== digest) throw new RegistryError(`${what} has another digest`);
      const { layers } = parseObject(answer.body, what);
      const layer = (Array.isArray(layers) ? (layers as unknown[]) : []).find(
        (one) => valueAt(one, ["mediaType"]) === helmLayerType,
      );
      const layerDigest = textOf(valueAt(layer, ["digest"])) ?? "";
      if (!isDigest(layerDigest)) throw new RegistryError(`${what} names no Helm chart content`);
      return readBlob(address, layerDigest, insecure, maxChartBytes);
    },
  };
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

function addressOf(image: string): ImageAddress {
  const address = parseImageAddress(image);
  if (address === undefined) {
    throw new RegistryError(
      `${JSON.stringify(image)} is not an image repository: expected one such as "ghcr.io/stefanprodan/podinfo"`,
    );
  }
  return address;
}

function isTag(text: string): boolean {
  return /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/.test(text);
}

function checkTag(tag: string): string {
  if (!isTag(tag)) {
    throw new RegistryError(
      `${JSON.stringify(tag)} is not a valid tag: expected only letters, digits, ".", "_" and "-"`,
    );
  }
  return tag;
}

/** The digest of the content. @throws RegistryError when the registry names another one */
function manifestDigest(answer: RegistryAnswer, image: string, tag: string): string {
  const [named] = answer.headers["docker-content-digest"] ?? [];
  const actual = digestOf(answer.body, named ?? "sha256:");
  if (named !== undefined && named !== actual) {
    throw new RegistryError(
      `the manifest of ${image}:${tag} has the digest ${actual}, but the registry names ${JSON.stringify(named)}`,
    );
  }
  return actual;
}

/** Uses the algorithm of the other digest. */
function digestOf(content: Buffer, like: string): string {
  const algorithm = like.startsWith("sha512:") ? "sha512" : "sha256";
  return `${algorithm}:${createHash(algorithm).update(content).digest("hex")}`;
}
