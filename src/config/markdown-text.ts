/**
 * Text from outside in Markdown: always as code, where readers look for no link, no mention, no closing keyword and no
 * HTML, and in one line, so that it begins no block and is not a command of a CI service.
 */
import { printable, printableLines } from "./printable";

/** The longest text in a line. */
const longest = 400;

/** Inline code that holds the text as it is, apart from `|`, which would end the cell of a table. */
export function code(text: string, most = longest): string {
  // What is longer than this is not worth escaping.
  const escaped = printable(text.slice(0, most + 1)).replaceAll("|", "\\u007c");
  const line = escaped.length > most ? `${escaped.slice(0, most - 3).replace(/[\ud800-\udbff]$/, "")}...` : escaped;
  if (line.trim() === "") return "(empty)";
  const fence = "`".repeat(longestRun(line) + 1);
  const space = /^`|`$|^ .* $/.test(line) ? " " : "";
  return `${fence}${space}${line}${space}${fence}`;
}

/** A block of code of several lines, whose fence is longer than each in the text. */
export function codeBlock(text: string, language: string): string {
  const lines = printableLines(text);
  const fence = "`".repeat(Math.max(3, longestRun(lines) + 1));
  return `${fence}${language}\n${lines}\n${fence}`;
}

/** A part that is shown when it is opened. @param summary HTML that holds nothing from outside, or escaped text */
export function folded(summary: string, body: string): string {
  return `<details><summary>${summary}</summary>\n\n${body}\n\n</details>`;
}

/** Text in HTML. */
export function htmlText(text: string): string {
  const escapes: Readonly<Record<string, string>> = {
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
    '"': "&quot;",
    "'": "&#39;",
  };
  return printable(text).replace(/[&<>"']/g, (found) => escapes[found] ?? found);
}

function longestRun(text: string): number {
  return Math.max(0, ...(text.match(/`+/g) ?? []).map(({ length }) => length));
}
