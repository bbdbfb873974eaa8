import { isUtf8 } from "node:buffer";
import { isDeepStrictEqual } from "node:util";
import { isScalar } from "yaml";
import { defaultConfigRepository } from "../config/built-in-defaults";
import { type DecidedEntry, decidedEntries } from "../config/decided-entry";
import { ProblemsError } from "../config/problem";
import { projectPrefix } from "../config/report";
import { entryAt, parseStackFile, type StackFile } from "../config/stack-file";

/** The author of a commit. */
export interface CommitAuthor {
  readonly name: string;
  readonly email: string;
}

/** How a tenant's entry differs from the version of the file before. */
export interface EntryChange {
  readonly object: string;
  /** Absent: the tenant has no entry any more. */
  readonly entry?: DecidedEntry;
  /** Absent: the tenant had none. */
  readonly previous?: DecidedEntry;
}

/** Where the entries are in a version of the file. Each begins at a line of its own, which ends the one before. */
interface Layout {
  readonly content: Buffer;
  /** Of each entry, and where the last one ends. */
  readonly starts: readonly number[];
  readonly entries: readonly DecidedEntry[];
}

/**
 * Reads the versions of a stack file, one after the other, and parses only the entries that differ: a file of a thousand
 * tenants has thousands of versions. Where entries cannot be told apart by their lines, it parses the whole file.
 */
export class EntryReader {
  #entries = new Map<string, DecidedEntry>();
  #layout: Layout | undefined;
  #rest: StackFile | undefined;
  readonly #parsed = new Map<string, DecidedEntry | undefined>();
  readonly #templates = new Map<string, Template | undefined>();

  /** The author of automation, as the last version names it that could be read; each part has a default. */
  get author(): CommitAuthor {
    const part = (key: keyof CommitAuthor): string => {
      const node = this.#rest && entryAt(this.#rest, ["configRepository", "author", key])?.value;
      const value = (node as { readonly value?: unknown } | undefined)?.value;
      return typeof value === "string" ? value : defaultConfigRepository.author[key];
    };
    return { name: part("name"), email: part("email") };
  }

  /** Those of the last version that could be read, by the name of the tenant's objects. */
  get entries(): ReadonlyMap<string, DecidedEntry> {
    return this.#entries;
  }

  /**
   * What the next version changes.
   *
   * @param content nothing: the file does not exist
   * @returns nothing if the version cannot be read. Then the one before is still in effect
   */
  next(content: Buffer | undefined): EntryChange[] | undefined {
    const changes = content === undefined ? undefined : this.#changedPart(content);
    if (changes !== undefined) return changes;
    const layout = content === undefined ? undefined : this.#layoutOf(content);
    const entries = content === undefined ? [] : (layout?.entries ?? this.#parseWhole(content));
    if (entries === undefined) return undefined;
    this.#layout = layout;
    const before = this.#entries;
    this.#entries = byObject(entries);
    return changesBetween(before, this.#entries);
  }

  /** What differs, if entries alone do. */
  #changedPart(content: Buffer): EntryChange[] | undefined {
    if (this.#layout === undefined) return undefined;
    const { content: old, starts, entries } = this.#layout;
    const sameUntil = commonStart(old, content);
    const same = commonEnd(old, content, sameUntil);
    const growth = content.length - old.length;
    const oldEnd = old.length - same;
    if (sameUntil < (starts[0] ?? 0)) return undefined;
    // What has become of an entry's first line may belong to the entry before.
    const first = Math.max(0, starts.findLastIndex((start) => start <= sameUntil) - 1);
    const found = starts.findIndex((start, index) => index > first && start > oldEnd);
    const last = found < 0 && starts.at(-1) === old.length ? entries.length : found;
    if (last < 0) return undefined;
    const end = (starts[last] ?? 0) + growth;
    const lines = entryLines(content.subarray(0, end), starts[first] ?? 0, indentAt(old, starts[0] ?? 0));
    if (lines.end < end || lines.starts[0] !== starts[first]) return undefined;
    const now = this.#parse(content, [...lines.starts, end], first);
    if (now === undefined) return undefined;
    // Between two changes there may be hundreds of entries that are the same.
    const until = entries.slice(first, last);
    const isChanged = (index: number) => until.length !== now.length || until[index] !== now[index];
    const before = byObject(until.filter((_, index) => isChanged(index)));
    const changed = now.filter((_, index) => isChanged(index));
    const after = byObject(changed);
    const isNew = changed.some(({ object, tenant }) => before.get(object)?.tenant !== tenant);
    const others = isNew ? [...this.#entries.values()].filter(({ object }) => !before.has(object)) : [];
    // Of an entry that is there twice, parsers take the last one.
    if (!areDistinct([...changed, ...others])) return undefined;
    for (const object of before.keys()) this.#entries.delete(object);
    for (const [object, entry] of after) this.#entries.set(object, entry);
    this.#layout = {
      content,
      starts: [...starts.slice(0, first), ...lines.starts, ...starts.slice(last).map((start) => start + growth)],
      entries: [...entries.slice(0, first), ...now, ...entries.slice(last)],
    };
    return changesBetween(before, after);
  }

  /** Tells the entries apart by the indentation of their lines, if that is sure. */
  #layoutOf(content: Buffer): Layout | undefined {
    const key = /^( +)shared-authority:tenants:[ \t]*(?:#.*)?\r?\n/m.exec(content.toString("latin1"));
    if (key === null) return undefined;
    const begin = key.index + key[0].length;
    const { starts, end, indent } = entryLines(content, begin);
    const [first] = starts;
    if (first === undefined || indent <= (key[1]?.length ?? 0)) return undefined;
    const [before, after] = [textOf(content.subarray(0, first)), textOf(content.subarray(end))];
    if (before === undefined || after === undefined) return undefined;
    const keyAt = content.toString("utf8", 0, key.index).length + (key[1]?.length ?? 0);
    const rest = this.#rest?.text === before + after ? this.#rest : parsed(before + after);
    if (rest === undefined) return undefined;
    const { key: node, value } = entryAt(rest, ["tenants"]) ?? {};
    // What looks like the key may be the key of another mapping, or a part of a text.
    const isKey = isScalar(node) && node.range?.[0] === keyAt;
    if (!isKey || !isScalar(value) || value.source !== "") return undefined;
    const entries = this.#parse(content, [...starts, end]);
    if (entries === undefined || !areDistinct(entries)) return undefined;
    this.#rest = rest;
    return { content, starts: [...starts, end], entries };
  }

  /**
   * The entries between these places, each parsed alone; nothing if one is not an entry by itself.
   *
   * @param from the entry of the version before that the first one may equal
   */
  #parse(content: Buffer, starts: readonly number[], from?: number): DecidedEntry[] | undefined {
    const entries: DecidedEntry[] = [];
    for (const [index, end] of starts.slice(1).entries()) {
      const start = starts[index] ?? 0;
      const same = from === undefined ? undefined : this.#sameEntry(content, start, end, from + index);
      const entry = same ?? this.#parseEntry(content.subarray(start, end));
      if (entry === undefined) return undefined;
      entries.push(entry);
    }
    return entries;
  }

  #sameEntry(content: Buffer, start: number, end: number, index: number): DecidedEntry | undefined {
    const { content: old, starts, entries } = this.#layout ?? {};
    const [oldStart, oldEnd] = [starts?.[index], starts?.[index + 1]];
    if (old === undefined || oldStart === undefined || oldEnd === undefined) return undefined;
    return old.compare(content, start, end, oldStart, oldEnd) === 0 ? entries?.[index] : undefined;
  }

  #parseEntry(lines: Buffer): DecidedEntry | undefined {
    const text = textOf(lines);
    if (text === undefined) return undefined;
    const { pattern, name, values } = patternOf(text);
    if (!this.#templates.has(pattern)) this.#templates.set(pattern, templateOf(pattern, values.length));
    const template = text.includes(holder) ? undefined : this.#templates.get(pattern);
    if (template !== undefined) return filled(template, name, values);
    if (!this.#parsed.has(text)) this.#parsed.set(text, parsedEntry(text));
    return this.#parsed.get(text);
  }

  #parseWhole(content: Buffer): DecidedEntry[] | undefined {
    const text = textOf(content);
    const file = text === undefined ? undefined : parsed(text);
    if (file === undefined) return undefined;
    this.#rest = file;
    return decidedEntries(file);
  }
}

/**
 * A tag or a digest in quotes, with Flux's marker: all that most versions change. If it is parsed as the whole tag, what
 * follows is a comment, and no character of the value means anything in YAML.
 */
const writtenValue = /(\b(?:tag|digest): +")[\w.:+-]+"(?: +# \{"\$imagepolicy": "[\w.:/-]+"\}(?=\r?\n|$))?/g;

/** A tenant's name as it is written, but for the words that mean something else in YAML. */
const writtenName = /^( *)(?!(?:true|false|null) *:)[a-z][a-z0-9-]*(?=:[ \r\n])/;

const holder = "placeholder-";
const nameHolder = "placeholder-name";
const valueHolder = (index: number): string => `placeholder-${index}`;

/** An entry with placeholders in place of its name and such values, and which of them it decides. */
interface Template {
  readonly entry: DecidedEntry;
  readonly tag: number;
  readonly digest: number;
}

/** Tenants are written alike, so that a pattern is the same for many of them. */
function patternOf(text: string) {
  const values: string[] = [];
  const named = text.replace(writtenName, `$1${nameHolder}`);
  const pattern = named.replace(writtenValue, (match, key: string) => {
    values.push(match.slice(key.length, match.indexOf('"', key.length)));
    return `${key}${valueHolder(values.length - 1)}"`;
  });
  return { pattern, name: writtenName.exec(text)?.[0].trimStart() ?? nameHolder, values };
}

/** Nothing if a placeholder means anything else than the name, or the whole tag or digest. */
function templateOf(pattern: string, count: number): Template | undefined {
  const entry = parsedEntry(pattern);
  if (entry === undefined) return undefined;
  const holders = Array.from({ length: count }, (_, index) => valueHolder(index));
  const isElsewhere = (one: unknown, ...allowed: string[]) =>
    !allowed.includes(one as string) && JSON.stringify(one ?? "").includes(holder);
  const { tenant, object, tag, digest, ...rest } = entry;
  const isUnsafe =
    [tenant, object].some((one) => isElsewhere(one, nameHolder)) ||
    [tag, digest].some((one) => isElsewhere(one, ...holders)) ||
    isElsewhere(rest);
  return isUnsafe ? undefined : { entry, tag: holders.indexOf(tag ?? ""), digest: holders.indexOf(digest ?? "") };
}

function filled({ entry, tag, digest }: Template, name: string, values: readonly string[]): DecidedEntry {
  const named = (one: string) => (one === nameHolder ? name : one);
  return {
    ...entry,
    ...{ tenant: named(entry.tenant), object: named(entry.object) },
    ...{ tag: values[tag] ?? entry.tag, digest: values[digest] ?? entry.digest },
  };
}

function parsedEntry(text: string): DecidedEntry | undefined {
  const file = !firstLine.test(text) ? undefined : parsed(`config:\n ${projectPrefix}:tenants:\n${text}`);
  const [entry, ...more] = file === undefined ? [] : decidedEntries(file);
  return more.length === 0 ? entry : undefined;
}

/** Undefined for a file that is not YAML: the engine could not read it either. */
function parsed(text: string): StackFile | undefined {
  try {
    return parseStackFile("", text);
  } catch (error) {
    if (error instanceof ProblemsError) return undefined;
    throw error;
  }
}

function textOf(content: Buffer): string | undefined {
  return isUtf8(content) ? content.toString("utf8") : undefined;
}

function byObject(entries: readonly DecidedEntry[]): Map<string, DecidedEntry> {
  return new Map(entries.map((entry) => [entry.object, entry]));
}

function areDistinct(entries: readonly DecidedEntry[]): boolean {
  const isSized = (names: readonly string[]) => new Set(names).size === names.length;
  return isSized(entries.map(({ object }) => object)) && isSized(entries.map(({ tenant }) => tenant));
}

/** What differs between the entries of two versions. */
export function changesBetween(
  before: ReadonlyMap<string, DecidedEntry>,
  after: ReadonlyMap<string, DecidedEntry>,
): EntryChange[] {
  return [...new Set([...before.keys(), ...after.keys()])].flatMap((object) => {
    const [previous, entry] = [before.get(object), after.get(object)];
    return previous === entry || isDeepStrictEqual(previous, entry) ? [] : [{ object, entry, previous }];
  });
}

/** Of an entry: a key, not a list, flow mapping, anchor or tag. */
const firstLine = /^ *(?:"[^"\\\n]*"|'[^'\n]*'|[\w.-]+) *:(?:\s|$)/;

const [newline, carriageReturn, hash] = [10, 13, 35];

function indentAt(content: Buffer, start: number): number {
  let at = start;
  while (content[at] === 32) at += 1;
  return at - start;
}

/**
 * Where entries begin, by the indentation of the first one, and where the first line is that belongs to none. Comments and
 * empty lines belong to the entry before, whatever their indentation.
 */
function entryLines(content: Buffer, from: number, given?: number) {
  const starts: number[] = [];
  let indent = given;
  for (let at = from; at < content.length;) {
    const spaces = indentAt(content, at);
    const first = content[at + spaces];
    if (first !== undefined && first !== newline && first !== carriageReturn && first !== hash) {
      indent ??= spaces;
      if (spaces < indent) return { starts, end: at, indent };
      if (spaces === indent) starts.push(at);
    }
    const lineEnd = content.indexOf(newline, at + spaces);
    at = lineEnd < 0 ? content.length : lineEnd + 1;
  }
  return { starts, end: content.length, indent: indent ?? 0 };
}

/** How many bytes are compared at once. */
const step = 4096;

function commonStart(one: Buffer, other: Buffer): number {
  const most = Math.min(one.length, other.length);
  let at = 0;
  while (at + step <= most && one.compare(other, at, at + step, at, at + step) === 0) at += step;
  while (at < most && one[at] === other[at]) at += 1;
  return at;
}

/** How many bytes are the same at the end, after the first `start` ones. */
function commonEnd(one: Buffer, other: Buffer, start: number): number {
  const most = Math.min(one.length, other.length) - start;
  const isSame = (from: number, to: number): boolean =>
    one.compare(other, other.length - to, other.length - from, one.length - to, one.length - from) === 0;
  let count = 0;
  while (count + step <= most && isSame(count, count + step)) count += step;
  while (count < most && one[one.length - 1 - count] === other[other.length - 1 - count]) count += 1;
  return count;
}
