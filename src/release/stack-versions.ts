/** The commits that changed a stack file, and the blobs that they left. */
import { basename } from "node:path";
import { largestFile, stackFilePath, stacksOf } from "../config/stack-file";
import { type CommitAuthor, EntryReader } from "./entry-reader";
import { checkObjects, type Git, isShallow, streamObjects, textLines } from "./git-objects";
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
  const merges = ["--first-parent", "--merges", "--max-count=1"];
  const [path, lacksCommits, merge] = await Promise.all([
    pathInClone(git, stack),
    isShallow(git),
    git(["rev-list", ...merges, tip]),
  ]);
  const { versions, paths } = await versionsOf(git, path, tip, merge.length > 0);
  return {
    versions,
    stacks: stacksOf(paths.map((one) => basename(one))),
    isComplete: !lacksCommits || (await endsAtFirstCommit(git, tip)),
  };
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

/** The versions of a file, and the paths that it has had, the newest first. */
async function versionsOf(git: Git, file: string, last: string, hasMerges: boolean) {
  const versions: StackVersion[] = [];
  const paths: string[] = [];
  for (let path: string | undefined = file, tip = last; path !== undefined;) {
    paths.push(path);
    const listed = await versionsAt(git, tip, path, hasMerges);
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
  return { versions, paths };
}

async function versionsAt(git: Git, tip: string, path: string, hasMerges: boolean): Promise<StackVersion[]> {
  const pulled = hasMerges ? await pulledVersions(git, tip, path) : undefined;
  if (pulled !== undefined) return pulled;
  const commits = await commitsOf(git, ["--first-parent", tip, "--", `:(top,literal)${path}`]);
  const files = await filesIn(
    git,
    commits.map(({ commit }) => commit),
    path,
  );
  return commits.map((one) => ({ ...one, ...(files.get(one.commit) ?? noFile) }));
}

/** The versions on the line that leads through the pulls of a branch; nothing if it has no pull. */
async function pulledVersions(git: Git, tip: string, path: string): Promise<StackVersion[] | undefined> {
  const [changes, graph, authors] = await Promise.all([
    commitsOf(git, ["--full-history", "--no-merges", tip, "--", `:(top,literal)${path}`]),
    git(["rev-list", "--parents", tip]),
    authorsAt(git, tip, path),
  ]);
  const ids = textLines(graph).map((line) => line.split(" "));
  const parents = new Map(ids.map(([commit = "", ...others]) => [commit, others]));
  const byAutomation = new Map(changes.map((one) => [one.commit, isAutomation(one.author, authors)]));
  const { line, pulls } = sharedLine(ids[0]?.[0] ?? "", parents, byAutomation);
  if (pulls.length === 0) return undefined;
  const known = new Map([...changes, ...(await commitsOf(git, ["--merges", tip]))].map((one) => [one.commit, one]));
  const own = pulls.flatMap((pull) => pull.own).filter((commit) => known.has(commit));
  const shared = line.filter((commit) => known.has(commit));
  const files = await filesIn(git, [...shared, ...own, ...own.map((commit) => `${commit}^1`)], path);
  const versionsOf = (commits: readonly string[], isOwn: boolean) =>
    commits.flatMap((commit): StackVersion[] => {
      const one = known.get(commit);
      const before = isOwn ? files.get(`${commit}^1`) : undefined;
      return one === undefined ? [] : [{ ...one, ...(files.get(commit) ?? noFile), before }];
    });
  const versions = versionsOf(shared, false);
  for (const pull of [...pulls].reverse()) {
    const isPulled = ({ commit }: StackVersion) => commit === pull.merge || pull.pulled.has(commit);
    const index = versions.findLastIndex(isPulled);
    const [last, next = noFile] = versions.slice(index);
    if (last !== undefined) versions[index] = { ...last, before: last.before ?? next };
    versions.splice(index + 1, 0, ...versionsOf(pull.own, true));
  }
  const isPull = new Set(pulls.map(({ merge }) => merge));
  return versions.flatMap((one, index) => {
    if (isPull.has(one.commit)) return { ...one, before: undefined, isPull: true };
    return one.isMerge && one.blob === (one.before ?? versions[index + 1])?.blob ? [] : one;
  });
}

const noFile: FileVersion = { bytes: 0 };

/** The file in each commit. */
async function filesIn(git: Git, commits: readonly string[], path: string): Promise<ReadonlyMap<string, FileVersion>> {
  const facts = await checkObjects(
    git,
    commits.map((commit) => `${commit}:${path}`),
  );
  return new Map(
    commits.map((commit, index) => {
      const fact = facts[index];
      return [commit, fact?.type === "blob" ? { blob: fact.id, bytes: fact.size } : noFile];
    }),
  );
}

/** The author of automation, as the file names it. */
async function authorsAt(git: Git, tip: string, path: string): Promise<readonly CommitAuthor[]> {
  const { blob, bytes } = (await filesIn(git, [tip], path)).get(tip) ?? noFile;
  const reader = new EntryReader();
  if (blob !== undefined && bytes <= largestFile) {
    await streamObjects(git, [blob], (content) => void reader.next(content));
  }
  return [reader.author];
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
