/** Which commit and version an image says it was built from: its annotations, or the labels of its config. */
import { valueAt } from "../config/report";

/** The annotation, or label, with the commit. */
export const revisionLabel = "org.opencontainers.image.revision";
/** The annotation, or label, with the version. */
export const versionLabel = "org.opencontainers.image.version";

/** What an image was built from. */
export interface ImageOrigin {
  readonly revision?: string;
  readonly version?: string;
}

/** Reads a JSON blob, manifests included, by its digest. */
export type ReadJson = (digest: string) => Promise<unknown>;

/**
 * The origin of an image, or of each platform's image in an index that does not say it itself.
 *
 * @param digest of the manifest or index
 */
export async function imageOrigins(digest: string, read: ReadJson): Promise<ImageOrigin[]> {
  const manifest = await read(digest);
  const own = originIn(valueAt(manifest, ["annotations"]));
  const children = valueAt(manifest, ["manifests"]);
  if (own.revision !== undefined && own.version !== undefined) return [own];
  if (Array.isArray(children)) {
    // BuildKit's attestations are children without a platform.
    const images = children.filter((child) => valueAt(child, ["platform", "os"]) !== "unknown");
    const origins = await Promise.all(images.map((child) => imageOrigins(digestIn(child), read)));
    return origins.flat().map((origin) => ({ ...origin, ...own }));
  }
  const config = await read(digestIn(valueAt(manifest, ["config"])));
  return [{ ...originIn(valueAt(config, ["config", "Labels"])), ...own }];
}

function originIn(labels: unknown): ImageOrigin {
  const text = (label: string) => {
    const value = valueAt(labels, [label]);
    return typeof value === "string" ? value : undefined;
  };
  const [revision, version] = [text(revisionLabel), text(versionLabel)];
  return { ...(revision !== undefined && { revision }), ...(version !== undefined && { version }) };
}

function digestIn(descriptor: unknown): string {
  return String(valueAt(descriptor, ["digest"]));
}
