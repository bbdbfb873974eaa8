/**
 * Whether a commit pins the dependencies of a chart in Git. Flux's source-controller builds such a chart: it uses the
 * charts in `charts/`, and fetches missing ones by the lock or, without a lock, by the chart's own list. Pure functions.
 */
import { withoutCredentials } from "../config/address";
import { isVersion } from "../version/version";
import type { Dependency, DependencyList } from "./chart-dependencies";

/** The facts about a chart's dependencies at a commit. */
export interface DependencyFacts {
  /** The list of `Chart.yaml` or `requirements.yaml`. */
  readonly declared: DependencyList;
  /** The list of the lock. Absent: the lock is missing or empty. */
  readonly lock?: DependencyList;
  /** The paths in `charts/`, two levels deep: `redis/Chart.yaml`, `redis-1.2.3.tgz`. */
  readonly vendored: readonly string[];
}

/** Why Flux could build another chart from the same commit later, each in one sentence. Empty: it could not. */
export function dependencyPinProblems({ declared, lock, vendored }: DependencyFacts): string[] {
  const broken = [...declared.problems, ...(lock?.problems ?? [])];
  if (broken.length > 0) return broken;
  const names = vendoredNames(vendored);
  const requested = (lock ?? declared).dependencies;
  const isComplete = vendoredCharts(vendored).size === requested.length;
  const isPinned = (entry: Dependency) => isInCharts(entry, names, isComplete) || isExact(entry);
  const lockFile = lock?.file ?? declared.file.replace(/\.yaml$/, ".lock");
  const newest = "Flux would use the newest version when it builds the chart";
  const unpinned = (dependency: Dependency, consequence: string) =>
    `${declared.file} depends on ${describe(dependency)}, which neither charts/ nor ${lockFile} pins at that commit: ` +
    `${consequence}; commit ${lockFile} or the chart itself`;
  const looseReason = (entry: Dependency) => {
    const dependency = declared.dependencies.find((one) => isSameChart(one, entry));
    return dependency === undefined
      ? `${lockFile} lists ${describe(entry)}, which is not an exact version, and charts/ does not contain it at that commit: ${newest}; commit ${lockFile} as \`helm dependency update\` writes it`
      : unpinned(dependency, newest);
  };
  const unlocked = declared.dependencies.filter(
    (one) =>
      isRemote(one) && !names.has(one.name) && lock?.dependencies.some((entry) => isSameChart(one, entry)) === false,
  );
  return [
    ...requested.filter((entry) => isRemote(entry) && !isPinned(entry)).map(looseReason),
    ...unlocked.map((one) => unpinned(one, `Flux would build the chart by ${lockFile}, which does not list it`)),
  ];
}

/** Flux reads local charts from the same commit. */
function isRemote({ repository }: Dependency): boolean {
  return repository !== "" && !repository.startsWith("file://");
}

/** `@name` and `alias:name` name a URL in the Helm config of some machine; Helm writes the URL into the lock. */
function isAliased({ repository }: Dependency): boolean {
  return /^(?:@|alias:)/.test(repository);
}

/** A version, which may begin with a `v`. */
function isExact(dependency: Dependency): boolean {
  return isVersion(dependency.version.replace(/^v/, "")) && !isAliased(dependency);
}

function isSameChart(declared: Dependency, locked: Dependency): boolean {
  const address = ({ repository }: Dependency) => repository.replace(/\/+$/, "");
  return declared.name === locked.name && (isAliased(declared) || address(declared) === address(locked));
}

/** Flux looks for the alias. When `charts/` has as many charts as the list, Flux fetches nothing. */
function isInCharts({ name, alias }: Dependency, names: ReadonlySet<string>, isComplete: boolean): boolean {
  return names.has(alias === "" ? name : alias) || (isComplete && names.has(name));
}

/** The entries of `charts/` that Helm reads as charts: all that do not begin with `_` or `.`. */
function vendoredCharts(paths: readonly string[]): Set<string> {
  return new Set(paths.map((path) => path.split("/")[0] ?? "").filter((name) => !/^[_.]/.test(name)));
}

function vendoredNames(paths: readonly string[]): Set<string> {
  const charts = vendoredCharts(paths);
  const folders = paths.flatMap((path) => {
    const [folder = "", file, ...deeper] = path.split("/");
    return file === "Chart.yaml" && deeper.length === 0 && charts.has(folder) ? [folder] : [];
  });
  const archives = paths.filter((path) => charts.has(path)).flatMap(nameOfArchive);
  return new Set([...folders, ...archives]);
}

/** The chart's name in the name of a package: `redis-ha` for `redis-ha-1.2.3.tgz`. */
function nameOfArchive(file: string): string[] {
  const stem = file.endsWith(".tgz") ? file.slice(0, -".tgz".length) : "";
  const parts = stem.split("-");
  const at = parts.findIndex((_, index) => index > 0 && isVersion(parts.slice(index).join("-").replace(/^v/, "")));
  return at === -1 ? [] : [parts.slice(0, at).join("-")];
}

function describe({ name, version, repository }: Dependency): string {
  const range = version === "" ? "of any version" : JSON.stringify(version);
  return `${quoted(name)} ${range} of ${quoted(withoutSecrets(repository))}`;
}

/** The query may contain a token. */
function withoutSecrets(address: string): string {
  return withoutCredentials(address).replace(/\?.*$/s, "?***");
}

/** Quoted unless it is one plain word. */
function quoted(text: string): string {
  return /^[\w@:/.*?#%&=+~-]+$/.test(text) ? text : JSON.stringify(text);
}
