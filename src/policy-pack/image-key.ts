/** The parts of an image that values can set, each on its own. */
export type Part = "registry" | "repository" | "tag" | "digest";

/** The last word of a key that names a part of an image. `tagSuffix: -debug` runs another tag. */
const parts = new Map<string, Part>([
  ...["registry", "hub", "prefix"].map((word) => [word, "registry"] as const),
  ...["repository", "repo", "name", "ref", "reference", "override"].map((word) => [word, "repository"] as const),
  ...["tag", "version", "suffix"].map((word) => [word, "tag"] as const),
  ...["digest", "sha", "sha256"].map((word) => [word, "digest"] as const),
]);

/** Of an image, the host of its registry: `image.host`, `image.registryServer`. */
const hosts = /^(?:host|domain|server|mirror)$/;

/** Of these, those that may mean an image also where no key says `image`. */
const bareParts = ["registry", "hub", "repository", "repo", "tag", "version", "digest"];

/** `image.pullSecrets`, `git` and `charts` have names, repositories and tags of their own. */
const sources = /^(?:secrets?|credentials?|auth|git(?:hub|lab|ops|sync)?|scm|charts?|helm|npm|maven|schema)$/;

/** `backgroundImage` and `logo.image` are pictures, `imagesPath` is a folder: without a tag, the value is not an image. */
const pictures =
  /^(?:avatar|background|banner|branding|cover|favicon|hero|icon|logo|placeholder|poster|profile|splash|theme|thumbnail)$/;
const folders = /^(?:bucket|dir|directory|file|folder|location|mount|path|root|url|uri)$/;

const isImageWord = (word = "") => /^(?:[a-z0-9]*images?[0-9]*|img)$/.test(word);
const isSource = (word: string) => sources.test(word);

/** `sidecarImageTag`, `SIDECAR_IMAGE_TAG` and `sidecar-imagetag` are the words sidecar, image and tag. */
function wordsOf(key: string): string[] {
  // An item of a list, or the beginning of a sentence.
  if (/^\[\d+\]$|\S\s+\S/.test(key)) return [key];
  const apart = key.replace(/([a-z0-9])([A-Z])/g, "$1 $2").toLowerCase();
  const spaced = apart.replace(/image(?=tag|repo|registry|name|digest|version)/g, "image ");
  return spaced.split(/[^a-z0-9]+/).filter((word) => word !== "");
}

/** What the keys that lead to a text say about it. */
export interface Place {
  /** Which image the text belongs to: the same words for `web.image.tag`, `webImage.tag`, `web.imageTag` and `web.tag`. */
  readonly owner: string;
  readonly part?: Part;
  /** Whether a key says `image`. */
  readonly isImage: boolean;
  /** Whether the text as a whole is a reference: `image: a/b:1`. */
  readonly isReference: boolean;
  /** Whether the key above names something else that has a repository and tags: `git.repository`. */
  readonly isSource: boolean;
  /** Whether a plain word, alone, is not an image: `image.name: hero`. */
  readonly isVague: boolean;
  readonly isPicture: boolean;
  /** `image` is the key above (`images.web`), or in the key itself (`RELATED_IMAGE_WEB`). */
  readonly near?: "above" | "within";
}

/** @param keys from the outermost; an item of a list has a key such as `[0]` */
export function placeOf(keys: readonly string[]): Place {
  const words = keys.flatMap(wordsOf);
  const named = keys.filter((key) => !key.startsWith("[")).map(wordsOf);
  const [above = [], own = []] = [[], ...named].slice(-2);
  const [before = "", last = ""] = ["", ...own].slice(-2);
  // A registry for Docker is one of images.
  const isImage =
    words.findLastIndex(isImageWord) > words.findLastIndex(isSource) ||
    (last === "registry" && /^(?:docker|container)$/.test(own.length > 1 ? before : (above.at(-1) ?? "")));
  // `tagPrefix`, `versionOverride`, `imageTags.web`
  const isTag =
    /^(?:tag|version) (?:prefix|postfix|override)$/.test(`${before} ${last}`) ||
    (above.at(-1) === "tags" && isImageWord(above.at(-2)));
  // `imageService.database.version` is none of an image.
  const isNear = isTag || own.some(isImageWord) || named.some((key) => isImageWord(key.at(-1)));
  const isBare = bareParts.includes(last) && (!isImage || last !== "version") && !own.slice(0, -1).some(isSource);
  const isReference = isImageWord(last);
  const isHost = isImage && hosts.test(last) && (before === "registry" || (before === "" && isImageWord(above.at(-1))));
  const meant = isTag ? "tag" : isHost ? "registry" : last;
  const part = (isImage && isNear) || isBare ? parts.get(meant) : undefined;
  const owner = part === undefined ? words : words.slice(0, words.lastIndexOf(last));
  return {
    owner: owner.slice(0, owner.findLastIndex((word) => !isImageWord(word)) + 1).join(" "),
    part: isReference ? "repository" : part,
    isImage,
    isReference,
    isSource: above.some(isSource) || above.at(-1) === "ref",
    isVague: /^(?:name|ref|override|prefix)$/.test(last),
    isPicture: folders.test(last) || [...above, ...own].some((word) => pictures.test(word)),
    near: isImageWord(above.at(-1)) ? "above" : own.some(isImageWord) || last === "container" ? "within" : undefined,
  };
}

/** `imageRepository` for `imageTag`, `IMAGE_REPOSITORY` for `IMAGE_TAG`. */
export function repositoryKey(key = ""): string | undefined {
  const [last] = /(?:tag|version|digest|sha(?:256)?)$/i.exec(key) ?? [];
  if (last === undefined) return undefined;
  const rest = last === last.toUpperCase() ? "EPOSITORY" : "epository";
  return key.slice(0, -last.length) + (/^[A-Z]/.test(last) ? "R" : "r") + rest;
}
