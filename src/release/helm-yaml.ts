/** A chart's YAML, read as Helm does: by YAML 1.1, and with keys decoded from JSON by Go, without regard to case. */
import { isAlias, isMap, isScalar, LineCounter, parseDocument, type Document, type YAMLMap } from "yaml";

/** A file that is a map of keys, or empty. */
export interface HelmYaml {
  readonly document: Document;
  /** The values with aliases and merge keys resolved. Absent: the file is empty. */
  readonly values?: Readonly<Record<string, unknown>>;
  /** Every key of the top as often as it is there, written out or merged into it. */
  readonly keys: readonly string[];
}

/**
 * Reads the text or the bytes of a file of a chart. Never throws.
 *
 * @param file its name, for the sentences
 * @param example of a line that it may have
 * @returns what is wrong with it, each in one sentence, where it cannot be read
 */
export function readHelmYaml(file: string, example: string, content: string | Uint8Array): HelmYaml | string[] {
  const text = typeof content === "string" ? content : decode(content);
  if (text === undefined) {
    return [`${file} is not UTF-8 text`];
  }
  const lines = new LineCounter();
  // In YAML 1.1 `yes` is a boolean and `010` is 8; the version decides what counts as a number.
  const document = parseDocument(text.replace(/^\uFEFF/, ""), {
    version: "1.1",
    lineCounter: lines,
    prettyErrors: false,
    logLevel: "error",
  });
  const errors = document.errors.filter((error) => error.code !== "MULTIPLE_DOCS");
  if (errors.length > 0) {
    return errors.map((error) => {
      const message = error.message.split("\n")[0] ?? "";
      return `${file} cannot be read as YAML at line ${lines.linePos(error.pos[0]).line}: ${message.replace(/\.$/, "")}`;
    });
  }
  const { contents } = document;
  if (contents === null || (isScalar(contents) && contents.value === null)) {
    return { document, keys: [] };
  }
  if (!isMap(contents)) {
    return [`${file} must be a map of keys, such as \`${example}\`, and is none`];
  }
  const values = resolve(document);
  if (values === undefined) {
    return [`${file} cannot be read as YAML: an alias leads nowhere, or there are too many of them`];
  }
  const own = ownKeys(document, contents);
  return { document, values, keys: [...own, ...Object.keys(values).filter((key) => !own.includes(key))] };
}

/** What Helm takes for the key beside the key itself, each in one sentence that begins with `where`. */
export function spellingProblems(where: string, keys: readonly string[], key: string): string[] {
  // The later of two spellings would win: neither is the fact.
  const spellings = keys.filter((found) => foldCase(found) === foldCase(key));
  const others = spellings.filter((found) => found !== key);
  if (others.length === 0 && spellings.length > 1) {
    return [`${where} has the key "${key}" more than once; there must be one`];
  }
  return others.map(
    (other) => `${where} has the key "${other}", which Helm takes for "${key}"; there must be "${key}" alone`,
  );
}

/** Go's JSON takes `ſ` for `s` and the sign for Kelvin for `k`, too: lower case alone leaves the one, upper case the other. */
export function foldCase(key: string): string {
  return key.toUpperCase().toLowerCase();
}

function decode(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

function resolve(document: Document): Record<string, unknown> | undefined {
  try {
    return document.toJS() as Record<string, unknown>;
  } catch {
    return undefined;
  }
}

/** A key may be an alias of a text elsewhere. */
function ownKeys(document: Document, map: YAMLMap): string[] {
  return map.items
    .map(({ key }) => (isAlias(key) ? key.resolve(document) : key))
    .map((key) => (isScalar(key) ? String(key.value) : ""));
}
