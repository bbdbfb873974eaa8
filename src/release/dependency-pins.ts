/**
 * Whether a commit pins the charts that a chart in Git depends on. Flux's source-controller builds such a chart itself:
 * whatever lies in `charts/` it takes as it is; what is missing there it fetches, by the list of the lock where there is
 * one, else by that of the chart. Pure functions: no I/O.
 */
import { withoutCredentials } from "../config/address";
import { isVersion } from "../version/version";
import type { Dependency, DependencyList } from "./chart-dependencies";

/** What a commit has of a chart's dependencies. */
export interface DependencyFacts {
  /** What the chart lists, in `Chart.yaml` or `requirements.yaml`. */
  readonly declared: DependencyList;
  /** What its lock lists. Absent: there is none, or it is empty. */
  readonly lock?: DependencyList;
  /** The files in `charts/`, two levels deep and by their paths there: `redis/Chart.yaml`, `redis-1.2.3.tgz`. */
  readonly vendored: readonly string[];
}

/** Why the same commit could give another chart tomorrow, each in one sentence. Empty: it could not. */
export function dependencyPinProblems({ declared, lock, vendored }: DependencyFacts): string[] {
  const broken = [...declared.problems, ...(lock?.problems ?? [])];
  if (broken.length > 0) {
    return broken;
  }
  const names = vendoredNames(vendored);
  const requested = (lock ?? declared).dependencies;
  const isComplete = vendoredCharts(vendored).size === requested.length;
  const loose = requested.filter(
    (entry) => isRemote(entry) && !isInCharts(entry, names, isComplete) && !isExact(entry),
  );
  const lockFile = lock?.file ?? declared.file.replace(/\.yaml$/, ".lock");
  const unpinned = (dependency: Dependency, consequence: string) =>
    `${declared.file} depends on ${describe(dependency)}, which neither charts/ nor ${lockFile} pins at that commit: ` +
    `${consequence}; commit ${lockFile} or the chart itself`;
  const known = (entry: Dependency) => declared.dependencies.find((dependency) => isSameChart(dependency, entry));
  return [
    ...loose.map((entry) => {
      const dependency = known(entry);
      return dependency === undefined
        ? `${lockFile} lists ${describe(entry)}, which is no exact version, and charts/ does not hold it at that commit: ${newest}; commit ${lockFile} as \`helm dependency update\` writes it`
        : unpinned(dependency, newest);
    }),
    ...(lock === undefined
      ? []
      : declared.dependencies
          .filter((dependency) => isRemote(dependency) && !names.has(dependency.name))
          .filter((dependency) => !lock.dependencies.some((entry) => isSameChart(dependency, entry)))
          .map((dependency) => unpinned(dependency, `Flux would build the chart by ${lockFile}, which has it not`))),
  ];
}

const newest = "Flux would run whatever is newest when it builds the chart";

/** Flux looks for a local chart in the repository itself, at the same commit. */
function isRemote({ repository }: Dependency): boolean {
  return repository !== "" && !repository.startsWith("file://");
}

/** `@name` and `alias:name` stand for a URL that the machine which ran Helm knew; Helm writes the URL into the lock. */
function isAliased({ repository }: Dependency): boolean {
  return /^(?:@|alias:)/.test(repository);
}

/** Charts may be published with a `v` before their version, and nothing else of a range's syntax is exact. */
function isExact(dependency: Dependency): boolean {
  return isVersion(dependency.version.replace(/^v/, "")) && !isAliased(dependency);
}

function isSameChart(declared: Dependency, locked: Dependency): boolean {
  const address = ({ repository }: Dependency) => repository.replace(/\/+$/, "");
  return declared.name === locked.name && (isAliased(declared) || address(declared) === address(locked));
}

/** Flux looks for the alias, unless `charts/` holds as many charts as it wants: then it fetches nothing. */
function isInCharts({ name, alias }: Dependency, names: ReadonlySet<string>, isComplete: boolean): boolean {
  return names.has(alias === "" ? name : alias) || (isComplete && names.has(name));
}

/** What Helm takes for charts in `charts/`: everything at its top that does not begin with `_` or `.`. */
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

/** `redis-ha` of `redis-ha-1.2.3.tgz`, as `helm package` names it. */
function nameOfArchive(file: string): string[] {
  const stem = file.endsWith(".tgz") ? file.slice(0, -".tgz".length) : "";
  const parts = stem.split("-");
  const at = parts.findIndex((_, index) => index > 0 && isVersion(parts.slice(index).join("-").replace(/^v/, "")));
  return at === -1 ? [] : [parts.slice(0, at).join("-")];
}

function describe({ name, version, repository }: Dependency): string {
  const range = version === "" ? "of any version" : JSON.stringify(version);
  return `${printable(name)} ${range} of ${printable(withoutSecrets(repository))}`;
}

/** A query may hold a token. */
function withoutSecrets(address: string): string {
  return withoutCredentials(address).replace(/\?.*$/s, "?***");
}

/** As it is, or quoted where it could be taken for something else than one word. */
function printable(text: string): string {
  return /^[\w@:/.*?#%&=+~-]+$/.test(text) ? text : JSON.stringify(text);
}
