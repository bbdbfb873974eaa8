import { fullRepository } from "../config/image-reference";
import { printableSentence } from "../config/printable";
import { quoteShown } from "../config/report";
import { objectName } from "../config/object-name";
import type { Tenant } from "../config/stack-config";
import { allowedRepositories } from "../manifests/image-admission";
import { type Part, type Place, placeOf, repositoryKey } from "./image-key";
import { bareText, isEvident, isRegistry, isSwitch, isVersion, readShape, type Shape } from "./image-shape";
import { mergedValues, ValuesError } from "./merged-values";
import { judgedTemplate, templates, textsOf, unknownTemplate, type ValueText, withoutTemplates } from "./value-texts";

/** A text that may be an image or a part of one. */
interface Candidate extends ValueText {
  readonly place: Place;
  readonly part: Part;
  /** The text without templates, quotes and comments. */
  readonly bare: string;
  readonly shape?: Shape;
}

/** Values that name one image, or parts of one. */
interface Image {
  readonly registry?: Candidate;
  readonly repository?: Candidate;
  /** Tags and digests: more than one if a chart may read either. */
  readonly versions: readonly Candidate[];
}

/** Each value of a tenant's special config that sets another image than the judged one: one sentence each, with the fix. */
export function imageFaults(tenant: Tenant): string[] {
  try {
    const images = imagesIn(Array.from(textsOf(mergedValues(tenant.values))), tenant);
    const common = images.flatMap(({ registry }) => (isCommon(registry?.place.owner) ? [registry?.bare ?? ""] : []));
    const faults = new Map<string, string>();
    for (const [{ file, line, path, isInFile }, fault] of images.flatMap((one) => faultsOf(one, common, tenant))) {
      // A file in a value may be read in two ways.
      const key = JSON.stringify([file, line, isInFile || path, fault]);
      if (!faults.has(key)) faults.set(key, printableSentence(`${file}, line ${line}: \`${path}\` ${fault}`));
    }
    return Array.from(faults.values());
  } catch (error) {
    if (error instanceof ValuesError) return [error.message];
    // The stack overflows.
    if (error instanceof RangeError) return ["the values are nested too deeply to be judged"];
    throw error;
  }
}

/** `global.imageRegistry` may stand before each repository. */
function isCommon(owner: string | undefined): boolean {
  return owner === "" || owner === "global";
}

function imagesIn(texts: readonly ValueText[], tenant: Tenant): Image[] {
  const paths = new Set(texts.map(({ path, text }) => (text === "" ? "" : path)));
  const owners = new Map<string, Candidate[]>();
  const whole: Image[] = [];
  for (const candidate of texts.flatMap(candidatesOf)) {
    const { part, place } = candidate;
    if (part !== place.part) whole.push({ repository: candidate, versions: [] });
    else if (owners.get(place.owner)?.push(candidate) === undefined) owners.set(place.owner, [candidate]);
  }
  const owned = Array.from(owners.values()).flatMap((all) => {
    const images = all.filter(({ place }) => place.isImage);
    const others = all.filter(({ place }) => !place.isImage);
    // The tag in `{image: a/b, tag: 1}` belongs to the image.
    if (images.some(({ place }) => place.isReference)) return combine(all);
    return [...combine(images), ...(isBareImage(others, paths, tenant) ? combine(others) : [])];
  });
  return [...whole, ...owned];
}

/** What a text is by its keys and by what it looks like; nothing if it is not an image. */
function candidatesOf(text: ValueText): Candidate[] {
  const place = placeOf(text.keys);
  const { part, isImage, isVague, isPicture, near } = place;
  const bare = bareText(withoutTemplates(text.text));
  if (bare === "") return [];
  const shape = readShape(bare);
  const isFixed = shape?.tag !== undefined || shape?.digest !== undefined;
  const isPart = {
    repository: shape !== undefined && (isFixed || !isPicture),
    registry: !isSwitch(bare) && isRegistry(bare, isImage && !isVague),
    tag: !bare.startsWith(".") && !isSwitch(bare),
    digest: isImage ? !isSwitch(bare) : /^(?:sha256:)?[0-9a-f]{64}$/.test(bare),
  };
  if (part !== undefined && isPart[part]) return [{ ...text, place, bare, shape, part }];
  if (shape === undefined) return [];
  const isOrganized = shape.repository.includes("/");
  const isNear = isFixed
    ? near !== undefined && (isOrganized || (isImage && !/:\d{3,}$/.test(bare)))
    : near === "above" && isImage && (shape.host !== undefined || (isOrganized && !isPicture));
  return isNear || isEvident(shape)
    ? [{ ...text, place: { ...place, part: undefined }, bare, shape, part: "repository" }]
    : [];
}

function combine(candidates: readonly Candidate[]): Image[] {
  const of = (part: Part) => candidates.filter((one) => one.part === part);
  const isNamed = of("repository").some(({ place }) => !place.isVague);
  // Beside `repository`, `name` is only a name; alone, it may be anything. A chart may read either of two others.
  const [repository, ...repositories] = of("repository").filter(
    ({ place, shape, bare }) =>
      !place.isVague || shape?.host !== undefined || (candidates.length === 1 ? /[/:@]/.test(bare) : !isNamed),
  );
  const [registry, ...registries] = of("registry");
  return [
    { registry, repository, versions: [...of("tag"), ...of("digest")] },
    ...repositories.map((one) => ({ registry, repository: one, versions: [] })),
    ...registries.map((one) => ({ registry: one, versions: [] })),
  ];
}

/** Whether parts without the word image name one. */
function isBareImage(parts: readonly Candidate[], paths: ReadonlySet<string>, tenant: Tenant): boolean {
  const [first] = parts;
  if (first === undefined) return false;
  const { owner, isSource } = first.place;
  const isTop = isCommon(owner);
  const above = first.path.slice(0, first.path.lastIndexOf(".") + 1);
  const hasBeside = (...keys: string[]) => keys.some((key) => paths.has(above + key));
  const repository = parts.find(({ part }) => part === "repository");
  const registry = parts.find(({ part }) => part === "registry");
  if (isSource && (repository === undefined || registry === undefined)) return false;
  if (!isTop && hasBeside("branch", "revision", "commit", "url", "repoURL", "chart")) return false;
  if (repository !== undefined) {
    const { host } = repository.shape ?? {};
    if (host?.startsWith("git")) return false;
    return parts.length > 1 || isTop || host !== undefined || hasBeside("pullPolicy", "imagePullPolicy");
  }
  // In `{repository: https://..., tag: v1}` it is none of images.
  if (hasBeside("repository", "repo")) return false;
  if (first.isInFile) return parts.length > 1 && registry !== undefined;
  if (registry !== undefined && (isTop || parts.length > 1 || /(?:^| )(?:default|oci|private)$/.test(owner)))
    return true;
  const names = [
    "",
    "global",
    "app",
    "application",
    objectName(tenant),
    ...tenant.images.map((one) => one.split("/").at(-1)),
  ];
  return parts.some(({ part, bare, keys }) =>
    /version$/i.test(keys.at(-1) ?? "")
      ? names.includes(owner) && /^v?\d+\.\d+\.\d/.test(bare)
      : part === "digest" || (part === "tag" && isVersion(bare)),
  );
}

type Fault = readonly [where: ValueText, fault: string];

function faultsOf({ registry, repository, versions }: Image, common: readonly string[], tenant: Tenant): Fault[] {
  const own = tenant.images.map(fullRepository);
  const allowed = allowedRepositories(tenant);
  const expected = allowed.join(" or ");
  const declare = (what: string) =>
    `remove it, or, if the platform accepts ${what}, add the repository to \`images.also\` of the tenant, of its ` +
    "application or of `defaults`";
  const unknown = [registry, repository].find((one) =>
    (one?.shape?.repository ?? one?.bare)?.includes(unknownTemplate),
  );
  if (unknown?.isInFile === false) {
    const shown = quoteShown(shownText(unknown.text));
    return [[unknown, `names the image by the template ${shown}, which cannot be judged; write the image itself`]];
  }
  if (repository?.shape !== undefined) {
    const { host, repository: written } = repository.shape;
    const registries = registry !== undefined ? [registry.bare] : host === undefined ? ["", ...common] : [""];
    const names = registries.map((one) => (one === "" ? written : `${one.replace(/\/$/, "")}/${written}`));
    const found = allowed.filter((one) => names.some((name) => matches(name, one)));
    if (found.length === 0) {
      const shown = quoteShown(shownText(fullRepository(names[0] ?? "")));
      return [[repository, `names the image repository ${shown}, expected ${expected}; ${declare("that one")}`]];
    }
    if (found.some((one) => !own.includes(one))) return [];
  } else if (registry !== undefined) {
    const shown = quoteShown(shownText(registry.bare));
    if (!allowed.some((one) => matches(`${registry.bare.replace(/\/$/, "")}/${unknownTemplate}`, one))) {
      return [[registry, `names the registry ${shown}, expected that of ${expected}; ${declare("it")}`]];
    }
  }
  const fixed = [repository, ...versions].filter((one) => one !== undefined);
  return fixed.flatMap((one) => versionFaults(one, repository === undefined, tenant));
}

/** Whether a repository is an accepted one, as far as its templates let that be known. */
function matches(name: string, accepted: string): boolean {
  const [start = "", ...rest] = name.split(new RegExp(`[${templates}]+`));
  if (rest.length === 0) return fullRepository(name) === accepted;
  const filler = start.includes("/") ? "x/x" : "x";
  const full = start === "" ? "" : fullRepository(start + filler).slice(0, -filler.length);
  return accepted.startsWith(full) && accepted.endsWith(rest.at(-1) ?? "");
}

function shownText(text: string): string {
  return text.trim().replace(new RegExp(`[${templates}]`, "g"), "{{ … }}");
}

/** A tag or digest of the judged image, other than the judged one. */
function versionFaults(candidate: Candidate, isAlone: boolean, tenant: Tenant): Fault[] {
  const { part, bare, shape, path, text } = candidate;
  const [tag, digest] =
    part === "repository" ? [shape?.tag, shape?.digest] : part === "tag" ? bare.split("@", 2) : [undefined, bare];
  const key = isAlone ? repositoryKey(path) : undefined;
  const other = key === undefined ? "" : `, or, for an image of \`images.also\`, write \`${key}\` beside it`;
  const faultOf = (what: Part, value: string | undefined, judged: string | undefined, decides: string): Fault[] => {
    if (value === undefined || value === judged || value === judgedTemplate) return [];
    const wrong = value.includes(unknownTemplate)
      ? `by the template ${quoteShown(shownText(text))}, which cannot be judged`
      : `${quoteShown(value)}, but ${judged === undefined ? "the stack file has none" : `the judged one is ${quoteShown(judged)}`}`;
    return [[candidate, `sets the ${what} ${wrong}; remove it: ${decides}${other}`]];
  };
  return [
    ...(tenant.tag === undefined ? [] : faultOf("tag", tag, tenant.tag, "the chart and the tenant's `tag` decide")),
    ...faultOf("digest", digest, tenant.digest, "`pinDigest` sets the digest that was checked"),
  ];
}
