/**
 * Regular expressions for a registry's tags. Flux (Go's RE2) and this program (JavaScript) both apply them, so only the
 * syntax that both read alike is accepted. `test/fixtures/filter-tags/` compares the two.
 */

/** What the tag of an image that was built for one commit holds. */
export interface CommitTag {
  /** The commit's id or its beginning: the group `sha`. */
  readonly sha: string;
  /** A number that grows with each image: the group `ts`. */
  readonly ts: number;
}

/** The highest count that Go accepts. */
const maxCount = 1000;

const plain = String.raw`[A-Za-z0-9_.-]|\\[.dw-]`;
const characterClass = String.raw`\[\^?(?=[^\]])-?(?:[A-Za-z0-9]-[A-Za-z0-9]|[A-Za-z0-9_.]|\\[.dw-])*-?\]`;
const count = String.raw`[*+?]|\{[0-9]{1,4}(?:,(?:[0-9]{1,4})?)?\}`;
/** Groups cannot be repeated: nested repetition can take JavaScript, unlike RE2, exponential time. */
const token = new RegExp(String.raw`(?:${plain}|${characterClass})(?:${count})?|\((?:\?:|\?P<[a-z]+>)?|\)\??|\|`, "y");
const some = String.raw`(?:\+|\{[1-9][0-9]*(?:,[0-9]*)?\})`;
const numberGroup = new RegExp(String.raw`\(\?P<ts>(?:\[0-9\]|\\d)${some}?\)(?!\?)`);
const shaGroup = new RegExp(String.raw`\(\?P<sha>\[(?:0-9a-f|a-f0-9)\]${some}\)(?!\?)`);

const expected =
  "a regular expression from `^` to `$` of letters, digits, `_`, `-`, `.`, escapes (`\\.`, `\\d`, `\\w`), classes such as `[0-9a-f]`, groups (`(...)`, `(?:...)`, `(?P<name>...)`) that may contain `|`, and counts (`*`, `+`, `?`, `{7,40}`) after a character or class";

/** What is expected instead of this text, as a phrase; nothing when it is a valid pattern. */
export function tagPatternError(text: string): string | undefined {
  if (!/^\^.*\$$/s.test(text)) return expected;
  const body = text.slice(1, -1);
  let depth = 0;
  for (let at = 0; at < body.length; at = token.lastIndex) {
    token.lastIndex = at;
    const [found] = token.exec(body) ?? [];
    if (found === undefined) return `${expected}; not \`${body.slice(at, at + 20)}\``;
    if (found.startsWith("(")) depth += 1;
    if (found.startsWith(")")) depth -= 1;
    const counts = /\{([0-9,]+)\}$/.exec(found)?.[1]?.split(",") ?? [];
    if (counts.some((number) => Number(number) > maxCount)) return `counts of at most ${maxCount} in the pattern`;
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
  return compile(pattern)?.test(tag) ?? false;
}

/** The commit and number in the tag; nothing when it does not match. */
export function commitOfTag(pattern: string, tag: string): CommitTag | undefined {
  const { sha, ts } = compile(pattern)?.exec(tag)?.groups ?? {};
  return sha === undefined || ts === undefined ? undefined : { sha, ts: Number(ts) };
}

/** JavaScript writes named groups without `P`. */
function compile(pattern: string): RegExp | undefined {
  try {
    return new RegExp(pattern.replaceAll("(?P<", "(?<"));
  } catch {
    return undefined;
  }
}
