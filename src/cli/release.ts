/** `authority release`: the application team's decision to make a release, as a commit and a tag that keep the promise. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { printable, printableLines } from "../config/printable";
import type { Prefix } from "../config/stack-config";
import { ChartEditError, withImageTag, withVersions } from "../release/chart-edit";
import { withRepository } from "../release/git";
import { readCharts } from "../release/git-evidence";
import { gitIn, isShallow } from "../release/git-objects";
import { branchReasons } from "../release/promise";
import { isConfirmed } from "./decision";
import { type ExitCode, exitCode } from "./exit-code";
import { InputError } from "./input-error";
import { inFolder, judgeChart, type OwnChart, ownChart, ownPrefix, prefixText, textIn } from "./own-chart";
import { type OwnGit, unifiedDiff } from "./own-git";
import { type OwnRemote, ownRemote } from "./own-remote";
import { refuseOlder, refuseTag, refuseVersion, releaseBranch, upToDateHead } from "./release-conditions";
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
  if (version === undefined) throw new InputError("Name the version: `npx shared-authority release <version>`.");
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
        `Merge the pull request of \`npx shared-authority release ${version} --prepare\` first, then \`git pull\`.`,
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

async function requirePrefix(options: ReleaseOptions, chart: OwnChart): Promise<{ prefix: Prefix; tag?: string }> {
  const found = await ownPrefix(options.prefix, chart);
  if (found !== undefined) return found;
  throw new InputError(
    "No tag here keeps the promise, so the prefix is not known. Pass `--prefix git=` for the tag 1.4.0, or `--prefix git=v` for v1.4.0.",
  );
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
  // Of a shallow clone, the oldest commit would count as the one that brought them.
  if (await isShallow(gitIn(git.root))) {
    throw new InputError("This clone is shallow, so the commit to tag cannot be found: `git fetch --unshallow` first.");
  }
  const path = inFolder(folder, "Chart.yaml");
  const commit = (await git.run("rev-list", "--first-parent", "--max-count=1", head, "--", path)).trim();
  return commit === "" ? head : commit;
}

/** Commits on a branch of its own. */
async function prepare(plan: Plan, { push }: ReleaseOptions, { terminal }: Session): Promise<ExitCode> {
  const { chart, remote, version, branch, changes } = plan;
  const { git } = chart;
  const rest = tagCommands(plan);
  if (changes.length === 0) {
    throw new InputError(`The branch ${branch} is at ${version} already. Tag it: ${rest}.`);
  }
  const name = preparedBranch(plan);
  const exists =
    remote.branches.has(name) || (await git.try("rev-parse", "--verify", `refs/heads/${name}`)).exitCode === 0;
  if (exists) {
    throw new InputError(
      `The branch ${name} exists already, here or in ${remote.name}. Push and merge it, or delete it in both places.`,
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
  const advice = {
    next: `\`git push --set-upstream ${remote.name} ${name}\``,
    rejected:
      `Others have pushed the branch ${name} meanwhile. Take yours back and merge theirs: ` +
      `\`git switch ${branch}\`, \`git branch --delete --force ${name}\`.`,
  };
  const code = await pushOrExplain(git, flags, push, terminal, advice);
  terminal.print(afterMerge(plan));
  return code;
}

/** No pattern of release branches matches this name, so that nobody can tag what is not merged. */
function preparedBranch({ version }: Plan): string {
  return `prepare-${version}`;
}

function tagCommands({ branch, version }: Plan): string {
  return `\`git switch ${branch}\`, \`git pull\`, \`npx shared-authority release ${version} --tag --push\``;
}

function afterMerge(plan: Plan): string {
  return `After the merge of its pull request into ${plan.branch}, tag ${plan.tag}: ${tagCommands(plan)}.`;
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
  const flags = ["--quiet", "--atomic", remote.name, ...refs];
  return pushOrExplain(git, flags, options.push, terminal, await tagAdvice(plan, options));
}

/** None of it loses a commit that is only here: others than the release may be. */
async function tagAdvice(plan: Plan, options: ReleaseOptions): Promise<PushAdvice> {
  const { chart, remote, branch, tag, changes, head } = plan;
  const takeBack = `\`git tag --delete ${tag}\``;
  const reset = changes.length > 0 ? ` \`git reset --keep ${head.slice(0, 12)}\`,` : "";
  const prepared = preparedBranch(plan);
  const isPushed = remote.branches.get(branch) === (await chart.git.run("rev-parse", "HEAD")).trim();
  return {
    next: `\`git push --atomic ${remote.name} ${branch} ${tag}\``,
    rejected:
      "Others have pushed meanwhile. Make the release again on top of what they have pushed: " +
      `${takeBack},${reset} \`git pull --rebase ${remote.name} ${branch}\`, then run this again.`,
    ...(options.tag !== true &&
      !isPushed && {
        refused:
          `If the branch ${branch} is protected: ${takeBack}, \`git switch --create ${prepared}\`, ` +
          `\`git branch --force ${branch} ${remote.name}/${branch}\`, \`git push --set-upstream ${remote.name} ${prepared}\`.\n` +
          afterMerge(plan),
      }),
  };
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

/** What a person does about a push. */
interface PushAdvice {
  /** The command that pushes. */
  readonly next: string;
  /** When others have pushed meanwhile. */
  readonly rejected: string;
  /** What else to do when the push is refused for another reason. */
  readonly refused?: string;
}

async function pushOrExplain(
  git: OwnGit,
  flags: readonly string[],
  push: boolean | undefined,
  terminal: Session["terminal"],
  { next, rejected, refused }: PushAdvice,
): Promise<ExitCode> {
  if (push !== true) {
    terminal.print(printable(`Nothing is pushed. Next: ${next}`));
    return exitCode.fine;
  }
  terminal.step("pushing");
  const { exitCode: code, said } = await git.try("-c", "advice.pushUpdateRejected=false", "push", ...flags);
  if (code === 0) {
    terminal.print("Pushed.");
    return exitCode.fine;
  }
  const advice = said.includes("[rejected]") ? [rejected] : [`When the cause is gone: ${next}`, refused ?? []].flat();
  terminal.log(printableLines([`Not pushed: ${said}`, ...advice].join("\n")));
  return exitCode.blocked;
}
