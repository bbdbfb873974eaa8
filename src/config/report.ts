import { withoutCredentials } from "./address";
import type { Problem } from "./problem";

/** The prefix of all our keys in Pulumi's files. */
export const projectPrefix = "shared-authority";

/** A path below `shared-authority:`, such as `["tenants", "podinfo", "tag"]`. */
export type ConfigPath = readonly (string | number)[];

/** Our settings as plain values, by key without prefix, as the engine gives them: a stack's key replaces the project's. */
export type Settings = Readonly<Record<string, unknown>>;

/** Says where settings are written. */
export interface Places {
  /** The place of a path's value or key. Where the path is missing, the nearest one above it. */
  at(path: ConfigPath, part: "key" | "value"): Pick<Problem, "file" | "line" | "column">;
  /** A scalar as it is written, such as `1.10`. */
  source?(path: ConfigPath): string | undefined;
}

/** Gathers the problems of one stack's settings, each with its place. */
export class Report {
  readonly #problems = new Map<string, Problem>();
  readonly #paths = new Set<string>();

  constructor(
    readonly settings: Settings,
    readonly places: Places,
  ) {}

  /** Everything found, in the order of files and lines. */
  get problems(): readonly Problem[] {
    return [...this.#problems.values()].sort(
      (one, other) =>
        (one.file < other.file ? -1 : Number(one.file > other.file)) ||
        (one.line ?? 0) - (other.line ?? 0) ||
        (one.column ?? 0) - (other.column ?? 0),
    );
  }

  /** A problem of the value (or the key) at a path. */
  add(path: ConfigPath, message: string, fix?: string, part: "key" | "value" = "value"): void {
    this.addProblem({ ...this.places.at(path, part), path: pathText(path), message, fix });
  }

  /** A problem with a place of its own, such as one of a values file. Tenants share settings: each problem counts once. */
  addProblem(problem: Problem): void {
    this.#problems.set(JSON.stringify(problem), problem);
    if (problem.path !== undefined) this.#paths.add(problem.path);
  }

  /** `Expected ..., got ...`, with the value at the path. */
  expected(path: ConfigPath, expected: string): void {
    const value = valueAt(this.settings, path);
    if (value === undefined) {
      this.add(path, `This key is missing; expected ${expected}.`);
      return;
    }
    const source = this.places.source?.(path) ?? JSON.stringify(value);
    const meant = expected.includes("SemVer version")
      ? versionIn(typeof value === "string" ? value : source)
      : undefined;
    const quote = ["number", "bigint"].includes(typeof value) && /tag|version|range|quoted|digest/i.test(expected);
    this.add(
      path,
      `Expected ${expected}, got ${describe(value, source, isSecret(path))}.`,
      meant !== undefined
        ? `Write all three numbers, in quotes: \`"${meant}"\`.`
        : quote
          ? `Quote it: \`"${source}"\`.`
          : undefined,
    );
  }

  /** Whether the path, or one above it, has a problem already. */
  has(path: ConfigPath): boolean {
    return this.#paths.size > 0 && path.some((_, index) => this.#paths.has(pathText(path.slice(0, index + 1))));
  }

  /** Whether nothing at, above or below the path has a problem. */
  isClean(path: ConfigPath): boolean {
    const text = pathText(path);
    return !this.has(path) && ![...this.#paths].some((one) => one.startsWith(`${text}.`));
  }
}

/** The version that a text such as `2.4` or `v2.4.0` means. */
function versionIn(text: string): string | undefined {
  const [, first, second = "0", third = "0"] = /^v?(\d+)(?:\.(\d+))?(?:\.(\d+))?$/.exec(text) ?? [];
  return first === undefined ? undefined : `${first}.${second}.${third}`;
}

/** A path as messages show it: `shared-authority:tenants.podinfo.policy.deny[0]`. */
export function pathText(path: ConfigPath): string {
  const text = path.map((part) => (typeof part === "number" ? `[${part}]` : `.${part}`)).join("");
  return `${projectPrefix}:${text.slice(1)}`;
}

/** The value at the path, if there is one. */
export function valueAt(settings: unknown, path: ConfigPath): unknown {
  return path.reduce<unknown>(
    (value, part) =>
      typeof value === "object" && value !== null && Object.hasOwn(value, part)
        ? (value as Record<string | number, unknown>)[part]
        : undefined,
    settings,
  );
}

/** The text at the path, if there is one. */
export function textAt(settings: unknown, ...path: ConfigPath): string | undefined {
  const found = valueAt(settings, path);
  return typeof found === "string" ? found : undefined;
}

/** Whether it is a mapping. */
export function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A text in quotes, shortened where it is long, without the password of an address. */
export function quoteShown(text: string): string {
  const safe = withoutCredentials(text);
  return JSON.stringify(safe.length > 80 ? `${safe.slice(0, 77)}...` : safe);
}

/** People write the secret itself where the name of a Secret belongs. */
function isSecret(path: ConfigPath): boolean {
  return path.some((part) => typeof part === "string" && /secret/i.test(part));
}

function describe(value: unknown, source: string, hide: boolean): string {
  if (Array.isArray(value)) return value.length === 0 ? "an empty list" : "a list";
  if (isMapping(value)) return Object.keys(value).length === 0 ? "an empty mapping" : "a mapping";
  if (value === null) return "nothing";
  if (hide) return "a text that is not shown here";
  if (typeof value === "string") return quoteShown(value);
  return typeof value === "boolean" ? `\`${source}\`` : `the number ${source}`;
}
