import { isUtf8 } from "node:buffer";
import { closeSync, constants, fstatSync, openSync, readFileSync } from "node:fs";
import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  Composer,
  Lexer,
  LineCounter,
  Parser,
  type CST,
  type Document,
  type Pair,
  type YAMLMap,
} from "yaml";
import { ProblemsError, type Problem } from "./problem";
import { lexerAnnouncements, strayCharacters } from "./stray-character";

/** A YAML file, read and parsed, with what is needed to say where something stands in it. */
export interface YamlFile {
  /** Relative to the project's folder. */
  readonly path: string;
  /** The file, character for character: a byte order mark and CRLF are still in it. */
  readonly text: string;
  /** With comments; nodes carry their ranges in `text`. */
  readonly document: Document.Parsed;
  readonly lineCounter: LineCounter;
}

/**
 * Reads a text file whole.
 *
 * @param absolute where it is
 * @param path how messages call it
 * @param limit most bytes, such that a mistake or a bomb is refused before it is read
 * @throws ProblemsError when it cannot be read, is no regular file, is too large or is not UTF-8
 */
export function readTextFile(absolute: string, path: string, limit: number): string {
  let bytes: Buffer;
  let descriptor: number | undefined;
  try {
    // Without O_NONBLOCK the opening of a named pipe waits for its writer.
    descriptor = openSync(absolute, constants.O_RDONLY | constants.O_NONBLOCK);
    const stat = fstatSync(descriptor);
    if (!stat.isFile()) throw problems(path, "This is no regular file.");
    if (stat.size > limit) {
      throw problems(path, `The file has ${stat.size} bytes; expected at most ${limit}.`);
    }
    bytes = readFileSync(descriptor);
  } catch (error) {
    if (error instanceof ProblemsError) throw error;
    throw problems(path, `The file cannot be read: ${readError(error)}.`);
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
  if (!isUtf8(bytes)) throw problems(path, "The file is not UTF-8; expected text in UTF-8.", "Save it as UTF-8.");
  return bytes.toString("utf8");
}

/** Parses YAML; what is wrong with the syntax, or with tags that nobody knows, goes to `report`. */
export function parseYaml(path: string, text: string, report: (problem: Problem) => void): YamlFile | undefined {
  const stray = strayCharacters(text);
  for (const { offset, name } of stray.slice(0, mostSyntaxProblems)) {
    report({
      ...placeOf(path, text, offset),
      message: `The file holds the character ${name}, which some readers of YAML refuse, and others take for a line break or for nothing.`,
      fix: "Remove it, so that all of them read the same.",
    });
  }
  if (stray.length > 0) return undefined;
  const lineCounter = new LineCounter();
  const place = (offset: number) => {
    const { line, col } = lineCounter.linePos(offset);
    return { file: path, line, column: col };
  };
  // The library compares every key of a map with every other; `reportDuplicateKeys` grows in proportion.
  const composer = new Composer({ uniqueKeys: false });
  let documents: Document.Parsed[];
  try {
    documents = [...composer.compose(shallowTokens(text, lineCounter), true, text.length)];
  } catch (error) {
    if (!(error instanceof NestedTooDeep)) throw error;
    report({ ...place(error.offset), message: "The YAML is nested too deep to be read." });
    return undefined;
  }
  const [document, second] = documents;
  if (document === undefined) return undefined;
  const wrong = [...document.errors, ...document.warnings];
  for (const one of wrong.slice(0, mostSyntaxProblems)) {
    report({ ...place(one.pos[0]), message: `This is no valid YAML: ${withoutText(firstSentence(one.message))}.` });
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

function placeOf(path: string, text: string, offset: number): { file: string; line: number; column: number } {
  const before = text.slice(0, offset).split("\n");
  return { file: path, line: before.length, column: (before.at(-1) ?? "").length + 1 };
}

/** Flow collections inside each other, and in block style columns of indentation and indicators: each may nest once. */
const deepestFlow = 100;
const deepestBlock = 250;

class NestedTooDeep extends Error {
  constructor(readonly offset: number) {
    super("nested too deep");
  }
}

/**
 * The tokens of a YAML text. Nesting is counted before anything recursive sees it: measured on Node 20, a file of
 * 20,000 brackets exhausts the stack at about 800, and now and then that kills the whole process instead of throwing.
 *
 * @throws NestedTooDeep
 */
function* shallowTokens(text: string, lineCounter: LineCounter): Generator<CST.Token> {
  const parser = new Parser(lineCounter.addNewLine);
  lineCounter.addNewLine(0);
  let offset = 0;
  let flow = 0;
  let block = 0;
  let atLineStart = true;
  for (const lexeme of new Lexer().lex(text)) {
    const first = lexeme.charAt(0);
    if (atLineStart) block = first === " " && /^ +$/.test(lexeme) ? lexeme.length : 0;
    if (lexeme.length === 1) {
      if (first === "[" || first === "{") flow += 1;
      else if (first === "]" || first === "}") flow = Math.max(0, flow - 1);
      else if (flow === 0 && (first === "-" || first === "?" || first === ":")) block += 1;
    }
    if (flow > deepestFlow || block > deepestBlock) throw new NestedTooDeep(offset);
    if (!lexerAnnouncements.has(lexeme)) offset += lexeme.length;
    atLineStart = lexeme === "\n" || lexeme === "\r\n";
    yield* parser.next(lexeme);
  }
  yield* parser.end();
}

/** One slip of the pen can make a parser complain about each line that follows. */
const mostSyntaxProblems = 5;

function firstSentence(message: string): string {
  return (message.split("\n")[0] ?? "").replace(/[.:]$/, "");
}

/** What the library says, less what it quotes of the file: `password: !Tr0ub4dor&3` is a tag that nobody knows. */
function withoutText(message: string): string {
  return message.replace(/(?<=\S): .*$|(?<=escape sequence) .*$/, "");
}

/** Each key that stands twice in the map, with both lines. Which of the two would count differs from parser to parser. */
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

/** What the system says, without its codes and paths. */
function readError(error: unknown): string {
  const code = (error as NodeJS.ErrnoException).code;
  const known: Readonly<Record<string, string>> = {
    ENOENT: "there is no such file",
    EACCES: "permission denied",
    EISDIR: "it is a folder",
    ELOOP: "its symbolic links go in a circle",
    ENOTDIR: "a part of its path is no folder",
    ENAMETOOLONG: "its name is too long",
  };
  if (code !== undefined) return known[code] ?? code;
  return error instanceof Error ? firstSentence(error.message) : "unknown error";
}

function problems(file: string, message: string, fix?: string): ProblemsError {
  return new ProblemsError([{ file, message, fix }]);
}
