import { stringify } from "yaml";

/** A text of one line in which no character has a meaning in YAML where it is. */
const simple = /^[\w./^$(<](?:[!-9;-~]|:(?=[!-~])| (?=[\w./]))*$/;

/** Texts that readers of YAML 1.1 or 1.2 could take for another type: words, and numbers and dates of any notation. */
const ambiguous =
  /^(?:y|n|yes|no|on|off|true|false|null|<<|[-+]?\.(?:inf|nan)|(?:[-+.\d]|e[-+\d])[-+.:_ \da-fxotz]*)$/i;

/** Several lines that a block keeps as they are. White space at either end, and what `notInYaml` matches, needs quotes. */
const lines = /^(?=[^]*\n)\S(?:[^]*\S)?\n?$/;

/** Characters that a YAML stream may not contain, or that YAML 1.1 takes for a line break. */
const notInYaml = /[^\t\n\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\u{10000}-\u{10ffff}]/u;

/** Those of these characters that JSON does not escape. */
const unescaped = /[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]/g;

/** A longer key is marked as one, because readers look for the colon only so far. */
const longestUnmarkedKey = 128;

/**
 * YAML that readers of both YAML 1.1, such as Flux and kubectl, and YAML 1.2 read as the same value. Texts are plain,
 * blocks of lines, or quoted as in JSON.
 *
 * The library's writer, which knows many more styles, takes the longer part of a render of 1,000 tenants.
 *
 * @param value a map or list of JSON values; undefined fields are omitted
 */
export function yamlText(value: object): string {
  if (Array.isArray(value)) return value.map((item) => `- ${indented(nodeText(item))}`).join("");
  return Object.entries(value)
    .filter(([, field]) => field !== undefined)
    .map(([key, field]) => entryText(key, field))
    .join("");
}

function entryText(key: string, field: unknown): string {
  const name = isPlain(key) ? key : quoted(key);
  const head = name.length > longestUnmarkedKey ? `? ${name}\n:` : `${name}:`;
  return `${head}${isNonEmpty(field) ? "\n  " : " "}${indented(nodeText(field))}`;
}

function nodeText(node: unknown): string {
  if (isNonEmpty(node)) return yamlText(node);
  if (typeof node === "boolean" || Number.isSafeInteger(node)) return `${String(node)}\n`;
  if (typeof node !== "string") return stringify(node, { version: "1.1" });
  if (isPlain(node)) return `${node}\n`;
  if (!lines.test(node) || notInYaml.test(node)) return `${quoted(node)}\n`;
  return node.endsWith("\n") ? `|\n${node}` : `|-\n${node}\n`;
}

function isPlain(text: string): boolean {
  return simple.test(text) && !ambiguous.test(text);
}

function isNonEmpty(node: unknown): node is object {
  return typeof node === "object" && node !== null && Object.values(node).some((field) => field !== undefined);
}

function quoted(text: string): string {
  return JSON.stringify(text).replace(unescaped, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });
}

/** Every line but the first, and no empty one: blocks contain empty lines. */
function indented(text: string): string {
  return text.replace(/\n(?=[^\n])/g, "\n  ");
}
