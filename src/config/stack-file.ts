/** The Pulumi files that hold our settings: `Pulumi.<stack>.yaml` and `Pulumi.yaml`. */
import { lstatSync, readdirSync } from "node:fs";
import { basename, join } from "node:path";
import { isMap, isScalar, isSeq, type YAMLMap } from "yaml";
import { ProblemsError, type Problem } from "./problem";
import { type ConfigPath, type Places, projectPrefix } from "./report";
import { suggestion } from "./suggestion";
import { keyText, parseYaml, readTextFile, startOf, type YamlFile } from "./yaml-file";

/** A key of a mapping, or an element of a list, with its value: nodes of the document, which are not to be changed. */
export interface Entry {
  readonly key?: unknown;
  readonly value: unknown;
}

/** A Pulumi file, parsed. Whoever edits it replaces a node's range in `text`, so that everything else stays as it is. */
export interface ConfigFile extends YamlFile {
  /** The mapping under `config:`; absent where there is none. */
  readonly config?: YAMLMap;
  /** Our settings by key, without prefix. In `Pulumi.yaml` the value is the one under `value:`. */
  readonly settings: ReadonlyMap<string, Entry>;
}

/** A stack's file. */
export interface StackFile extends ConfigFile {
  /** The stack's name, as in `Pulumi.<stack>.yaml`. */
  readonly stack: string;
}

/** The files that decide a stack, apart from values files. */
export interface ConfigFiles {
  /** The folder that holds them. */
  readonly root: string;
  readonly stack: StackFile;
  /** `Pulumi.yaml`, where there is one. */
  readonly project?: ConfigFile;
  /** Values files that are about to be written, by path; `undefined` for one that is about to be removed. */
  readonly values?: ReadonlyMap<string, string | undefined>;
}

/** The project's file. */
export const projectFilePath = "Pulumi.yaml";

/** 16 MiB hold some 40,000 tenants. */
export const largestFile = 16 * 1024 * 1024;

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
  try {
    return stacksOf(readdirSync(root));
  } catch {
    throw new ProblemsError([{ file: root, message: "Cannot read the project's folder." }]);
  }
}

/** The stacks whose files are among these. */
export function stacksOf(files: readonly string[]): string[] {
  return files.flatMap((name) => stackFileName.exec(name)?.[1] ?? []).sort();
}

/**
 * Reads the project's file and the stack's, without checking our keys.
 *
 * @throws ProblemsError when there is no such stack, or when a file is not a YAML mapping
 */
export function readConfigFiles(root: string, stack: string): ConfigFiles {
  const stacks = listStacks(root);
  if (!stacks.includes(stack)) throw new ProblemsError([unknownStack(stack, stacks)]);
  return { root, project: readProjectFile(root), stack: readStackFile(root, stack) };
}

/** The problem of a name that is none of the stacks. */
export function unknownStack(stack: string, stacks: readonly string[]): Problem {
  const name = stackFileName.exec(basename(stack))?.[1] ?? stack;
  const expected = stackFilePath(name);
  const inFolder = basename(expected) === expected && stackFileName.test(expected);
  return {
    file: inFolder ? expected : projectFilePath,
    message: `There is no stack ${JSON.stringify(stack)} in this project; expected the name of a stack that has a file \`Pulumi.<stack>.yaml\`.`,
    fix: suggestion(name, stacks),
  };
}

/**
 * Reads the project's file, where there is one.
 *
 * @throws ProblemsError when it cannot be read, or is not a YAML mapping
 */
export function readProjectFile(root: string): ConfigFile | undefined {
  if (lstatSync(join(root, "Pulumi.json"), { throwIfNoEntry: false })) {
    const message = `Pulumi would read this file in place of \`${projectFilePath}\`, which is the one that is judged.`;
    throw new ProblemsError([{ file: "Pulumi.json", message, fix: "Remove it." }]);
  }
  // A link that leads nowhere exists, and is refused.
  return lstatSync(join(root, projectFilePath), { throwIfNoEntry: false })
    ? parseProjectFile(readTextFile(join(root, projectFilePath), projectFilePath, largestFile))
    : undefined;
}

/**
 * Reads the file of a stack that exists.
 *
 * @throws ProblemsError when it cannot be read, or is not a YAML mapping
 */
export function readStackFile(root: string, stack: string): StackFile {
  const path = stackFilePath(stack);
  return parseStackFile(stack, readTextFile(join(root, path), path, largestFile));
}

/**
 * Parses the text of a stack file, such as one that is about to be written.
 *
 * @throws ProblemsError when it is not a YAML mapping
 */
export function parseStackFile(stack: string, text: string): StackFile {
  return { ...parseConfigFile(stackFilePath(stack), text, (pair) => pair), stack };
}

/**
 * Parses the text of `Pulumi.yaml`. Like Pulumi it reads what is under a key's `value:`, and in a project that is named
 * like our prefix also `default:`, and keys without a prefix.
 *
 * @throws ProblemsError when it is not a YAML mapping
 */
export function parseProjectFile(text: string): ConfigFile {
  return parseConfigFile(projectFilePath, text, ({ key, value }, isOwn) => ({
    key,
    value: (entryOf(value, "value") ?? (isOwn ? entryOf(value, "default") : undefined))?.value,
  }));
}

type ReadPair = (pair: Entry, isOwn: boolean) => Entry;

/** By path, the last text that was parsed: each stack reads `Pulumi.yaml`, and some read the other stacks' files. */
const lastParsed = new Map<string, ConfigFile>();

function parseConfigFile(path: string, text: string, read: ReadPair): ConfigFile {
  const last = lastParsed.get(path);
  if (last?.text === text) return last;
  const file = parseNewFile(path, text, read);
  lastParsed.set(path, file);
  return file;
}

function parseNewFile(path: string, text: string, read: ReadPair): ConfigFile {
  const found: Problem[] = [];
  const file = parseYaml(path, text, (problem) => found.push(problem));
  if (file === undefined) throw new ProblemsError(found);
  const { contents } = file.document;
  const refuse = (node: unknown, message: string, at?: string) =>
    new ProblemsError([{ file: path, ...startOf(file, node), path: at, message }]);
  if (isEmpty(contents)) return { ...file, settings: new Map() };
  if (!isMap(contents)) throw refuse(contents, "The file is not a mapping; expected `config:` at its top.");
  const config = entryOf(contents, "config")?.value;
  if (isEmpty(config)) return { ...file, settings: new Map() };
  if (!isMap(config)) {
    const got = isSeq(config) ? "a list" : "something else";
    throw refuse(config, `Expected a mapping of keys such as \`${projectPrefix}:follow\`, got ${got}.`, "config");
  }
  const name = entryOf(contents, "name")?.value;
  const isOwn = isScalar(name) && name.value === projectPrefix;
  const settings = config.items.flatMap((pair): [string, Entry][] => {
    const key = ourKey(keyText(pair) ?? ":", isOwn);
    return key === undefined ? [] : [[key, read(pair, isOwn)]];
  });
  return { ...file, config, settings: new Map(settings) };
}

function ourKey(key: string, isOwn: boolean): string | undefined {
  if (key.startsWith(`${projectPrefix}:`)) return key.slice(projectPrefix.length + 1);
  return isOwn && !key.includes(":") ? key : undefined;
}

function isEmpty(node: unknown): boolean {
  return node === undefined || node === null || (isScalar(node) && node.value === null);
}

/** What is at a path of our settings; of duplicate keys, the last. */
export function entryAt(file: ConfigFile, [first, ...rest]: ConfigPath): Entry | undefined {
  return rest.reduce((entry, part) => entryOf(entry?.value, part), file.settings.get(String(first)));
}

function entryOf(node: unknown, part: string | number): Entry | undefined {
  if (isMap(node)) return pairsByKey(node).get(String(part));
  return isSeq(node) && typeof part === "number" && part in node.items ? { value: node.items[part] } : undefined;
}

const knownPairs = new WeakMap<YAMLMap, ReadonlyMap<string, Entry>>();

/** Thousands of tenants are in one map: searching it for each of them would take quadratic time. */
function pairsByKey(map: YAMLMap): ReadonlyMap<string, Entry> {
  const pairs = knownPairs.get(map) ?? new Map(map.items.map((pair) => [keyText(pair) ?? "", pair]));
  knownPairs.set(map, pairs);
  return pairs;
}

/**
 * A setting of the Kubernetes provider, as the engine reads it: the stack's, or else the project's. Nothing where it is
 * encrypted.
 */
export function kubernetesSetting({ stack, project }: ConfigFiles, key: KubernetesKey): string | undefined {
  const own: unknown = stack.config?.get(`kubernetes:${key}`);
  const value = own ?? project?.config?.getIn([`kubernetes:${key}`, "value"]);
  return typeof value === "string" ? value : undefined;
}

type KubernetesKey = "context" | "kubeconfig";

/** Whether there is such a setting, also an encrypted one. */
export function hasKubernetesSetting({ stack, project }: ConfigFiles, key: KubernetesKey): boolean {
  return [stack, project].some((file) => file?.config?.has(`kubernetes:${key}`) === true);
}

/** Says where a stack's settings are written: `applications` and inherited `defaults` in `Pulumi.yaml`. */
export function placesOf({ stack, project }: ConfigFiles): Places {
  const fileOf = ([first]: ConfigPath): ConfigFile => {
    const inProject = first === "applications" || (first === "defaults" && !stack.settings.has("defaults"));
    return inProject && project !== undefined ? project : stack;
  };
  return {
    at: (path, part) => ({ file: fileOf(path).path, ...positionOf(fileOf(path), path, part) }),
    source(path) {
      const node = entryAt(fileOf(path), path)?.value;
      return isScalar(node) ? node.source : undefined;
    },
  };
}

function positionOf(file: ConfigFile, path: ConfigPath, part: "key" | "value"): { line?: number; column?: number } {
  for (let length = path.length; length > 0; length -= 1) {
    const { key, value } = entryAt(file, path.slice(0, length)) ?? {};
    for (const node of length === path.length && part === "value" ? [value, key] : [key, value]) {
      // A value that is not written starts after the line's comments.
      const position = isScalar(node) && node.source === "" && node.value === null ? undefined : startOf(file, node);
      if (position !== undefined) return position;
    }
  }
  const { contents } = file.document;
  const config = isMap(contents) ? contents.items.find((pair) => keyText(pair) === "config") : undefined;
  return startOf(file, config?.key) ?? {};
}
