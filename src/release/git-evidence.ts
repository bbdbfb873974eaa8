/** The facts of a release, or of a branch's head, that an open Git repository holds. */
import type { Evidence } from "./evidence";
import { branchMatches } from "./branch-pattern";
import { dependencyFiles, dependencyProblems, vendoredFolder, type ChartFolder } from "./chart-folder";
import { readChartYaml } from "./chart-yaml";
import { pathInRepository, type GitRefs } from "./git";
import type { Beside, GitFile, GitSurroundings } from "./git-files";

/** What a tag says of itself. */
export type TagFacts = Pick<Evidence, "gitTag" | "tagObject" | "commit">;

/** What a chart's own `Chart.yaml` says. */
export type ChartFacts = Pick<Evidence, "chartVersion" | "appVersion" | "chartProblems">;

/** The path of `Chart.yaml` in the repository, from the chart's path as people write it: `./charts/podinfo`. */
export function chartFilePath(chartPath: string): string {
  return inChart(chartPath, "Chart.yaml");
}

/** What is read beside `Chart.yaml` where a commit must pin all that Flux builds of the chart. */
export function besideChartFile(chartPath: string): Beside {
  return {
    files: dependencyFiles.map((file) => inChart(chartPath, file)),
    folder: inChart(chartPath, vendoredFolder),
  };
}

function inChart(chartPath: string, name: string): string {
  const path = pathInRepository(chartPath);
  return path === "" ? name : `${path}/${name}`;
}

/**
 * The facts of `Chart.yaml` at a ref. A file that is not there is a problem of the chart; and where it was read with what
 * lies beside it, so is a dependency that the commit does not pin.
 */
export function chartFactsOf(file: GitFile): ChartFacts {
  if (file.content === undefined) {
    return { chartProblems: [file.absent ?? "there is no Chart.yaml"] };
  }
  const { version, appVersion, dependencies, problems: own } = readChartYaml(file.content);
  const problems =
    file.beside === undefined ? own : [...own, ...dependencyProblems(dependencies, folderOf(file.beside))];
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

/** The facts of a tag. Without any when the repository has no such tag. */
export function tagFactsOf(refs: GitRefs, tag: string, file: GitFile): TagFacts {
  const ref = refs.tags.get(tag);
  if (ref === undefined) {
    return {};
  }
  return {
    gitTag: tag,
    ...(ref.object === ref.peeled ? {} : { tagObject: ref.object }),
    ...(file.commit === undefined ? {} : { commit: file.commit }),
  };
}

/** The branches that the patterns name, in the order of the patterns and then by name. */
export function branchesNamed(refs: GitRefs, patterns: readonly string[]): string[] {
  const names = [...refs.branches.keys()].sort();
  return [...new Set(patterns.flatMap((pattern) => names.filter((name) => branchMatches(pattern, name))))];
}
