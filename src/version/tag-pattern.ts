/**
 * Patterns over a registry's tags: the regular expressions that Flux (Go's RE2) and this program (JavaScript) both hold
 * against a tag. Only what the two read alike is taken: characters, classes, groups, and how often a character comes.
 * `test/fixtures/filter-tags/` compares the two.
 */

/** What an image tag that was made for one commit says of it. */
export interface CommitTag {
  /** The commit's id, whole or its beginning: the group `sha`. */
  readonly sha: string;
  /** When the image was made, as a number: the group `ts`. */
  readonly ts: number;
}

/** Go takes no higher count. */
const highestCount = 1000;

const plain = String.raw`[A-Za-z0-9_.-]|\\[.dw-]`;
const characterClass = String.raw`\[\^?(?=[^\]])-?(?:[A-Za-z0-9]-[A-Za-z0-9]|[A-Za-z0-9_.]|\\[.dw-])*-?\]`;
const count = String.raw`[*+?]|\{[0-9]{1,4}(?:,(?:[0-9]{1,4})?)?\}`;
/** A group comes once or not at all: nested repetition would take JavaScript, unlike RE2, for ever. */
const token = new RegExp(String.raw`(?:${plain}|${characterClass})(?:${count})?|\((?:\?:|\?P<[a-z]+>)?|\)\??|\|`, "y");

const kindOfPattern =
  "a regular expression from `^` to `$` of letters, digits, `_`, `-`, `.`, escapes (`\\.`, `\\d`, `\\w`), classes such as `[0-9a-f]`, groups (`(...)`, `(?:...)`, `(?P<name>...)`) with `|` in them, and counts (`*`, `+`, `?`, `{7,40}`) behind a character or class";

/** What is expected of a pattern over tags that this text is not, as a phrase; nothing where it is one. */
export function tagPatternError(text: string): string | undefined {
  if (!/^\^.*\$$/s.test(text)) return kindOfPattern;
  const body = text.slice(1, -1);
  let depth = 0;
  for (let at = 0; at < body.length; at = token.lastIndex) {
    token.lastIndex = at;
    const [found] = token.exec(body) ?? [];
    if (found === undefined) return `${kindOfPattern}; not \`${body.slice(at, at + 20)}\``;
    if (found.startsWith("(")) depth += 1;
    else if (found.startsWith(")")) depth -= 1;
    const counts = /\{([0-9,]+)\}$/.exec(found)?.[1]?.split(",") ?? [];
    if (counts.some((number) => Number(number) > highestCount))
      return `counts of at most ${highestCount} in the pattern`;
    if (depth < 0 || (found === "|" && depth === 0)) return `${kindOfPattern}; not \`${found}\` outside of a group`;
  }
  return compile(text) === undefined ? kindOfPattern : undefined;
}

/**
 * As `tagPatternError`, for the tags of images that were made one for each commit: the group `sha` is the commit's id,
 * and the group `ts` a number that grows.
 */
export function commitPatternError(text: string): string | undefined {
  const error = tagPatternError(text);
  if (error !== undefined) return error;
  // Flux orders by the number; one tag that gives none, and it chooses nothing at all.
  if (!/\(\?P<ts>(?:\[0-9\]|\\d)(?:\+|\{[1-9][0-9]*(?:,[0-9]*)?\})?\)(?!\?)/.test(text)) {
    return "a pattern with a group `ts` of digits alone, such as `(?P<ts>[0-9]+)`: by it the newest is found";
  }
  if (!/\(\?P<sha>\[(?:0-9a-f|a-f0-9)\](?:\+|\{[1-9][0-9]*(?:,[0-9]*)?\})\)(?!\?)/.test(text)) {
    return "a pattern with a group `sha` of hexadecimal digits alone, such as `(?P<sha>[0-9a-f]+)`: it says whose image it is";
  }
  return undefined;
}

/** Whether the pattern lets the tag through. False for what is no pattern. */
export function tagMatches(pattern: string, tag: string): boolean {
  return compile(pattern)?.test(tag) ?? false;
}

/** What the tag says of its commit; nothing where the pattern does not let it through. */
export function commitOfTag(pattern: string, tag: string): CommitTag | undefined {
  const { sha, ts } = compile(pattern)?.exec(tag)?.groups ?? {};
  return sha === undefined || ts === undefined ? undefined : { sha, ts: Number(ts) };
}

/** JavaScript has no `P` before a group's name. */
function compile(pattern: string): RegExp | undefined {
  try {
    return new RegExp(pattern.replaceAll("(?P<", "(?<"));
  } catch {
    return undefined;
  }
}
