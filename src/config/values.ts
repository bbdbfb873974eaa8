import { lstatSync, realpathSync } from "node:fs";
import { join, posix } from "node:path";
import { isMap, isScalar, visit } from "yaml";
import { isInnerPath } from "./address";
import { dataKey } from "./kubernetes-name";
import { LineEnds } from "./line-ends";
import { ProblemsError, type Problem } from "./problem";
import type { Report } from "./report";
import type { StackConfig, ValuesFile } from "./stack-config";
import { pinnedImageKey, valuesKey } from "./values-key";
import { keyText, parseYaml, readError, readTextFile, reportDuplicateKeys, startOf, type YamlFile } from "./yaml-file";

/** Kubernetes accepts no larger ConfigMap than 1 MiB, all keys together. */
const largestConfigMap = 1024 * 1024;

/** More aliases than anybody writes by hand. A file that exhausts its reader needs millions. */
const mostAliases = 1000;

/** The files of a tenant's special config where its entry names none. Either may be missing. */
export function defaultValuesFiles(tenant: string, stack: string): string[] {
  return ["values.yaml", `values.${stack}.yaml`].map((name) => `tenants/${tenant}/${name}`);
}

/** The files of tenants' special config: those that were read, and those that would be if they were there. */
export function specialConfigPaths({ tenants, stack }: Pick<StackConfig, "tenants" | "stack">): string[] {
  const paths = tenants.flatMap(({ name, values }) => [
    ...values.map(({ path }) => path),
    ...defaultValuesFiles(name, stack),
  ]);
  return [...new Set(paths)];
}

/** A declared values file, as a path from the project's folder. */
export function valuesPath(tenant: string, name: string): string {
  return posix.normalize(name.startsWith("tenants/") ? name : `tenants/${tenant}/${name}`);
}

/** Reads the values files of one stack's tenants. A file that several tenants name is read once. */
export class ValuesReader {
  readonly #contents = new Map<string, string | undefined>();
  /** Texts without problems: many tenants have the same. */
  readonly #valid = new Set<string>();
  readonly #root: string;
  readonly #lineEnds: LineEnds;

  /** @param planned files that are about to be written, or removed (`undefined`) */
  constructor(
    root: string,
    readonly stack: string,
    readonly report: Report,
    readonly planned: ReadonlyMap<string, string | undefined> = new Map(),
  ) {
    this.#root = realpathSync.native(root);
    this.#lineEnds = new LineEnds(this.#root, "tenants");
  }

  /**
   * The special config of a tenant. Problems go to the report.
   *
   * @param declared the names in the stack file; `undefined` for the tenant's default files, where they exist
   * @param formerly the first name of a tenant that was renamed
   */
  read(tenant: string, declared: unknown, formerly?: string): ValuesFile[] {
    if (declared === undefined) {
      if (formerly !== undefined) this.#reportLeftBehind(tenant, formerly);
      return this.#readAll(
        tenant,
        defaultValuesFiles(tenant, this.stack).filter((path) => this.#exists(path)),
      );
    }
    const paths = new Map<string, string>();
    for (const [index, name] of (Array.isArray(declared) ? declared : []).entries()) {
      if (typeof name !== "string" || !isInnerPath(name)) continue;
      const path = valuesPath(tenant, name);
      const key = valuesKey(tenant, path);
      const [message, fix] = this.#nameProblem(path, key, paths.get(key)) ?? [];
      if (message === undefined) paths.set(key, path);
      else this.report.add(["tenants", tenant, "values", index], message, fix);
    }
    return this.#readAll(tenant, [...paths.values()]);
  }

  /** A rename must not change what runs. */
  #reportLeftBehind(tenant: string, formerly: string): void {
    const names = [tenant, formerly].map((name) => defaultValuesFiles(name, this.stack));
    for (const [index, path = ""] of (names[0] ?? []).entries()) {
      const before = names[1]?.[index] ?? "";
      if (this.#exists(path) || !this.#exists(before)) continue;
      this.report.add(
        ["tenants", tenant, "formerly"],
        `The tenant had the values file \`${before}\`, and there is no \`${path}\`; without it, the rename changes what runs.`,
        `Move the file to \`${path}\`, or copy it if another stack needs it under the old name. If the tenant needs it no longer, put an empty file there.`,
      );
    }
  }

  /** A link that leads nowhere exists: it was meant, and its problem must be reported. */
  #exists(path: string): boolean {
    if (this.planned.has(path)) return this.planned.get(path) !== undefined;
    return lstatSync(join(this.#root, path), { throwIfNoEntry: false }) !== undefined;
  }

  /** What is wrong with the name of a values file, which becomes a key of a ConfigMap, and the fix. */
  #nameProblem(path: string, key: string, first: string | undefined): [message: string, fix: string] | undefined {
    if (first === path) return [`The values file \`${path}\` appears twice.`, "Remove one of the two."];
    if (!this.#exists(path)) return [`There is no file \`${path}\`.`, "Create it, or remove it from `values`."];
    const rename = "Rename the file: its name becomes a key of a ConfigMap.";
    if (!dataKey.test(key)) {
      const got = key.length > 253 ? `${key.length} characters` : `\`${key}\``;
      return [
        `Expected a file name of letters, digits, \`-\`, \`_\` and \`.\`, not two points first, at most 253 characters with its folders; got ${got}.`,
        rename,
      ];
    }
    // JavaScript lists keys such as `10` before all others, so the files would be merged in another order.
    if (!/\.(?:ya?ml|json)$/i.test(key)) {
      return [`Expected a file name that ends in \`.yaml\`, \`.yml\` or \`.json\`, got \`${path}\`.`, rename];
    }
    if (key === pinnedImageKey) {
      return [`The key \`${key}\` is reserved for the values by which the program pins the image.`, rename];
    }
    return first === undefined
      ? undefined
      : [`The values files \`${first}\` and \`${path}\` would both have the key \`${key}\`.`, rename];
  }

  #readAll(tenant: string, paths: readonly string[]): ValuesFile[] {
    const files: ValuesFile[] = [];
    for (const path of paths) {
      if (!this.#contents.has(path)) this.#contents.set(path, this.#readOne(path));
      const content = this.#contents.get(path);
      if (content !== undefined) files.push({ path, content });
    }
    const bytes = files.reduce((sum, file) => sum + Buffer.byteLength(file.content), 0);
    if (bytes > largestConfigMap) {
      this.report.add(
        ["tenants", tenant, "values"],
        `The values files of the tenant ${tenant} have ${bytes} bytes together; expected at most ${largestConfigMap}, which is what a ConfigMap holds.`,
      );
    }
    return files;
  }

  #readOne(path: string): string | undefined {
    const problems: Problem[] = [];
    try {
      const content = this.#asCommitted(path, this.planned.get(path) ?? this.#readFile(path));
      if (this.#valid.has(content)) return content;
      const yaml = parseYaml(path, content, (problem) => problems.push(problem));
      if (yaml !== undefined) problems.push(...valuesProblems(yaml));
      if (problems.length > 0) throw new ProblemsError(problems);
      this.#valid.add(content);
      return content;
    } catch (error) {
      if (!(error instanceof ProblemsError)) throw error;
      for (const problem of error.problems) this.report.addProblem(problem);
      return undefined;
    }
  }

  #readFile(path: string): string {
    const real = this.#realPath(path);
    // A commit does not show what a link leads to, which may be the pipeline's own kubeconfig.
    if (real !== join(this.#root, path)) {
      const message = "The path has a symbolic link in it, or another spelling; expected a file of this repository.";
      const fix = "Put the file itself here, or name it under `values`: a decision is a commit in this repository.";
      throw new ProblemsError([{ file: path, message, fix }]);
    }
    return readTextFile(real, path, largestConfigMap);
  }

  #asCommitted(path: string, text: string): string {
    try {
      return this.#lineEnds.asCommitted(path, text);
    } catch (error) {
      const message = `The file has CRLF line ends, and Git cannot tell how it would store them: ${(error as Error).message}.`;
      throw new ProblemsError([{ file: path, message, fix: "Correct this, or save the file with LF line ends." }]);
    }
  }

  #realPath(path: string): string {
    try {
      return realpathSync.native(join(this.#root, path));
    } catch (error) {
      throw new ProblemsError([{ file: path, message: `The file cannot be read: ${readError(error)}.` }]);
    }
  }
}

function valuesProblems(file: YamlFile): Problem[] {
  const { contents } = file.document;
  const problems: Problem[] = [];
  const add = (node: unknown, message: string, fix: string, path?: string) =>
    problems.push({ file: file.path, ...startOf(file, node), path, message, fix });
  if (contents === null || (isScalar(contents) && contents.value === null)) return [];
  if (!isMap(contents)) {
    const fix = "A values file holds keys of the chart, or nothing.";
    add(contents, "Expected a mapping of the chart's values, got something else.", fix);
    return problems;
  }
  if (contents.hasIn(["sops", "mac"])) {
    const message = "The file is encrypted by SOPS. Nothing decrypts it, so Helm would get the encrypted texts.";
    add(contents.get("sops", true), message, "Put these values into a Secret, and name it under `secrets`.", "sops");
  }
  visit(file.document, {
    Map: (_, map) => {
      reportDuplicateKeys(
        map,
        ({ key }) => startOf(file, key)?.line,
        (pair, key, line = 0) => {
          if (key === "<<") return;
          const message = `The key \`${key}\` appears twice in one mapping; the first one is on line ${line}.`;
          add(pair.key, message, "Remove one of the two.", key);
        },
      );
      for (const pair of map.items) {
        if (keyText(pair) === "__proto__") add(pair.key, "The name `__proto__` is refused.", "Choose another name.");
      }
    },
  });
  try {
    file.document.toJS({ maxAliasCount: mostAliases, mapAsMap: true });
  } catch (error) {
    const isExcessive = error instanceof ReferenceError && /excessive/i.test(error.message);
    const message = isExcessive
      ? `The aliases of the file expand to more than ${mostAliases} values, which would exhaust its readers.`
      : "An alias of the file cannot be resolved.";
    problems.push({ file: file.path, message, fix: "Write the values out." });
  }
  return problems;
}
