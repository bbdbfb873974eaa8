/** A chart's YAML as Helm reads it: YAML 1.1, with keys that Go decodes from JSON and compares case-insensitively. */
import { isAlias, isMap, isScalar, LineCounter, parseDocument, visit, type Document, type YAMLMap } from "yaml";
import { foreignLineEndIn } from "../config/yaml-file";

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
  const foreign = foreignLineEndIn(text);
  if (foreign !== undefined) {
    const line = text.slice(0, foreign.index).split("\n").length;
    return [
      `${file} cannot be read as YAML at line ${line}: the character U+${foreign.code} is a line end for some YAML readers only`,
    ];
  }
  const lines = new LineCounter();
  // In YAML 1.1 `yes` is a boolean and `010` is 8.
  const document = parseDocument(text.replace(/^\uFEFF/, ""), {
    version: "1.1",
    lineCounter: lines,
    prettyErrors: false,
    // The library compares each key with every other.
    uniqueKeys: false,
    logLevel: "error",
  });
  const wrong = (offset: number, reason: string) =>
    `${file} cannot be read as YAML at line ${lines.linePos(offset).line}: ${reason}`;
  const errors = document.errors.filter(({ code }) => code !== "MULTIPLE_DOCS").slice(0, mostErrors);
  if (errors.length > 0) {
    return errors.map(({ message, pos }) => wrong(pos[0], (message.split("\n")[0] ?? "").replace(/\.$/, "")));
  }
  const { repeated, aliases } = look(document);
  if (repeated.length > 0)
    return repeated.slice(0, mostErrors).map((offset) => wrong(offset, "Map keys must be unique"));
  const unreadable = [`${file} cannot be read as YAML: it has an unknown alias, or too many aliases`];
  if (aliases > mostAliases) return unreadable;
  const { contents } = document;
  if (contents === null || (isScalar(contents) && contents.value === null)) return { document, keys: [] };
  if (!isMap(contents)) return [`${file} must be a map of keys, such as \`${example}\`, not a list or text`];
  const values = orNothing(() => document.toJS() as Record<string, unknown>);
  if (values === undefined) return unreadable;
  const own = ownKeys(document, contents);
  const known = new Set(own);
  return { document, values, keys: [...own, ...Object.keys(values).filter((key) => !known.has(key))] };
}

/** One mistake can make the parser report each line that follows. */
const mostErrors = 5;

/** The library looks for each alias in the whole document. */
const mostAliases = 100;

/** Where keys are repeated in a map, and the number of aliases. */
function look(document: Document): { repeated: number[]; aliases: number } {
  const repeated: number[] = [];
  let aliases = 0;
  visit(document, {
    Alias: () => {
      aliases += 1;
    },
    Map: (_, { items }) => {
      const seen = new Set<unknown>();
      for (const { key } of items) {
        if (!isScalar(key) || key.source === "<<") continue;
        if (seen.has(key.value)) repeated.push(key.range?.[0] ?? 0);
        seen.add(key.value);
      }
    },
  });
  return { repeated, aliases };
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
