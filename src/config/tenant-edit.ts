/**
 * Edits of one entry in a stack file or in `Pulumi.yaml`: text in, text out. Every byte that an edit does not concern
 * stays as it is: comments, order, quotes, line ends, markers.
 */
import { isDeepStrictEqual } from "node:util";
import {
  isCollection,
  isMap,
  isNode,
  isPair,
  isScalar,
  isSeq,
  parse,
  type Scalar,
  type YAMLMap,
  type YAMLSeq,
} from "yaml";
import { ProblemsError } from "./problem";
import { type ConfigPath, pathText, projectPrefix } from "./report";
import { type ConfigFile, entryAt, parseProjectFile, parseStackFile, type StackFile } from "./stack-file";
import { keyText, startOf } from "./yaml-file";

/** What an edit writes. */
export type NewValue = string | boolean | readonly NewValue[] | { readonly [key: string]: NewValue };

/** The paths of a tenant's own entry, which no edit removes, have this length or less. */
const entryLength = 2;

/**
 * Replaces the scalar at a path in the style that it has, or adds the key at the end of its mapping.
 *
 * @throws ProblemsError if the file cannot be edited in place
 */
export function withValue<File extends ConfigFile>(file: File, path: ConfigPath, value: NewValue): File {
  const present = entryAt(file, path);
  if (present !== undefined) {
    const node = present.value;
    if (typeof value !== "string" || !isScalar(node)) throw refusal(file, path);
    return replaced(file, path, value, { ...rangeOf(file, path, node), by: inStyleOf(node, value) });
  }
  const parentPath = path.slice(0, -1);
  const isSetting = parentPath.length === 0;
  const key = isSetting ? `${projectPrefix}:${String(path[0])}` : String(path.at(-1));
  const parent = isSetting ? file.config : entryAt(file, parentPath)?.value;
  if (!isSetting && parent === undefined) return withValue(file, parentPath, { [key]: value });
  if (isSetting && parent === undefined) return withConfig(file, path, key, value);
  if (!isMap(parent)) throw refusal(file, path);
  const written = inProject(file, path, value);
  const splice =
    parent.flow !== true
      ? blockAddition(file, path, parent, (indent) => blockLines(key, written, indent))
      : parent.items.length === 0 && path.length <= entryLength
        ? firstEntry(file, path, parent, key, written)
        : flowAddition(file, path, parent, `${keyOf(key)}: ${flowText(value)}`);
  return replaced(file, path, value, splice);
}

/**
 * Gives the entry at a path another name.
 *
 * @throws ProblemsError if the file cannot be edited in place
 */
export function withName(file: StackFile, path: ConfigPath, name: string): StackFile {
  const { key, value } = entryAt(file, path) ?? {};
  if (!isScalar(key)) throw refusal(file, path);
  const splice = { ...rangeOf(file, path, key), by: inStyleOf(key, name) };
  const next = [...path.slice(0, -1), name];
  const expected = expectedOf(file, path, undefined);
  const holder = valueIn(expected, keysOf(file, next).slice(0, -1));
  (holder as Record<string, unknown>)[name] = isNode(value) ? value.toJS(file.document) : null;
  return splicedAs(file, path, splice, expected);
}

/**
 * Removes a key, and the mappings above it in the tenant's entry that have no other.
 *
 * @throws ProblemsError if the file cannot be edited in place
 */
export function withoutKey(file: StackFile, path: ConfigPath): StackFile {
  const parentPath = path.slice(0, -1);
  const parent = entryAt(file, parentPath)?.value;
  const index = isMap(parent) ? parent.items.findIndex((pair) => keyText(pair) === path.at(-1)) : -1;
  if (!isMap(parent) || index < 0) throw refusal(file, path);
  if (isAlone(file, parent) && parentPath.length > entryLength) return withoutKey(file, parentPath);
  const splice = removal(file, path, parent, index);
  if (parent.items.length > 1 || parent.flow === true) return replaced(file, path, undefined, splice);
  // A mapping without entries would be null.
  const above = entryAt(file, parentPath)?.key;
  const colon = isScalar(above) ? endOf(above) + 1 : 0;
  if (file.text[colon - 1] !== ":") throw refusal(file, path);
  const between = file.text.slice(colon, splice.start);
  return replaced(file, path, undefined, { start: colon, end: splice.end, by: ` {}${between}${splice.by}` });
}

/**
 * Adds a text at the end of a list. A list that is missing is made.
 *
 * @throws ProblemsError if the file cannot be edited in place
 */
export function withElement(file: StackFile, path: ConfigPath, text: string): StackFile {
  const list = entryAt(file, path)?.value;
  if (list === undefined) return withValue(file, path, [text]);
  if (!isSeq(list)) throw refusal(file, path);
  const at = [...path, list.items.length];
  const splice =
    list.flow === true
      ? flowAddition(file, at, list, flowText(text))
      : blockAddition(file, at, list, (indent) => [`${indent}- ${flowText(text)}`]);
  return replaced(file, at, text, splice);
}

/**
 * Removes an element of a list, and the list's key with the last one.
 *
 * @throws ProblemsError if the file cannot be edited in place
 */
export function withoutElement(file: StackFile, path: ConfigPath, index: number): StackFile {
  const list = entryAt(file, path)?.value;
  if (!isSeq(list) || index >= list.items.length) throw refusal(file, path);
  if (isAlone(file, list)) return withoutKey(file, path);
  return replaced(file, [...path, index], undefined, removal(file, path, list, index));
}

/** A text that takes the place of a part of the file. */
export interface Splice {
  readonly start: number;
  readonly end: number;
  readonly by: string;
}

/** The file with the splice, parsed. */
export function spliced<File extends ConfigFile>(file: File, { start, end, by }: Splice): File {
  const text = file.text.slice(0, start) + by + file.text.slice(end);
  return (
    isProject(file) ? parseProjectFile(text) : parseStackFile((file as ConfigFile as StackFile).stack, text)
  ) as File;
}

/** Whether it is `Pulumi.yaml`, where a setting is under its key's `value:`. */
function isProject(file: ConfigFile): boolean {
  return !("stack" in file);
}

/** A whole setting as the file has it. */
function inProject(file: ConfigFile, path: ConfigPath, value: NewValue): NewValue {
  return isProject(file) && path.length === 1 ? { value } : value;
}

/** Where a setting is in the document. */
function keysOf(file: ConfigFile, [first, ...rest]: ConfigPath): ConfigPath {
  return ["config", `${projectPrefix}:${String(first)}`, ...(isProject(file) ? ["value"] : []), ...rest];
}

function valueIn(plain: unknown, keys: ConfigPath): unknown {
  return keys.reduce<unknown>((at, key) => (at as Record<string | number, unknown> | undefined)?.[key], plain);
}

/** Checks that nothing but the value at the path has changed, whatever the file is like. */
function replaced<File extends ConfigFile>(
  file: File,
  path: ConfigPath,
  value: NewValue | undefined,
  splice: Splice,
): File {
  return splicedAs(file, path, splice, expectedOf(file, path, value));
}

/** The document as plain data, with another value at the path. */
function expectedOf(file: ConfigFile, path: ConfigPath, value: NewValue | undefined): unknown {
  const expected: unknown = file.document.toJS();
  // `Pulumi.yaml` gets a new setting with its `value:`.
  if (isProject(file) && path.length === 1 && value !== undefined) {
    const top = (expected ?? {}) as { config?: Record<string, unknown> };
    return { ...top, config: { ...top.config, [String(keysOf(file, path)[1])]: { value } } };
  }
  const keys = keysOf(file, path);
  const last = keys.at(-1) ?? "";
  const holderKeys = keys.slice(0, -1);
  const holder = valueIn(expected, holderKeys);
  if (Array.isArray(holder)) holder.splice(Number(last), 1, ...(value === undefined ? [] : [value as unknown]));
  else if (typeof holder !== "object" || holder === null) throw refusal(file, path);
  else if (value === undefined) Reflect.deleteProperty(holder, last);
  else (holder as Record<string | number, unknown>)[last] = value;
  return expected;
}

function splicedAs<File extends ConfigFile>(file: File, path: ConfigPath, splice: Splice, expected: unknown): File {
  try {
    const next = spliced(file, splice);
    if (isDeepStrictEqual(next.document.toJS(), expected)) return next;
  } catch (error) {
    if (!(error instanceof ProblemsError)) throw error;
  }
  throw refusal(file, path);
}

function refusal(file: ConfigFile, path: ConfigPath): ProblemsError {
  const nearest = path.map((_, index) => entryAt(file, path.slice(0, path.length - index))).find(Boolean);
  return new ProblemsError([
    {
      file: file.path,
      ...startOf(file, nearest?.key ?? nearest?.value),
      path: pathText(path),
      message: "This cannot be edited in place without a change of something else.",
      fix: "Write it by hand, or write the entry with one key on each line.",
    },
  ]);
}

/** A list or mapping whose one item goes with it. The comma keeps one that was empty before. */
function isAlone(file: ConfigFile, parent: YAMLMap | YAMLSeq): boolean {
  const [item] = parent.items;
  return parent.items.length === 1 && !(parent.flow === true && file.text[endOf(item)] === ",");
}

/** The file with a first setting under `config:`, which is empty or is not there yet. */
function withConfig<File extends ConfigFile>(file: File, path: ConfigPath, key: string, value: NewValue): File {
  const { text, document } = file;
  const top = isMap(document.contents) ? document.contents.items : [];
  const config = top.find((pair) => keyText(pair) === "config");
  const at = config === undefined ? text.length : lineEnd(text, endOf(config.key));
  const lines = blockLines(key, inProject(file, path, value), "  ");
  return replaced(file, path, value, linesAt(text, at, config === undefined ? ["config:", ...lines] : lines));
}

/** The first entry of `{}`, in lines of its own, so that a marker can stand on one. */
function firstEntry(file: ConfigFile, path: ConfigPath, parent: YAMLMap, key: string, value: NewValue): Splice {
  const { text } = file;
  const { start, end } = rangeOf(file, path, parent);
  const lineBegin = lineStart(text, start);
  const [indent = ""] = /^ */.exec(text.slice(lineBegin)) ?? [];
  const [before = ""] = /[ \t]*$/.exec(text.slice(lineBegin, start)) ?? [];
  if (!/\S:[ \t]*$/.test(text.slice(lineBegin, start)) || /[^ \t\r\n}{]/.test(text.slice(start, end)))
    throw refusal(file, path);
  const newline = text.includes("\r\n") ? "\r\n" : "\n";
  const lines = blockLines(key, value, `${indent}  `);
  // What follows the braces, such as a comment, stays on its line.
  const close = lineEnd(text, end);
  const rest = text.slice(end, close);
  const isLast = !rest.endsWith("\n");
  const body = lines.join(newline);
  const by = isLast ? rest + newline + body : rest + body + newline;
  return { start: start - before.length, end: close, by };
}

function flowAddition(file: ConfigFile, path: ConfigPath, parent: YAMLMap | YAMLSeq, text: string): Splice {
  const { start, end: closed } = rangeOf(file, path, parent);
  const open = start + 1;
  const last = parent.items.at(-1);
  if (last === undefined) return { start: open, end: open, by: `${text},` };
  const end = endOf(last);
  // A comment, such as a marker, stays behind the value that it is about.
  const isCommented = isMap(parent) && /^[^\n]*#/.test(file.text.slice(end, closed));
  return isCommented ? { start: open, end: open, by: `${text}, ` } : { start: end, end, by: `, ${text}` };
}

function blockAddition(
  file: ConfigFile,
  path: ConfigPath,
  parent: YAMLMap | YAMLSeq,
  linesOf: (indent: string) => readonly string[],
): Splice {
  const { text } = file;
  const { start } = rangeOf(file, path, parent);
  const indent = text.slice(lineStart(text, start), start);
  if (/[^ ]/.test(indent)) throw refusal(file, path);
  const end = endOf(parent);
  return linesAt(text, text[end - 1] === "\n" ? end : lineEnd(text, end), linesOf(indent));
}

/** Lines at the beginning of a line. */
function linesAt(text: string, at: number, lines: readonly string[]): Splice {
  const newline = text.includes("\r\n") ? "\r\n" : "\n";
  const isLast = text !== "" && text[at - 1] !== "\n";
  const body = lines.join(newline);
  return { start: at, end: at, by: isLast ? newline + body : body + newline };
}

function removal(file: ConfigFile, path: ConfigPath, parent: YAMLMap | YAMLSeq, index: number): Splice {
  const { text } = file;
  const item: unknown = parent.items[index];
  const start = startOfItem(item);
  const end = endOf(item);
  if (start === undefined) throw refusal(file, path);
  if (parent.flow === true) {
    const before = index === 0 ? undefined : endOf(parent.items[index - 1]);
    if (before !== undefined && /^\s*,\s*$/.test(text.slice(before, start))) return { start: before, end, by: "" };
    // What was in empty brackets stays.
    const afterComma = parent.items.length === 1 ? /^[ \t]*,/ : /^[ \t]*,[ \t]?/;
    const [comma = ""] = afterComma.exec(text.slice(end, lineEnd(text, end))) ?? [];
    return { start, end: end + comma.length, by: "" };
  }
  const from = lineStart(text, start);
  if (!(isSeq(parent) ? /^ *- +$/ : /^ *$/).test(text.slice(from, start))) throw refusal(file, path);
  const to = text[end - 1] === "\n" ? end : lineEnd(text, end);
  // The last line has no line end, so the one before loses its own.
  const isLast = text[to - 1] !== "\n";
  return { start: isLast ? from - (text[from - 2] === "\r" ? 2 : 1) : from, end: to, by: "" };
}

function rangeOf(file: ConfigFile, path: ConfigPath, node: unknown): { start: number; end: number } {
  const range = isScalar(node) || isCollection(node) ? node.range : undefined;
  if (range === undefined || range === null) throw refusal(file, path);
  return { start: range[0], end: range[1] };
}

function startOfItem(item: unknown): number | undefined {
  const node = isPair(item) ? item.key : item;
  return isScalar(node) || isCollection(node) ? node.range?.[0] : undefined;
}

/** Where the text of a node or pair ends, before comments and blank lines. */
function endOf(item: unknown): number {
  if (isPair(item))
    return Math.max(endOf(item.key), isScalar(item.value) && item.value.source === "" ? 0 : endOf(item.value));
  if (isCollection(item) && item.flow !== true && item.items.length > 0) return endOf(item.items.at(-1));
  return isScalar(item) || isCollection(item) ? (item.range?.[1] ?? 0) : 0;
}

function lineStart(text: string, offset: number): number {
  return text.lastIndexOf("\n", offset - 1) + 1;
}

/** After the line's end. */
function lineEnd(text: string, offset: number): number {
  const index = text.indexOf("\n", offset);
  return index < 0 ? text.length : index + 1;
}

function blockLines(key: string, value: NewValue, indent: string): string[] {
  const isFlow = typeof value !== "object" || isList(value) || Object.keys(value).length === 0;
  if (isFlow) return [`${indent}${keyOf(key)}: ${flowText(value)}`];
  return [
    `${indent}${keyOf(key)}:`,
    ...Object.entries(value).flatMap(([name, one]) => blockLines(name, one, `${indent}  `)),
  ];
}

function flowText(value: NewValue): string {
  if (typeof value !== "object") return JSON.stringify(value);
  if (isList(value)) return `[${value.map(flowText).join(", ")}]`;
  return `{${Object.entries(value)
    .map(([key, one]) => `${keyOf(key)}: ${flowText(one)}`)
    .join(", ")}}`;
}

/** A name such as `12` or `on` needs quotes. */
function keyOf(text: string): string {
  const isPlain = parse(text) === text && parse(text, { version: "1.1" }) === text;
  return isPlain && /^[\w.:-]+$/.test(text) ? text : JSON.stringify(text);
}

function isList(value: NewValue): value is readonly NewValue[] {
  return Array.isArray(value);
}

function inStyleOf({ type }: Scalar, text: string): string {
  if (type === "QUOTE_SINGLE") return `'${text.replaceAll("'", "''")}'`;
  return type === "PLAIN" && /^[\w.-]+$/.test(text) && parse(text) === text ? text : JSON.stringify(text);
}
