import { builtInDefaults } from "./built-in-defaults";
import { type ConfigPath, pathText, type Report, valueAt } from "./report";
import { applicationSchema } from "./schema";
import type { Admission, Follow, Policy, Tenant } from "./stack-config";
import { suggestion } from "./suggestion";
import type { ApplicationEntry, DefaultsEntry, TenantEntry } from "./tenant-schema";

type Derived = "name" | "namespace" | "chart" | "images" | "values" | "line" | "policy" | "admission" | "furtherImages";

/** What a tenant's own entry, its application and the defaults say together. */
export interface TenantSettings extends Omit<Tenant, Derived> {
  readonly namespace?: string;
  readonly chart: string;
  readonly image: readonly string[];
  readonly images: { readonly admission: Admission; readonly also: readonly string[] };
  readonly policy: Omit<Policy, "range"> & { readonly range?: string };
}

/** A tenant with everything that it inherits. */
export interface MergedTenant {
  readonly name: string;
  readonly settings: TenantSettings;
  /** The entries that it consists of, the most specific first. */
  readonly entries: readonly ConfigPath[];
}

/** What tenants inherit from. An entry that has problems is `undefined`. */
export interface Inherited {
  readonly follow?: Follow;
  /** `shared-authority:branch`, which version 0.1 had for all tenants. */
  readonly branch?: string;
  readonly defaults: DefaultsEntry | undefined;
  readonly applications: ReadonlyMap<string, ApplicationEntry | undefined>;
  /** Whether `applications` holds every application: false where a problem may hide one. */
  readonly areApplicationsKnown: boolean;
}

/** These mappings of our schema are merged key by key. Lists and free mappings such as `quota` are replaced. */
const mergedKeys: ReadonlySet<string> = new Set(["policy", "prefix", "limits", "network", "images", "driftDetection"]);

/**
 * Merges a tenant's entry over its application, the defaults, the stack's branch and the built-in defaults.
 *
 * @returns nothing where an entry that it inherits from has problems or is unknown, or where chart or image is missing
 */
export function mergeTenant(
  report: Report,
  { follow, branch, defaults, applications, areApplicationsKnown }: Inherited,
  name: string,
  { application: named, ...entry }: TenantEntry,
): MergedTenant | undefined {
  const application = named ?? name;
  const isDeclared = applications.has(application);
  // What cannot be read has been reported.
  if (!isDeclared && (!areApplicationsKnown || report.has(["applications", application]))) return undefined;
  const addUndeclared = (path: ConfigPath, others: string): void => {
    const fix = `${suggestion(application, [...applications.keys()])} Declare \`${application}\` under \`${pathText(["applications"])}\`, ${others}`;
    report.add(path, `\`Pulumi.yaml\` declares no application \`${application}\`.`, fix, "key");
  };
  if (named !== undefined && !isDeclared) {
    addUndeclared(["tenants", name, "application"], "or write `chart` and `image` here instead of `application`.");
    return undefined;
  }
  const published = isDeclared ? applications.get(application) : {};
  if (defaults === undefined || published === undefined) return undefined;
  const { branchImage, branchChart, pinDigest, ...always } = published;
  const inherited = {
    ...always,
    ...(follow === "tags" ? { pinDigest } : follow === "branch" ? { branchImage, branchChart } : {}),
  };
  const also = [defaults, inherited, entry].flatMap(({ images }) => images?.also ?? []);
  const settings = [{ branch }, defaults, inherited, entry].reduce<Entry>(mergeOver, builtInDefaults);
  const missing = (["chart", "image"] as const).filter((key) => settings[key] === undefined);
  if (!isDeclared && missing.length > (applications.size > 0 ? 0 : 1)) {
    addUndeclared(["tenants", name], "name one with `application:`, or write `chart` and `image` here.");
    return undefined;
  }
  for (const key of missing) {
    const expected = applicationSchema().shape[key].safeParse(null).error?.issues[0]?.message ?? key;
    const entryPath = isDeclared ? ["applications", application] : ["tenants", name];
    report.add([...entryPath, key], `This key is missing; expected ${expected}.`);
  }
  if (missing.length > 0) return undefined;
  const merged = settings as unknown as TenantSettings;
  // A default automation concerns the tenants that have a version to change.
  const hasVersion = follow !== "branch" || merged.branchImage !== undefined;
  const automation = hasVersion ? merged.policy.automation : (entry.policy?.automation ?? "manual");
  return {
    name,
    settings: {
      ...merged,
      policy: { ...merged.policy, automation },
      images: { ...merged.images, also: [...new Set(also)] },
    },
    entries: [["tenants", name], ...(isDeclared ? [["applications", application]] : []), ["defaults"], []],
  };
}

type Entry = Readonly<Record<string, unknown>>;

function mergeOver(below: Entry, above: Entry): Entry {
  const written = Object.entries(above).filter(([, value]) => value !== undefined);
  const merged = written.map(([key, value]) => [
    key,
    mergedKeys.has(key) ? { ...(below[key] as Entry), ...(value as Entry) } : value,
  ]);
  return { ...below, ...(Object.fromEntries(merged) as Entry) };
}

/** Where a tenant's setting is written: in its own entry, or in the one that it is inherited from. */
export function writtenAt(report: Report, { entries }: MergedTenant, path: ConfigPath): ConfigPath {
  const paths = entries.map((entry) => [...entry, ...path]);
  return paths.find((one) => valueAt(report.settings, one) !== undefined) ?? paths[0] ?? path;
}
