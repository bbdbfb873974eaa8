/** Config as Pulumi's engine gives it to programs and policies: by full key, texts, and JSON for mappings and lists. */
import { isDeepStrictEqual } from "node:util";
import { readOtherStacks } from "./other-stacks";
import { parseConfig } from "./parse-config";
import type { Problem } from "./problem";
import { pathText, projectPrefix, Report, type Settings } from "./report";
import { settingsOfFiles } from "./read-stack-config";
import { checkRules } from "./rules";
import type { StackConfig } from "./stack-config";
import { type ConfigFiles, placesOf, readProjectFile, stackFilePath } from "./stack-file";
import { checkTop } from "./structure";
import { ValuesReader } from "./values";

/** Everything that the engine gives, such as `{"shared-authority:follow": "tags"}`. */
export type EngineConfig = Readonly<Record<string, string>>;

/**
 * A stack's config as the engine gives it, with the values files of the project's folder: the same that the program reads
 * from its files. A program that has no config of ours follows tags and has no tenants.
 *
 * @param root the folder of `Pulumi.yaml`
 * @throws ProblemsError with everything that is wrong, at once
 */
export function stackConfigOfEngine(stack: string, engine: EngineConfig, root: string): StackConfig {
  const file = stackFilePath(stack);
  const report = new Report({ follow: "tags", ...settingsOfEngine(engine) }, { at: () => ({ file }) });
  const project = readProjectFile(root);
  if (project !== undefined) checkTop(report, project);
  const values = new ValuesReader(root, stack, report);
  const valuesOf = values.read.bind(values);
  const parsed = parseConfig(report, { stack, root, file, valuesOf, lineOf: () => 1 });
  checkRules(report, parsed, () => readOtherStacks(root, stack));
  return parsed.config();
}

function settingsOfEngine(engine: EngineConfig): Settings {
  const ours = Object.entries(engine).filter(([key]) => key.startsWith(`${projectPrefix}:`));
  return Object.fromEntries(ours.map(([key, text]) => [key.slice(projectPrefix.length + 1), valueOf(text)]));
}

function valueOf(text: string): unknown {
  try {
    return /^[{[]/.test(text) ? JSON.parse(text) : text;
  } catch {
    return text;
  }
}

/**
 * Compares the config that the engine gives the program with the files. They differ after `pulumi up -c` or
 * `--config-file`: then the commit does not hold the decision that would be deployed. Values may be secrets and are not
 * printed.
 *
 * @returns one problem for each key that differs
 */
export function engineConfigProblems(files: ConfigFiles, engine: EngineConfig): Problem[] {
  const declared = settingsOfFiles(files);
  const given = settingsOfEngine(engine);
  const places = placesOf(files);
  return [...new Set([...Object.keys(declared), ...Object.keys(given)])].sort().flatMap((key) => {
    const message = !Object.hasOwn(given, key)
      ? "The engine does not have this key, but the files have it."
      : !Object.hasOwn(declared, key)
        ? "The engine has this key, but the files do not."
        : isSame(declared[key], given[key])
          ? undefined
          : "The engine has another value for this key than the files.";
    if (message === undefined) return [];
    const fix = "Write the decision into the file and commit it; leave out `-c`, `--config` and `--config-file`.";
    return [{ ...places.at([key], "key"), path: pathText([key]), message, fix }];
  });
}

/** Pulumi gives a key without value as an empty text. */
function isSame(declared: unknown, given: unknown): boolean {
  return declared === null ? given === "" || given === "null" : isDeepStrictEqual(given, declared);
}
