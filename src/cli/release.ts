/** `authority release`: the application team's decision to make a release, as a commit and a tag that keep the promise. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { printable, printableLines } from "../config/printable";
import type { Prefix } from "../config/stack-config";
import { ChartEditError, withImageTag, withVersions } from "../release/chart-edit";
import { withRepository } from "../release/git";
import { readCharts } from "../release/git-evidence";
import { branchReasons } from "../release/promise";
import { compareVersions, isVersion, versionOfTag } from "../version/version";
import { isConfirmed } from "./decision";
import { type ExitCode, exitCode } from "./exit-code";
import { InputError } from "./input-error";
import { inFolder, judgeChart, type OwnChart, ownChart, ownPrefix, prefixText, textIn } from "./own-chart";
import { type OwnGit, unifiedDiff } from "./own-git";
import { type OwnRemote, ownRemote, ownTags } from "./own-remote";
import { refuseToWrite } from "./releases";
import type { Session } from "./session";

/** Options of `authority release`. */
export interface ReleaseOptions {
  readonly chart?: string;
  readonly prefix?: string;
  /** The branch that releases are made from. Default: that of the remote's HEAD. */
  readonly branch?: string;
  readonly remote?: string;
  /** Whether to make only the commit, on a branch for a pull request. */
  readonly prepare?: boolean;
  /** Whether to make only the tag. */
  readonly tag?: boolean;
  readonly push?: boolean;
  readonly yes?: boolean;
}

/** A release that may be made. */
interface Plan {
  readonly chart: OwnChart;
  readonly remote: OwnRemote;
  readonly branch: string;
  readonly version: string;
  readonly tag: string;
  /** Whether the tag is there already, and only a push is missing. */
  readonly isTagged: boolean;
  /** The commit to tag, or to commit on. */
  readonly head: string;
  /** The changed files, by path from the top of the repository. */
  readonly changes: readonly Change[];
}

interface Change {
  readonly path: string;
  readonly before: string;
  readonly after: string;
}

/**
 * Sets the versions in the chart, commits and tags, if the tag will keep the promise.
 *
 * @param given the version; with `--tag`, default: that of the chart
 * @throws InputError if nothing can be released here
 */
export async function release(given: string | undefined, options: ReleaseOptions, session: Session): Promise<ExitCode> {
  const { terminal } = session;
  const chart = await ownChart(options.chart, session);
  const { git } = chart;
  const remote = await ownRemote(git, options.remote);
  const branch = await releaseBranch(git, remote, options);
  const head = await upToDateHead(chart, remote, branch, options);
  const { prefix, tag: prefixTag } = await requirePrefix(options, chart);
  const version = given ?? (options.tag === true ? (await judgeChart(chart, prefix)).version : undefined);
  if (version === undefined) throw new InputError("Name the version: `authority release <version>`.");
  refuseVersion(version, prefix);
  const tag = prefix.git + version;
  const target = options.tag === true ? await releaseCommit(chart, head) : head;
  const isTagged = await refuseTag(git, remote, tag, options, target);
  await refuseOlder(git, remote, { version, tag, branch, head, prefix });
  const { changes, reasons: found } = await changesFor(chart, prefix, version);
  const reasons = target === head ? found : [...found, ...(await reasonsAt(chart, target, prefix))];
  if (reasons.length > 0) {
    terminal.log(printable(`The tag ${tag} would break the promise:`));
    return refuseToWrite(terminal, reasons);
  }
  if ((options.tag === true || isTagged) && changes.length > 0) {
    throw new InputError(
      `${changes.map(({ path }) => path).join(" and ")} of the branch ${branch} ${changes.length === 1 ? "is" : "are"} not at ${version}. ` +
        `Merge the pull request of \`authority release ${version} --prepare\` first, then \`git pull\`.`,
    );
  }
  terminal.done();
  if (prefixTag !== undefined) {
    terminal.log(printable(`The prefixes are those of the tag ${prefixTag}: ${prefixText(prefix)}`));
  }
  const plan: Plan = { chart, remote, branch, version, tag, isTagged, head: target, changes };
  for (const { path, before, after } of changes) {
    terminal.print(printableLines(await unifiedDiff(path, before, after)));
  }
  const what =
    options.prepare === true ? "Commit this" : changes.length > 0 ? `Commit this as ${tag}` : `Tag ${target} as ${tag}`;
  if (!(await isConfirmed(terminal, options, undefined, what))) return refuseToWrite(terminal, []);
  return options.prepare === true ? prepare(plan, options, session) : tagRelease(plan, options, session);
}

/** The branch that releases are made from, on which the work tree is. */
async function releaseBranch(git: OwnGit, remote: OwnRemote, options: ReleaseOptions): Promise<string> {
  const branch = options.branch ?? remote.head;
  if (branch === undefined || !remote.branches.has(branch)) {
    const fault = branch === undefined ? "does not say which branch is its main one" : `has no branch ${branch}`;
    throw new InputError(`The remote ${remote.name} ${fault}. Name the branch of the releases with \`--branch\`.`);
  }
  const current = (await git.try("symbolic-ref", "--quiet", "--short", "HEAD")).stdout.trim();
  if (current === branch) return branch;
  throw new InputError(
    `This is ${current === "" ? "a commit without a branch" : `the branch ${current}`}, and releases are made from ${branch}. ` +
      `\`git switch ${branch}\` first, or name another branch with \`--branch\`.`,
  );
}

/**
 * The last commit, if the work tree is as it has it, and it has all of the remote's branch.
 *
 * @throws InputError if it is not
 */
async function upToDateHead(
  { git, folder }: OwnChart,
  remote: OwnRemote,
  branch: string,
  options: ReleaseOptions,
): Promise<string> {
  const tracked = await git.run("status", "--porcelain", "--untracked-files=no", "-z", "--no-renames");
  const untracked = await git.changed([folder === "" ? "." : folder]);
  const changed = [...new Set([...tracked.split("\0").flatMap((line) => line.slice(3) || []), ...untracked])];
  if (changed.length > 0) {
    const more = changed.length > 3 ? ` and ${changed.length - 3} more` : "";
    throw new InputError(
      `Changed since the last commit: ${changed.slice(0, 3).map(printable).join(", ")}${more}. ` +
        "A release is what is committed: commit the change or take it back first.",
    );
  }
  const head = (await git.run("rev-parse", "HEAD")).trim();
  const theirs = remote.branches.get(branch) ?? "";
  if (!(await isAncestor(git, theirs, head))) {
    throw new InputError(`The branch ${branch} of ${remote.name} has commits that are not here. \`git pull\` first.`);
  }
  if (options.tag === true && head !== theirs) {
    throw new InputError(
      `The last commit is not on the branch ${branch} of ${remote.name}. A tag needs a commit that is there: push or merge it first.`,
    );
  }
  return head;
}

/** False also if the commit is not here. */
async function isAncestor(git: OwnGit, commit: string, of: string): Promise<boolean> {
  return (await git.try("merge-base", "--is-ancestor", commit, of)).exitCode === 0;
}

async function requirePrefix(options: ReleaseOptions, chart: OwnChart): Promise<{ prefix: Prefix; tag?: string }> {
  const found = await ownPrefix(options.prefix, chart);
  if (found !== undefined) return found;
  throw new InputError(
    "No tag here keeps the promise, so none says how the version is written. Pass `--prefix git=` for the tag 1.4.0, or `--prefix git=v` for v1.4.0.",
  );
}

function refuseVersion(version: string, prefix: Prefix): void {
  if (isVersion(version) && !version.includes("+")) return;
  const bare = version.includes("+") ? undefined : (versionOfTag(version, prefix.git) ?? versionOfTag(version, "v"));
  throw new InputError(
    `${JSON.stringify(version)} is not the version of a release: expected three numbers, such as 1.4.0 or 1.4.0-rc.1` +
      (bare === undefined ? ', and no "+".' : `. Write it without a prefix: ${bare}.`),
  );
}

/**
 * Whether the tag is on this commit already and only has to be pushed, as after a push that failed.
 *
 * @throws InputError if it exists otherwise
 */
async function refuseTag(
  git: OwnGit,
  remote: OwnRemote,
  tag: string,
  { push, prepare: onlyPrepares }: ReleaseOptions,
  head: string,
): Promise<boolean> {
  const next = "A published tag never moves: release a new version.";
  if (remote.tags.has(tag)) throw new InputError(`The tag ${tag} is in ${remote.name} already. ${next}`);
  const mine = (await ownTags(git)).get(tag);
  if (mine === undefined) return false;
  if (mine === head && push === true && onlyPrepares !== true) return true;
  throw new InputError(
    mine === head
      ? `The tag ${tag} is here already, on this commit. \`--push\` pushes it; \`git tag --delete ${tag}\` takes it back.`
      : `The tag ${tag} is here already, on another commit, and not in ${remote.name}. \`git tag --delete ${tag}\` takes it back.`,
  );
}

/** @throws InputError if the branch has a release that is not older */
async function refuseOlder(
  git: OwnGit,
  remote: OwnRemote,
  { version, tag, branch, head, prefix }: Pick<Plan, "version" | "tag" | "branch" | "head"> & { prefix: Prefix },
): Promise<void> {
  const known = new Map([...remote.tags, ...(await ownTags(git))]);
  for (const [other, commit] of known) {
    const released = versionOfTag(other, prefix.git);
    if (released === undefined || other === tag || compareVersions(released, version) < 0) continue;
    if (!(await isAncestor(git, commit, head))) continue;
    throw new InputError(
      `The branch ${branch} has the release ${other} already, and ${version} is not newer. ` +
        "For a fix of an old release, use a branch of its own, with `--branch`.",
    );
  }
}

/** What the release changes in the chart, and why its tag would break the promise all the same. */
async function changesFor(
  chart: OwnChart,
  prefix: Prefix,
  version: string,
): Promise<{ changes: Change[]; reasons: readonly string[] }> {
  const versions = { version: prefix.chart + version, appVersion: prefix.image + version };
  const edits = {
    "Chart.yaml": (text: string) => withVersions(text, versions),
    "values.yaml": edited(versions.appVersion),
  };
  try {
    const changes = Object.entries(edits).flatMap(([name, edit]) => {
      const before = textIn(chart, name);
      return before === undefined ? [] : [{ name, path: inFolder(chart.folder, name), before, after: edit(before) }];
    });
    const after = Object.fromEntries(changes.map(({ name, after: text }) => [name, text]));
    const { reasons } = await judgeChart(chart, prefix, after);
    return { changes: changes.filter(({ before, after: text }) => before !== text), reasons };
  } catch (error) {
    if (error instanceof ChartEditError) throw new InputError(error.message);
    throw error;
  }
}

function edited(appVersion: string): (text: string) => string {
  return (text) => withImageTag(text, appVersion);
}

/** Why the promise would break on a commit before the last. */
async function reasonsAt({ git, folder }: OwnChart, commit: string, prefix: Prefix): Promise<string[]> {
  const path = folder === "" ? "." : folder;
  const charts = await withRepository(git.root, {}, (opened) => readCharts(opened, [commit], path, { pinned: true }));
  return [...charts.values()].flatMap((facts) =>
    branchReasons({ branch: "", chart: path, ...facts }, { prefix, images: [] }),
  );
}

/** The commit of the branch that brought the versions: the merge of the pull request. Later ones are another release's. */
async function releaseCommit({ git, folder }: OwnChart, head: string): Promise<string> {
  const path = inFolder(folder, "Chart.yaml");
  const commit = (await git.run("rev-list", "--first-parent", "--max-count=1", head, "--", path)).trim();
  return commit === "" ? head : commit;
}

/** Commits on a branch of its own. */
async function prepare(plan: Plan, { push }: ReleaseOptions, { terminal }: Session): Promise<ExitCode> {
  const { chart, remote, version, tag, branch, changes } = plan;
  const { git } = chart;
  const rest = `\`git switch ${branch}\`, \`git pull\`, \`authority release ${version} --tag --push\``;
  if (changes.length === 0) {
    throw new InputError(`The branch ${branch} is at ${version} already. Tag it: ${rest}.`);
  }
  // No pattern of release branches matches this name, so that nobody can tag what is not merged.
  const name = `prepare-${version}`;
  const exists =
    remote.branches.has(name) || (await git.try("rev-parse", "--verify", `refs/heads/${name}`)).exitCode === 0;
  if (exists) {
    throw new InputError(
      `The branch ${name} exists already, here or in ${remote.name}. Merge it, or delete it in both places.`,
    );
  }
  await git.run("switch", "--quiet", "--create", name);
  try {
    await commit(plan);
  } catch (error) {
    await git.try("switch", "--quiet", branch);
    await git.try("branch", "--quiet", "--delete", "--force", name);
    throw error;
  }
  terminal.print(`Committed to the branch ${name}.`);
  const flags = ["--quiet", "--set-upstream", remote.name, name];
  const code = await pushOrExplain(git, flags, push, terminal, `\`git push --set-upstream ${remote.name} ${name}\``);
  terminal.print(`After the merge of its pull request into ${branch}, tag ${tag}: ${rest}.`);
  return code;
}

/** Commits, if the chart is not at the version yet, and tags. */
async function tagRelease(plan: Plan, options: ReleaseOptions, { terminal }: Session): Promise<ExitCode> {
  const { chart, remote, branch, version, tag, changes, head, isTagged } = plan;
  const { git } = chart;
  if (changes.length > 0) await commit(plan);
  if (!isTagged) {
    try {
      const target = changes.length > 0 ? "HEAD" : head;
      await git.run("tag", "--annotate", "--message", `Release ${version}`, "--", tag, target);
    } catch (error) {
      if (changes.length > 0) await git.try("reset", "--quiet", "--keep", head);
      if (error instanceof InputError) throw new InputError(`${error.message}\nEverything is as before.`);
      throw error;
    }
  }
  const id = (await git.run("rev-parse", "--short", `refs/tags/${tag}^{commit}`)).trim();
  terminal.print(printable(`Tagged ${id} as ${tag}.`));
  const refs = [...(options.tag === true ? [] : [`HEAD:refs/heads/${branch}`]), `refs/tags/${tag}`];
  const code = await pushOrExplain(
    git,
    ["--quiet", "--atomic", remote.name, ...refs],
    options.push,
    terminal,
    `\`git push --atomic ${remote.name} ${branch} ${tag}\``,
  );
  if (code !== exitCode.fine && options.tag !== true && changes.length > 0) {
    terminal.log(
      `If the branch ${branch} is protected: \`git tag --delete ${tag}\`, \`git reset --keep ${remote.name}/${branch}\`, ` +
        `\`authority release ${version} --prepare --push\`.`,
    );
  }
  return code;
}

/** Writes and commits the chart. If either fails, the files are as before. */
async function commit({ chart: { git }, version, changes }: Plan): Promise<void> {
  const { default: writeFileAtomic } = await import("write-file-atomic");
  for (const { path, before } of changes) {
    const absolute = join(git.root, path);
    if (!existsSync(absolute) || readFileSync(absolute, "utf8") !== before) {
      throw new InputError(`${path} was changed meanwhile. Nothing was written; run the command again.`);
    }
  }
  const paths = changes.map(({ path }) => path);
  try {
    for (const { path, after } of changes) await writeFileAtomic(join(git.root, path), after);
    await git.run("commit", "--quiet", "--only", "--message", `Release ${version}`, "--", ...paths);
  } catch (error) {
    for (const { path, before } of changes) await writeFileAtomic(join(git.root, path), before);
    if (error instanceof InputError) throw new InputError(`${error.message}\nThe files are as before.`);
    throw error;
  }
}

/** @param next the command that pushes, for a person */
async function pushOrExplain(
  git: OwnGit,
  flags: readonly string[],
  push: boolean | undefined,
  terminal: Session["terminal"],
  next: string,
): Promise<ExitCode> {
  if (push !== true) {
    terminal.print(printable(`Nothing is pushed. Next: ${next}`));
    return exitCode.fine;
  }
  terminal.step("pushing");
  const { exitCode: code, said } = await git.try("push", ...flags);
  if (code === 0) {
    terminal.print("Pushed.");
    return exitCode.fine;
  }
  terminal.log(printableLines(`Not pushed: ${said}\nThe same command pushes it again, if the cause is gone.`));
  return exitCode.blocked;
}
