import { fullRepository, parseImage } from "../config/image-reference";
import type { Tenant } from "../config/stack-config";
import { type BranchEvidence, type Evidence, type ImageEvidence, isRelease } from "../release/evidence";
import { yamlText } from "./yaml-text";

/** The images of a tenant with the digests that were judged, so that pods run exactly these. */
export interface PinnedImages {
  /** Flux sets tag and digest of each where a pod names it, whatever the values say. */
  readonly images: readonly PinnedImage[];
  /** Which of the chart's values get the tag and the digest of the first image. Default: none. */
  readonly values?: PinnedValues;
}

/** An image tag with its digest. */
export interface PinnedImage {
  /** With its registry, without tag. */
  readonly repository: string;
  /** The tag that people read. */
  readonly tag: string;
  /** `sha256:...` of the manifest or index. */
  readonly digest: string;
}

/** Paths in the chart's values, such as `image.tag`. If both are the same one, it gets `<tag>@<digest>`. */
export interface PinnedValues {
  /** The path that gets the tag. */
  readonly tag: string;
  /** The path that gets the digest. Default: none. */
  readonly digest?: string;
}

/** What is pinned of a tenant's images; `undefined` if it pins none, or if no digest is known. */
export function pinnedImagesOf(
  { pinDigest, branchImage }: Pick<Tenant, "pinDigest" | "branchImage">,
  evidence: Evidence | BranchEvidence,
): PinnedImages | undefined {
  const pin = isRelease(evidence) ? pinDigest : branchImage?.value;
  const images = pinnedImages(evidence.images);
  return pin === undefined || images.length === 0 ? undefined : { images, ...(pin !== true && { values: pin }) };
}

/** The post-renderers of a HelmRelease that pin the images of its evidence, as `pinDigest` and `branchImage` have them. */
export function imagePostRenderers(images: readonly PinnedImage[]): readonly object[] {
  const pins = images.flatMap(({ repository, tag, digest }) =>
    spellings(repository).map((name) => ({ name, newTag: tag, digest })),
  );
  return [{ kustomize: { images: pins } }];
}

/** The images of evidence whose digests are known. */
export function pinnedImages(images: readonly ImageEvidence[] = []): PinnedImage[] {
  return images.flatMap(({ reference, digest }) => {
    const { repository, tag } = parseImage(reference);
    return tag === undefined || digest === undefined ? [] : [{ repository, tag, digest }];
  });
}

/**
 * The values that set the tag and the digest. They are safe for readers of YAML 1.1, such as Flux, for which a key such
 * as `on` is a boolean.
 */
export function pinnedImageYaml(paths: PinnedValues, { tag, digest }: Pick<PinnedImage, "tag" | "digest">): string {
  const values = emptyValues();
  if (paths.tag === paths.digest) setAt(values, paths.tag.split("."), `${tag}@${digest}`);
  else {
    setAt(values, paths.tag.split("."), tag);
    if (paths.digest !== undefined) setAt(values, paths.digest.split("."), digest);
  }
  return yamlText(values);
}

type Values = Record<string, unknown>;

function setAt(values: Values, [key = "", ...rest]: readonly string[], value: string): void {
  if (rest.length === 0) values[key] = value;
  else setAt((values[key] ??= emptyValues()) as Values, rest, value);
}

/** Without what objects inherit, for a key such as `valueOf`. */
function emptyValues(): Values {
  return Object.create(null) as Values;
}

/** How a chart may write a repository: kustomize compares texts, and Docker Hub's registry may be left out. */
function spellings(repository: string): string[] {
  const parts = repository.split("/");
  const shorter = parts.slice(1).map((_, index) => parts.slice(index + 1).join("/"));
  return [repository, ...shorter.filter((text) => fullRepository(text) === repository)];
}
