import {
  type Document,
  isAlias,
  isMap,
  isPair,
  isScalar,
  isSeq,
  type Pair,
  parseAllDocuments,
  type Scalar,
} from "yaml";
import type { ValuesFile } from "../config/stack-config";
import { parseYaml, startOf } from "../config/yaml-file";

/** One value, with the place where it is written. */
export interface Value {
  readonly file: string;
  /** 1-based. */
  readonly line: number;
  /** A scalar as text; `null` for nothing. */
  readonly content: string | null | List | Mapping;
}

export type List = readonly Value[];
export type Mapping = ReadonlyMap<string, Value>;

/** Whether a value is a mapping. */
export function isMapping(content: Value["content"]): content is Mapping {
  return content instanceof Map;
}

/** The values cannot be read. The message names the file. */
export class ValuesError extends Error {
  override readonly name = "ValuesError";
}

/** Values files, merged as Helm merges them: mappings key by key, lists as a whole, and `null` removes a key. */
export function mergedValues(files: readonly ValuesFile[]): Value {
  return files.map(readValues).reduce(merge, { file: "", line: 0, content: new Map<string, Value>() });
}

function merge(below: Value, above: Value): Value {
  if (!isMapping(below.content) || !isMapping(above.content)) return above;
  const content = new Map(below.content);
  for (const [key, value] of above.content) {
    const old = content.get(key);
    if (value.content === null) content.delete(key);
    else content.set(key, old === undefined ? value : merge(old, value));
  }
  return { ...above, content };
}

function readValues({ path, content }: ValuesFile): Value {
  const problems: string[] = [];
  const file = parseYaml(path, content, ({ message }) => problems.push(message));
  if (problems.length > 0) throw new ValuesError(`${path}: ${problems.join(" ")}`);
  const empty = { file: path, line: 1, content: new Map<string, Value>() };
  if (file === undefined) return empty;
  const lineOf = (node: unknown) => startOf(file, node)?.line;
  const value = new Reader(path, file.document, lineOf).read(file.document.contents, 1);
  return isMapping(value.content) ? value : empty;
}

/** The YAML or JSON documents in a text of the values, as far as they can be read, each at the line of the text. */
export function readText(
  { file, line }: Pick<Value, "file" | "line">,
  text: string,
): { readonly values: readonly Value[]; readonly isWhole: boolean } {
  if (isDeep(text)) throw new ValuesError(`${file}, line ${line}: a text is nested too deeply to be judged`);
  const documents = parseAllDocuments(text, { uniqueKeys: false, logLevel: "silent" });
  if (!Array.isArray(documents)) return { values: [], isWhole: true };
  return {
    values: documents.map((document) => new Reader(file, document, () => line, true).read(document.contents, line)),
    isWhole: documents.every(({ errors }) => errors.length === 0),
  };
}

/** Whether YAML's reader, which calls itself for each level, could exhaust the stack. */
function isDeep(text: string): boolean {
  let depth = 0;
  for (const [bracket] of text.matchAll(/[[\]{}]/g)) {
    depth += bracket === "[" || bracket === "{" ? 1 : -1;
    if (depth > 500) return true;
  }
  return /(?:[-?:][ \t]+){200}/.test(text);
}

/** More aliases than anybody writes by hand. A file that exhausts its reader needs millions. */
const mostAliases = 1000;

class Reader {
  #aliases = 0;

  /** @param isLenient takes any key: the text may not be YAML */
  constructor(
    readonly file: string,
    readonly document: Document,
    readonly lineOf: (node: unknown) => number | undefined,
    readonly isLenient = false,
  ) {}

  read(node: unknown, line: number): Value {
    const place = { file: this.file, line: this.lineOf(node) ?? line };
    if (isAlias(node)) {
      const target = node.resolve(this.document);
      if (target !== undefined) this.#aliases += 1;
      if (this.#aliases > mostAliases) throw new ValuesError(`${place.file}: more than ${mostAliases} aliases`);
      return this.read(target, place.line);
    }
    if (isMap(node)) return { ...place, content: this.#map(node.items, place.line) };
    if (isSeq(node)) return { ...place, content: node.items.map((item) => this.#item(item, place.line)) };
    return { ...place, content: isScalar(node) ? textOf(node) : null };
  }

  /** With the tags `!!omap` and `!!pairs`, an item is a pair. */
  #item(item: unknown, line: number): Value {
    return isPair(item) ? { file: this.file, line, content: this.#map([item], line) } : this.read(item, line);
  }

  /** As Helm's reader does it, a merge key (`<<`, without quotes) replaces the keys before it, and is replaced by those after it. */
  #map(items: readonly Pair[], line: number): Mapping {
    const content = new Map<string, Value>();
    for (const { key, value } of items) {
      const keyLine = this.lineOf(key) ?? line;
      const read = this.read(value, keyLine);
      const name = this.#name(key, keyLine);
      if (name !== "<<" || !isScalar(key) || key.type !== "PLAIN") {
        content.set(name, read);
        continue;
      }
      const sources = isMapping(read.content) ? [read] : typeof read.content === "object" ? (read.content ?? []) : [];
      for (const source of [...sources].reverse()) {
        if (isMapping(source.content)) for (const [inner, one] of source.content) content.set(inner, one);
      }
    }
    return content;
  }

  /** @throws ValuesError if Helm could read another key: `!!binary dGFn` is `tag` */
  #name(key: unknown, line: number): string {
    const scalar = isAlias(key) ? key.resolve(this.document) : key;
    if (this.isLenient && !isScalar(scalar)) return "";
    if (!isScalar(scalar) || (this.isLenient ? scalar.tag?.includes("binary") : scalar.tag !== undefined)) {
      throw new ValuesError(`${this.file}, line ${line}: a key must be a plain text without a YAML tag`);
    }
    return textOf(scalar) ?? "";
  }
}

/** A scalar as Helm writes it into a template: the number `1.10` is 1.1, and `!!binary` is decoded. */
function textOf({ value }: Scalar): string | null {
  if (value instanceof Uint8Array) return Buffer.from(value).toString("utf8");
  return typeof value === "string" || value === null ? value : JSON.stringify(value);
}
