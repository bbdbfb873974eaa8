/** The one parser of our settings, whether they come from files or from the engine. */
import type { z } from "zod";
import { defaultPromotionBranch } from "./built-in-defaults";
import { mergeTenant, type MergedTenant } from "./merge-tenant";
import { ProblemsError } from "./problem";
import { isMapping, pathText, type Report, valueAt } from "./report";
import {
  applicationSchema,
  defaultsSchema,
  namesSchema,
  stackSchema,
  type StackSettings,
  tenantSchema,
} from "./schema";
import { checkSchema } from "./schema-problems";
import { projectFilePath } from "./stack-file";
import type { Alerts, ConfigRepository, Follow, Receiver, StackConfig, Tenant, ValuesFile } from "./stack-config";

/** What a stack's settings do not say. */
export interface StackFacts extends Pick<StackConfig, "stack" | "root" | "file"> {
  /** Reads a tenant's special config. Problems go to the report. */
  valuesOf(tenant: string, declared: unknown, formerly?: string): readonly ValuesFile[];
  /** The line of a tenant's entry, 1-based. */
  lineOf(tenant: string): number;
}

/** A stack's settings, parsed. */
export interface ParsedConfig {
  readonly stack: string;
  readonly follow?: Follow;
  /** The stack's own keys; absent where one of them has a problem. */
  readonly settings?: StackSettings;
  /** The tenants whose own entry, application and defaults have no problem. */
  readonly tenants: readonly MergedTenant[];
  /**
   * The whole config.
   *
   * @throws ProblemsError with all problems of the report, if there are any
   */
  config(): StackConfig;
}

/** Parses a stack's settings against the schema and merges its tenants. Everything that is wrong goes to the report. */
export function parseConfig(report: Report, facts: StackFacts): ParsedConfig {
  const { applications, defaults = {}, tenants, ...own } = report.settings;
  const settings = checkSchema(report, stackSchema(), own, []);
  const follow: Follow | undefined = own.follow === "tags" || own.follow === "branch" ? own.follow : undefined;
  const applicationEntries = parseEntries(report, "applications", applications, applicationSchema());
  const inherited = {
    follow,
    branch: settings?.branch,
    defaults: checkSchema(report, defaultsSchema(), defaults, ["defaults"]),
    applications: applicationEntries,
    areApplicationsKnown: !hidesApplications(report),
  };
  const entries = parseEntries(report, "tenants", tenants, tenantSchema());
  const values = new Map<string, readonly ValuesFile[]>();
  const merged: MergedTenant[] = [];
  for (const [name, entry] of entries) {
    values.set(name, facts.valuesOf(name, valueAt(tenants, [name, "values"]), entry?.formerly));
    const tenant = entry && mergeTenant(report, inherited, name, entry);
    if (tenant !== undefined) merged.push(tenant);
  }
  return {
    stack: facts.stack,
    follow,
    settings,
    tenants: merged,
    config() {
      if (settings === undefined || report.problems.length > 0) throw new ProblemsError(report.problems);
      const whole = merged.map((tenant) => toTenant(tenant, values.get(tenant.name) ?? [], facts.lineOf(tenant.name)));
      return toStackConfig(settings, facts, whole);
    },
  };
}

/** Whether an application may be missing because of a problem in `applications`, or in `Pulumi.yaml` instead of them. */
function hidesApplications(report: Report): boolean {
  const defaults = pathText(["defaults"]);
  return (
    report.has(["applications"]) ||
    report.problems.some(({ file, path }) => file === projectFilePath && !path?.startsWith(defaults))
  );
}

/** Parses each entry on its own, so that the problems of one hide no other's. An entry with problems is `undefined`. */
function parseEntries<S extends z.ZodType>(
  report: Report,
  key: keyof typeof namesSchema,
  value: unknown,
  schema: S,
): ReadonlyMap<string, z.output<S> | undefined> {
  if (value === undefined) return new Map();
  checkSchema(report, namesSchema[key](), value, [key]);
  const names = isMapping(value) ? Object.keys(value) : [];
  return new Map(
    // A name that is not a DNS label could lead anywhere in the file system.
    names
      .filter((name) => !report.has([key, name]))
      .map((name) => [name, checkSchema(report, schema, (value as Record<string, unknown>)[name], [key, name])]),
  );
}

function toStackConfig(settings: StackSettings, { stack, root, file }: StackFacts, tenants: Tenant[]): StackConfig {
  const { follow, authorityNamespace, cluster, intervals, timeouts, delivery, configRepository, removed } = settings;
  const { receivers, alerts } = settings;
  return {
    stack,
    root,
    file,
    follow,
    authorityNamespace,
    ...(configRepository && { configRepository: toConfigRepository(stack, configRepository) }),
    delivery: delivery === "cluster" ? { kind: "cluster" } : { kind: "manifests", directory: delivery.manifests },
    cluster,
    intervals,
    timeouts,
    ...(receivers && { receivers: toReceivers(receivers) }),
    ...(alerts && { alerts: toAlerts(alerts) }),
    ...(removed && { removed }),
    tenants: tenants.sort((one, other) => (one.name < other.name ? -1 : 1)),
  };
}

function toConfigRepository(
  stack: string,
  { secret, promotionBranch = defaultPromotionBranch(stack), ...rest }: NonNullable<StackSettings["configRepository"]>,
): ConfigRepository {
  return { ...rest, promotionBranch, ...(secret !== undefined && { secretName: secret }) };
}

type ReceiverSettings = NonNullable<StackSettings["receivers"]>;

function toReceivers({ registry, configRepository }: ReceiverSettings): StackConfig["receivers"] {
  return {
    ...(registry && { registry: toReceiver(registry) }),
    ...(configRepository && { configRepository: toReceiver(configRepository) }),
  };
}

function toReceiver({ secret, ...rest }: NonNullable<ReceiverSettings["registry"]>): Receiver {
  return { ...rest, secretName: secret };
}

function toAlerts({ secret, certSecret, ...rest }: NonNullable<StackSettings["alerts"]>): Alerts {
  return { ...rest, secretName: secret, ...(certSecret !== undefined && { certSecretName: certSecret }) };
}

/** Where a branch is followed, the range decides nothing. */
const anyVersion = "*";

function toTenant({ name, settings }: MergedTenant, values: readonly ValuesFile[], line: number): Tenant {
  const { formerly, namespace = formerly ?? name, chart, image, images, policy, ...rest } = settings;
  return {
    ...rest,
    name,
    ...(formerly !== undefined && { formerly }),
    namespace,
    chart: chart.startsWith("oci://") ? { kind: "oci", url: chart } : { kind: "git", path: chart },
    images: image as readonly [string, ...string[]],
    furtherImages: images.also,
    admission: images.admission,
    policy: { ...policy, range: policy.range ?? anyVersion },
    values,
    line,
  };
}
