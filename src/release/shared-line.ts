/** What `git pull` merges on top of commits of one's own: the shared branch, which is then off the line of first parents. */

/** The commits of a branch as it was shared. */
export interface SharedLine {
  /** The newest first: along first parents. Between a pull and one's own commits, what it has brought is listed in the same way. */
  readonly line: readonly string[];
  /** The merges that have brought the shared branch onto commits of one's own. */
  readonly pulls: ReadonlySet<string>;
}

type Parents = ReadonlyMap<string, readonly string[]>;

/**
 * The line of a branch that leads through pulls.
 *
 * @param parents of each commit
 * @param isPull whether a merge that has brought these commits is one
 */
export function sharedLine(
  tip: string,
  parents: Parents,
  isPull: (brought: ReadonlySet<string>) => boolean,
): SharedLine {
  const line: string[] = [];
  const pulls = new Set<string>();
  const seen = new Set<string>();
  const follow = (last: string): void => {
    for (const commit of firstParents(last, parents, seen).reverse()) {
      for (const other of parents.get(commit)?.slice(1) ?? []) {
        const brought = unseen(other, parents, seen);
        if (isPull(brought)) {
          follow(other);
          pulls.add(commit);
        }
        for (const one of brought) seen.add(one);
      }
      seen.add(commit);
      line.push(commit);
    }
  };
  follow(tip);
  return { line: line.reverse(), pulls };
}

function firstParents(tip: string, parents: Parents, seen: ReadonlySet<string>): string[] {
  const branch: string[] = [];
  for (let commit: string | undefined = tip; commit !== undefined && !seen.has(commit);) {
    branch.push(commit);
    commit = parents.get(commit)?.[0];
  }
  return branch;
}

/** The commits that a commit brings, itself among them. */
function unseen(from: string, parents: Parents, seen: ReadonlySet<string>): Set<string> {
  const commits = new Set<string>();
  const next = [from];
  for (let commit = next.pop(); commit !== undefined; commit = next.pop()) {
    if (seen.has(commit) || commits.has(commit)) continue;
    commits.add(commit);
    next.push(...(parents.get(commit) ?? []));
  }
  return commits;
}
