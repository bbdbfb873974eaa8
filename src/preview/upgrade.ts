/** A pull request that only raises the version of this package, as Renovate makes it. */
import { isDeepStrictEqual } from "node:util";
import { compareVersions, isVersion } from "../version/version";

/** The files that an upgrade changes. */
export const upgradeFiles: readonly string[] = ["package.json", "package-lock.json"];

/** A new version of the package. */
export interface Upgrade {
  readonly from: string;
  readonly to: string;
}

/** The texts of `package.json` and `package-lock.json`. */
export interface PackageFiles {
  readonly manifest: string;
  readonly lock: string;
}

const packageName = "shared-authority";

/**
 * Whether these files differ in the version of this package only.
 *
 * @returns the versions, or why it is not an upgrade, as the end of a sentence
 */
export function upgradeOf(before: PackageFiles, after: PackageFiles): Upgrade | string {
  const manifests = [jsonOf(before.manifest), jsonOf(after.manifest)].map(asManifest);
  const [old, next] = manifests;
  if (old === undefined || next === undefined) return "package.json is not valid";
  const [from = "", to = ""] = [old.dependencies?.[packageName], next.dependencies?.[packageName]];
  if (!isVersion(from) || !isVersion(to)) return `package.json names no exact version of ${packageName}`;
  if (from === to) return `package.json has ${packageName} ${to} as before`;
  if (compareVersions(from, to) > 0) return `package.json lowers ${packageName} from ${from} to ${to}`;
  const raised = { ...old, dependencies: { ...old.dependencies, [packageName]: to } };
  if (!isDeepStrictEqual(raised, next)) return `package.json changes more than the version of ${packageName}`;
  const fault = lockFault(asLock(jsonOf(before.lock)), asLock(jsonOf(after.lock)), to);
  return fault ?? { from, to };
}

interface Manifest {
  readonly dependencies?: Readonly<Record<string, string>>;
}

interface Locked {
  /** Present where the folder has another name than the package. */
  readonly name?: string;
  readonly version?: string;
  readonly resolved?: string;
  readonly integrity?: string;
  readonly link?: boolean;
}

type Packages = Readonly<Record<string, Locked>>;

const segment = "node_modules/((?:@[\\w~-][\\w.~-]*/)?[\\w~-][\\w.~-]*)";
/** Where npm installs a package. The last group is its name. */
const packagePath = new RegExp(`^(?:${segment}/)*${segment}$`);

/** Each package must come, under its own name and with its hash, from a registry that the base branch uses. */
function lockFault(before: Packages | undefined, after: Packages | undefined, to: string): string | undefined {
  if (before === undefined || after === undefined) return "package-lock.json is missing or not valid";
  const locked = after[`node_modules/${packageName}`]?.version;
  if (locked !== to) return `package-lock.json has ${packageName} ${String(locked)}`;
  const known = new Set(Object.entries(before).map(([path, one]) => registryOf(path, one)));
  for (const [path, one] of Object.entries(after)) {
    if (path === "" || isDeepStrictEqual(before[path], one)) continue;
    const name = nameOf(path);
    if (one.link === true || name === undefined) return `package-lock.json links to a folder: ${path}`;
    if (one.name !== undefined && one.name !== name) return `package-lock.json has ${one.name} for ${path}`;
    // npm takes an address in the place of a version, too.
    if (!isVersion(one.version ?? "")) return `package-lock.json has no exact version of ${path}`;
    if (one.integrity === undefined) return `package-lock.json has no hash of ${path}`;
    if (one.resolved === undefined) continue;
    const registry = registryOf(path, one);
    if (registry === undefined) return `package-lock.json has ${one.resolved} for ${path}`;
    if (!known.has(registry)) return `package-lock.json gets ${path} from another place: ${one.resolved}`;
  }
  return undefined;
}

function nameOf(path: string): string | undefined {
  return packagePath.exec(path)?.at(-1);
}

/** The address of the registry. Nothing where this is not the archive of that package and version in a registry. */
function registryOf(path: string, { version = "", resolved = "" }: Locked): string | undefined {
  const name = nameOf(path) ?? "";
  const files = [name, name.slice(name.indexOf("/") + 1)].map((base) => `/${name}/-/${base}-${version}.tgz`);
  const file = files.find((end) => resolved.endsWith(end));
  // A `?` or `#` before that would make it a part of what the registry does not read.
  if (file === undefined || !URL.canParse(resolved) || /[?#\\\s]/.test(resolved)) return undefined;
  return new URL(resolved.slice(0, -file.length)).href;
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function asManifest(value: unknown): Manifest | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? value : undefined;
}

function asLock(value: unknown): Packages | undefined {
  const packages: unknown = asManifest(value) && Reflect.get(value as object, "packages");
  return asManifest(packages) as Packages | undefined;
}
