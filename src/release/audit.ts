/** Judges every release of an application's repository: is the application ready to be a tenant? */
import type { Prefix } from "../config/stack-config";
import { compareVersions, isVersion, versionOfTag } from "../version/version";
import type { Evidence } from "./evidence";
import { withRepository, type GitOptions, type GitRepository } from "./git";
import { besideChartFile, branchesNamed, chartFactsOf, chartFilePath, tagFactsOf } from "./git-evidence";
import { promiseReasons } from "./promise";

/** What is audited. */
export interface AuditOptions {
  /** Any URL that Git takes, a path, or a bundle file. */
  readonly repository: string;
  /** The chart's path in the repository, such as `charts/podinfo` or `./charts/podinfo`. */
  readonly chart: string;
  readonly prefix: Prefix;
  /** Patterns of branches on one of which a release's commit must lie. Default: none, the branch is not judged. */
  readonly releasedFrom?: readonly string[];
  /** Told of each step of the work, in a few words. */
  readonly onProgress?: (step: string) => void;
  readonly git?: GitOptions;
}

/** The verdicts on all SemVer tags of a repository. The registry is not asked. */
export interface Audit {
  readonly repository: string;
  readonly chart: string;
  readonly prefix: Prefix;
  /** In the order of the versions, then of the tags' names. */
  readonly tags: readonly AuditedTag[];
}

/** The verdict on one tag. A fact that does not exist is `null`. */
export interface AuditedTag {
  readonly tag: string;
  /** What stays of the tag without the declared prefix, or without its leading `v`s where it does not carry that. */
  readonly version: string;
  readonly commit: string | null;
  readonly chartVersion: string | null;
  readonly appVersion: string | null;
  readonly valid: boolean;
  /** Why the promise is broken, each in one sentence. */
  readonly reasons: readonly string[];
}

/** Prefixes under which tags keep the promise that break it under the declared ones. */
export interface PrefixSuggestion {
  readonly prefix: Prefix;
  /** How many tags would keep the promise that do not now. */
  readonly gained: number;
  /** How many tags would no longer keep it. */
  readonly lost: number;
}

/**
 * Judges every tag that is SemVer behind the declared Git prefix or behind any leading `v`s.
 *
 * @throws GitError when the repository cannot be read
 */
export async function audit(options: AuditOptions): Promise<Audit> {
  const { repository, chart, prefix, releasedFrom = [], onProgress = () => undefined } = options;
  const file = chartFilePath(chart);
  onProgress(`reading the tags of ${repository}`);
  return withRepository(repository, options.git ?? {}, async (git) => {
    const candidates = candidatesOf([...git.refs.tags.keys()], prefix.git);
    onProgress(`reading ${file} at ${candidates.length} tags`);
    const refName = (tag: string) => `refs/tags/${tag}`;
    const files = await git.readFiles(
      candidates.map(({ tag }) => refName(tag)),
      file,
      besideChartFile(chart),
    );
    const branchOf = await readBranches(git, releasedFrom, onProgress);
    const tags = candidates.map(({ tag, version }): AuditedTag => {
      const found = files.get(refName(tag)) ?? {};
      const evidence: Evidence = {
        version,
        repository,
        chart,
        images: [],
        ...tagFactsOf(git.refs, tag, found),
        ...chartFactsOf(found),
        branch: found.commit === undefined ? undefined : branchOf(found.commit),
      };
      const reasons = judge(evidence, prefix, releasedFrom);
      return {
        tag,
        version,
        commit: evidence.commit ?? null,
        chartVersion: evidence.chartVersion ?? null,
        appVersion: evidence.appVersion ?? null,
        valid: reasons.length === 0,
        reasons,
      };
    });
    return { repository, chart, prefix, tags };
  });
}

/**
 * Which other prefixes (`""` or `"v"` in each of the three places) would make tags keep the promise that break it now,
 * the ones that gain most first. A tag that is broken for another reason stays broken.
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
  return tags
    .flatMap((tag) => {
      const version = versionOfTag(tag, prefix) ?? tag.replace(/^v+/, "");
      return isVersion(version) ? [{ tag, version }] : [];
    })
    .sort((one, other) => compareVersions(one.version, other.version) || (one.tag < other.tag ? -1 : 1));
}

/** Tells of a commit on which of the branches it lies; reads nothing where no branch is asked for. */
async function readBranches(
  git: GitRepository,
  patterns: readonly string[],
  onProgress: (step: string) => void,
): Promise<(commit: string) => string | undefined> {
  const branches: { branch: string; commits: ReadonlySet<string> }[] = [];
  for (const branch of branchesNamed(git.refs, patterns)) {
    onProgress(`reading the commits of the branch ${branch}`);
    branches.push({ branch, commits: await git.readCommits(branch) });
  }
  return (commit) => branches.find(({ commits }) => commits.has(commit))?.branch;
}

function judge(evidence: Evidence, prefix: Prefix, releasedFrom: readonly string[]): string[] {
  const { gitTag = "", version } = evidence;
  const carried = gitTag.slice(0, gitTag.length - version.length);
  // The tag is judged by the prefix that it carries, so that the sentence can name that and not the whole tag.
  const reasons = promiseReasons(evidence, {
    imageTag: prefix.image + version,
    prefix: { ...prefix, git: carried },
    repository: evidence.repository,
    chart: { kind: "git", path: evidence.chart },
    releasedFrom,
    images: [],
  });
  return carried === prefix.git
    ? reasons
    : [
        `the Git tag "${gitTag}" carries ${describePrefix(carried)}, must carry ${describePrefix(prefix.git)}`,
        ...reasons,
      ];
}

function describePrefix(prefix: string): string {
  return prefix === "" ? "no prefix" : `the prefix "${prefix}"`;
}

/** Of the reasons under the declared prefixes, those that other prefixes cannot fix stay. */
function validUnder(audited: Audit, tag: AuditedTag, prefix: Prefix): boolean {
  const version = versionOfTag(tag.tag, prefix.git);
  if (version === undefined) {
    return false;
  }
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
  const mendable = judge(evidence, audited.prefix, []);
  const others = tag.reasons.filter((reason) => !mendable.includes(reason));
  return others.length === 0 && judge({ ...evidence, version }, prefix, []).length === 0;
}
