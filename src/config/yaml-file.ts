import { isUtf8 } from "node:buffer";
import { lstatSync, readFileSync } from "node:fs";
import {
  Composer,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  Parser,
  type Document,
  type Pair,
  type YAMLMap,
} from "yaml";
import { ProblemsError, type Problem } from "./problem";

/** A YAML file, parsed, with what locates a node in it. */
export interface YamlFile {
  /** Relative to the project's folder. */
  readonly path: string;
  /** The file, character for character, with its byte order mark and CRLF. */
  readonly text: string;
  /** With comments. Nodes have their ranges in `text`. */
  readonly document: Document.Parsed;
  readonly lineCounter: LineCounter;
}

/**
 * Reads a regular text file. Links are refused: a commit does not show what they lead to, which may be a pipeline's
 * kubeconfig.
 *
 * @param absolute the file's absolute path
 * @param path the path that messages show
 * @param limit the most bytes that are read
 * @throws ProblemsError when it cannot be read, is not a regular file, is too large or is not UTF-8
 */
export function readTextFile(absolute: string, path: string, limit: number): string {
  try {
    const stat = lstatSync(absolute);
    if (!stat.isFile())
      throw problem(
        path,
        `This is ${stat.isSymbolicLink() ? "a symbolic link" : "not a regular file"}; expected a regular file.`,
      );
    if (stat.size > limit) throw problem(path, `The file has ${stat.size} bytes; expected at most ${limit}.`);
    const bytes = readFileSync(absolute);
    if (!isUtf8(bytes)) throw problem(path, "The file is not UTF-8; expected text in UTF-8.", "Save it as UTF-8.");
    return bytes.toString("utf8");
  } catch (error) {
    throw error instanceof ProblemsError ? error : problem(path, `The file cannot be read: ${readError(error)}.`);
  }
}

/** What ends a line, and with it a comment, for the YAML reader of Helm and Pulumi, but not for ours. */
export const foreignLineEnd = /\r(?!\n)|[\u0085\u2028\u2029]/;

/** The first of these, with its code point in hexadecimal. */
export function foreignLineEndIn(text: string): { readonly code: string; readonly index: number } | undefined {
  const index = text.search(foreignLineEnd);
  return index < 0 ? undefined : { code: text.charCodeAt(index).toString(16).toUpperCase().padStart(4, "0"), index };
}

/** Where Git has left the two sides of a conflict, in a text that is not YAML. */
export function conflictIn(text: string): number | undefined {
  const index = text.search(/^<{7}(?: |$)/m);
  return index < 0 ? undefined : index;
}

/** What to say where `conflictIn` finds one. */
export const conflict = {
  message: "Git has left a merge conflict here.",
  fix: "Resolve it: keep what is decided, and remove the lines that begin with `<<<<<<<`, `=======` and `>>>>>>>`.",
} as const;

/** A line such as `%YAML 1.2`, before which there are comments at most. */
const directive = /^\ufeff?(?:[ \t]*(?:#.*)?\r?\n)*%/;

/** Parses one YAML document. Syntax errors and unknown tags go to `report`. */
export function parseYaml(path: string, text: string, report: (problem: Problem) => void): YamlFile | undefined {
  const lineCounter = new LineCounter();
  const place = (offset: number) => {
    const { line, col } = lineCounter.linePos(offset);
    return { file: path, line, column: col };
  };
  let documents: Document.Parsed[];
  try {
    const tokens = new Parser(lineCounter.addNewLine).parse(text);
    // The library compares each key of a map with every other; `reportDuplicateKeys` grows in proportion.
    documents = [...new Composer({ uniqueKeys: false }).compose(tokens, true, text.length)];
  } catch {
    report({ file: path, message: "The YAML cannot be read; it is nested too deeply." });
    return undefined;
  }
  const foreign = foreignLineEndIn(text);
  if (foreign !== undefined) {
    const { code, index } = foreign;
    report({
      ...place(index),
      message: `The character U+${code} is a line end for some YAML readers only, so they read different values.`,
      fix: `End lines with LF or CRLF; in a text, write \`\\u${code}\` in double quotes.`,
    });
    return undefined;
  }
  const [document, second] = documents;
  if (document === undefined) return undefined;
  const [before] = directive.exec(text) ?? [];
  if (before !== undefined) {
    const message =
      "The line is a YAML directive, such as `%YAML 1.2`. Pulumi, Flux and Helm refuse it, or read other values.";
    report({ ...place(before.length - 1), message, fix: "Remove the line." });
    return undefined;
  }
  const wrong = [...document.errors, ...document.warnings];
  const conflictAt = wrong.length === 0 ? undefined : conflictIn(text);
  if (conflictAt !== undefined) {
    report({ ...place(conflictAt), ...conflict });
    return undefined;
  }
  const tooDeep = wrong.find(({ message }) => message.startsWith("Maximum call stack size exceeded"));
  if (tooDeep !== undefined) {
    report({ ...place(tooDeep.pos[0]), message: "The YAML cannot be read; it is nested too deeply." });
    return undefined;
  }
  for (const one of wrong.slice(0, mostSyntaxProblems)) {
    report({ ...place(one.pos[0]), message: `This is not valid YAML: ${withoutText(firstSentence(one.message))}.` });
  }
  if (second !== undefined) {
    report({
      ...place(second.range[0]),
      message: "The file holds more than one YAML document; expected one.",
      fix: "Remove what follows `---`.",
    });
  }
  return wrong.length === 0 && second === undefined ? { path, text, document, lineCounter } : undefined;
}

/** One typing error can make the parser report each line that follows. */
const mostSyntaxProblems = 5;

function firstSentence(message: string): string {
  return (message.split("\n")[0] ?? "").replace(/[.:]$/, "");
}

/** The library's message without text of the file: `password: !Tr0ub4dor&3` is an unknown tag to it. */
function withoutText(message: string): string {
  return message.replace(/(?<=\S): .*$|(?<=escape sequence) .*$/, "");
}

/** Reports each key that appears twice in the map. Parsers differ in which of the two they use. */
export function reportDuplicateKeys(
  map: YAMLMap,
  lineOf: (pair: Pair) => number | undefined,
  report: (pair: Pair, key: string, firstLine: number | undefined) => void,
): void {
  const seen = new Map<string, Pair>();
  for (const pair of map.items) {
    const key = keyText(pair);
    if (key === undefined) continue;
    const first = seen.get(key);
    if (first === undefined) seen.set(key, pair);
    else report(pair, key, lineOf(first));
  }
}

/** The key of a pair as text; nothing for a list, a mapping or an alias as key. */
export function keyText(pair: Pair): string | undefined {
  const { key } = pair;
  if (!isScalar(key)) return undefined;
  return key.source ?? String(key.value);
}

/** Where a node starts, 1-based. */
export function startOf(file: YamlFile, node: unknown): { line: number; column: number } | undefined {
  if (!isScalar(node) && !isMap(node) && !isSeq(node) && !isAlias(node)) return undefined;
  if (node.range === undefined || node.range === null) return undefined;
  const { line, col } = file.lineCounter.linePos(node.range[0]);
  return { line, column: col };
}

const readErrors: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file",
  EACCES: "permission denied",
  ELOOP: "its symbolic links form a circle",
  ENOTDIR: "a part of its path is not a folder",
};

/** Why the system cannot read a file, without codes and paths where the reason is known. */
export function readError(error: unknown): string {
  const { code = "unknown error" } = error as NodeJS.ErrnoException;
  return readErrors[code] ?? code;
}

function problem(file: string, message: string, fix?: string): ProblemsError {
  return new ProblemsError([{ file, message, fix }]);
}
