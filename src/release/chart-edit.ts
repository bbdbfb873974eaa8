/** Edits of a chart's files for a release: text in, text out. Every byte that an edit does not concern stays as it is. */
import { isScalar, LineCounter, parseDocument } from "yaml";
import { readChartYaml } from "./chart-yaml";
import { readHelmYaml } from "./helm-yaml";

/** What a release writes into a chart. */
export interface ChartVersions {
  readonly version: string;
  readonly appVersion: string;
}

/** A file that a program cannot edit in place. The message says where, and what a person does. */
export class ChartEditError extends Error {
  override readonly name = "ChartEditError";
}

/**
 * `Chart.yaml` with these versions, in the quotes that the file has. A missing `appVersion` is added below `version`.
 *
 * @throws ChartEditError if the file cannot be edited in place
 */
export function withVersions(text: string, { version, appVersion }: ChartVersions): string {
  const file = "Chart.yaml";
  const edited = withText(file, text, ["version"], version);
  if (edited === undefined) throw new ChartEditError(`${file} has no version. Add \`version: ${version}\` to it.`);
  const both = withText(file, edited, ["appVersion"], appVersion) ?? withAppVersion(edited, appVersion);
  const read = readChartYaml(both);
  if (read.version === version && read.appVersion === appVersion) return both;
  throw new ChartEditError(`${file} cannot be edited in place. Set version and appVersion by hand.`);
}

/**
 * `values.yaml` with the tag of the chart's own image. Unchanged if the file leaves the tag to the chart's `appVersion`.
 *
 * @throws ChartEditError if the file cannot be edited in place
 */
export function withImageTag(text: string, tag: string): string {
  return imageTagOf(text) === undefined ? text : (withText("values.yaml", text, imageTagPath, tag) ?? text);
}

/** The tag that `values.yaml` sets for the chart's own image, instead of the chart's `appVersion`. */
export function imageTagOf(text: string): string | undefined {
  const yaml = readHelmYaml("values.yaml", "image: {}", text);
  const image = Array.isArray(yaml) ? undefined : yaml.values?.image;
  const tag = typeof image === "object" && image !== null ? (image as Record<string, unknown>).tag : undefined;
  return typeof tag === "string" && tag !== "" ? tag : undefined;
}

/** Where most charts have it, also those that `helm create` makes. */
const imageTagPath = ["image", "tag"];

/** The file with a text at a path. Nothing if it does not have the key. */
function withText(file: string, text: string, path: readonly string[], value: string): string | undefined {
  const mark = text.startsWith("\uFEFF") ? 1 : 0;
  const lines = new LineCounter();
  const body = text.slice(mark);
  const document = parseDocument(body, { version: "1.1", lineCounter: lines, prettyErrors: false, logLevel: "error" });
  const node = document.getIn(path, true);
  if (node === undefined) return undefined;
  const range = isScalar(node) ? node.range : undefined;
  const inStyle = isScalar(node) && node.anchor === undefined ? styles[node.type ?? ""]?.(value) : undefined;
  if (range === undefined || range === null || inStyle === undefined) {
    const line = isScalar(node) && node.range ? ` at line ${lines.linePos(node.range[0]).line}` : "";
    throw new ChartEditError(
      `${path.join(".")} in ${file}${line} is not plain or quoted text on one line, so it cannot be edited in place. ` +
        `Write \`${path.at(-1) ?? ""}: "${value}"\`.`,
    );
  }
  // An empty value has no length, and no blank before it.
  const [start, end] = range;
  const blank = start === end && !/[ \t]$/.test(body.slice(0, start)) ? " " : "";
  return text.slice(0, mark + start) + blank + inStyle + text.slice(mark + end);
}

/** A version is text in YAML with and without quotes: it has two dots. */
const styles: Readonly<Record<string, (text: string) => string>> = {
  PLAIN: (text) => text,
  QUOTE_DOUBLE: (text) => JSON.stringify(text),
  QUOTE_SINGLE: (text) => `'${text}'`,
};

function withAppVersion(text: string, appVersion: string): string {
  return text.replace(/^version[ \t]*:.*?(\r?\n|$)/m, (line, end: string) => {
    const lineEnd = end === "" ? "\n" : end;
    return `${line}${end === "" ? lineEnd : ""}appVersion: ${JSON.stringify(appVersion)}${lineEnd}`;
  });
}
