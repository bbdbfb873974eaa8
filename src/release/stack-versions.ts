/** The commits that changed a stack file, and the blobs that they left. */
import { basename } from "node:path";
import { stackFilePath, stacksOf } from "../config/stack-file";
import { checkObjects, type Git, isShallow, textLines } from "./git-objects";

/** The author of a commit. */
export interface CommitAuthor {
  readonly name: string;
  readonly email: string;
}

/** A commit on the branch of HEAD. */
export interface StackCommit {
  readonly commit: string;
  /** When it was committed, in milliseconds. */
  readonly at: number;
  readonly author: CommitAuthor;
  readonly subject: string;
  /** By name, as written: `Tenant`, `From`, `To`, `Reason`. Of one that is written twice, the last. */
  readonly trailers: Readonly<Record<string, string>>;
  readonly isMerge: boolean;
  readonly hasParent: boolean;
}

/** A commit that changed the stack file. */
export interface StackVersion extends StackCommit {
  /** Absent: the commit removed the file. */
  readonly blob?: string;
  readonly bytes: number;
}

/** All versions of a stack file on a branch, the newest first. */
export interface StackVersions {
  readonly versions: readonly StackVersion[];
  /** False in a shallow clone that lacks commits of the branch. */
  readonly isComplete: boolean;
}

/**
 * Lists the versions of a stack file, along first parents. A file that was moved or renamed is followed.
 *
 * @param tip the last commit
 * @throws GitError outside of a repository, or if the clone is damaged
 */
export async function listVersions(git: Git, stack: string, tip = "HEAD"): Promise<StackVersions> {
  const [path, lacksCommits] = await Promise.all([pathInClone(git, stack), isShallow(git)]);
  const versions = await versionsOf(git, path, tip);
  return { versions, isComplete: !lacksCommits || (await endsAtFirstCommit(git, tip)) };
}

/** The path of a stack's file from the top of the clone. */
export async function pathInClone(git: Git, stack: string): Promise<string> {
  const [prefix = ""] = textLines(await git(["rev-parse", "--show-prefix"]));
  return prefix + stackFilePath(stack);
}

/** Whether a shallow clone has all commits of this branch nevertheless. */
async function endsAtFirstCommit(git: Git, tip: string): Promise<boolean> {
  const [last = ""] = textLines(await git(["rev-list", "--first-parent", "--max-parents=0", tip]));
  // Git does not list the parents that a clone lacks, but the commit names them.
  const head = (await git(["cat-file", "commit", last])).toString("utf8").split("\n\n", 1)[0] ?? "";
  return !/^parent /m.test(head);
}

/** The versions of a file, the newest first. */
async function versionsOf(git: Git, file: string, last: string): Promise<StackVersion[]> {
  const versions: StackVersion[] = [];
  for (let path: string | undefined = file, tip = last; path !== undefined;) {
    const listed = await versionsAt(git, tip, path);
    let moved: string | undefined;
    for (const [index, version] of listed.entries()) {
      versions.push(version);
      if (version.blob === undefined || listed[index + 1]?.blob !== undefined) continue;
      moved = await earlierPath(git, version, path);
      tip = `${version.commit}^1`;
      if (moved !== undefined) break;
    }
    path = moved;
  }
  return versions;
}

async function versionsAt(git: Git, tip: string, path: string): Promise<StackVersion[]> {
  const read = await commitsOf(git, ["--first-parent", tip, "--", `:(top,literal)${path}`]);
  const facts = await checkObjects(
    git,
    read.map(({ commit }) => `${commit}:${path}`),
  );
  return read.map((version, index) => {
    const fact = facts[index];
    return { ...version, blob: fact?.type === "blob" ? fact.id : undefined, bytes: fact?.size ?? 0 };
  });
}

/** The commits that `git rev-list` lists. */
export async function commitsOf(git: Git, which: readonly string[]): Promise<StackCommit[]> {
  const format = ["%H", "%P", "%ct", "%an", "%ae", "%s", "%(trailers:only,unfold)"];
  const options = ["--encoding=UTF-8", `--format=${format.map((one) => `${one}%x00`).join("")}`];
  const texts = (await git(["rev-list", ...options, ...which])).toString("utf8").split("\0");
  return Array.from({ length: Math.floor(texts.length / format.length) }, (_, index) => {
    const [commit = "", parents = "", time, name = "", email = "", subject = "", trailers = ""] = texts.slice(
      index * format.length,
      (index + 1) * format.length,
    );
    // Git writes a line with the word `commit` before each.
    const id = /\w+$/.exec(commit)?.[0] ?? "";
    const facts = { commit: id, hasParent: parents !== "", isMerge: parents.includes(" "), at: Number(time) * 1000 };
    return { ...facts, author: { name, email }, subject, trailers: trailersIn(trailers) };
  });
}

/** The trailers that Git prints with `%(trailers:only,unfold)`, by name. Of one that is written twice, the last. */
export function trailersIn(text: string): Record<string, string> {
  const trailers = [...text.matchAll(/^([\w-]+)\s*:[ \t]*(.*)$/gm)].map(([, name = "", value = ""]) => [name, value]);
  return Object.fromEntries(trailers) as Record<string, string>;
}

/** Where a commit has moved the stack file from, or that of another stack. */
async function earlierPath(git: Git, { commit, hasParent }: StackVersion, path: string): Promise<string | undefined> {
  if (!hasParent) return undefined;
  const form = ["-r", "-z", "-M", "--diff-filter=R", "--name-status", "--no-commit-id"];
  const moved = textLines(await git(["diff-tree", ...form, `${commit}^1`, commit]), "\0");
  // Each is three texts: how alike they are, from where, and to where.
  const index = moved.findIndex((to, at) => at % 3 === 2 && to === path);
  const from = moved[index - 1];
  return from !== undefined && stacksOf([basename(from)]).length > 0 ? from : undefined;
}
