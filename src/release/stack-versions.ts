/** The commits that changed a stack file, and the blobs that they left. */
import { basename } from "node:path";
import { largestFile, stackFilePath, stacksOf } from "../config/stack-file";
import { type CommitAuthor, EntryReader } from "./entry-reader";
import { checkObjects, folderInClone, type Git, isShallow, readObjects, streamObjects, textLines } from "./git-objects";
import { sharedLine } from "./shared-line";

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

/** The stack file at a commit. */
export interface FileVersion {
  /** Absent: the commit does not have the file. */
  readonly blob?: string;
  readonly bytes: number;
}

/** A commit that changed the stack file. */
export interface StackVersion extends StackCommit, FileVersion {
  /** The file that it changed, unless that is the version listed next. */
  readonly before?: FileVersion;
  /** A pull decides only what no commit of its two sides has decided. */
  readonly isPull?: boolean;
}

/** All versions of a stack file on a branch, the newest first. */
export interface StackVersions {
  readonly versions: readonly StackVersion[];
  /** The names that the stack has had. */
  readonly stacks: readonly string[];
  /** False in a shallow clone that lacks commits of the branch. */
  readonly isComplete: boolean;
}

/**
 * Lists the versions of a stack file, along first parents, and through pulls (see `sharedLine`): what was decided on either
 * side of one is listed, one's own below what came with it. A file that was moved or renamed is followed.
 *
 * @param tip the last commit
 * @throws GitError outside of a repository, or if the clone is damaged
 */
export async function listVersions(git: Git, stack: string, tip = "HEAD"): Promise<StackVersions> {
  const file = stackFilePath(stack);
  const [folder, lacksCommits, merge, commits] = await Promise.all([
    folderInClone(git),
    isShallow(git),
    git(["rev-list", "--first-parent", "--merges", "--max-count=1", tip, "--"]),
    commitsOf(git, ["--first-parent", tip, "--", `:(literal)${file}`]),
  ]);
  const { versions, paths } = await versionsOf(git, folder + file, commits);
  const pulled = merge.length > 0 ? await pulledVersions(git, tip, paths) : undefined;
  return {
    versions: pulled ?? versions,
    stacks: stacksOf(paths.map((one) => basename(one))),
    isComplete: !lacksCommits || (await endsAtFirstCommits(git, tip)),
  };
}

/** Whether a shallow clone has all commits of this branch nevertheless. */
async function endsAtFirstCommits(git: Git, tip: string): Promise<boolean> {
  const last = textLines(await git(["rev-list", "--max-parents=0", tip, "--"]));
  // Git does not list the parents that a clone lacks, but the commits name them.
  const commits = [...(await readObjects(git, last)).values()];
  return !commits.some((commit) => /^parent /m.test(commit.toString("utf8").split("\n\n", 1)[0] ?? ""));
}

/**
 * The versions of a file, and the paths that it has had, the newest first.
 *
 * @param last the commits that changed it at this path
 */
async function versionsOf(git: Git, file: string, last: readonly StackCommit[]) {
  const versions: StackVersion[] = [];
  const paths: string[] = [];
  for (let path: string | undefined = file, commits = last; path !== undefined;) {
    paths.push(path);
    const listed = await versionsAt(git, commits, path);
    let moved: string | undefined;
    for (const [index, version] of listed.entries()) {
      versions.push(version);
      if (version.blob === undefined || listed[index + 1]?.blob !== undefined) continue;
      moved = await earlierPath(git, version, path);
      if (moved === undefined) continue;
      commits = await commitsOf(git, ["--first-parent", `${version.commit}^1`, "--", `:(top,literal)${moved}`]);
      break;
    }
    path = moved;
  }
  return { versions, paths };
}

async function versionsAt(git: Git, commits: readonly StackCommit[], path: string): Promise<StackVersion[]> {
  const ids = commits.map(({ commit }) => commit);
  const files = await filesIn(git, ids, [path]);
  return commits.map((one) => ({ ...one, ...(files.get(one.commit) ?? noFile) }));
}

/**
 * The versions on the line that leads through the pulls of a branch; nothing if it has no pull. A pull is a merge of commits
 * by which both people and automation have changed the stack file: a merged pull request usually has commits of one of them only.
 *
 * @param paths that the file has had
 */
async function pulledVersions(git: Git, tip: string, paths: readonly string[]): Promise<StackVersion[] | undefined> {
  const [changes, graph] = await Promise.all([
    commitsOf(git, ["--full-history", "--no-merges", tip, "--", ...paths.map((path) => `:(top,literal)${path}`)]),
    git(["rev-list", "--parents", tip, "--"]),
  ]);
  const ids = textLines(graph).map((line) => line.split(" "));
  const parents = new Map(ids.map(([commit = "", ...others]) => [commit, others]));
  const changed = new Map(changes.map((one) => [one.commit, one]));
  const lineOf = (kindOf: (author: CommitAuthor) => unknown) =>
    sharedLine(ids[0]?.[0] ?? "", parents, (brought) => {
      const authors = [...brought].flatMap((commit) => changed.get(commit)?.author ?? []);
      return new Set(authors.map(kindOf)).size > 1;
    });
  const merges = [...lineOf(({ name, email }) => `${name} <${email}>`).pulls];
  if (merges.length === 0) return undefined;
  // Another author may be automation's on the two sides of a merge than at the tip.
  const authors = await authorsAt(git, [tip, ...merges.flatMap((merge) => parents.get(merge) ?? [])], paths);
  const { line, pulls } = lineOf((author) => isAutomation(author, authors));
  if (pulls.size === 0) return undefined;
  const known = new Map(
    [...changes, ...(await commitsOf(git, ["--merges", tip, "--"]))].map((one) => [one.commit, one]),
  );
  const commits = line.flatMap((commit) => known.get(commit) ?? []);
  const names = commits.flatMap(({ commit }) => [commit, `${commit}^1`]);
  const files = await filesIn(git, names, paths);
  const versions = commits.flatMap((one) => {
    const [file, before] = [files.get(one.commit) ?? noFile, files.get(`${one.commit}^1`) ?? noFile];
    const isPull = pulls.has(one.commit);
    return isPull || file.blob !== before.blob ? { ...one, ...file, before: isPull ? undefined : before, isPull } : [];
  });
  return versions.map((one, index) => {
    const isNext = one.before?.blob === versions[index + 1]?.blob;
    return isNext ? { ...one, before: undefined } : one;
  });
}

const noFile: FileVersion = { bytes: 0 };

/** The file in each commit, by the first of its names that is there. */
async function filesIn(
  git: Git,
  commits: readonly string[],
  paths: readonly string[],
): Promise<ReadonlyMap<string, FileVersion>> {
  const names = commits.flatMap((commit) => paths.map((path) => `${commit}:${path}`));
  const facts = await checkObjects(git, names);
  return new Map(
    commits.map((commit, index) => {
      const named = facts.slice(index * paths.length, (index + 1) * paths.length);
      const fact = named.find((one) => one?.type === "blob");
      return [commit, fact === undefined ? noFile : { blob: fact.id, bytes: fact.size }];
    }),
  );
}

/** The authors of automation, as the file names them in some commits. */
async function authorsAt(git: Git, commits: readonly string[], paths: readonly string[]): Promise<CommitAuthor[]> {
  const files = [...(await filesIn(git, commits, paths)).values()].filter(({ bytes }) => bytes <= largestFile);
  const reader = new EntryReader();
  const authors: CommitAuthor[] = [];
  await streamObjects(git, [...new Set(files.flatMap(({ blob }) => blob ?? []))], (content) => {
    reader.next(content);
    authors.push(reader.author);
  });
  return authors.length > 0 ? authors : [reader.author];
}

/** Whether the author of a commit is one of automation. */
export function isAutomation({ name, email }: CommitAuthor, authors: readonly CommitAuthor[]): boolean {
  return authors.some((one) => one.name === name && one.email === email);
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
