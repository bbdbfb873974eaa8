import {
  type CreateNodeOptions,
  type DocumentOptions,
  type ScalarTag,
  type SchemaOptions,
  stringify,
  type ToStringOptions,
} from "yaml";

/**
 * Texts that Go's YAML reader, which Flux and kubectl use, could take for something else: numbers, sexagesimals and
 * timestamps of any notation, and the merge key. The library quotes what matches this or what YAML 1.1 resolves.
 */
const readByGo: ScalarTag = {
  tag: "tag:yaml.org,2002:ambiguous",
  default: true,
  test: /^(?:[-+.\d][-+.:,_ \dA-FXOa-fxotz]*|<<|=)$/,
  resolve: (text) => text,
};

type Options = DocumentOptions & SchemaOptions & CreateNodeOptions & ToStringOptions;

const options: Options = {
  version: "1.1",
  compat: [readByGo],
  // Without the merge tag `<<` is a text like any other.
  customTags: (tags) => tags.filter((tag) => typeof tag === "string" || tag.tag !== "tag:yaml.org,2002:merge"),
  aliasDuplicateObjects: false,
  lineWidth: 0,
};

const quoted: Options = { ...options, defaultStringType: "QUOTE_DOUBLE", doubleQuotedMinMultiLineLength: Infinity };

/**
 * Texts that are written between double quotes: with characters that a YAML stream may not contain or that YAML 1.1 reads
 * as a line break, and with white space that the library loses in a block.
 */
const awkward =
  /[^\t\n\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\u{10000}-\u{10ffff}]|(?<![^])[ \n]|^ +$|^ *\t/mu;

/** Those of these characters that the library does not escape between double quotes. */
const escaped = /[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]/g;

/** A key that the library writes as it is, or between quotes, on the line of its value. */
const simpleKey = /^[\w./-]{1,100}$/;

/**
 * YAML that readers of both YAML 1.1, such as Flux and kubectl, and YAML 1.2 read as the same value.
 *
 * The library writes each entry. The objects of a stack have most entries in common, so each is written only once.
 */
export function yamlText(value: object): string {
  return mapText(value);
}

/** Maps such as the labels of a tenant are part of many objects. */
const mapTexts = new WeakMap<object, string>();

function mapText(map: object): string {
  const known = mapTexts.get(map);
  if (known !== undefined) return known;
  let text = "";
  for (const [key, value] of Object.entries(map) as [string, unknown][]) {
    if (value === undefined) continue;
    if (isMap(value) && simpleKey.test(key)) text += `${headText(key)}\n  ${indented(mapText(value))}`;
    else text += entryText(key, value);
  }
  mapTexts.set(map, text);
  return text;
}

function isMap(value: unknown): value is object {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  return Object.values(value).some((item) => item !== undefined);
}

/** The lines after the first, and the line break at the end is not followed by a line. */
function indented(text: string): string {
  return `${text.slice(0, -1).replaceAll("\n", "\n  ")}\n`;
}

function headText(key: string): string {
  return entryText(key, emptyMap).slice(0, -" {}\n".length);
}

const emptyMap = {};

/** By key, then by value. */
const entryTexts = new Map<string, Map<unknown, string>>();

/** Bounds the memory that a render takes. */
const mostTexts = 2_000;
const longestIdentity = 4_000;

function entryText(key: string, value: unknown): string {
  let texts = entryTexts.get(key);
  if (texts === undefined || texts.size >= mostTexts) entryTexts.set(key, (texts = new Map<unknown, string>()));
  const identity = identityOf(value);
  const known = texts.get(identity);
  if (known !== undefined) return known;
  const text = isAwkward([key, value])
    ? stringify({ [key]: value }, quoted).replace(escaped, escapeOf)
    : stringify({ [key]: value }, options);
  if (typeof identity !== "string" || identity.length <= longestIdentity) texts.set(identity, text);
  return text;
}

/** No text that is written without escapes begins with NUL. */
function identityOf(value: unknown): unknown {
  if (value === emptyMap) return emptyMap;
  return typeof value === "object" && value !== null ? `\0${JSON.stringify(value)}` : value;
}

function isAwkward(value: unknown): boolean {
  if (typeof value === "string") return awkward.test(value);
  return typeof value === "object" && value !== null && Object.entries(value).flat().some(isAwkward);
}

function escapeOf(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}
