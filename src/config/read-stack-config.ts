import { resolve } from "node:path";
import { isMap } from "yaml";
import type { Chart, ConfigRepository, StackConfig, Tenant, ValuesFile } from "./stack-config";
import { ProblemsError } from "./problem";
import { ours, Report } from "./report";
import { checkRules } from "./rules";
import type { StackSettings, TenantSettings } from "./schema";
import { checkSchema } from "./schema-problems";
import { listStacks, nodeAt, readStackFile, type StackFile } from "./stack-file";
import { readSettings } from "./structure";
import { ValuesReader } from "./values";
import { keyText, startOf } from "./yaml-file";

export { listStacks, readStackFile, type StackFile } from "./stack-file";

/** Where a fleet is read from. */
export interface StackLocation {
  /** The folder that holds `Pulumi.yaml`. */
  readonly root: string;
  /** The stack's name, as in `Pulumi.<stack>.yaml`. */
  readonly stack: string;
}

/**
 * Reads the stack file and the tenants' values files into one checked value.
 *
 * @throws ProblemsError with everything that is wrong with them, at once
 */
export function readStackConfig({ root, stack }: StackLocation): StackConfig {
  return stackConfigOf(root, readStackFile(root, stack));
}

/**
 * The fleet of a stack file that has been parsed already, such as one that is about to be written.
 *
 * @throws ProblemsError with everything that is wrong, at once
 */
export function stackConfigOf(root: string, file: StackFile): StackConfig {
  const absolute = resolve(root);
  const report = new Report(file);
  const raw = readSettings(report);
  const settings = checkSchema(report, raw);
  checkRules(report, raw);
  const values = readValues(absolute, report, raw.tenants);
  const { problems } = report;
  if (settings === undefined || problems.length > 0) throw new ProblemsError(problems);
  return toStackConfig(absolute, file, settings, values);
}

/**
 * Reads every stack of the project, and checks that no two of them render into the same folder.
 *
 * @throws ProblemsError with everything that is wrong with any of them, at once
 */
export function readAllStackConfigs(root: string): StackConfig[] {
  const configs: StackConfig[] = [];
  const problems = listStacks(root).flatMap((stack) => {
    try {
      configs.push(readStackConfig({ root, stack }));
      return [];
    } catch (error) {
      if (error instanceof ProblemsError) return error.problems;
      throw error;
    }
  });
  const all = [...problems, ...sharedFolders(root, configs)];
  if (all.length > 0) throw new ProblemsError(all);
  return configs;
}

function sharedFolders(root: string, configs: readonly StackConfig[]) {
  const first = new Map<string, StackConfig>();
  return configs.flatMap(({ file, delivery }, index) => {
    if (delivery.kind !== "manifests") return [];
    const folder = resolve(root, delivery.directory);
    const other = first.get(folder);
    const config = configs[index];
    if (other === undefined) {
      if (config !== undefined) first.set(folder, config);
      return [];
    }
    return [
      {
        file,
        path: "shared-authority:delivery.manifests",
        message: `The folder \`${delivery.directory}\` is that of the stack ${other.stack} as well; each would overwrite the other's objects.`,
        fix: "Give each stack a folder of its own, such as `rendered/<stack>`.",
      },
    ];
  });
}

function readValues(root: string, report: Report, tenants: unknown): ReadonlyMap<string, ValuesFile[]> {
  const reader = new ValuesReader(root, report);
  const found = new Map<string, ValuesFile[]>();
  if (typeof tenants !== "object" || tenants === null || Array.isArray(tenants)) return found;
  for (const [name, entry] of Object.entries(tenants)) {
    // A name that is no DNS label could lead anywhere in the file system; the schema has reported it.
    if (report.has(["tenants", name])) continue;
    const declared: unknown =
      typeof entry === "object" && entry !== null ? (entry as { values?: unknown }).values : undefined;
    found.set(name, reader.read(name, declared));
  }
  return found;
}

function toStackConfig(
  root: string,
  file: StackFile,
  settings: StackSettings,
  values: ReadonlyMap<string, ValuesFile[]>,
): StackConfig {
  const { follow, authorityNamespace, delivery, cluster, intervals, timeouts, tenants } = settings;
  const lines = tenantLines(file);
  return {
    stack: file.stack,
    root,
    file: file.path,
    follow,
    authorityNamespace,
    ...(settings.configRepository && { configRepository: toConfigRepository(file.stack, settings.configRepository) }),
    delivery: delivery === "cluster" ? { kind: "cluster" } : { kind: "manifests", directory: delivery.manifests },
    cluster,
    intervals,
    timeouts,
    tenants: Object.entries(tenants)
      .sort(([one], [other]) => (one < other ? -1 : 1))
      .map(([name, entry]) =>
        toTenant(
          name,
          { ...entry, branch: entry.branch ?? settings.branch },
          values.get(name) ?? [],
          lines.get(name) ?? 1,
        ),
      ),
  };
}

/** The line of each tenant's key, read in one go: a look-up per tenant would search the whole map each time. */
function tenantLines(file: StackFile): ReadonlyMap<string, number> {
  const tenants = nodeAt(file, ours(["tenants"]));
  const lines = new Map<string, number>();
  if (!isMap(tenants)) return lines;
  for (const pair of tenants.items) {
    const name = keyText(pair);
    const line = startOf(file, pair.key)?.line;
    if (name !== undefined && line !== undefined) lines.set(name, line);
  }
  return lines;
}

function toConfigRepository(
  stack: string,
  { secret, promotionBranch = `promotions/${stack}`, ...rest }: NonNullable<StackSettings["configRepository"]>,
): ConfigRepository {
  return { ...rest, promotionBranch, ...(secret !== undefined && { secretName: secret }) };
}

function toTenant(
  name: string,
  entry: TenantSettings & { branch: string },
  values: readonly ValuesFile[],
  line: number,
): Tenant {
  const { namespace = name, chart, image, policy, ...rest } = entry;
  return {
    ...rest,
    name,
    namespace,
    chart: toChart(chart),
    images: image as [string, ...string[]],
    policy: { ...policy, range: policy.range ?? anyVersion },
    values,
    line,
  };
}

/** Where a branch is followed, no range decides anything. */
const anyVersion = "*";

function toChart(chart: string): Chart {
  return chart.startsWith("oci://") ? { kind: "oci", url: chart } : { kind: "git", path: chart };
}
