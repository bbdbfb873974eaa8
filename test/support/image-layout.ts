import { createHash } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Labels that say where an image comes from. */
export type Labels = Readonly<Record<string, string>>;

/** Writes the OCI layout of an image, or of an index with an image for each of the labels. */
export function writeImage(folder: string, ...platforms: readonly Labels[]): void {
  mkdirSync(join(folder, "blobs", "sha256"), { recursive: true });
  const write = (mediaType: string, value: object | Buffer) => {
    const content = Buffer.isBuffer(value) ? value : Buffer.from(JSON.stringify(value));
    const hex = createHash("sha256").update(content).digest("hex");
    writeFileSync(join(folder, "blobs", "sha256", hex), content);
    return { mediaType, digest: `sha256:${hex}`, size: content.length };
  };
  const manifestType = "application/vnd.oci.image.manifest.v1+json";
  const indexType = "application/vnd.oci.image.index.v1+json";
  const images = platforms.map((labels, index) => {
    const architecture = ["amd64", "arm64"][index];
    const layer = Buffer.from(`layer ${architecture} ${folder}`);
    const manifest = write(manifestType, {
      schemaVersion: 2,
      mediaType: manifestType,
      config: write("application/vnd.oci.image.config.v1+json", {
        architecture,
        os: "linux",
        config: { Labels: labels },
      }),
      layers: [write("application/vnd.oci.image.layer.v1.tar", layer)],
    });
    return { ...manifest, platform: { architecture, os: "linux" } };
  });
  const attestation = { ...images[0], platform: { architecture: "unknown", os: "unknown" } };
  const root =
    images.length === 1
      ? images[0]
      : write(indexType, { schemaVersion: 2, mediaType: indexType, manifests: [...images, attestation] });
  writeFileSync(join(folder, "oci-layout"), '{"imageLayoutVersion":"1.0.0"}');
  writeFileSync(join(folder, "index.json"), JSON.stringify({ schemaVersion: 2, manifests: [root] }));
}
