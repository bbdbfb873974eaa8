/** What an `up` would delete of tenants that were deployed before, and whether the stack file declares it. */
import { stringify } from "yaml";
import { documentation } from "./documentation";
import { objectName } from "./object-name";
import { projectPrefix } from "./report";
import type { Removed, StackConfig } from "./stack-config";

/** Where a tenant was deployed. */
export interface Place {
  /** The name of its objects in the cluster. */
  readonly tenant: string;
  /** Absent if nobody knows it. */
  readonly namespace?: string;
  /** The namespace of its HelmRelease. Absent if it has none, or nobody knows it. */
  readonly authorityNamespace?: string;
}

/** A place that the stack's tenants no longer have. */
export interface Removal extends Place {
  /**
   * `leaves`: no tenant has the name. `reinstalled`: the stack has another authority namespace now. `moves`: the tenant has
   * another namespace now.
   */
  readonly kind: "leaves" | "reinstalled" | "moves";
  /** The tenant that the namespace is decided for now: it cannot be deleted. */
  readonly heir?: string;
  /** The decision. Absent where the stack file has none for this tenant and namespace. */
  readonly declared?: Removed;
}

/** The places that the stack's tenants no longer have. */
export function removalsOf(config: StackConfig, places: readonly Place[]): Removal[] {
  return places.flatMap((place): Removal[] => {
    const same = config.tenants.find((tenant) => objectName(tenant) === place.tenant);
    const { namespace = same?.namespace, authorityNamespace = config.authorityNamespace } = place;
    if (same !== undefined && authorityNamespace !== config.authorityNamespace) {
      return [{ ...place, kind: "reinstalled" }];
    }
    if (same !== undefined && same.namespace === namespace) return [];
    const heir = config.tenants.find((tenant) => tenant.namespace === namespace)?.name;
    const entry = ownEntry(config, place.tenant);
    const isDeclared = heir === undefined && (namespace === undefined || entry?.namespace === namespace);
    return [
      { ...place, kind: same === undefined ? "leaves" : "moves", heir, declared: isDeclared ? entry : undefined },
    ];
  });
}

/**
 * Why nothing may be deployed: several lines for each removal that is not declared, with those to add to the stack file.
 * They are not escaped.
 *
 * @param objectsOf lists what would be deleted, where it is known
 */
export function undeclaredRemovals(
  config: StackConfig,
  removals: readonly Removal[],
  objectsOf: (removal: Removal) => readonly string[] = () => [],
): string[] {
  const isReinstalled = ({ kind }: Removal) => kind === "reinstalled";
  const undeclared = removals.filter((removal) => removal.declared === undefined && !isReinstalled(removal));
  // All lines together are valid: the key stands above the first entry only.
  const first = config.removed === undefined ? undeclared.find((one) => isDeclarable(config, one)) : undefined;
  return [
    ...reinstallation(config, removals.filter(isReinstalled)),
    ...undeclared.flatMap((removal) => [
      consequence(config, removal),
      ...listed(objectsOf(removal)),
      ...fix(config, removal, removal === first),
    ]),
  ];
}

function reinstallation({ file, authorityNamespace }: StackConfig, removals: readonly Removal[]): string[] {
  const [before] = new Set(removals.map((removal) => removal.authorityNamespace));
  if (before === undefined) return [];
  const tenants = [...new Set(removals.map(({ tenant }) => tenant))].sort().join(", ");
  return [
    `${tenants}: ${file} has another authority namespace than before, ${authorityNamespace} instead of ${before}. This would delete the HelmReleases in ${before}, and Helm would uninstall the releases.`,
    `  Write \`${projectPrefix}:authorityNamespace: ${scalar(before)}\`. ${documentation("leaving.md#another-authority-namespace")} says how a stack gets another one.`,
  ];
}

/** Whether an entry can be added for it. */
function isDeclarable(config: StackConfig, { tenant, heir }: Removal): boolean {
  return heir === undefined && ownEntry(config, tenant) === undefined;
}

function listed(objects: readonly string[]): string[] {
  return objects.length === 0 ? [] : ["  Of it, Pulumi's state has:", ...objects.map((object) => `    ${object}`)];
}

/** What a declared removal deletes, and why. Not escaped. */
export function describeRemoval({ tenant, namespace, declared }: Removal): string {
  const { by = "", reason = "" } = declared ?? {};
  return `${tenant} with the namespace ${namespace ?? declared?.namespace ?? ""}, by ${by}: ${reason}`;
}

function consequence({ file }: StackConfig, { tenant, namespace, kind, heir }: Removal): string {
  const place = `the namespace ${namespace ?? tenant}`;
  const why = kind === "moves" ? `it has another namespace in ${file}` : `it is not in ${file}`;
  if (heir !== undefined) {
    const release = kind === "moves" ? "Its release there" : "Its release";
    return `${tenant}: ${why}, and its namespace ${namespace ?? ""} is that of ${heir} now. ${release} would be uninstalled.`;
  }
  const uninstalled = kind === "moves" ? "" : "uninstall its release and ";
  return `${tenant}: ${why}. This would ${uninstalled}delete ${place} with everything in it.`;
}

/** @param isFirst whether the key itself is to be added */
function fix(config: StackConfig, removal: Removal, isFirst: boolean): string[] {
  const { file, tenants } = config;
  const { tenant, namespace = tenant, heir } = removal;
  const rename = `write \`formerly: ${scalar(tenant)}\` at`;
  const now = tenants.find((one) => objectName(one) === tenant)?.name;
  const stay = now === undefined ? undefined : `\`namespace: ${scalar(namespace)}\` at the tenant ${now}`;
  if (heir !== undefined) {
    return [
      stay === undefined
        ? `  If ${heir} is its new name, ${rename} ${heir}: what runs stays as it is. If not, remove ${tenant} in a commit of its own first.`
        : `  Write ${stay}. If it is to move, let it move in a commit of its own first, and ${heir} after that.`,
    ];
  }
  const key = `${projectPrefix}:removed`;
  const keep =
    stay === undefined
      ? `  If not, put the tenant back. If it has another name now, ${rename} the tenant of that name.`
      : `  If not, write ${stay}.`;
  if (!isDeclarable(config, removal)) {
    const other = ownEntry(config, tenant)?.namespace ?? "";
    return [
      `  \`${key}\` declares it for the namespace ${other}. If this one is to be deleted, write there \`namespace: ${scalar(namespace)}\`.`,
      keep,
    ];
  }
  return [
    `  If it is to be deleted, add to ${file} below \`config:\`${isFirst ? "" : `, in \`${key}\``}:`,
    ...(isFirst ? [`  ${key}:`] : []),
    `    ${scalar(tenant)}: { namespace: ${scalar(namespace)}, by: "...", reason: "..." }`,
    keep,
  ];
}

/** A name such as `on` or `12` needs quotes. */
function scalar(text: string): string {
  return stringify(text).trim();
}

/** A tenant may have a name such as `constructor`. */
function ownEntry({ removed = {} }: StackConfig, tenant: string): Removed | undefined {
  return Object.hasOwn(removed, tenant) ? removed[tenant] : undefined;
}
