/**
 * How Go's yaml.v2 writes one scalar: plain where it can, in double quotes where a plain text would be read as another
 * type, in single quotes where it would be read as syntax, as a block where it has lines, and in double quotes with
 * escapes where nothing else keeps every character.
 */
import { isNoWord, resolvesToString } from "./go-yaml-resolve";

/** Where a scalar stands. */
export interface ScalarPlace {
  /** The column of its first character, 0-based. */
  readonly column: number;
  /** The columns by which further lines of it are indented. */
  readonly indent: number;
  /** Keys that fit on one line are never folded. */
  readonly foldable: boolean;
}

/** The column after which the next single blank becomes a line break. */
const bestWidth = 80;

/** The great majority of what Kubernetes objects hold: nothing to fold, nothing that is syntax. */
const simple = /^[A-Za-z/](?:[\w./@+=,~*-]|:(?=[\w./]))*$/;

/** Characters that cannot begin a plain scalar; `---` and `...` mark documents. */
const syntaxAtStart = /^(?:[#,[\]{}&*!|>'"%@`]|[?:-](?:[ \t]|$)|---|\.\.\.)/;

/** A colon that would end a key, and a hash that would begin a comment. */
const syntaxWithin = /:(?:[ \t]|$)|[ \t]#/;

/**
 * What yaml.v2 takes for unprintable, in UTF-16 units: controls but the line feed, and whatever is beyond the basic
 * plane.
 */
// eslint-disable-next-line no-control-regex -- control characters are what this is about
const unprintable = /[\0-\t\x0b-\x1f\ud800-\udfff\ufeff]/;

/** Line breaks in YAML 1.1, less those that are unprintable. */
const lineBreak = /[\n\u2028\u2029]/;
const blankBeforeBreak = / [\n\u2028\u2029]/;
const blankAfterBreak = /[\n\u2028\u2029] /;

const byteOrderMark = "\ufeff";

/**
 * Characters that the provider cannot write. It hands over its YAML as JSON that is read by a YAML parser, which refuses
 * some of them and turns U+0085 into a blank.
 */
const unwritable = /[\x7f-\x9f\ufffe\uffff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/;

/** Whether the text stands on one line in every style, as a key without `?` must. */
export function isOneLine(text: string): boolean {
  return !lineBreak.test(text) && !text.includes("\r");
}

/**
 * The scalar, without a line break at its end.
 *
 * @throws Error where the text holds a character that the provider cannot write
 */
export function scalar(text: string, place: ScalarPlace): string {
  if (simple.test(text) && isNoWord(text)) return text;
  if (unwritable.test(text)) throw new Error(unwritableMessage(text));
  if (text.includes("\n")) {
    const blockAllowed = !unprintable.test(text) && !text.endsWith(" ") && !blankBeforeBreak.test(text);
    return blockAllowed ? literal(text, place) : doubleQuoted(text, place);
  }
  if (!resolvesToString(text) || unprintable.test(text)) return doubleQuoted(text, place);
  const plainAllowed =
    !syntaxAtStart.test(text) &&
    !syntaxWithin.test(text) &&
    !text.startsWith(" ") &&
    !text.endsWith(" ") &&
    !lineBreak.test(text);
  if (plainAllowed) return plain(text, place);
  const singleAllowed = !blankAfterBreak.test(text) && !blankBeforeBreak.test(text);
  return singleAllowed ? singleQuoted(text, place) : doubleQuoted(text, place);
}

function unwritableMessage(text: string): string {
  const character = unwritable.exec(text)?.[0].charCodeAt(0) ?? 0;
  const name = `U+${character.toString(16).toUpperCase().padStart(4, "0")}`;
  return `A text holds the character ${name}, which no rendered manifest can carry. Expected printable Unicode.`;
}

function literal(text: string, place: ScalarPlace): string {
  const indentHint = /^[ \n\u2028\u2029]/.test(text) ? "2" : "";
  const margin = " ".repeat(place.indent);
  return `|${indentHint}${chomping(text)}\n${text.replace(/[^\n\u2028\u2029]+/g, (line) => margin + line)}`;
}

/** What becomes of the line breaks at the end: `-` there is none, `+` there are several, nothing for one. */
function chomping(text: string): string {
  if (!lineBreak.test(text.charAt(text.length - 1))) return "-";
  return text.length === 1 || lineBreak.test(text.charAt(text.length - 2)) ? "+" : "";
}

function plain(text: string, place: ScalarPlace): string {
  if (!place.foldable || place.column + text.length <= bestWidth || !text.includes(" ")) return text;
  return folded(text, place.column, place, (index) => text.charAt(index + 1) !== " ");
}

function singleQuoted(text: string, place: ScalarPlace): string {
  const inner = text.replaceAll("'", "''");
  const oneLine = !lineBreak.test(text);
  if (oneLine && (!place.foldable || place.column + inner.length < bestWidth)) return `'${inner}'`;
  const last = inner.length - 1;
  const mayFold = (index: number): boolean => index > 0 && index < last && inner.charAt(index + 1) !== " ";
  return `'${folded(inner, place.column + 1, place, mayFold)}'`;
}

/** Breaks the line at single blanks beyond the best width, and indents what comes after a break of the text's own. */
function folded(text: string, column: number, place: ScalarPlace, mayFold: (index: number) => boolean): string {
  const margin = " ".repeat(place.indent);
  let out = "";
  let at = column;
  let afterBlank = false;
  let afterBreak = false;
  for (let index = 0; index < text.length; index += 1) {
    const character = text.charAt(index);
    const blank = character === " ";
    if (lineBreak.test(character)) {
      out += character;
      at = 0;
      afterBreak = true;
      continue;
    }
    if (blank && place.foldable && !afterBlank && at > bestWidth && mayFold(index)) {
      out += `\n${margin}`;
      at = place.indent;
    } else {
      if (afterBreak) {
        out += margin;
        at = place.indent;
      }
      out += character;
      at += 1;
    }
    afterBlank = blank;
    afterBreak = false;
  }
  return out;
}

/** Escapes of one letter. */
const escapes: Readonly<Record<string, string>> = {
  "\0": "\\0",
  "\x07": "\\a",
  "\b": "\\b",
  "\t": "\\t",
  "\n": "\\n",
  "\v": "\\v",
  "\f": "\\f",
  "\r": "\\r",
  "\x1b": "\\e",
  '"': '\\"',
  "\\": "\\\\",
  "\u00a0": "\\_",
  "\u2028": "\\L",
  "\u2029": "\\P",
};

function doubleQuoted(text: string, place: ScalarPlace): string {
  // libyaml's test for a byte order mark looks at the beginning of the text, whichever character it is asked about.
  const escapeAll = text.startsWith(byteOrderMark);
  const margin = " ".repeat(place.indent);
  const characters = Array.from(text);
  let out = '"';
  let column = place.column + 1;
  let afterBlank = false;
  characters.forEach((character, index) => {
    const blank = character === " " && !escapeAll;
    const inside = index > 0 && index < characters.length - 1;
    if (blank && place.foldable && !afterBlank && column > bestWidth && inside) {
      const next = characters[index + 1] === " " ? "\\" : "";
      out += `\n${margin}${next}`;
      column = place.indent + next.length;
    } else {
      const written = escapeAll || mustBeEscaped(character) ? escaped(character) : character;
      out += written;
      column += written.length;
    }
    afterBlank = blank;
  });
  return `${out}"`;
}

function mustBeEscaped(character: string): boolean {
  return character === '"' || character === "\\" || lineBreak.test(character) || unprintable.test(character);
}

function escaped(character: string): string {
  const short = escapes[character];
  if (short !== undefined) return short;
  const code = character.codePointAt(0) ?? 0;
  const [letter, width] = code <= 0xff ? ["x", 2] : code <= 0xffff ? ["u", 4] : ["U", 8];
  return `\\${letter}${code.toString(16).toUpperCase().padStart(width, "0")}`;
}
