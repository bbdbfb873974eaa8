/** The facts of a release, or of a branch's head, in an open Git repository. */
import type { Evidence } from "./evidence";
import { branchMatches } from "./branch-pattern";
import { dependencyFiles, dependencyProblems, vendoredFolder, type ChartFolder } from "./chart-folder";
import { readChartYaml } from "./chart-yaml";
import { pathInRepository, type GitRefs, type GitRepository } from "./git";
import type { GitFile, GitSurroundings } from "./git-files";

/** The facts of a tag. */
export type TagFacts = Pick<Evidence, "gitTag" | "tagObject" | "otherTag">;

/** The commit of a revision, and the facts of `Chart.yaml` there. */
export type ChartFacts = Pick<Evidence, "commit" | "chartVersion" | "appVersion" | "chartProblems">;

/** The branch of a commit, or the remote's HEAD when no branch matches. */
export type BranchFacts = Pick<Evidence, "branch" | "remoteHead">;

/**
 * The commit and the chart at each revision. A missing `Chart.yaml` is a problem of the chart.
 *
 * @param revisions full names of refs, or commit ids
 * @param chart the chart's path as people write it: `./charts/podinfo`
 * @param options.pinned whether dependencies that the commit does not pin are problems of the chart. They are not for a
 *   branch that Flux follows, where nothing is pinned
 */
export async function readCharts(
  git: GitRepository,
  revisions: readonly string[],
  chart: string,
  { pinned }: { readonly pinned: boolean },
): Promise<Map<string, ChartFacts>> {
  const folder = pathInRepository(chart);
  const inChart = (name: string) => (folder === "" ? name : `${folder}/${name}`);
  const beside = { files: dependencyFiles.map(inChart), folder: inChart(vendoredFolder) };
  const files = await git.readFiles(revisions, inChart("Chart.yaml"), pinned ? beside : undefined);
  return new Map([...files].map(([revision, file]) => [revision, { commit: file.commit, ...chartFactsOf(file) }]));
}

function chartFactsOf({ content, absent, beside }: GitFile): ChartFacts {
  if (content === undefined) return { chartProblems: [absent ?? "there is no Chart.yaml"] };
  const { version, appVersion, dependencies, problems: own } = readChartYaml(content);
  const problems = beside === undefined ? own : [...own, ...dependencyProblems(dependencies, folderOf(beside))];
  return {
    ...(version === undefined ? {} : { chartVersion: version }),
    ...(appVersion === undefined ? {} : { appVersion }),
    ...(problems.length === 0 ? {} : { chartProblems: problems }),
  };
}

function folderOf({ files, names }: GitSurroundings): ChartFolder {
  const byName = [...files].map(([path, content]) => [path.slice(path.lastIndexOf("/") + 1), content] as const);
  return { files: new Map(byName), vendored: names };
}

/** The facts of a tag. When the repository does not have it: the tag with or without a `v`, if it has that one. */
export function tagFactsOf(refs: GitRefs, tag: string): TagFacts {
  const ref = refs.tags.get(tag);
  if (ref === undefined) {
    const otherTag = [`v${tag}`, tag.replace(/^v/, "")].find((other) => refs.tags.has(other));
    return otherTag === undefined ? {} : { otherTag };
  }
  return { gitTag: tag, ...(ref.object === ref.peeled ? {} : { tagObject: ref.object }) };
}

/** The first branch with the commit, of those that match the patterns: in the order of the patterns, then by name. */
export async function readBranch(
  git: GitRepository,
  commit: string | undefined,
  patterns: readonly string[],
): Promise<BranchFacts> {
  if (commit === undefined || patterns.length === 0) return {};
  const names = [...git.refs.branches.keys()].sort();
  const matching = new Set(patterns.flatMap((pattern) => names.filter((name) => branchMatches(pattern, name))));
  for (const branch of matching) {
    if ((await git.readCommits(branch)).has(commit)) return { branch };
  }
  return matching.size === 0 ? { remoteHead: await git.readHead() } : {};
}
