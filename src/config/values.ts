import { lstatSync, realpathSync } from "node:fs";
import { join, posix } from "node:path";
import { isMap, isScalar, visit } from "yaml";
import type { ValuesFile } from "./stack-config";
import { isInnerPath } from "./address";
import { dataKey } from "./kubernetes-name";
import { ProblemsError, type Problem } from "./problem";
import type { Report } from "./report";
import type { ConfigPath } from "./stack-file";
import { pinnedImageKey, valuesKey } from "./values-key";
import { keyText, parseYaml, readTextFile, reportDuplicateKeys, startOf, type YamlFile } from "./yaml-file";

/** Kubernetes takes no larger ConfigMap than 1 MiB, all keys together. */
const largestConfigMap = 1024 * 1024;

/** More aliases than anybody writes by hand; a bomb needs millions. */
const mostAliases = 1000;

/** The files of a tenant's special config where its entry names none; either may be missing. */
export function defaultValuesFiles(tenant: string, stack: string): string[] {
  return ["values.yaml", `values.${stack}.yaml`].map((name) => `tenants/${tenant}/${name}`);
}

/** Reads the values files of the tenants of one stack. Files that several tenants name are checked once. */
export class ValuesReader {
  readonly #contents = new Map<string, string | undefined>();
  /** Texts without fault: many tenants say the same. */
  readonly #sound = new Set<string>();
  readonly #root: string;

  constructor(
    root: string,
    readonly report: Report,
  ) {
    this.#root = realpathSync.native(root);
  }

  /**
   * The special config of a tenant. What is wrong with the files goes to the report.
   *
   * @param declared the names as the stack file gives them; nothing: the tenant's default files, where they exist
   */
  read(tenant: string, declared: unknown): ValuesFile[] {
    const folder = `tenants/${tenant}`;
    if (declared === undefined) {
      return this.#readAll(
        tenant,
        defaultValuesFiles(tenant, this.report.file.stack).filter((path) => exists(join(this.#root, path))),
      );
    }
    if (!Array.isArray(declared)) return [];
    const paths = new Map<string, string>();
    for (const [index, name] of declared.entries()) {
      if (typeof name !== "string" || !isInnerPath(name)) continue;
      const path = posix.normalize(name.startsWith("tenants/") ? name : `${folder}/${name}`);
      const key = valuesKey(tenant, path);
      const [message, fix] = this.#nameFault(path, key, paths.get(key)) ?? [];
      if (message === undefined) paths.set(key, path);
      else this.report.add(["tenants", tenant, "values", index], message, fix);
    }
    return this.#readAll(tenant, [...paths.values()]);
  }

  /** What is wrong with the name of a values file, and how to fix it: the name becomes a key of a ConfigMap. */
  #nameFault(path: string, key: string, first: string | undefined): [message: string, fix: string] | undefined {
    if (first === path) return [`The values file \`${path}\` stands twice.`, "Remove one of the two."];
    if (!exists(join(this.#root, path))) {
      return [`There is no file \`${path}\`.`, "Make it, or take it out of `values`."];
    }
    const rename = "Rename the file: its name becomes a key of a ConfigMap.";
    if (!dataKey.test(key)) {
      const got = key.length > 253 ? `${key.length} characters` : `\`${key}\``;
      return [
        `Expected a file name of letters, digits, \`-\`, \`_\` and \`.\`, not two points first, at most 253 characters with its folders; got ${got}.`,
        rename,
      ];
    }
    // JavaScript lists keys such as `10` before all others, and then the files would be merged in another order.
    if (!/\.(?:ya?ml|json)$/i.test(key)) {
      return [`Expected a file name that ends in \`.yaml\`, \`.yml\` or \`.json\`, got \`${path}\`.`, rename];
    }
    if (key === pinnedImageKey) {
      return [`The key \`${key}\` is kept for the values by which the program pins the image.`, rename];
    }
    if (first !== undefined) {
      return [`The values files \`${first}\` and \`${path}\` would both have the key \`${key}\`.`, rename];
    }
    return undefined;
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
      const at: ConfigPath = ["tenants", tenant, "values"];
      this.report.add(
        at,
        `The values files of the tenant ${tenant} have ${bytes} bytes together; expected at most ${largestConfigMap}, which is what a ConfigMap holds.`,
      );
    }
    return files;
  }

  #readOne(path: string): string | undefined {
    const problems: Problem[] = [];
    const report = (problem: Problem) => problems.push(problem);
    let content: string | undefined;
    try {
      const real = realpathSync.native(join(this.#root, path));
      // A link's commit says nothing of what it leads to, which may be the pipeline's own kubeconfig.
      if (real !== join(this.#root, path)) {
        report({
          file: path,
          message:
            "The file is reached by a symbolic link, or by another spelling; expected a file of this repository.",
          fix: "Put the file itself here, or name it under `values`: a decision is a commit in this repository.",
        });
      } else {
        content = readTextFile(real, path, largestConfigMap);
        if (!this.#sound.has(content)) {
          const yaml = parseYaml(path, content, report);
          if (yaml !== undefined) checkValues(yaml, report);
          if (problems.length === 0) this.#sound.add(content);
        }
      }
    } catch (error) {
      if (error instanceof ProblemsError) problems.push(...error.problems);
      else
        report({
          file: path,
          message: `The file cannot be read: ${(error as NodeJS.ErrnoException).code ?? "unknown error"}.`,
        });
    }
    for (const problem of problems) this.report.addProblem(problem);
    return problems.length === 0 ? content : undefined;
  }
}

function exists(path: string): boolean {
  // A link into nowhere exists: it was meant, and its problem must be said.
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

function checkValues(file: YamlFile, report: (problem: Problem) => void): void {
  const { contents } = file.document;
  if (contents === null || (isScalar(contents) && contents.value === null)) return;
  if (!isMap(contents)) {
    report({
      file: file.path,
      ...startOf(file, contents),
      message: "Expected a mapping of the chart's values, got something else.",
      fix: "A values file holds keys of the chart, or nothing.",
    });
    return;
  }
  visit(file.document, {
    Map: (_, map) => {
      reportDuplicateKeys(
        map,
        (pair) => startOf(file, pair.key)?.line,
        (pair, key, firstLine) => {
          if (key === "<<") return;
          report({
            file: file.path,
            ...startOf(file, pair.key),
            path: key,
            message: `The key \`${key}\` stands twice in one mapping; the first one is on line ${firstLine ?? 0}.`,
            fix: "Remove one of the two.",
          });
        },
      );
      for (const pair of map.items) {
        if (keyText(pair) === "__proto__") {
          report({
            file: file.path,
            ...startOf(file, pair.key),
            message: "The name `__proto__` is refused.",
            fix: "Choose another name.",
          });
        }
      }
    },
  });
  if (file.text.includes("*")) checkAliases(file, report);
}

function checkAliases(file: YamlFile, report: (problem: Problem) => void): void {
  try {
    file.document.toJS({ maxAliasCount: mostAliases, mapAsMap: true });
  } catch (error) {
    const excessive = error instanceof ReferenceError && /excessive/i.test(error.message);
    report({
      file: file.path,
      message: excessive
        ? `The aliases of the file unfold to more than ${mostAliases} values; such a file is a bomb to whoever reads it.`
        : "An alias of the file cannot be resolved.",
      fix: "Write the values out.",
    });
  }
}
