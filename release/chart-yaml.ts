/** What a chart's own `Chart.yaml` says of versions: taken as it is written, and held against what Helm would read. */
import { isAlias, isMap, isScalar, LineCounter, parseDocument, type Document, type Scalar } from "yaml";

/** The two facts, each absent where the file has none, and what is wrong with the file. */
export interface ChartFile {
  /** `version`, character for character as it is written. */
  readonly version?: string;
  /** `appVersion`, character for character as it is written. */
  readonly appVersion?: string;
  /** Each in one sentence; empty when nothing is wrong. A missing fact alone is no problem of the file. */
  readonly problems: readonly string[];
}

/** Reads the text or the bytes of a `Chart.yaml`. Never throws: what cannot be read is a problem. */
export function readChartYaml(content: string | Uint8Array): ChartFile {
  const text = typeof content === "string" ? content : decode(content);
  if (text === undefined) {
    return broken("Chart.yaml is not UTF-8 text");
  }
  const lines = new LineCounter();
  // Helm reads YAML 1.1, in which `yes` is a boolean and `010` is 8; the version decides what counts as a number.
  const document = parseDocument(text.replace(/^\uFEFF/, ""), {
    version: "1.1",
    lineCounter: lines,
    prettyErrors: false,
  });
  const errors = document.errors.filter((error) => error.code !== "MULTIPLE_DOCS");
  if (errors.length > 0) {
    return broken(
      ...errors.map((error) => {
        const message = error.message.split("\n")[0] ?? "";
        return `Chart.yaml cannot be read as YAML at line ${lines.linePos(error.pos[0]).line}: ${message.replace(/\.$/, "")}`;
      }),
    );
  }
  if (!isMap(document.contents)) {
    return broken(
      `Chart.yaml must be a map of keys, such as \`version: 1.0.0\`, and is ${document.contents === null ? "empty" : "none"}`,
    );
  }
  const version = readField(document, "version");
  const appVersion = readField(document, "appVersion");
  return {
    version: version.text,
    appVersion: appVersion.text,
    problems: [...version.problems, ...appVersion.problems],
  };
}

function decode(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

function broken(...problems: string[]): ChartFile {
  return { problems };
}

interface Field {
  readonly text?: string;
  readonly problems: readonly string[];
}

function readField(document: Document, key: string): Field {
  // Helm decodes keys without regard to case, and the later of two spellings would win: neither is the fact.
  const spellings = keysOf(document).filter((found) => found !== key && found.toLowerCase() === key.toLowerCase());
  if (spellings.length > 0) {
    return {
      problems: spellings.map(
        (other) => `Chart.yaml has the key "${other}", which Helm takes for "${key}"; there must be "${key}" alone`,
      ),
    };
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

function keysOf(document: Document): string[] {
  return isMap(document.contents)
    ? document.contents.items.map(({ key }) => (isScalar(key) ? String(key.value) : ""))
    : [];
}

/** A plain scalar as the file has it (`1.10`, not the number 1.1), a quoted one less its quotes. */
function writtenText(scalar: Scalar): string {
  return typeof scalar.value === "string" ? scalar.value : (scalar.source ?? String(scalar.value));
}
