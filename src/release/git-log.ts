/** The commits between two releases. */
import type { Git } from "./git-objects";

/** A commit as its author describes it. Not escaped. */
export interface LogCommit {
  readonly commit: string;
  readonly author: string;
  /** The first line of the message. */
  readonly subject: string;
}

/** Commits, the newest first. */
export interface GitLog {
  readonly commits: readonly LogCommit[];
  /** How many there are in all; no more than `mostCounted` are counted. */
  readonly count: number;
}

export const mostCounted = 2000;

/**
 * The newest commits that a commit has and another one does not.
 *
 * @param without nothing where the repository is shallow and holds no others
 */
export async function readLog(git: Git, newer: string, without: string | undefined, most: number): Promise<GitLog> {
  const range = [newer, ...(without === undefined ? [] : [`^${without}`]), "--"];
  const form = ["--no-show-signature", "--no-color", "--no-mailmap", "-z", "--format=%H%x00%an%x00%s"];
  const log = await git(["log", ...form, `--max-count=${mostCounted}`, ...range]);
  const fields = log.toString("utf8").split("\0");
  const count = Math.floor(fields.length / 3);
  const commits = Array.from({ length: Math.min(count, most) }, (_, index): LogCommit => {
    const [commit = "", author = "", subject = ""] = fields.slice(3 * index, 3 * index + 3);
    return { commit, author, subject };
  });
  return { commits, count };
}
