/** A chart's YAML as Helm reads it: YAML 1.1, with keys that Go decodes from JSON and compares case-insensitively. */
import { isAlias, isMap, isScalar, LineCounter, parseDocument, type Document, type YAMLMap } from "yaml";

/** A file that is a map of keys, or empty. */
export interface HelmYaml {
  readonly document: Document;
  /** The values with resolved aliases and merge keys. Absent: the file is empty. */
  readonly values?: Readonly<Record<string, unknown>>;
  /** All keys of the top level, written or merged. Repeated keys are repeated. */
  readonly keys: readonly string[];
}

/**
 * Parses a file of a chart, or returns its problems, each in one sentence. Never throws.
 *
 * @param file its name, for messages
 * @param example a valid line, for messages
 */
export function readHelmYaml(file: string, example: string, content: string | Uint8Array): HelmYaml | string[] {
  const text = typeof content === "string" ? content : orNothing(() => utf8.decode(content));
  if (text === undefined) return [`${file} is not UTF-8 text`];
  const lines = new LineCounter();
  // In YAML 1.1 `yes` is a boolean and `010` is 8.
  const document = parseDocument(text.replace(/^\uFEFF/, ""), {
    version: "1.1",
    lineCounter: lines,
    prettyErrors: false,
    logLevel: "error",
  });
  const errors = document.errors.filter(({ code }) => code !== "MULTIPLE_DOCS");
  if (errors.length > 0) {
    return errors.map(({ message, pos }) => {
      const reason = (message.split("\n")[0] ?? "").replace(/\.$/, "");
      return `${file} cannot be read as YAML at line ${lines.linePos(pos[0]).line}: ${reason}`;
    });
  }
  const { contents } = document;
  if (contents === null || (isScalar(contents) && contents.value === null)) return { document, keys: [] };
  if (!isMap(contents)) return [`${file} must be a map of keys, such as \`${example}\`, not a list or text`];
  const values = orNothing(() => document.toJS() as Record<string, unknown>);
  if (values === undefined) return [`${file} cannot be read as YAML: it has an unknown alias, or too many aliases`];
  const own = ownKeys(document, contents);
  return { document, values, keys: [...own, ...Object.keys(values).filter((key) => !own.includes(key))] };
}

/** Keys that Helm reads as this key, each in one sentence. With two spellings Helm would use the later one. */
export function spellingProblems(where: string, keys: readonly string[], key: string): string[] {
  const spellings = keys.filter((found) => foldCase(found) === foldCase(key));
  const others = spellings.filter((found) => found !== key);
  if (others.length === 0 && spellings.length > 1)
    return [`${where} has the key "${key}" more than once; expected once`];
  return others.map((other) => `${where} has the key "${other}", which Helm reads as "${key}"; write "${key}"`);
}

/** Like Go's JSON, which also folds `ſ` to `s` and the Kelvin sign to `k`: this needs upper and lower case. */
export function foldCase(key: string): string {
  return key.toUpperCase().toLowerCase();
}

const utf8 = new TextDecoder("utf-8", { fatal: true });

function orNothing<Result>(run: () => Result): Result | undefined {
  try {
    return run();
  } catch {
    return undefined;
  }
}

/** A key can be an alias. */
function ownKeys(document: Document, map: YAMLMap): string[] {
  return map.items
    .map(({ key }) => (isAlias(key) ? key.resolve(document) : key))
    .map((key) => (isScalar(key) ? String(key.value) : ""));
}
