/**
 * Regular expressions for a registry's tags. Flux applies them with Go's RE2, and this program with RE2's port to
 * JavaScript, in linear time. The accepted syntax is what people need. `test/fixtures/filter-tags/` compares the two.
 */
import type { RE2JS } from "re2js";

/** What the tag of an image that was built for one commit holds. */
export interface CommitTag {
  /** The commit's id or its beginning: the group `sha`. */
  readonly sha: string;
  /** A number that grows with each image: the group `ts`. */
  readonly ts: number;
}

/** The highest count that Go accepts. Here it bounds all counts of a pattern together, and so the time of a match. */
const maxCount = 1000;

const maxLength = 1000;

const plain = String.raw`[A-Za-z0-9_.-]|\\[.dw-]`;
const characterClass = String.raw`\[\^?(?=[^\]])-?(?:[A-Za-z0-9]-[A-Za-z0-9]|[A-Za-z0-9_.]|\\[.dw-])*-?\]`;
const count = String.raw`[*+?]|\{[0-9]{1,4}(?:,(?:[0-9]{1,4})?)?\}`;
const token = new RegExp(String.raw`(?:${plain}|${characterClass})(?:${count})?|\((?:\?:|\?P<[a-z]+>)?|\)\??|\|`, "y");
const some = String.raw`(?:\+|\{[1-9][0-9]*(?:,[0-9]*)?\})`;
const numberGroup = new RegExp(String.raw`\(\?P<ts>(?:\[0-9\]|\\d)${some}?\)(?!\?)`);
const shaGroup = new RegExp(String.raw`\(\?P<sha>\[(?:0-9a-f|a-f0-9)\]${some}\)(?!\?)`);

const expected =
  "a regular expression from `^` to `$` of letters, digits, `_`, `-`, `.`, escapes (`\\.`, `\\d`, `\\w`), classes such as `[0-9a-f]`, groups (`(...)`, `(?:...)`, `(?P<name>...)`) that may contain `|`, and counts (`*`, `+`, `?`, `{7,40}`) after a character or class";

/** What is expected instead of this text, as a phrase; nothing when it is a valid pattern. */
export function tagPatternError(text: string): string | undefined {
  if (!/^\^.*\$$/s.test(text)) return expected;
  if (text.length > maxLength) return `a pattern of at most ${maxLength} characters`;
  const body = text.slice(1, -1);
  let depth = 0;
  let total = 0;
  for (let at = 0; at < body.length; at = token.lastIndex) {
    token.lastIndex = at;
    const [found] = token.exec(body) ?? [];
    if (found === undefined) return `${expected}; not \`${body.slice(at, at + 20)}\``;
    if (found.startsWith("(")) depth += 1;
    if (found.startsWith(")")) depth -= 1;
    const counts = /\{([0-9,]+)\}$/.exec(found)?.[1]?.split(",") ?? [];
    total += Math.max(0, ...counts.map(Number));
    if (total > maxCount) return `counts of at most ${maxCount} in the pattern, all together`;
    if (depth < 0 || (found === "|" && depth === 0)) return `${expected}; not \`${found}\` outside of a group`;
  }
  return compile(text) === undefined ? expected : undefined;
}

/** Like `tagPatternError`, for the tags of images that are built for each commit: it requires the groups of `CommitTag`. */
export function commitPatternError(text: string): string | undefined {
  const error = tagPatternError(text);
  if (error !== undefined) return error;
  // One tag without a number, and Flux selects no tag at all.
  if (!numberGroup.test(text)) {
    return "a pattern with a group `ts` of digits only, such as `(?P<ts>[0-9]+)`: the highest number is the newest image";
  }
  return shaGroup.test(text)
    ? undefined
    : "a pattern with a group `sha` of hexadecimal digits only, such as `(?P<sha>[0-9a-f]+)`: it names the image's commit";
}

/** Whether the tag matches. False for a pattern that is not valid. */
export function tagMatches(pattern: string, tag: string): boolean {
  return compile(pattern)?.matches(tag) ?? false;
}

/** The commit and number in the tag; nothing when it does not match. */
export function commitOfTag(pattern: string, tag: string): CommitTag | undefined {
  const match = compile(pattern)?.matcher(tag);
  if (match?.matches() !== true) return undefined;
  const { sha, ts } = match.getNamedGroups();
  return typeof sha !== "string" || typeof ts !== "string" ? undefined : { sha, ts: Number(ts) };
}

/** Few stacks have patterns, so the engine is loaded with the first. */
function compile(pattern: string): RE2JS | undefined {
  const known = compiled.get(pattern);
  if (known !== undefined || compiled.has(pattern)) return known;
  // eslint-disable-next-line @typescript-eslint/no-require-imports
  const { RE2JS } = require("re2js") as typeof import("re2js");
  let made: RE2JS | undefined;
  try {
    made = RE2JS.compile(pattern);
  } catch {
    // `tagPatternError` reports it.
  }
  compiled.set(pattern, made);
  return made;
}

/** A pattern is applied to each tag of a registry. */
const compiled = new Map<string, RE2JS | undefined>();
