/** What a chart's file lists under `dependencies`: the charts that Flux builds into it. */
import { spellingProblems, type HelmYaml } from "./helm-yaml";

/** One entry of the list. A text that is not there is empty, as it is for Helm. */
export interface Dependency {
  readonly name: string;
  /** A version or a range; empty: any. */
  readonly version: string;
  /** A URL, `oci://...`, `@name` or `alias:name`; empty, or `file://...`: a chart in the same repository. */
  readonly repository: string;
  /** The name that the chart has in this one, where it has another. */
  readonly alias: string;
}

/** The list of one file. */
export interface DependencyList {
  /** The file's name: `Chart.yaml`, `Chart.lock`, `requirements.yaml` or `requirements.lock`. */
  readonly file: string;
  readonly dependencies: readonly Dependency[];
  /** What is wrong with the list, each in one sentence; an entry with a problem is left out. */
  readonly problems: readonly string[];
}

/** The list of a file; without entries where it has none. */
export function readDependencies(file: string, { values, keys }: HelmYaml): DependencyList {
  const spellings = spellingProblems(file, keys, "dependencies");
  const list = values?.dependencies ?? [];
  if (spellings.length > 0 || !Array.isArray(list)) {
    const problems =
      spellings.length > 0
        ? spellings
        : [`dependencies in ${file} is no list, must be one of charts, such as \`- name: redis\``];
    return { file, dependencies: [], problems };
  }
  const entries = list.map((entry: unknown, index) => readEntry(`dependency ${index + 1} in ${file}`, entry));
  return {
    file,
    dependencies: entries.flatMap((entry) => (Array.isArray(entry) ? [] : [entry])),
    problems: entries.flatMap((entry) => (Array.isArray(entry) ? entry : [])),
  };
}

function readEntry(where: string, entry: unknown): Dependency | string[] {
  if (typeof entry !== "object" || entry === null || Array.isArray(entry) || entry instanceof Date) {
    return [`${where} is no map, must have a \`name\``];
  }
  const values = new Map<string, unknown>(Object.entries(entry));
  const keys = [...values.keys()];
  const problems: string[] = [];
  const text = (key: string): string => {
    const value = values.get(key) ?? "";
    problems.push(...spellingProblems(where, keys, key));
    if (value instanceof Date) {
      return value.toISOString();
    }
    if (typeof value === "string" || typeof value === "number" || typeof value === "boolean") {
      return String(value);
    }
    problems.push(`${key} of ${where} is a map or a list, must be text`);
    return "";
  };
  const dependency = {
    name: text("name"),
    version: text("version"),
    repository: text("repository"),
    alias: text("alias"),
  };
  if (problems.length === 0 && dependency.name === "") {
    problems.push(`${where} has no \`name\`, must have the name of a chart`);
  }
  return problems.length > 0 ? problems : dependency;
}
