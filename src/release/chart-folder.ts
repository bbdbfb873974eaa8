/** What lies in a chart's folder beside `Chart.yaml`, as far as it says which other charts Flux builds into the chart. */
import { readDependencies, type DependencyList } from "./chart-dependencies";
import { dependencyPinProblems } from "./dependency-pins";
import { foldCase, readHelmYaml } from "./helm-yaml";

/** The files that are read; `requirements.*` are the form of before Helm 3, which Helm and Flux still read. */
export const dependencyFiles = ["Chart.lock", "requirements.yaml", "requirements.lock"] as const;

/** The folder of the charts that lie in the chart itself. */
export const vendoredFolder = "charts";

/** What is in the folder. */
export interface ChartFolder {
  /** Content by name, or none where the file is too large to be read. A file that is not there has no entry. */
  readonly files: ReadonlyMap<string, string | Uint8Array | undefined>;
  /** The files in `charts/`, two levels deep and by their paths there. */
  readonly vendored: readonly string[];
}

/**
 * What is wrong with the dependencies of a chart at one commit, each in one sentence.
 *
 * @param listed what `Chart.yaml` lists
 */
export function dependencyProblems(listed: DependencyList, folder: ChartFolder): string[] {
  const required = readList(folder, "requirements.yaml");
  // Helm reads both locks, and the one that comes later in the alphabet stays.
  const lock = readList(folder, folder.files.has("requirements.lock") ? "requirements.lock" : "Chart.lock");
  if (required === undefined) {
    return dependencyPinProblems({ declared: listed, lock, vendored: folder.vendored });
  }
  const problems = [...listed.problems, ...required.problems];
  if (listed.dependencies.length > 0 && required.dependencies.length > 0) {
    problems.push(
      "both Chart.yaml and requirements.yaml list dependencies, of which Helm takes the latter; there must be one list",
    );
  }
  const declared = required.dependencies.length > 0 ? required : listed;
  return dependencyPinProblems({ declared: { ...declared, problems }, lock, vendored: folder.vendored });
}

/** Nothing where the file is not there or empty. */
function readList({ files }: ChartFolder, file: (typeof dependencyFiles)[number]): DependencyList | undefined {
  if (!files.has(file)) {
    return undefined;
  }
  const content = files.get(file);
  if (content === undefined) {
    return { file, dependencies: [], problems: [`${file} is too large to be read`] };
  }
  const yaml = readHelmYaml(file, "dependencies: []", content);
  if (Array.isArray(yaml)) {
    return { file, dependencies: [], problems: yaml };
  }
  if (yaml.values === undefined) {
    return undefined;
  }
  const list = readDependencies(file, yaml);
  return file === "requirements.yaml" ? { ...list, problems: [...list.problems, ...overrides(yaml.keys)] } : list;
}

/** Helm reads `requirements.yaml` into what it has of `Chart.yaml`, whichever key it is. */
function overrides(keys: readonly string[]): string[] {
  return keys
    .filter((key) => ["version", "appversion"].includes(foldCase(key)))
    .map(
      (key) =>
        `requirements.yaml has the key "${key}", which Helm takes in place of that of Chart.yaml; there must be none`,
    );
}
