/**
 * Text from outside, such as a `Chart.yaml`, a Git host or a registry, escaped so that it cannot control a terminal, hide
 * other text, or give commands to a CI service that reads the log.
 */

/** Control and format characters (zero-width, bidirectional), line separators, invisible fillers, halves of characters. */
const unprintable = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu;

/**
 * The beginnings of commands: `::name::` (GitHub, Gitea) at the start of a line or, since output may be wrapped, of a
 * word; `##[name]`, `##vso[...]`, `##teamcity[...]` (GitHub, Azure, TeamCity) anywhere.
 */
const commands = /(?<!\S)::(?=.*?::)|##(?=\w*\[)/g;

/** One line of text. What is not printable is escaped as in JSON: `\u001b`. */
export function printable(text: string): string {
  return text
    .replace(unprintable, escape)
    .replace(commands, (found) => (found === "::" ? `${escape(":")}:` : `#${escape("#")}`));
}

/** The longest sentence about facts from outside. */
const longest = 2000;

/** A sentence that quotes text from outside: printable, and shortened where that is very long. */
export function printableSentence(text: string): string {
  return printable(text.length > longest ? `${text.slice(0, longest)}...` : text);
}

/** The beginning of a commit's subject. */
export function shortSubject(text: string): string {
  return text.length > 72 ? `${text.slice(0, 69)}...` : text;
}

/** Like `printable`, for a text whose own line breaks stay. Line breaks of others must be escaped before. */
export function printableLines(text: string): string {
  return text.split("\n").map(printable).join("\n");
}

/** Each UTF-16 code unit, so that escaped JSON is still the same JSON. */
function escape(text: string): string {
  return text
    .split("")
    .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`)
    .join("");
}
