import { isScalar } from "yaml";
import { withoutCredentials } from "./address";
import type { Problem } from "./problem";
import { projectPrefix } from "./schema";
import { configPathText, describeNode, nodeAt, positionOf, type ConfigPath, type StackFile } from "./stack-file";

/** Gathers the problems of one stack, each with its place in the stack file. */
export class Report {
  readonly #problems: Problem[] = [];
  readonly #paths = new Set<string>();
  readonly #spoiled = new Set<string>();

  constructor(readonly file: StackFile) {}

  /** Everything found, in the order of files and lines. */
  get problems(): readonly Problem[] {
    return this.#problems.toSorted(
      (one, other) =>
        Number(one.file !== this.file.path) - Number(other.file !== this.file.path) ||
        (one.file < other.file ? -1 : Number(one.file > other.file)) ||
        (one.line ?? 0) - (other.line ?? 0) ||
        (one.column ?? 0) - (other.column ?? 0),
    );
  }

  /** A problem of the value (or of the key) at a path below `shared-authority:`, such as `["tenants", "podinfo", "tag"]`. */
  add(path: ConfigPath, message: string, fix?: string, part: "key" | "value" = "value"): void {
    this.addAt(ours(path), message, fix, part);
  }

  /** A problem at a path below `config:`, the first element with its prefix. */
  addAt(path: ConfigPath, message: string, fix?: string, part: "key" | "value" = "value"): void {
    this.addProblem({
      file: this.file.path,
      ...positionOf(this.file, path, part),
      path: configPathText(path),
      message,
      fix,
    });
  }

  /** A problem that knows its place, such as one of a values file. */
  addProblem(problem: Problem): void {
    this.#problems.push(problem);
    if (problem.path !== undefined) this.#paths.add(problem.path);
  }

  /** `Expected ..., got ...`, in one form everywhere, with what the file has at the path. */
  expected(path: ConfigPath, expected: string): void {
    const node = nodeAt(this.file, ours(path));
    if (node === undefined) {
      this.add(path, `This key is missing; expected ${expected}.`);
      return;
    }
    const got = describeNode(node, isSecret(path), quoteShown);
    this.add(path, `Expected ${expected}, got ${got}.`, quoteIt(node, expected));
  }

  /** The value at a path as a message may show it. */
  shown(path: ConfigPath): string {
    return describeNode(nodeAt(this.file, ours(path)), isSecret(path), quoteShown);
  }

  /** A problem that leaves nothing at or below the path that could be judged, such as a duplicate key. */
  spoil(path: ConfigPath, message: string, fix?: string, part: "key" | "value" = "value"): void {
    this.addAt(path, message, fix, part);
    this.#spoiled.add(configPathText(path));
  }

  /** Whether the path has its problem already, or stands below one that spoils it. */
  has(path: ConfigPath): boolean {
    const whole = ours(path);
    return this.#paths.has(configPathText(whole)) || this.isSpoiled(whole);
  }

  /** Whether the path below `config:`, or one above it, is spoiled. */
  isSpoiled(path: ConfigPath): boolean {
    return (
      this.#spoiled.size > 0 && path.some((_, index) => this.#spoiled.has(configPathText(path.slice(0, index + 1))))
    );
  }
}

/** The path below `config:` of a path below `shared-authority:`. */
export function ours(path: ConfigPath): ConfigPath {
  const [first, ...rest] = path;
  return first === undefined ? [] : [`${projectPrefix}:${first}`, ...rest];
}

/** A text in quotes, cut where it is long, with no password of an address. */
export function quoteShown(text: string): string {
  const safe = withoutCredentials(text);
  return JSON.stringify(safe.length > 80 ? `${safe.slice(0, 77)}...` : safe);
}

/** Where the name of a Secret belongs, people put the secret itself. */
function isSecret(path: ConfigPath): boolean {
  return path.some((part) => typeof part === "string" && /secret/i.test(part));
}

/** `tag: 1.10` came as a number: what was meant is what is written there. */
function quoteIt(node: unknown, expected: string): string | undefined {
  if (!isScalar(node) || typeof node.value === "string" || node.value === null || node.source === undefined)
    return undefined;
  return /tag|version|range|quoted|digest/i.test(expected) ? `Quote it: \`"${node.source}"\`.` : undefined;
}
