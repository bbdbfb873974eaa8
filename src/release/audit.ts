/** Judges every release of an application's repository: is the application ready to become a tenant? */
import type { Prefix } from "../config/stack-config";
import { chartTagOf, compareVersions, isVersion, versionOfTag } from "../version/version";
import type { Evidence } from "./evidence";
import { readArtifact } from "./evidence-reader";
import { createFactReader } from "./fact-reader";
import { pathInRepository, withRepository, type GitOptions, type GitRepository } from "./git";
import { readBranch, readCharts, tagFactsOf } from "./git-evidence";
import { promiseReasons } from "./promise";

/** What to audit. */
export interface AuditOptions {
  /** A URL, a path, or a bundle file. */
  readonly repository: string;
  /** The chart's path in the repository, such as `charts/podinfo`, or its address in a registry: `oci://...`. */
  readonly chart: string;
  /** Whether the chart's registry uses plain HTTP. */
  readonly insecure?: boolean;
  readonly prefix: Prefix;
  /** Patterns of the branches that a release's commit may be on. Default: none, branches are not judged. */
  readonly releasedFrom?: readonly string[];
  /** Receives a short description of each step. */
  readonly onProgress?: (step: string) => void;
  readonly git?: GitOptions;
}

/** The verdicts on all SemVer tags of a repository. Images are not judged. */
export interface Audit {
  readonly repository: string;
  readonly chart: string;
  readonly prefix: Prefix;
  /** By version, then by name. */
  readonly tags: readonly AuditedTag[];
  /** Tags that another prefix would make versions. They are not judged: they may be those of another product. */
  readonly others: readonly OtherTags[];
  /** Tags that no prefix makes versions, such as `release-1.2`. */
  readonly nearly: readonly string[];
}

/** Tags with one prefix that is not the declared one. */
export interface OtherTags {
  readonly prefix: string;
  readonly count: number;
  /** One of them. */
  readonly example: string;
}

/** The verdict on one tag. A missing fact is `null`. */
export interface AuditedTag {
  readonly tag: string;
  /** The tag without the declared prefix, or, when it does not have that, without leading `v`s. */
  readonly version: string;
  readonly commit: string | null;
  readonly chartVersion: string | null;
  readonly appVersion: string | null;
  readonly valid: boolean;
  /** Why the promise is broken, each in one sentence. */
  readonly reasons: readonly string[];
}

/** Prefixes with which tags keep the promise that break it with the declared ones. */
export interface PrefixSuggestion {
  readonly prefix: Prefix;
  /** How many more tags would keep the promise. */
  readonly gained: number;
  /** How many tags would no longer keep it. */
  readonly lost: number;
}

/**
 * Judges every tag that is SemVer after the declared Git prefix; where that is none or `v`, after any number of `v`s.
 *
 * @throws GitError when the repository cannot be read
 */
export async function audit(options: AuditOptions): Promise<Audit> {
  const { repository, chart, prefix, releasedFrom = [], onProgress = () => undefined } = options;
  const isArtifact = isOci(chart);
  const folder = isArtifact ? chart : pathInRepository(chart);
  onProgress(`reading the tags of ${repository}`);
  return withRepository(repository, options.git ?? {}, async (git) => {
    const candidates = candidatesOf([...git.refs.tags.keys()], prefix.git);
    const { others, nearly } = otherTags([...git.refs.tags.keys()], candidates);
    onProgress(`reading ${isArtifact ? folder : `${folder}/Chart.yaml`} at ${candidates.length} tags`);
    const refName = (tag: string) => `refs/tags/${tag}`;
    const refNames = candidates.map(({ tag }) => refName(tag));
    const charts = isArtifact
      ? await readArtifacts(git, candidates, options)
      : await readCharts(git, refNames, chart, { pinned: true });
    if (releasedFrom.length > 0) onProgress(`reading the commits of ${releasedFrom.join(", ")}`);
    const tags = candidates.map(async ({ tag, version }): Promise<AuditedTag> => {
      const facts = charts.get(refName(tag)) ?? {};
      const branch = await readBranch(git, facts.commit, releasedFrom);
      const evidence: Evidence = {
        version,
        repository,
        chart,
        images: [],
        ...tagFactsOf(git.refs, tag),
        ...facts,
        ...branch,
      };
      const reasons = judge(evidence, prefix, releasedFrom);
      const { commit = null, chartVersion = null, appVersion = null } = evidence;
      return { tag, version, commit, chartVersion, appVersion, valid: reasons.length === 0, reasons };
    });
    return { repository, chart, prefix, tags: await Promise.all(tags), others, nearly };
  });
}

/** The facts of the chart of each tag, by the tag's full name, from the chart's registry. */
async function readArtifacts(
  git: GitRepository,
  candidates: readonly Candidate[],
  { chart, prefix, insecure = false }: AuditOptions,
): Promise<Map<string, Partial<Evidence>>> {
  const facts = createFactReader();
  const read = candidates.map(async ({ tag, version }): Promise<[string, Partial<Evidence>]> => {
    const chartTag = chartTagOf(prefix.chart + version);
    const artifact = await readArtifact(facts, { chart: { kind: "oci", url: chart }, chartTag, insecure });
    return [`refs/tags/${tag}`, { commit: git.refs.tags.get(tag)?.peeled, ...artifact }];
  });
  return new Map(await Promise.all(read));
}

function isOci(chart: string): boolean {
  return chart.startsWith("oci://");
}

/**
 * Other prefixes (`""` or `"v"` for Git tag, chart and image) with which more tags keep the promise, the highest gain
 * first. A tag that breaks the promise for another reason still breaks it.
 */
export function suggestPrefixes(audited: Audit): PrefixSuggestion[] {
  const choices = ["", "v"];
  return choices
    .flatMap((git) => choices.flatMap((chart) => choices.map((image): Prefix => ({ git, chart, image }))))
    .map((prefix) => {
      const validThen = (tag: AuditedTag) => validUnder(audited, tag, prefix);
      return {
        prefix,
        gained: audited.tags.filter((tag) => !tag.valid && validThen(tag)).length,
        lost: audited.tags.filter((tag) => tag.valid && !validThen(tag)).length,
      };
    })
    .filter(({ gained }) => gained > 0)
    .sort((one, other) => other.gained - one.gained);
}

/**
 * The versions whose tags keep the promise with these prefixes, the newest first. Images are not judged.
 *
 * @param prefix may be another one than the audit's
 */
export function validVersions(audited: Audit, prefix: Prefix): string[] {
  const valid = audited.tags.filter((tag) => validUnder(audited, tag, prefix));
  return valid.flatMap(({ tag }) => versionOfTag(tag, prefix.git) ?? []).reverse();
}

/**
 * The prefixes with which the newest version keeps the promise, of the audit's and those that it suggests; of several, those
 * with the most versions. Old tags may have had others.
 */
export function bestPrefix(audited: Audit): Prefix {
  const candidates = [audited.prefix, ...suggestPrefixes(audited).map(({ prefix }) => prefix)];
  const ranked = candidates.map((prefix) => ({ prefix, versions: validVersions(audited, prefix) }));
  const [best] = ranked.sort((one, other) => {
    const [[mine], [others]] = [one.versions, other.versions];
    if (mine === undefined || others === undefined) return other.versions.length - one.versions.length;
    return compareVersions(others, mine) || other.versions.length - one.versions.length;
  });
  return best?.prefix ?? audited.prefix;
}

/** The suggestion in one sentence: `git=v would make 4 more tags keep the promise`. */
export function describeSuggestion({ prefix, gained, lost }: PrefixSuggestion): string {
  const settings = Object.entries({ git: prefix.git, chart: prefix.chart, image: prefix.image })
    .filter(([, value]) => value !== "")
    .map(([place, value]) => `${place}=${value}`)
    .join(",");
  const tags = (count: number, more: string) => `${count}${more} tag${count === 1 ? "" : "s"}`;
  const price = lost === 0 ? "" : `, and ${tags(lost, "")} that keep${lost === 1 ? "s" : ""} it now break it`;
  return `${settings === "" ? "no prefix" : settings} would make ${tags(gained, " more")} keep the promise${price}`;
}

interface Candidate {
  readonly tag: string;
  readonly version: string;
}

function candidatesOf(tags: readonly string[], prefix: string): Candidate[] {
  const isUsual = prefix === "" || prefix === "v";
  return tags
    .flatMap((tag) => {
      const version = versionOfTag(tag, prefix) ?? (isUsual ? tag.replace(/^v+/, "") : "");
      return isVersion(version) ? [{ tag, version }] : [];
    })
    .sort((one, other) => compareVersions(one.version, other.version) || (one.tag < other.tag ? -1 : 1));
}

/** The tags that are a text and a version, by the text, most tags first; and those that end in nearly a version. */
function otherTags(tags: readonly string[], judged: readonly Candidate[]): Pick<Audit, "others" | "nearly"> {
  const known = new Set(judged.map(({ tag }) => tag));
  const groups = new Map<string, string[]>();
  const nearly: string[] = [];
  for (const tag of tags.filter((one) => !known.has(one))) {
    // The text before does not end within a number: `v1.2.3.4` is not the version 2.3.4.
    const [, prefix = "", version = ""] = /^(.*?)(?<!\d\.?)(\d+\.\d+\.\d+(?:[-+].*)?)$/.exec(tag) ?? [];
    if (isVersion(version)) groups.set(prefix, [...(groups.get(prefix) ?? []), tag]);
    else if (/(?:^|[^\d.])\d+\.\d/.test(tag)) nearly.push(tag);
  }
  const others = [...groups]
    .map(([prefix, [example = "", ...more]]) => ({ prefix, count: 1 + more.length, example }))
    .sort((one, other) => other.count - one.count || (one.prefix < other.prefix ? -1 : 1));
  return { others, nearly };
}

function judge(evidence: Evidence, prefix: Prefix, releasedFrom: readonly string[]): string[] {
  const { gitTag = "", version } = evidence;
  const carried = gitTag.slice(0, gitTag.length - version.length);
  // Judged by its own prefix first, so that the reason can name the prefix.
  const reasons = promiseReasons(evidence, {
    imageTag: prefix.image + version,
    prefix: { ...prefix, git: carried },
    repository: evidence.repository,
    chart: isOci(evidence.chart) ? { kind: "oci", url: evidence.chart } : { kind: "git", path: evidence.chart },
    releasedFrom,
    images: [],
  });
  if (version.includes("+")) {
    reasons.push(`the version "${version}" has build metadata, which no image tag can have: it cannot contain "+"`);
  }
  return carried === prefix.git
    ? reasons
    : [`the Git tag "${gitTag}" has ${describePrefix(carried)}, must have ${describePrefix(prefix.git)}`, ...reasons];
}

function describePrefix(prefix: string): string {
  return prefix === "" ? "no prefix" : `the prefix "${prefix}"`;
}

/** Whether the tag would keep the promise with other prefixes. Reasons that prefixes cannot fix remain. */
function validUnder(audited: Audit, tag: AuditedTag, prefix: Prefix): boolean {
  const version = versionOfTag(tag.tag, prefix.git);
  if (version === undefined) return false;
  const evidence: Evidence = {
    version: tag.version,
    repository: audited.repository,
    gitTag: tag.tag,
    commit: tag.commit ?? undefined,
    chart: audited.chart,
    chartVersion: tag.chartVersion ?? undefined,
    appVersion: tag.appVersion ?? undefined,
    images: [],
  };
  const fixable = judge(evidence, audited.prefix, []);
  const others = tag.reasons.filter((reason) => !fixable.includes(reason));
  return others.length === 0 && judge({ ...evidence, version }, prefix, []).length === 0;
}
