import { CST, Lexer } from "yaml";

/**
 * Characters that the readers of YAML do not read alike. Those of Go (Pulumi, Flux, Helm) refuse control characters,
 * and take a next line (U+0085) and a carriage return alone for line breaks, which those of YAML 1.2 do not: to them
 * what follows is still the same comment or text. A byte order mark within the text is skipped by some.
 */
// eslint-disable-next-line no-control-regex -- control characters are what this is about
const strayInText = /[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffe\uffff\p{Cs}]|\r(?!\n)|(?<!^)\ufeff/gu;

/** Line breaks to Go's readers as well; between quotes they stay what they are to every reader. */
const separator = /[\u2028\u2029]/g;

/** What no rendered manifest can carry, and controls: where a value holds one as an escape, all readers see it. */
// eslint-disable-next-line no-control-regex -- as above
const strayInValue = /[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffe\uffff\p{Cs}]/u;

/** A character and where it stands. */
export interface StrayCharacter {
  readonly offset: number;
  /** Its code point: `U+0085`. */
  readonly name: string;
}

/** The characters of the text of a YAML file that not every reader reads alike, in their order. */
export function strayCharacters(text: string): StrayCharacter[] {
  const separators = text.search(separator) === -1 ? [] : separatorsOutsideQuotes(text);
  return [...matches(text, strayInText, 0), ...separators].sort((one, other) => one.offset - other.offset);
}

/** The first character of a value that no object may hold, as `U+0085`; nothing where there is none. */
export function strayInScalar(value: string): string | undefined {
  const [character] = strayInValue.exec(value) ?? [];
  return character === undefined ? undefined : codePointName(character);
}

/** The lexer announces documents and scalars with control characters that are not in the text. */
export const lexerAnnouncements: ReadonlySet<string> = new Set([CST.DOCUMENT, CST.FLOW_END, CST.SCALAR]);

function separatorsOutsideQuotes(text: string): StrayCharacter[] {
  const found: StrayCharacter[] = [];
  let offset = 0;
  for (const lexeme of new Lexer().lex(text)) {
    if (lexerAnnouncements.has(lexeme)) continue;
    if (!/^["']/.test(lexeme)) found.push(...matches(lexeme, separator, offset));
    offset += lexeme.length;
  }
  return found;
}

function matches(text: string, pattern: RegExp, offset: number): StrayCharacter[] {
  return Array.from(text.matchAll(pattern), ({ index, 0: character }) => ({
    offset: offset + index,
    name: codePointName(character),
  }));
}

function codePointName(character: string): string {
  return `U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")}`;
}
