/** The config of all stacks on one side of the comparison, and which tenants differ between the two. */
import { isDeepStrictEqual } from "node:util";
import { objectName } from "../config/object-name";
import { type Problem, ProblemsError } from "../config/problem";
import {
  readAllStackConfigs,
  readConfigFiles,
  readTenantValues,
  settingsOfFiles,
  stackConfigOf,
} from "../config/read-stack-config";
import { valueAt } from "../config/report";
import type { StackConfig, Tenant } from "../config/stack-config";
import { type ConfigFiles, listStacks } from "../config/stack-file";
import { defaultValuesFiles, valuesPath } from "../config/values";

/** One stack on one side. Its tenants have no values yet. */
export interface SideStack {
  readonly files: ConfigFiles;
  readonly config: StackConfig;
}

/** All stacks on one side. */
export interface Side {
  readonly stacks: ReadonlyMap<string, SideStack>;
  readonly names: readonly string[];
  readonly problems: readonly Problem[];
}

/** Reads all stacks, without values files. A stack with problems does not keep the others from being read. */
export function readSide(root: string): Side {
  const names = listStacks(root);
  const problems = new Map<string, Problem>();
  const gather = <Result>(read: () => Result): Result | undefined => {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof ProblemsError)) throw error;
      for (const problem of error.problems) problems.set(JSON.stringify(problem), problem);
      return undefined;
    }
  };
  const all = gather(() => readAllStackConfigs(root, { values: false }));
  const stacks = names.flatMap((stack): [string, SideStack][] => {
    const files = gather(() => readConfigFiles(root, stack));
    if (files === undefined) return [];
    const known = all?.find((config) => config.stack === stack);
    const config = known ?? gather(() => stackConfigOf(files, { values: false }));
    return config === undefined ? [] : [[stack, { files, config }]];
  });
  return { names, stacks: new Map(stacks), problems: [...problems.values()] };
}

/** A tenant before and after. */
export interface TenantPair {
  readonly before?: Tenant;
  readonly after?: Tenant;
}

/** The tenants that differ, by what is decided of them or by a values file. A rename keeps a tenant the same. */
export function changedTenants(
  before: SideStack | undefined,
  after: SideStack,
  changedFiles: ReadonlySet<string>,
): TenantPair[] {
  const old = new Map(before?.config.tenants.map((tenant) => [objectName(tenant), tenant]));
  const pairs = after.config.tenants.flatMap((tenant): TenantPair[] => {
    const same = old.get(objectName(tenant));
    old.delete(objectName(tenant));
    const hasChanged =
      same === undefined ||
      !isDeepStrictEqual({ ...same, line: 0 }, { ...tenant, line: 0 }) ||
      valuesPathsOf(after.files, tenant).some((path) => changedFiles.has(path));
    return hasChanged ? [{ before: same, after: tenant }] : [];
  });
  return [...pairs, ...[...old.values()].map((tenant) => ({ before: tenant }))];
}

/** Where the tenant's special config is, or may be. */
export function valuesPathsOf(files: ConfigFiles, { name }: Tenant): string[] {
  const declared = valueAt(settingsOfFiles(files), ["tenants", name, "values"]);
  if (declared === undefined) return defaultValuesFiles(name, files.stack.stack);
  const names = Array.isArray(declared) ? (declared as unknown[]) : [];
  return names.flatMap((one) => (typeof one === "string" ? [valuesPath(name, one)] : []));
}

/** The tenant with its special config. @throws ProblemsError with everything that is wrong with its values files */
export function withValues(files: ConfigFiles, tenant: Tenant): Tenant {
  return { ...tenant, values: readTenantValues(files, tenant) };
}
