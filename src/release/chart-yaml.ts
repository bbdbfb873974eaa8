/** `Chart.yaml`: versions as they are written, checked against what Helm reads, and dependencies. */
import { isAlias, isScalar } from "yaml";
import { readDependencies, type DependencyList } from "./chart-dependencies";
import { readHelmYaml, spellingProblems, type HelmYaml } from "./helm-yaml";

/** The facts of a `Chart.yaml`. */
export interface ChartFile {
  /** `version`, character for character. Absent: missing in the file. */
  readonly version?: string;
  /** `appVersion`, character for character. Absent: missing in the file. */
  readonly appVersion?: string;
  /** The charts that Flux builds in, unless another file lists them. */
  readonly dependencies: DependencyList;
  /** Problems of the file, each in one sentence, without those of the dependencies. A missing field is not a problem. */
  readonly problems: readonly string[];
}

const file = "Chart.yaml";
const example = "version: 1.0.0";

/** Reads the text or the bytes of a `Chart.yaml`. Never throws. */
export function readChartYaml(content: string | Uint8Array): ChartFile {
  const yaml = readHelmYaml(file, example, content);
  if (Array.isArray(yaml) || yaml.values === undefined) {
    const empty = [`${file} must be a map of keys, such as \`${example}\`, and is empty`];
    return { dependencies: { file, dependencies: [], problems: [] }, problems: Array.isArray(yaml) ? yaml : empty };
  }
  const problems: string[] = [];
  const version = readField(yaml, "version", problems);
  const appVersion = readField(yaml, "appVersion", problems);
  return { version, appVersion, dependencies: readDependencies(file, yaml), problems };
}

function readField({ document, keys }: HelmYaml, key: string, problems: string[]): string | undefined {
  const spellings = spellingProblems(file, keys, key);
  problems.push(...spellings);
  if (spellings.length > 0) return undefined;
  const found = document.get(key, true);
  const node = isAlias(found) ? found.resolve(document) : found;
  if (node === undefined || (isScalar(node) && node.value === null)) return undefined;
  if (!isScalar(node)) {
    problems.push(`${key} in ${file} is a map or a list, must be text`);
    return undefined;
  }
  if (typeof node.value === "string") return node.value;
  // Without quotes it is text for people, and a number, boolean or date for Helm.
  const text = node.source ?? String(node.value);
  if (!(node.value instanceof Date) && String(node.value) !== text) {
    problems.push(
      `${key} in ${file} is ${text} without quotes, which Helm reads as ${String(node.value)}; it must be quoted`,
    );
  }
  return text;
}
