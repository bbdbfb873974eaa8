/** Reads a stack's config from the project's files. */
import { resolve } from "node:path";
import { checkMarkers } from "./marker";
import { readOtherStacks } from "./other-stacks";
import { parseConfig } from "./parse-config";
import { type Problem, ProblemsError } from "./problem";
import { Report, valueAt } from "./report";
import { checkRules } from "./rules";
import { sharedObjects } from "./shared-cluster";
import type { StackConfig, Tenant, ValuesFile } from "./stack-config";
import { type ConfigFiles, entryAt, listStacks, placesOf, readConfigFiles } from "./stack-file";
import { checkStructure, settingsOf } from "./structure";
import { ValuesReader } from "./values";
import { startOf } from "./yaml-file";

export { listStacks, readConfigFiles } from "./stack-file";

/** Which stack of which project is read. */
export interface StackLocation {
  /** The folder that holds `Pulumi.yaml`. */
  readonly root: string;
  /** The stack's name, as in `Pulumi.<stack>.yaml`. */
  readonly stack: string;
}

/** What is read of a stack. */
export interface ReadOptions {
  /** False: no values file is read, which takes half of the time, and no tenant has one. Default: true. */
  readonly values?: boolean;
}

/**
 * Reads `Pulumi.yaml`, the stack file and the tenants' values files.
 *
 * @throws ProblemsError with everything that is wrong with them, at once
 */
export function readStackConfig({ root, stack }: StackLocation, options?: ReadOptions): StackConfig {
  return stackConfigOf(readConfigFiles(root, stack), options);
}

/**
 * The config of files that have been parsed already, such as a stack file that is about to be written.
 *
 * @throws ProblemsError with everything that is wrong, at once
 */
export function stackConfigOf(files: ConfigFiles, options: ReadOptions = {}): StackConfig {
  const { stack, project } = files;
  const root = resolve(files.root);
  const report = new Report(settingsOfFiles(files), placesOf(files));
  for (const file of [project, stack]) if (file !== undefined) checkStructure(report, file);
  const values = new ValuesReader(root, stack.stack, report, files.values);
  const parsed = parseConfig(report, {
    stack: stack.stack,
    root,
    file: stack.path,
    valuesOf: options.values === false ? () => [] : values.read.bind(values),
    lineOf: (tenant) => startOf(stack, entryAt(stack, ["tenants", tenant])?.key)?.line ?? 1,
  });
  checkRules(report, parsed, () => readOtherStacks(root, stack.stack));
  checkMarkers(report, stack, parsed);
  return parsed.config();
}

/**
 * The special config of one tenant, of a config that was read without values files.
 *
 * @throws ProblemsError with everything that is wrong with its values files
 */
export function readTenantValues(
  files: ConfigFiles,
  { name, formerly }: Pick<Tenant, "name" | "formerly">,
): readonly ValuesFile[] {
  const report = new Report(settingsOfFiles(files), placesOf(files));
  const declared = valueAt(report.settings, ["tenants", name, "values"]);
  const values = new ValuesReader(resolve(files.root), files.stack.stack, report, files.values);
  const found = values.read(name, declared, formerly);
  if (report.problems.length > 0) throw new ProblemsError(report.problems);
  return found;
}

/** What the files say together: as the engine does it, a stack's key replaces the project's. */
export function settingsOfFiles({ stack, project }: ConfigFiles): Readonly<Record<string, unknown>> {
  return { ...settingsOf(project), ...settingsOf(stack) };
}

/**
 * Reads every stack of the project, and checks that no two of them render into the same folder, or
 * own the same objects in one cluster.
 *
 * @throws ProblemsError with everything that is wrong with any of them, at once
 */
export function readAllStackConfigs(root: string, options?: ReadOptions): StackConfig[] {
  return [...eachStackConfig(root, options)];
}

/** The same, one after the other. The problems of all are thrown at the end. */
export function* eachStackConfig(root: string, options?: ReadOptions): Generator<StackConfig, void> {
  const configs: StackConfig[] = [];
  const problems = new Map<string, Problem>();
  for (const stack of listStacks(root)) {
    let config: StackConfig;
    try {
      config = readStackConfig({ root, stack }, options);
    } catch (error) {
      if (!(error instanceof ProblemsError)) throw error;
      // All stacks share `Pulumi.yaml`: its problems count once.
      for (const problem of error.problems) problems.set(JSON.stringify(problem), problem);
      continue;
    }
    configs.push(config);
    yield config;
  }
  const all = [...problems.values(), ...sharedFolders(root, configs), ...sharedObjects(root, configs)];
  if (all.length > 0) throw new ProblemsError(all);
}

function sharedFolders(root: string, configs: readonly StackConfig[]): Problem[] {
  const known: { readonly stack: string; readonly folder: string }[] = [];
  return configs.flatMap(({ file, stack, delivery }) => {
    if (delivery.kind !== "manifests") return [];
    const folder = resolve(root, delivery.directory);
    const other = known.find((one) => `${one.folder}/`.startsWith(`${folder}/`) || folder.startsWith(`${one.folder}/`));
    known.push({ stack, folder });
    if (other === undefined) return [];
    const message =
      other.folder === folder
        ? `The folder \`${delivery.directory}\` is that of the stack ${other.stack} as well; each would overwrite the other's objects.`
        : `The folder \`${delivery.directory}\` and that of the stack ${other.stack} are one in the other; Flux would deploy both from the outer one.`;
    const fix = "Give each stack a folder of its own, such as `rendered/<stack>`.";
    return [{ file, path: "shared-authority:delivery.manifests", message, fix }];
  });
}
