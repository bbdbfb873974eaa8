/** The `dependencies` of a chart's file: the charts that Flux builds into the chart. */
import { spellingProblems, type HelmYaml } from "./helm-yaml";

/** One dependency. A missing text is empty, as it is for Helm. */
export interface Dependency {
  readonly name: string;
  /** A version or a range; empty: any. */
  readonly version: string;
  /** A URL, `oci://...`, `@name` or `alias:name`; empty, or `file://...`: a chart in the same repository. */
  readonly repository: string;
  /** The name of the dependency inside this chart, when it differs. */
  readonly alias: string;
}

/** The list of one file. */
export interface DependencyList {
  /** The file's name: `Chart.yaml`, `Chart.lock`, `requirements.yaml` or `requirements.lock`. */
  readonly file: string;
  /** Entries with a problem are left out. */
  readonly dependencies: readonly Dependency[];
  /** Problems of the list, each in one sentence. */
  readonly problems: readonly string[];
}

const mostDependencies = 500;

/** The list of a file. A missing list is empty. */
export function readDependencies(file: string, { values, keys }: HelmYaml): DependencyList {
  const spellings = spellingProblems(file, keys, "dependencies");
  if (spellings.length > 0) return { file, dependencies: [], problems: spellings };
  const list = values?.dependencies ?? [];
  if (!Array.isArray(list)) {
    const problem = `dependencies in ${file} is not a list, must be a list of charts, such as \`- name: redis\``;
    return { file, dependencies: [], problems: [problem] };
  }
  if (list.length > mostDependencies) {
    const problem = `dependencies in ${file} has ${list.length} charts, must have at most ${mostDependencies}`;
    return { file, dependencies: [], problems: [problem] };
  }
  const entries = list.map((entry: unknown, index) => readEntry(`dependency ${index + 1} in ${file}`, entry));
  return {
    file,
    dependencies: entries.flatMap((entry) => (Array.isArray(entry) ? [] : [entry])),
    problems: entries.flatMap((entry) => (Array.isArray(entry) ? entry : [])),
  };
}

/** The dependency, or its problems. */
function readEntry(where: string, entry: unknown): Dependency | string[] {
  if (typeof entry !== "object" || entry === null || Array.isArray(entry) || entry instanceof Date) {
    return [`${where} is not a map, must have a \`name\``];
  }
  const values = new Map<string, unknown>(Object.entries(entry));
  const problems: string[] = [];
  const text = (key: string): string => {
    const value = values.get(key) ?? "";
    problems.push(...spellingProblems(where, [...values.keys()], key));
    if (value instanceof Date) return value.toISOString();
    if (["string", "number", "boolean"].includes(typeof value)) return `${value as string | number | boolean}`;
    problems.push(`${key} of ${where} is a map or a list, must be text`);
    return "";
  };
  const [name, version, repository, alias] = [text("name"), text("version"), text("repository"), text("alias")];
  if (problems.length === 0 && name === "") problems.push(`${where} has no \`name\`, must have the name of a chart`);
  return problems.length > 0 ? problems : { name, version, repository, alias };
}
