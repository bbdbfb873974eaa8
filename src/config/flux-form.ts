/**
 * The form in which Flux writes a stack file: its image-automation-controller parses the file and writes it anew, with
 * kyaml, when it changes one marked value. A file in this form differs in nothing else then.
 */
import { isDeepStrictEqual } from "node:util";
import { Lexer, parse, parseDocument, visit, type Document, type Scalar } from "yaml";

/** Keeps each value as it is written: `0x1F` is not to become `0x1f`, nor a long number to lose digits. */
const asWritten = { schema: "failsafe", uniqueKeys: false } as const;

/**
 * The text in the form that Flux writes, with the same values and comments. A text that Flux would leave as it is comes
 * back unchanged; comments may stay where Flux would indent them anew.
 *
 * @param text valid YAML without anchors and tags
 * @returns nothing where a value ends in blank lines, which have no stable form
 */
export function fluxForm(text: string): string | undefined {
  const unix = text
    .replaceAll("\r\n", "\n")
    .replace(/^\ufeff/, "")
    .replace(documentEdges, "");
  const document = parseDocument(withoutComments(unix).bare, asWritten);
  if (document.contents === null) return text;
  if (scalarsOf(document).some(({ type, value }) => isBlock(type) && String(value).endsWith("\n\n"))) {
    return undefined;
  }
  const indented = indentsLists(unix);
  const isInForm = unix === text && hasFluxSpacing(text) && dense(layout(text, indented, true)) === dense(text);
  if (isInForm) return text;
  const written = layout(unix, indented, false);
  const stable = indentsLists(written) === indented ? written : layout(unix, !indented, false);
  return isDeepStrictEqual(parse(stable, asWritten), parse(unix, asWritten)) ? stable : undefined;
}

/** Flux writes no `---` and no `...`, and drops the comment before a `---`. */
const documentEdges = /^(?:---|\.\.\.)(?:[ \t]+|$)\n?/gm;

/** Whether kyaml indents lists below their key: as the first one whose key stands alone on the line before it. */
function indentsLists(text: string): boolean {
  const lines = text.split("\n");
  for (const [index, line] of lines.entries()) {
    const [, indent] = /^( *)- /.exec(line) ?? [];
    if (indent === undefined) continue;
    const before = lines.slice(0, index).findLast((one) => !/^ *#/.test(one));
    const [, outer = "", key = ""] = /^( *)(.*?) *(?:#.*)?$/.exec(before ?? "") ?? [];
    if (!/^[^:]*:$/.test(key)) continue;
    if (indent.length === outer.length) return false;
    if (indent.length === outer.length + 2) return true;
  }
  return false;
}

interface Comment {
  readonly text: string;
  /** Where it stood in the text without comments. */
  readonly offset: number;
  /** Whether it has lines of its own. */
  readonly isAlone: boolean;
  /** Whether it is alone, or one blank stands before it. */
  readonly isSpaced: boolean;
}

/** Lexemes that stand for no text: a document, an error in brackets, a scalar. */
const marks = ["\u0002", "\u0018", "\u001f"];

function withoutComments(text: string): { readonly bare: string; readonly comments: readonly Comment[] } {
  const comments: Comment[] = [];
  let bare = "";
  let depth = 0;
  // A comment takes its line with it; in brackets, so that the bare text stays on one line, also the next indent.
  let skipped = /^$/;
  for (const lexeme of new Lexer().lex(text)) {
    if (marks.includes(lexeme) || skipped.test(lexeme)) {
      if (lexeme === "\n" && depth === 0) skipped = /^$/;
      continue;
    }
    skipped = /^$/;
    depth += /^[[{]$/.test(lexeme) ? 1 : /^[\]}]$/.test(lexeme) ? -1 : 0;
    if (!lexeme.startsWith("#")) {
      bare += lexeme;
      continue;
    }
    const line = bare.slice(bare.lastIndexOf("\n") + 1);
    const isAlone = line.trim() === "";
    bare = isAlone && depth === 0 ? bare.slice(0, bare.length - line.length) : bare.trimEnd();
    comments.push({ text: lexeme, offset: bare.length, isAlone, isSpaced: isAlone || /[^ ] $/.test(line) });
    if (isAlone || depth > 0) skipped = depth > 0 ? /^\s+$/ : /^\n$/;
    if (depth > 0 && (!isAlone || /[^[{ ]$/.test(bare))) bare += " ";
  }
  return { bare, comments };
}

/** Writes the text without blank lines, each comment before or behind the entry that it stood before or behind. */
function layout(text: string, indentSeq: boolean, keepsFolded: boolean): string {
  const { bare, comments } = withoutComments(text);
  const document = parseDocument(bare, asWritten);
  const before = entryStarts(document, bare);
  visit(document, {
    Node(_, node) {
      delete node.spaceBefore;
    },
  });
  for (const scalar of scalarsOf(document)) {
    // Each time that kyaml writes a folded text, it adds blank lines.
    if (scalar.type === "BLOCK_FOLDED" && !keepsFolded) scalar.type = "BLOCK_LITERAL";
  }
  const plain = document.toString({ indentSeq, lineWidth: 0, flowCollectionPadding: false, minContentWidth: 0 });
  const starts = entryStarts(parseDocument(plain, asWritten), plain);
  const above = starts.map((): string[] => []);
  const behind = new Map<number, string>();
  const last: string[] = [];
  for (const comment of comments) {
    const next = before.findIndex((start) => start >= comment.offset && (comment.isAlone || start > comment.offset));
    const holder = next === -1 ? before.length - 1 : next - 1;
    if (comment.isAlone) (above[next] ?? last).push(comment.text);
    else if (behind.has(holder)) above[holder]?.push(comment.text);
    else behind.set(holder, comment.text);
  }
  const ends = [...starts.slice(1), plain.length];
  const entries = starts.map((start, index) => {
    const [line = "", ...more] = plain.slice(start, ends[index]).split("\n");
    const indent = /^ */.exec(line)?.[0] ?? "";
    const own = (above[index] ?? []).map((comment) => `${indent}${comment}\n`).join("");
    // A blank line between the comment that heads the file and the first key.
    const gap = index === 0 && /^(?:#.*\n)+\n+[^\s#]/.test(text) ? "\n" : "";
    return [`${own}${gap}${[line, behind.get(index) ?? []].flat().join(" ")}`, ...more].join("\n");
  });
  const body = plain.slice(0, starts[0]) + entries.join("");
  return body.replace(/\n*$/, "\n") + last.map((comment) => `${comment}\n`).join("");
}

/** Where the lines start on which a key of a mapping or an element of a list does. */
function entryStarts(document: Document.Parsed, text: string): number[] {
  const starts = new Set<number>();
  const add = (node: unknown) => {
    const [start = 0] = (node as { range?: readonly number[] | null }).range ?? [];
    starts.add(text.lastIndexOf("\n", start - 1) + 1);
  };
  visit(document, {
    Collection(_, { flow, items }) {
      if (flow === true) return visit.SKIP;
      for (const item of items) add((item as { key?: unknown }).key ?? item);
      return undefined;
    },
  });
  return [...starts].sort((one, other) => one - other);
}

function scalarsOf(document: Document.Parsed): Scalar[] {
  const scalars: Scalar[] = [];
  visit(document, { Scalar: (_, scalar) => void scalars.push(scalar) });
  return scalars;
}

function isBlock(type: string | undefined): boolean {
  return type === "BLOCK_FOLDED" || type === "BLOCK_LITERAL";
}

/** The lines that are neither blank nor comments. */
function dense(text: string): string {
  return withoutComments(text)
    .bare.split("\n")
    .filter((line) => line !== "")
    .join("\n");
}

/**
 * Whether blank lines are only where kyaml writes them: below a comment that does not begin a mapping or list, above one
 * that ends the file, and below a folded text.
 */
function hasFluxSpacing(text: string): boolean {
  if (!text.endsWith("\n") || withoutComments(text).comments.some(({ isSpaced }) => !isSpaced)) return false;
  const blocks = scalarsOf(parseDocument(text, asWritten)).filter(({ type }) => isBlock(type));
  const isUnstable = ({ type, value, range }: Scalar) => {
    const folded = String(value);
    const isAboveBlank = text[range?.[1] ?? 0] === "\n";
    return type === "BLOCK_FOLDED" && (/\n[ \t]/.test(folded) || isAboveBlank !== folded.endsWith("\n"));
  };
  if (blocks.some(isUnstable)) return false;
  let offset = 0;
  const lines = text
    .split("\n")
    .slice(0, -1)
    .map((line) => {
      const start = offset;
      offset += line.length + 1;
      const isInBlock = blocks.some(
        ({ type, range }) =>
          range &&
          start > range[0] &&
          (start < range[1] || (start === range[1] && line === "" && type === "BLOCK_FOLDED")),
      );
      const kind = isInBlock ? "text" : line.trim() === "" ? "blank" : /^ *#/.test(line) ? "comment" : "text";
      return { kind, line, indent: line.search(/[^ ]/) };
    });
  return lines.every(({ kind, line }, index) => {
    if (kind !== "blank") return true;
    const [above, below] = [lines[index - 1], lines[index + 1]];
    const next = lines.slice(index).find((one) => one.kind === "text");
    const last = lines.slice(0, index).findLast((one) => one.kind === "text");
    const begins = next !== undefined && last !== undefined && next.indent > last.indent;
    const isPlaced =
      above?.kind === "comment"
        ? !begins || below?.kind === "comment"
        : next === undefined && below?.kind === "comment";
    return line === "" && below !== undefined && isPlaced;
  });
}
