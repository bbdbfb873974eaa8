import { readdirSync } from "node:fs";
import { basename, join } from "node:path";
import { isAlias, isMap, isScalar, isSeq, type Pair, type Scalar, type YAMLMap } from "yaml";
import { ProblemsError, type Problem } from "./problem";
import { projectPrefix } from "./schema";
import { suggestion } from "./suggestion";
import { keyText, parseYaml, readTextFile, startOf, type YamlFile } from "./yaml-file";

/**
 * A stack file with its document, so that whoever edits it can leave everything else as it is: find a node, replace its
 * range in `text`, and parse the new text. The document itself is not to be changed.
 */
export interface StackFile extends YamlFile {
  /** The stack's name, as in `Pulumi.<stack>.yaml`. */
  readonly stack: string;
  /** The mapping under `config:`; absent in a stack without config. */
  readonly config?: YAMLMap;
}

/** A place under `config:`; the first element is a key with its prefix, such as `shared-authority:tenants`. */
export type ConfigPath = readonly (string | number)[];

/** 16 MiB hold some 40,000 tenants. */
const largestStackFile = 16 * 1024 * 1024;

const stackFileName = /^Pulumi\.([A-Za-z0-9_.-]{1,100})\.yaml$/;

/** The file of a stack, relative to the project's folder. */
export function stackFilePath(stack: string): string {
  return `Pulumi.${stack}.yaml`;
}

/**
 * The names of all stacks that have a file, sorted.
 *
 * @throws ProblemsError when the project's folder cannot be read
 */
export function listStacks(root: string): string[] {
  let names: string[];
  try {
    names = readdirSync(root);
  } catch {
    throw new ProblemsError([{ file: root, message: "The project's folder cannot be read." }]);
  }
  return names
    .map((name) => stackFileName.exec(name)?.[1])
    .filter((stack) => stack !== undefined)
    .sort();
}

/**
 * Reads a stack file, without a look at what our keys say.
 *
 * @throws ProblemsError when there is no such stack, or when its file is no YAML mapping
 */
export function readStackFile(root: string, stack: string): StackFile {
  const path = stackFilePath(stack);
  const stacks = listStacks(root);
  if (!stacks.includes(stack)) {
    const inFolder = basename(path) === path && stackFileName.test(path);
    throw new ProblemsError([
      {
        file: inFolder ? path : "Pulumi.yaml",
        message: `There is no stack ${JSON.stringify(stack)} in this project; expected a stack with a file \`Pulumi.<stack>.yaml\`.`,
        fix: suggestion(stack, stacks),
      },
    ]);
  }
  return parseStackFile(stack, readTextFile(join(root, path), path, largestStackFile));
}

/**
 * Parses the text of a stack file, such as one that is about to be written.
 *
 * @throws ProblemsError when it is no YAML mapping
 */
export function parseStackFile(stack: string, text: string): StackFile {
  const path = stackFilePath(stack);
  const found: Problem[] = [];
  const file = parseYaml(path, text, (problem) => found.push(problem));
  if (file === undefined) throw new ProblemsError(found);
  const { contents } = file.document;
  if (contents === null || (isScalar(contents) && contents.value === null)) return { ...file, stack };
  if (!isMap(contents)) {
    throw new ProblemsError([
      {
        file: path,
        ...startOf(file, contents),
        message: "The file is no mapping; expected a stack file with `config:` at its top.",
      },
    ]);
  }
  const config = contents.items.find((pair) => keyText(pair) === "config")?.value;
  if (config === undefined || config === null || (isScalar(config) && config.value === null)) return { ...file, stack };
  if (!isMap(config)) {
    throw new ProblemsError([
      {
        file: path,
        ...startOf(file, config),
        path: "config",
        message: `Expected a mapping of keys such as \`${projectPrefix}:follow\`, got ${isSeq(config) ? "a list" : "something else"}.`,
      },
    ]);
  }
  return { ...file, stack, config };
}

/** The path in the config as messages show it: `shared-authority:tenants.podinfo.policy.deny[0]`. */
export function configPathText(path: ConfigPath): string {
  return path.reduce<string>((text, part) => {
    if (typeof part === "number") return `${text}[${part}]`;
    return text === "" ? part : `${text}.${part}`;
  }, "");
}

/** The pair that the path's last key stands in; nothing where it is not in the file. Of duplicates, the last. */
export function pairAt(file: StackFile, path: ConfigPath): Pair | undefined {
  let node: unknown = file.config;
  let pair: Pair | undefined;
  for (const part of path) {
    pair = undefined;
    if (isMap(node)) {
      pair = pairsByKey(node).get(String(part));
      node = pair?.value;
    } else if (isSeq(node) && typeof part === "number") {
      node = node.items[part];
    } else {
      return undefined;
    }
  }
  return pair;
}

const knownPairs = new WeakMap<YAMLMap, ReadonlyMap<string, Pair>>();

/** Thousands of tenants stand in one map; searching it for each of them would grow with their square. */
function pairsByKey(map: YAMLMap): ReadonlyMap<string, Pair> {
  let pairs = knownPairs.get(map);
  if (pairs === undefined) {
    pairs = new Map(map.items.map((pair) => [keyText(pair) ?? "", pair]));
    knownPairs.set(map, pairs);
  }
  return pairs;
}

/** The node at the path; nothing where the file has none. */
export function nodeAt(file: StackFile, path: ConfigPath): unknown {
  const last = path.at(-1);
  if (typeof last === "number") {
    const parent = nodeAt(file, path.slice(0, -1));
    return isSeq(parent) ? parent.items[last] : undefined;
  }
  return path.length === 0 ? file.config : (pairAt(file, path)?.value ?? undefined);
}

/** The scalar at the path; nothing where the file has none there. */
export function scalarAt(file: StackFile, path: ConfigPath): Scalar | undefined {
  const node = nodeAt(file, path);
  return isScalar(node) ? node : undefined;
}

/** Where the path stands, 1-based: its value, or its key; where it is missing, the nearest key above. */
export function positionOf(
  file: StackFile,
  path: ConfigPath,
  part: "key" | "value" = "value",
): { line?: number; column?: number } {
  for (let length = path.length; length > 0; length -= 1) {
    const above = path.slice(0, length);
    const pair = pairAt(file, above);
    const value = nodeAt(file, above);
    const whole = length === path.length;
    const preferred = whole && part === "value" ? [value, pair?.key] : [pair?.key, value];
    for (const node of preferred) {
      const position = isEmptyScalar(node) ? undefined : startOf(file, node);
      if (position !== undefined) return position;
    }
  }
  const { contents } = file.document;
  const configKey = isMap(contents) ? contents.items.find((pair) => keyText(pair) === "config")?.key : undefined;
  return startOf(file, configKey) ?? {};
}

/** A value that is not written at all starts after the line's comments; its key says better where it is. */
function isEmptyScalar(node: unknown): boolean {
  return isScalar(node) && node.value === null && (node.source ?? "") === "";
}

/** What stands at the path, in words and without secrets: `"abc"`, `the number 1.10`, `a list`. */
export function describeNode(node: unknown, hide: boolean, shown: (text: string) => string): string {
  if (isMap(node)) return node.items.length === 0 ? "an empty mapping" : "a mapping";
  if (isSeq(node)) return node.items.length === 0 ? "an empty list" : "a list";
  if (isAlias(node)) return "an alias";
  if (!isScalar(node) || node.value === null) return "nothing";
  const { value } = node;
  if (hide) return "a text that is not shown here";
  if (typeof value === "string") return shown(value);
  if (typeof value === "number" || typeof value === "bigint") return `the number ${node.source ?? String(value)}`;
  return `\`${node.source ?? JSON.stringify(value)}\``;
}
