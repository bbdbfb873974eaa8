/** A folder in which a pull request is judged: the code of the base branch with the data of the pull request. */
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { parseStackFile, projectFilePath, stackFilePath, stacksOf } from "../config/stack-file";
import { textAt } from "../config/report";
import { settingsOf } from "../config/structure";
import { ProblemsError } from "../config/problem";
import { gitUrlError, isBranchName } from "../config/address";
import { type Git, gitIn, streamObjects, textLines, wholeTreeMs } from "../release/git-objects";
import { type CommittedFile, fileText, isRegular, type PullRequest } from "./pull-request";
import { projectCopy, stackCopy, withDelivery } from "./stack-copy";
import { upgradeFiles } from "./upgrade";

/** The judged project, on this machine until the judgement ends. */
export interface ScratchProject {
  /** The folder of `Pulumi.yaml`. */
  readonly root: string;
  readonly stacks: readonly string[];
  /** The name of the base branch there. */
  readonly base: string;
  /** What the copies of the stack files lack, by path of the file. */
  readonly removed: ReadonlyMap<string, readonly string[]>;
  /** Whether the pull request changes more of `Pulumi.yaml` than `config`. */
  readonly changesProject: boolean;
  /** Of an upgrade: the files by which npm installs the new packages. They are not written yet. */
  readonly packages: ReadonlyMap<string, string>;
}

const programMode = "100755";
const linkMode = "120000";

/**
 * Writes the project. Its `.git` has the commits of the pull request, and a remote that is the base branch, so that the
 * policies that read the history judge what the merge would bring, without network.
 *
 * @param clone the project's folder in the clone that has the pull request
 * @param baseBranch the name of the base branch
 * @param scratch an empty folder
 */
export async function writeScratchProject(
  clone: string,
  pullRequest: PullRequest,
  baseBranch: string,
  scratch: string,
): Promise<ScratchProject> {
  const { data, baseFiles, mergedFiles, folder, base, merged } = pullRequest;
  const git = gitIn(clone, wholeTreeMs);
  const top = join(scratch, "repository");
  const root = join(top, folder);
  mkdirSync(root, { recursive: true });
  const code = [...baseFiles.values()].filter(({ path }) => !data.isData(path));
  const decided = [...mergedFiles.values()].filter(
    ({ path, mode }) => data.isData(path) && isRegular(mode) && path !== projectFilePath,
  );
  const stacks = decided.flatMap(({ path }) => stacksOf([path])).sort();
  const removed = new Map<string, readonly string[]>();
  const addresses = new Set<string>();
  const branches = new Set([baseBranch]);
  await writeFiles(git, root, [...code, ...decided], (path, content) => {
    const [stack] = stacksOf([path]);
    if (stack === undefined) return content;
    const copy = stackCopy(stack, content.toString("utf8"));
    if (copy.removed.length > 0) removed.set(path, copy.removed);
    const { url, branch } = configRepository(stack, copy.text);
    if (url !== undefined && gitUrlError(url) === undefined) addresses.add(url);
    if (branch !== undefined && isBranchName(branch)) branches.add(branch);
    return copy.text;
  });
  const project = projectCopy((await fileText(git, baseFiles)) ?? "", (await fileText(git, mergedFiles)) ?? "");
  writeFileSync(join(root, projectFilePath), project.text);
  await writeRepository(
    git,
    { top, bare: join(scratch, "base.git") },
    { base, merged, baseBranch, branches, addresses },
  );
  const packages = new Map<string, string>();
  for (const path of pullRequest.upgrade === undefined ? [] : upgradeFiles) {
    packages.set(path, (await fileText(git, mergedFiles, path)) ?? "");
  }
  return { root, stacks, base: `origin/${baseBranch}`, removed, changesProject: project.hasCode, packages };
}

/** Has the stacks that deploy to a cluster write their objects into a folder instead. Returns their texts until now. */
export function deliverToFolders(root: string, stacks: ReadonlyMap<string, string>): void {
  for (const [stack, text] of stacks) {
    writeFileSync(join(root, stackFilePath(stack)), withDelivery(stack, text, `preview-of-${stack}`));
  }
}

async function writeFiles(
  git: Git,
  root: string,
  files: readonly CommittedFile[],
  edit: (path: string, content: Buffer) => Buffer | string,
): Promise<void> {
  // A submodule has no content here.
  const written = files.filter(({ mode }) => isRegular(mode) || mode === linkMode);
  const ids = written.map(({ id }) => id);
  const failed: unknown[] = [];
  await streamObjects(git, ids, (content, index) => {
    const { path = "", mode } = written[index] ?? {};
    try {
      const absolute = join(root, path);
      mkdirSync(dirname(absolute), { recursive: true });
      if (mode === linkMode) symlinkSync(content.toString("utf8"), absolute);
      else writeFileSync(absolute, edit(path, content), { mode: mode === programMode ? 0o755 : 0o644, flag: "wx" });
    } catch (error) {
      failed.push(error);
    }
  });
  if (failed.length > 0) throw failed[0];
}

function configRepository(stack: string, text: string): { readonly url?: string; readonly branch?: string } {
  try {
    const { configRepository: declared } = settingsOf(parseStackFile(stack, text));
    return { url: textAt(declared, "url"), branch: textAt(declared, "branch") };
  } catch (error) {
    if (error instanceof ProblemsError) return {};
    throw error;
  }
}

const none = () => undefined;

interface History {
  readonly base: string;
  readonly merged: string;
  readonly baseBranch: string;
  /** Those that the stack files name. All of them are the base branch here. */
  readonly branches: ReadonlySet<string>;
  /** Of the repository, as the stack files have them. They lead to the base branch here. */
  readonly addresses: ReadonlySet<string>;
}

async function writeRepository(
  clone: Git,
  { top, bare }: { readonly top: string; readonly bare: string },
  { base, merged, baseBranch, branches, addresses }: History,
): Promise<void> {
  const [objects = ""] = textLines(await clone(["rev-parse", "--path-format=absolute", "--git-path", "objects"]));
  const [format = "sha1"] = textLines(await clone(["rev-parse", "--show-object-format"]));
  const made = ["init", "--quiet", "--template=", `--object-format=${format}`, `--initial-branch=${baseBranch}`];
  await clone([...made, "--", top]);
  await clone([...made, "--bare", "--", bare]);
  for (const folder of [join(top, ".git"), bare]) {
    mkdirSync(join(folder, "objects/info"), { recursive: true });
    writeFileSync(join(folder, "objects/info/alternates"), `${objects}\n`);
  }
  const [own, remote] = [gitIn(top, wholeTreeMs), gitIn(bare, wholeTreeMs)];
  await remote(["update-ref", `refs/heads/${baseBranch}`, base]);
  for (const branch of branches) {
    // One that cannot be beside the base branch is missing, as on the Git host.
    await remote(["update-ref", `refs/heads/${branch}`, base]).catch(none);
  }
  await own(["update-ref", "--no-deref", "HEAD", merged]);
  await own(["update-ref", `refs/remotes/origin/${baseBranch}`, base]);
  await own(["read-tree", merged]);
  await own(["remote", "add", "origin", bare]);
  for (const address of addresses) await own(["config", "--add", `url.${bare}.insteadOf`, address]);
}
