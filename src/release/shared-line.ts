/** What `git pull` merges on top of commits of one's own: the shared branch, which is then off the line of first parents. */

/** The commits of a branch as it was shared. */
export interface SharedLine {
  /** The newest first: along first parents, and from each pull on along the branch that it has brought. */
  readonly line: readonly string[];
  /** The newest first. */
  readonly pulls: readonly Pull[];
}

/** A merge that has brought the shared branch onto commits of one's own. */
export interface Pull {
  readonly merge: string;
  /** The commits that came with it. */
  readonly pulled: ReadonlySet<string>;
  /** One's own since the shared branch, the newest first, without earlier pulls. */
  readonly own: readonly string[];
}

type Parents = ReadonlyMap<string, readonly string[]>;

/**
 * The line of a branch that leads through pulls. A pull is a merge of commits by which both people and automation have changed
 * the stack file: a merged pull request usually has commits of one of them only.
 *
 * @param parents of each commit
 * @param byAutomation of each commit that has changed the stack file, whether it is automation's
 */
export function sharedLine(tip: string, parents: Parents, byAutomation: ReadonlyMap<string, boolean>): SharedLine {
  const line: string[] = [];
  const pulls: Pull[] = [];
  for (let last: string | undefined = tip; last !== undefined;) {
    const branch = firstParents(last, parents);
    const found = newestPull(branch, parents, byAutomation);
    line.push(...branch.slice(0, found === undefined ? undefined : branch.indexOf(found.pull.merge) + 1));
    if (found !== undefined) pulls.push(found.pull);
    last = found?.tip;
  }
  return { line, pulls };
}

function newestPull(branch: readonly string[], parents: Parents, byAutomation: ReadonlyMap<string, boolean>) {
  const seen = new Set<string>();
  let newest: { readonly merge: string; readonly tip: string; readonly pulled: ReadonlySet<string> } | undefined;
  for (const merge of [...branch].reverse()) {
    seen.add(merge);
    for (const tip of parents.get(merge)?.slice(1) ?? []) {
      const pulled = unseen(tip, parents, seen);
      const kinds = new Set([...pulled].map((one) => byAutomation.get(one)));
      if (kinds.has(true) && kinds.has(false)) newest = { merge, tip, pulled };
    }
  }
  if (newest === undefined) return undefined;
  const { merge, tip, pulled } = newest;
  const shared = unseen(tip, parents, new Set());
  const before = branch.slice(branch.indexOf(merge) + 1);
  const fork = before.findIndex((one) => shared.has(one));
  const own = before.slice(0, fork < 0 ? undefined : fork);
  const isPull = (one: string) =>
    parents
      .get(one)
      ?.slice(1)
      .some((other) => shared.has(other)) === true;
  return { tip, pull: { merge, pulled, own: own.filter((one) => !isPull(one)) } };
}

function firstParents(tip: string, parents: Parents): string[] {
  const branch: string[] = [];
  for (let commit: string | undefined = tip; commit !== undefined; commit = parents.get(commit)?.[0]) {
    branch.push(commit);
  }
  return branch;
}

/** The commits that a commit brings, itself among them. They are seen from then on. */
function unseen(from: string, parents: Parents, seen: Set<string>): Set<string> {
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
