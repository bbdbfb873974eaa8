import { buffer } from "node:stream/consumers";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { pack } from "tar-stream";
import { parse } from "yaml";
import { digestOf } from "./digest";
import type { ChartFiles } from "./example-chart";

/** Options of an image. */
export interface PushImageOptions {
  /** Labels in the image's config, such as `org.opencontainers.image.revision`. */
  readonly labels?: Readonly<Record<string, string>>;
}

/**
 * Pushes a minimal image: one layer with one file. The same arguments give the same digest; other labels give another.
 *
 * @param registry the registry's address, such as `http://127.0.0.1:5000`
 * @param repository the image repository in that registry, such as `team/app`
 * @returns the manifest's digest, `sha256:...`
 */
export async function pushImage(
  registry: string,
  repository: string,
  tag: string,
  options: PushImageOptions = {},
): Promise<string> {
  const layer = await archive({ "etc/release": `${repository}:${tag}\n` });
  const config = {
    architecture: "amd64",
    os: "linux",
    config: { Labels: options.labels ?? {} },
    rootfs: { type: "layers", diff_ids: [digestOf(layer)] },
    history: [{ created_by: "shared-authority lab" }],
  };
  return push(registry, repository, tag, {
    config: part("application/vnd.oci.image.config.v1+json", JSON.stringify(config)),
    layer: part("application/vnd.oci.image.layer.v1.tar+gzip", await compress(layer)),
  });
}

/**
 * Pushes a Helm chart as an OCI artifact, as `helm push` does. The config blob is the content of `Chart.yaml`.
 *
 * @param registry the registry's address, such as `http://127.0.0.1:5000`
 * @param repository the chart's repository in that registry, such as `charts/app`
 * @param annotations annotations of the manifest, such as `org.opencontainers.image.revision`
 * @returns the manifest's digest, `sha256:...`
 * @throws Error if the chart has no `Chart.yaml` with a `name`
 */
export async function pushChart(
  registry: string,
  repository: string,
  tag: string,
  files: ChartFiles,
  annotations?: Readonly<Record<string, string>>,
): Promise<string> {
  const metadata = parse(files["Chart.yaml"] ?? "") as { readonly name?: string } | null;
  if (metadata?.name === undefined) throw new Error("The chart needs a Chart.yaml with a `name`.");
  const { name } = metadata;
  const inFolder = Object.entries(files).map(([path, content]) => [`${name}/${path}`, content] as const);
  const layer = await compress(await archive(Object.fromEntries(inFolder)));
  return push(registry, repository, tag, {
    config: part("application/vnd.cncf.helm.config.v1+json", JSON.stringify(metadata)),
    layer: part("application/vnd.cncf.helm.chart.content.v1.tar+gzip", layer),
    annotations,
  });
}

interface Part {
  readonly descriptor: { readonly mediaType: string; readonly digest: string; readonly size: number };
  readonly content: Buffer;
}

function part(mediaType: string, data: string | Buffer): Part {
  const content = Buffer.from(data);
  return { descriptor: { mediaType, digest: digestOf(content), size: content.length }, content };
}

interface Artifact {
  readonly config: Part;
  readonly layer: Part;
  readonly annotations?: Readonly<Record<string, string>>;
}

async function push(registry: string, repository: string, tag: string, artifact: Artifact): Promise<string> {
  const { config, layer, annotations } = artifact;
  const base = new URL(`/v2/${repository}/`, registry);
  await Promise.all([config, layer].map((one) => pushBlob(base, one)));
  const mediaType = "application/vnd.oci.image.manifest.v1+json";
  const [head, layers] = [{ schemaVersion: 2, mediaType, config: config.descriptor }, [layer.descriptor]];
  const manifest = Buffer.from(JSON.stringify({ ...head, layers, annotations }));
  await send(new URL(`manifests/${tag}`, base), "PUT", mediaType, manifest);
  return digestOf(manifest);
}

async function pushBlob(base: URL, { descriptor, content }: Part): Promise<void> {
  const started = await send(new URL("blobs/uploads/", base), "POST");
  const target = new URL(started.headers.get("Location") ?? "", base);
  target.searchParams.set("digest", descriptor.digest);
  await send(target, "PUT", "application/octet-stream", content);
}

async function send(url: URL, method: string, mediaType?: string, body?: Buffer): Promise<Response> {
  const response = await fetch(url, {
    method,
    headers: mediaType === undefined ? {} : { "Content-Type": mediaType },
    body: body === undefined ? null : new Uint8Array(body),
  });
  const answer = await response.text();
  if (!response.ok) throw new Error(`The registry answered ${method} ${url.href} with ${response.status}: ${answer}`);
  return response;
}

const compress = promisify<Buffer, Buffer>(gzip);

/** A tar archive whose bytes depend only on its files. */
async function archive(files: Readonly<Record<string, string>>): Promise<Buffer> {
  const tar = pack();
  for (const [name, content] of Object.entries(files)) tar.entry({ name, mtime: new Date(0), mode: 0o644 }, content);
  tar.finalize();
  return buffer(tar);
}
