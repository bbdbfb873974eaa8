/** What `git pull` merges on top of commits of one's own: the shared branch, which is then off the line of first parents. */
import { type Git, textLines } from "./git-objects";
import { type CommitAuthor, commitsOf, pathInClone } from "./stack-versions";

/** A line that a merge has brought onto a branch. */
export interface PulledLine {
  /** On the first-parent line of the branch. */
  readonly merge: string;
  /** The last commit of the line. */
  readonly tip: string;
  /** The commits that the branch had not before the merge. */
  readonly commits: ReadonlySet<string>;
  /** The commits of the branch since the merge, along first parents. */
  readonly since: ReadonlySet<string>;
}

/**
 * Lists merged lines on which both people and automation have changed the stack file, the newest first. A merged pull request
 * usually has commits of one of them only.
 *
 * @param isAutomation whether the author of a commit is automation
 * @throws GitError if the clone is damaged
 */
export async function pulledLines(
  git: Git,
  stack: string,
  tip: string,
  isAutomation: (author: CommitAuthor) => boolean,
): Promise<PulledLine[]> {
  if ((await git(["rev-list", "--first-parent", "--merges", "--max-count=1", tip])).length === 0) return [];
  const path = `:(top,literal)${await pathInClone(git, stack)}`;
  const changes = await commitsOf(git, ["--full-history", "--no-merges", tip, "--", path]);
  const byAutomation = new Map(changes.map(({ commit, author }) => [commit, isAutomation(author)]));
  const parents = await parentsOf(git, tip);
  const branch = firstParents(parents);
  const seen = new Set<string>();
  const lines: PulledLine[] = [];
  for (const [index, commit] of [...branch.entries()].reverse()) {
    seen.add(commit);
    for (const parent of parents.get(commit)?.slice(1) ?? []) {
      const commits = unseen(parent, parents, seen);
      const kinds = new Set([...commits].map((one) => byAutomation.get(one)));
      if (!kinds.has(true) || !kinds.has(false)) continue;
      lines.unshift({ merge: commit, tip: parent, commits, since: new Set(branch.slice(0, index)) });
    }
  }
  return lines;
}

/** The parents of each commit, the newest commit first. */
async function parentsOf(git: Git, tip: string): Promise<ReadonlyMap<string, readonly string[]>> {
  const lines = textLines(await git(["rev-list", "--parents", tip])).filter((line) => line !== "");
  return new Map(
    lines.map((line) => {
      const [commit = "", ...parents] = line.split(" ");
      return [commit, parents];
    }),
  );
}

function firstParents(parents: ReadonlyMap<string, readonly string[]>): string[] {
  const [tip] = parents.keys();
  const branch: string[] = [];
  for (let commit = tip; commit !== undefined; commit = parents.get(commit)?.[0]) branch.push(commit);
  return branch;
}

/** The commits that a commit brings, itself among them. They are seen from then on. */
function unseen(from: string, parents: ReadonlyMap<string, readonly string[]>, seen: Set<string>): Set<string> {
  const commits = new Set<string>();
  const next = [from];
  for (let commit = next.pop(); commit !== undefined; commit = next.pop()) {
    if (seen.has(commit)) continue;
    seen.add(commit);
    commits.add(commit);
    next.push(...(parents.get(commit) ?? []));
  }
  return commits;
}
