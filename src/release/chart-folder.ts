/** The files of a chart's folder that name the charts which Flux builds into the chart. */
import { readDependencies, type DependencyList } from "./chart-dependencies";
import { dependencyPinProblems } from "./dependency-pins";
import { foldCase, readHelmYaml } from "./helm-yaml";

/** Read together with `Chart.yaml`. Helm and Flux still read `requirements.*`, the form before Helm 3. */
export const dependencyFiles = ["Chart.lock", "requirements.yaml", "requirements.lock"] as const;

/** The folder of vendored charts. */
export const vendoredFolder = "charts";

/** The contents of the folder. */
export interface ChartFolder {
  /** Contents by name. Without content: the file is too large. Missing files have no entry. */
  readonly files: ReadonlyMap<string, string | Uint8Array | undefined>;
  /** The paths in `charts/`, two levels deep. */
  readonly vendored: readonly string[];
}

/**
 * Problems of a chart's dependencies at one commit, each in one sentence.
 *
 * @param listed the list of `Chart.yaml`
 */
export function dependencyProblems(listed: DependencyList, folder: ChartFolder): string[] {
  const { files, vendored } = folder;
  const required = readList(folder, "requirements.yaml");
  // Helm reads both locks, in alphabetical order, and the later one wins.
  const lock = readList(folder, files.has("requirements.lock") ? "requirements.lock" : "Chart.lock");
  if (required === undefined) return dependencyPinProblems({ declared: listed, lock, vendored });
  const problems = [...listed.problems, ...required.problems];
  if (listed.dependencies.length > 0 && required.dependencies.length > 0) {
    problems.push(
      "both Chart.yaml and requirements.yaml list dependencies, and Helm uses only the latter; keep one list",
    );
  }
  const declared = required.dependencies.length > 0 ? required : listed;
  return dependencyPinProblems({ declared: { ...declared, problems }, lock, vendored });
}

/** Nothing when the file is missing or empty. */
function readList({ files }: ChartFolder, file: (typeof dependencyFiles)[number]): DependencyList | undefined {
  if (!files.has(file)) return undefined;
  const content = files.get(file);
  if (content === undefined) return { file, dependencies: [], problems: [`${file} is too large to be read`] };
  const yaml = readHelmYaml(file, "dependencies: []", content);
  if (Array.isArray(yaml)) return { file, dependencies: [], problems: yaml };
  if (yaml.values === undefined) return undefined;
  const list = readDependencies(file, yaml);
  return file === "requirements.yaml" ? { ...list, problems: [...list.problems, ...overrides(yaml.keys)] } : list;
}

/** Helm reads all keys of `requirements.yaml` over those of `Chart.yaml`. */
function overrides(keys: readonly string[]): string[] {
  return keys
    .filter((key) => ["version", "appversion"].includes(foldCase(key)))
    .map((key) => `requirements.yaml has the key "${key}", which Helm uses instead of that of Chart.yaml; remove it`);
}
