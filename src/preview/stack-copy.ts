/** Copies of Pulumi's files for a preview: with nothing that leads to a secret, and with the code of the base branch. */
import { isMap, isScalar, isSeq, type Pair, type Range, type YAMLMap } from "yaml";
import { ProblemsError } from "../config/problem";
import { projectPrefix } from "../config/report";
import { entryAt, parseProjectFile, parseStackFile } from "../config/stack-file";
import { settingsOf } from "../config/structure";
import { keyText } from "../config/yaml-file";

/** A copy of a stack file. */
export interface StackCopy {
  /** Each line is where it was. */
  readonly text: string;
  /** The keys that the copy lacks. */
  readonly removed: readonly string[];
}

/**
 * Leaves out everything at the top of a stack file but `config`, and encrypted values: `encryptionsalt`, `encryptedkey`,
 * `secretsprovider` and `environment` would have the engine ask for keys, and Pulumi ESC for secrets.
 *
 * A file that is not a YAML mapping is copied as it is: `check` says what is wrong with it.
 */
export function stackCopy(stack: string, text: string): StackCopy {
  const file = parsed(() => parseStackFile(stack, text));
  if (file === undefined || !isMap(file.document.contents)) return { text, removed: [] };
  const { contents } = file.document;
  const cuts: Cut[] = contents.items.flatMap((pair) =>
    keyText(pair) === "config" ? [] : [cutOf(pair, contents, [keyText(pair) ?? "?"])],
  );
  if (file.config !== undefined) cuts.push(...encrypted(file.config, ["config"]));
  return { text: withoutCuts(text, cuts), removed: cuts.map(({ path }) => path.join(".")) };
}

/** The text of a stack file whose objects are written into a folder, so that a preview needs no cluster. */
export function withDelivery(stack: string, text: string, folder: string): string {
  const file = parseStackFile(stack, text);
  if (settingsOf(file).delivery !== "cluster" && settingsOf(file).delivery !== undefined) return text;
  const line = `${projectPrefix}:delivery: {manifests: ${JSON.stringify(folder)}}`;
  const { key, value } = entryAt(file, ["delivery"]) ?? {};
  const [start, end] = [rangeOf(key)?.[0], rangeOf(value)?.[1]];
  if (start !== undefined && end !== undefined) return text.slice(0, start) + line + text.slice(end);
  const [first] = file.config?.items ?? [];
  const at = rangeOf(first?.key)?.[0];
  if (at === undefined) return text;
  const isFlow = file.config?.flow === true;
  const indent = text.slice(text.lastIndexOf("\n", at - 1) + 1, at);
  return text.slice(0, at) + line + (isFlow ? ", " : `\n${indent}`) + text.slice(at);
}

/** The folder that a stack renders into, as its file has it. */
export function renderedFolder(stack: string, text: string): string | undefined {
  const delivery = parsed(() => settingsOf(parseStackFile(stack, text)).delivery);
  const folder: unknown = typeof delivery === "object" && delivery !== null && Reflect.get(delivery, "manifests");
  return typeof folder === "string" ? folder : undefined;
}

/** `Pulumi.yaml` of the base branch with the `config` of a pull request. */
export interface ProjectCopy {
  readonly text: string;
  /** Whether the pull request changes anything else in the file. */
  readonly hasCode: boolean;
}

/** Only what is under `config` comes from the pull request. Everything else chooses programs. */
export function projectCopy(base: string, head: string): ProjectCopy {
  if (base === head) return { text: head, hasCode: false };
  const [before, after] = [projectParts(base), projectParts(head)];
  if (before === undefined || after === undefined) return { text: base, hasCode: true };
  // Texts are compared, because another YAML reader may read a value in another way.
  if (before.rest === after.rest) return { text: head, hasCode: false };
  return { text: `${before.rest.trimEnd()}\n${after.config}\n`, hasCode: true };
}

function projectParts(text: string): { readonly rest: string; readonly config: string } | undefined {
  const contents = parsed(() => parseProjectFile(text))?.document.contents;
  if (!isMap(contents)) return undefined;
  const pair = contents.items.find((one) => keyText(one) === "config");
  const [start, end] = [rangeOf(pair?.key)?.[0], rangeOf(pair?.value)?.[1]];
  if (start === undefined || end === undefined) return { rest: text.trimEnd(), config: "" };
  return { rest: (text.slice(0, start) + text.slice(end)).trimEnd(), config: text.slice(start, end).trimEnd() };
}

function parsed<Result>(parse: () => Result): Result | undefined {
  try {
    return parse();
  } catch (error) {
    if (error instanceof ProblemsError) return undefined;
    throw error;
  }
}

interface Cut {
  readonly path: readonly string[];
  readonly start: number;
  readonly end: number;
  /** The text that replaces it. */
  readonly text: string;
}

/** The encrypted values in a mapping or a list. */
function encrypted(node: unknown, path: readonly string[]): Cut[] {
  if (isSeq(node)) {
    return node.items.flatMap((item, index) => {
      const at = [...path, String(index)];
      const [start = 0, end = 0] = isEncrypted(item) ? (rangeOf(item) ?? []) : [];
      return end > 0 ? [{ path: at, start, end, text: "null" }] : encrypted(item, at);
    });
  }
  if (!isMap(node)) return [];
  return node.items.flatMap((pair) => {
    const at = [...path, keyText(pair) ?? "?"];
    return isEncrypted(pair.value) ? [cutOf(pair, node, at)] : encrypted(pair.value, at);
  });
}

function isEncrypted(node: unknown): boolean {
  return isMap(node) && node.items.some((pair) => keyText(pair) === "secure");
}

function cutOf({ key, value }: Pair, { flow }: YAMLMap, path: readonly string[]): Cut {
  const start = rangeOf(key)?.[0] ?? 0;
  const end = rangeOf(value)?.[1] ?? rangeOf(key)?.[1] ?? start;
  // Between braces, a key without a value is the shortest text that leaves the other keys where they are.
  return flow === true
    ? { path, start: rangeOf(value)?.[0] ?? end, end, text: "null" }
    : { path, start, end, text: "" };
}

/** The line breaks stay, so that messages name the lines of the file itself. */
function withoutCuts(text: string, cuts: readonly Cut[]): string {
  return [...cuts]
    .sort((one, other) => other.start - one.start)
    .reduce((rest, { start, end, text: instead }) => {
      const lines = rest.slice(start, end).replace(/[^\n]/g, "");
      return rest.slice(0, start) + instead + lines + rest.slice(end);
    }, text);
}

function rangeOf(node: unknown): Range | undefined {
  const isNode = isMap(node) || isScalar(node) || isSeq(node);
  return isNode ? (node.range ?? undefined) : undefined;
}
