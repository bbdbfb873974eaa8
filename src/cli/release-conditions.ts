/** What must hold in an application's repository before `authority release` makes a release there. */
import { firstOf } from "../config/count";
import { printable } from "../config/printable";
import type { Prefix } from "../config/stack-config";
import { compareVersions, isVersion, versionOfTag } from "../version/version";
import { InputError } from "./input-error";
import type { OwnChart } from "./own-chart";
import type { OwnGit } from "./own-git";
import { type OwnRemote, ownTags } from "./own-remote";
import type { ReleaseOptions } from "./release";

/** The branch that releases are made from, on which the work tree is. */
export async function releaseBranch(git: OwnGit, remote: OwnRemote, options: ReleaseOptions): Promise<string> {
  const branch = options.branch ?? remote.head;
  if (branch === undefined || !remote.branches.has(branch)) {
    const fault = branch === undefined ? "does not say which branch is its main one" : `has no branch ${branch}`;
    throw new InputError(`The remote ${remote.name} ${fault}. Name the branch of the releases with \`--branch\`.`);
  }
  const current = await git.branch();
  if (current === branch) return branch;
  throw new InputError(
    `This is ${current === undefined ? "a commit without a branch" : `the branch ${current}`}, and releases are made from ${branch}. ` +
      `\`git switch ${branch}\` first, or name another branch with \`--branch\`.`,
  );
}

/**
 * The last commit, if the work tree is as it has it, and it has all of the remote's branch.
 *
 * @throws InputError if it is not
 */
export async function upToDateHead(
  { git, folder }: OwnChart,
  remote: OwnRemote,
  branch: string,
  options: ReleaseOptions,
): Promise<string> {
  const tracked = await git.run("status", "--porcelain", "--untracked-files=no", "-z", "--no-renames");
  const untracked = await git.changed([folder === "" ? "." : folder]);
  const changed = [...new Set([...tracked.split("\0").flatMap((line) => line.slice(3) || []), ...untracked])];
  if (changed.length > 0) {
    throw new InputError(
      `Changed since the last commit: ${printable(firstOf(changed))}. ` +
        "A release is what is committed: commit or discard the change first.",
    );
  }
  const head = (await git.run("rev-parse", "HEAD")).trim();
  const theirs = remote.branches.get(branch) ?? "";
  if (!(await git.isAncestor(theirs, head))) {
    throw new InputError(`The branch ${branch} of ${remote.name} has commits that are not here. \`git pull\` first.`);
  }
  if (options.tag === true && head !== theirs) {
    throw new InputError(
      `The last commit is not on the branch ${branch} of ${remote.name}. A tag needs a commit that is there: push or merge it first.`,
    );
  }
  return head;
}

/** @throws InputError if the text is not a version that a release can have */
export function refuseVersion(version: string, prefix: Prefix): void {
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
export async function refuseTag(
  git: OwnGit,
  remote: OwnRemote,
  tag: string,
  { push, prepare: onlyPrepares, tag: onlyTags }: ReleaseOptions,
  head: string,
): Promise<boolean> {
  const next =
    onlyTags === true
      ? "Merge the pull request of a new version first, then `git pull`."
      : "A published tag never moves: release a new version.";
  if (remote.tags.has(tag)) throw new InputError(`The tag ${tag} is in ${remote.name} already. ${next}`);
  const mine = (await ownTags(git)).get(tag);
  if (mine === undefined) return false;
  if (mine === head && push === true && onlyPrepares !== true) return true;
  throw new InputError(
    mine === head
      ? `The tag ${tag} already exists locally, on this commit. \`--push\` pushes it; \`git tag --delete ${tag}\` deletes it.`
      : `The tag ${tag} already exists locally, on another commit, and not in ${remote.name}. \`git tag --delete ${tag}\` deletes it.`,
  );
}

/** A release that is about to be made. */
export interface NewRelease {
  readonly version: string;
  readonly tag: string;
  readonly branch: string;
  /** The commit that it is made on. */
  readonly head: string;
  readonly prefix: Prefix;
}

/** @throws InputError if the branch has a release that is not older */
export async function refuseOlder(
  git: OwnGit,
  remote: OwnRemote,
  { version, tag, branch, head, prefix }: NewRelease,
): Promise<void> {
  const known = new Map([...remote.tags, ...(await ownTags(git))]);
  for (const [other, commit] of known) {
    const released = versionOfTag(other, prefix.git);
    if (released === undefined || other === tag || compareVersions(released, version) < 0) continue;
    if (!(await git.isAncestor(commit, head))) continue;
    throw new InputError(
      `The branch ${branch} has the release ${other} already, and ${version} is not newer. ` +
        "For a fix of an old release, use a branch of its own, with `--branch`.",
    );
  }
}
