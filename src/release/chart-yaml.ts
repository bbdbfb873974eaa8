/** What a chart's own `Chart.yaml` says of versions and dependencies: taken as it is written, and held against what Helm would read. */
import { isAlias, isScalar, type Scalar } from "yaml";
import { readDependencies, type DependencyList } from "./chart-dependencies";
import { readHelmYaml, spellingProblems, type HelmYaml } from "./helm-yaml";

/** The two facts and the list of dependencies, each absent where the file has none, and what is wrong with the file. */
export interface ChartFile {
  /** `version`, character for character as it is written. */
  readonly version?: string;
  /** `appVersion`, character for character as it is written. */
  readonly appVersion?: string;
  /** The charts that Flux builds in, where another file does not list them. */
  readonly dependencies: DependencyList;
  /** Each in one sentence; empty when nothing is wrong but with the dependencies. A missing fact alone is no problem of the file. */
  readonly problems: readonly string[];
}

const file = "Chart.yaml";
const example = "version: 1.0.0";
const none: DependencyList = { file, dependencies: [], problems: [] };

/** Reads the text or the bytes of a `Chart.yaml`. Never throws: what cannot be read is a problem. */
export function readChartYaml(content: string | Uint8Array): ChartFile {
  const yaml = readHelmYaml(file, example, content);
  if (Array.isArray(yaml)) {
    return { dependencies: none, problems: yaml };
  }
  if (yaml.values === undefined) {
    return { dependencies: none, problems: [`Chart.yaml must be a map of keys, such as \`${example}\`, and is empty`] };
  }
  const version = readField(yaml, "version");
  const appVersion = readField(yaml, "appVersion");
  return {
    version: version.text,
    appVersion: appVersion.text,
    dependencies: readDependencies(file, yaml),
    problems: [...version.problems, ...appVersion.problems],
  };
}

interface Field {
  readonly text?: string;
  readonly problems: readonly string[];
}

function readField({ document, keys }: HelmYaml, key: string): Field {
  const spellings = spellingProblems(file, keys, key);
  if (spellings.length > 0) {
    return { problems: spellings };
  }
  const found = document.get(key, true);
  const node = isAlias(found) ? found.resolve(document) : found;
  if (node === undefined || (isScalar(node) && node.value === null)) {
    return { problems: [] };
  }
  if (!isScalar(node)) {
    return { problems: [`${key} in Chart.yaml is a map or a list, must be text`] };
  }
  const text = writtenText(node);
  const problems: string[] = [];
  if (typeof node.value !== "string" && !(node.value instanceof Date) && String(node.value) !== text) {
    problems.push(
      `${key} in Chart.yaml is ${text} without quotes, which Helm reads as ${String(node.value)}; it must stand in quotes`,
    );
  }
  return { text, problems };
}

/** A plain scalar as the file has it (`1.10`, not the number 1.1), a quoted one less its quotes. */
function writtenText(scalar: Scalar): string {
  return typeof scalar.value === "string" ? scalar.value : (scalar.source ?? String(scalar.value));
}
