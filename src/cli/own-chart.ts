/** The chart of the application whose repository a command runs in. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { firstOf } from "../config/count";
import type { Prefix } from "../config/stack-config";
import { suggestion } from "../config/suggestion";
import { audit, bestPrefix, validVersions } from "../release/audit";
import { imageTagOf } from "../release/chart-edit";
import { dependencyFiles, dependencyProblems, vendoredFolder } from "../release/chart-folder";
import { readChartYaml } from "../release/chart-yaml";
import { GitError, pathInRepository } from "../release/git";
import { branchReasons } from "../release/promise";
import { versionOfTag } from "../version/version";
import { parsePrefix } from "./audit";
import { InputError } from "./input-error";
import { OwnGit } from "./own-git";
import type { Session } from "./session";

/** A chart in the repository that a command runs in. */
export interface OwnChart {
  /** Works at the top of the repository. */
  readonly git: OwnGit;
  /** The chart's folder from the top of the repository. `""`: the top itself. */
  readonly folder: string;
}

/**
 * Finds the chart.
 *
 * @param option the path of `--chart`
 * @throws InputError if there is none, or more than one and no option says which
 */
export async function ownChart(option: string | undefined, session: Session): Promise<OwnChart> {
  const here = new OwnGit(session.directory);
  if (!(await here.isRepository())) {
    throw new InputError(`${session.directory} is not in a Git repository. Run this in the application's repository.`);
  }
  const git = new OwnGit((await here.run("rev-parse", "--show-toplevel")).replace(/\n$/, ""));
  const folders = await chartFolders(git);
  if (option !== undefined) {
    const folder = inRepository(option);
    if (folders.includes(folder)) return { git, folder };
    throw new InputError(
      `There is no chart at ${option} in ${git.root}. ${folders.length === 0 ? noChart : suggestion(folder, folders)}`,
    );
  }
  const [folder, ...others] = folders;
  if (folder === undefined) throw new InputError(`${git.root} has no chart that Git knows. ${noChart}`);
  if (others.length === 0) return { git, folder };
  const named = folders.map((one) => (one === "" ? "." : one));
  throw new InputError(`${git.root} has the charts ${firstOf(named, 5)}. Name one with \`--chart\`.`);
}

const noChart = "Expected a `Chart.yaml`, such as charts/podinfo/Chart.yaml; `git add` makes it known.";

function inRepository(path: string): string {
  try {
    return pathInRepository(path);
  } catch (error) {
    if (error instanceof GitError) throw new InputError(`\`--chart\`: ${error.message}.`);
    throw error;
  }
}

/** The folders of the charts that Git tracks, without those that are vendored in another chart. */
async function chartFolders(git: OwnGit): Promise<string[]> {
  const tracked = await trackedFiles(git);
  const folders = tracked.flatMap((path) => /^(?:(.*)\/)?Chart\.yaml$/.exec(path)?.slice(1) ?? []);
  const all = folders.map((folder: string | undefined) => folder ?? "");
  const isVendored = (folder: string) => all.some((other) => folder.startsWith(`${inFolder(other, vendoredFolder)}/`));
  return all.filter((folder) => !isVendored(folder)).sort();
}

async function trackedFiles(git: OwnGit, folder?: string): Promise<string[]> {
  const listed = await git.run("ls-files", "-z", ...(folder === undefined || folder === "" ? [] : ["--", folder]));
  return listed.split("\0").filter((path) => path !== "");
}

/** The path of a file in a chart's folder. */
export function inFolder(folder: string, name: string): string {
  return folder === "" ? name : `${folder}/${name}`;
}

/** The text of a file of the chart in the work tree. Nothing if there is none. */
export function textIn({ git, folder }: OwnChart, name: string): string | undefined {
  const path = join(git.root, folder, name);
  return existsSync(path) ? readFileSync(path, "utf8") : undefined;
}

/** What a chart's next tag would be, and whether it would keep the promise. */
export interface ChartVerdict {
  /** Absent: `version` of the chart is none with the prefix. */
  readonly version?: string;
  readonly chartVersion?: string;
  readonly appVersion?: string;
  /** Each in one sentence. */
  readonly reasons: readonly string[];
}

/**
 * Judges the chart in the work tree: its tracked files, as they are.
 *
 * @param changed texts that take the place of those in the work tree, by file name
 */
export async function judgeChart(
  chart: OwnChart,
  prefix: Prefix,
  changed: Readonly<Record<string, string>> = {},
): Promise<ChartVerdict> {
  const { git, folder } = chart;
  const inChart = inFolder(folder, "");
  // Git still tracks a file that only the work tree has deleted.
  const tracked = (await trackedFiles(git, folder)).filter((path) => existsSync(join(git.root, path)));
  const names = tracked.map((path) => path.slice(inChart.length));
  const read = (name: string) => changed[name] ?? textIn(chart, name);
  const { version: chartVersion, appVersion, dependencies, problems } = readChartYaml(read("Chart.yaml") ?? "");
  const present = dependencyFiles.filter((name) => names.includes(name));
  const vendored = names.flatMap((name) =>
    name.startsWith(`${vendoredFolder}/`) ? [name.slice(vendoredFolder.length + 1)] : [],
  );
  const chartProblems = [
    ...problems,
    ...dependencyProblems(dependencies, { files: new Map(present.map((name) => [name, read(name)])), vendored }),
  ];
  const facts = { branch: "", chart: folder, chartVersion, appVersion, chartProblems };
  const imageTag = imageTagOf(read("values.yaml") ?? "");
  const version = versionOfTag(chartVersion ?? "", prefix.chart);
  return {
    version,
    chartVersion,
    appVersion,
    reasons: [
      ...branchReasons(facts, { prefix, images: [] }),
      ...(version?.includes("+") === true
        ? [`version of Chart.yaml is "${version}", must have no "+": no image tag can have it`]
        : []),
      ...(imageTag === undefined || imageTag === appVersion
        ? []
        : [
            `image.tag of values.yaml is "${imageTag}", must be empty, if the chart's templates use appVersion then, or "${appVersion ?? ""}"`,
          ]),
    ],
  };
}

/** Prefixes, and where they come from. */
export interface OwnPrefix {
  readonly prefix: Prefix;
  /** The newest tag that keeps the promise with them. Absent: they are declared. */
  readonly tag?: string;
}

/**
 * The declared prefixes, or those of the newest tag that keeps the promise.
 *
 * @param option the text of `--prefix`
 * @returns nothing if neither says them
 */
export async function ownPrefix(option: string | undefined, { git, folder }: OwnChart): Promise<OwnPrefix | undefined> {
  if (option !== undefined) return { prefix: parsePrefix(option) };
  try {
    const audited = await audit({ repository: git.root, chart: folder === "" ? "." : folder, prefix: parsePrefix("") });
    const prefix = bestPrefix(audited);
    const [newest] = validVersions(audited, prefix);
    return newest === undefined ? undefined : { prefix, tag: prefix.git + newest };
  } catch (error) {
    if (error instanceof GitError) throw new InputError(`${error.message}. \`--prefix\` needs no tags.`);
    throw error;
  }
}

/** The prefixes as `--prefix` takes them. */
export function prefixText(prefix: Prefix): string {
  return `git=${prefix.git},chart=${prefix.chart},image=${prefix.image}`;
}
