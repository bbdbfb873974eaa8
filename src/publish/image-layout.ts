/** OCI image layouts: folders with an image, as BuildKit, ko, jib, Buildah and crane write them. */
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { valueAt } from "../config/report";
import { isDigest } from "../release/digest";
import type { ReadJson } from "./image-labels";

/** The image, or index of images, in a layout. */
export interface LayoutImage {
  readonly digest: string;
  readonly read: ReadJson;
}

/** A folder that is not a layout, or one with several images. */
export class LayoutError extends Error {
  override readonly name = "LayoutError";
}

/** @throws LayoutError if the folder is not a layout of one image */
export function readLayout(folder: string): LayoutImage {
  const manifests = valueAt(readJson(join(folder, "index.json")), ["manifests"]);
  const listed = Array.isArray(manifests) ? manifests : [];
  const digest = valueAt(listed[0], ["digest"]);
  if (listed.length !== 1 || typeof digest !== "string" || !isDigest(digest)) {
    throw new LayoutError(
      `${join(folder, "index.json")} lists ${listed.length} images, must list one image or one index`,
    );
  }
  return { digest, read: (blob) => Promise.resolve(readJson(blobPath(folder, blob))) };
}

/**
 * Writes a Helm chart as a layout, with the content that `helm push` would upload.
 *
 * @param metadata the values of `Chart.yaml`
 * @param archive what `helm package` has made
 */
export function writeChartLayout(
  folder: string,
  metadata: unknown,
  archive: Buffer,
  annotations: Readonly<Record<string, string>>,
): void {
  mkdirSync(join(folder, "blobs", "sha256"), { recursive: true });
  const write = (mediaType: string, content: Buffer) => {
    const digest = `sha256:${createHash("sha256").update(content).digest("hex")}`;
    writeFileSync(blobPath(folder, digest), content);
    return { mediaType, digest, size: content.length };
  };
  const writeJson = (mediaType: string, value: object) => write(mediaType, Buffer.from(JSON.stringify(value)));
  const mediaType = "application/vnd.oci.image.manifest.v1+json";
  const manifest = writeJson(mediaType, {
    schemaVersion: 2,
    mediaType,
    config: writeJson("application/vnd.cncf.helm.config.v1+json", metadata as object),
    layers: [write("application/vnd.cncf.helm.chart.content.v1.tar+gzip", archive)],
    annotations,
  });
  writeFileSync(join(folder, "oci-layout"), JSON.stringify({ imageLayoutVersion: "1.0.0" }));
  writeFileSync(join(folder, "index.json"), JSON.stringify({ schemaVersion: 2, manifests: [manifest] }));
}

function blobPath(folder: string, digest: string): string {
  if (!isDigest(digest)) throw new LayoutError(`${folder} names the blob ${JSON.stringify(digest)}, must be a digest`);
  const [algorithm = "", hex = ""] = digest.split(":");
  return join(folder, "blobs", algorithm, hex);
}

function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    const isMissing = (error as NodeJS.ErrnoException).code === "ENOENT";
    throw new LayoutError(`${path} ${isMissing ? "is missing" : "cannot be read as JSON"}`);
  }
}
