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
  /** How many there are in all. */
  readonly count: number;
}

/**
 * The newest commits that a commit has and another one does not.
 *
 * @param without nothing where the repository is shallow and holds no others
 */
export async function readLog(git: Git, newer: string, without: string | undefined, most: number): Promise<GitLog> {
  const range = [newer, ...(without === undefined ? [] : [`^${without}`]), "--"];
  const form = ["--no-show-signature", "--no-color", "--no-mailmap", "-z", "--format=%H%x00%an%x00%s"];
  const [log, count] = await Promise.all([
    git(["log", ...form, `--max-count=${most}`, ...range]),
    git(["rev-list", "--count", ...range]),
  ]);
  const fields = log.toString("utf8").split("\0");
  const commits: LogCommit[] = [];
  for (let at = 0; at + 2 < fields.length; at += 3) {
    const [commit = "", author = "", subject = ""] = fields.slice(at, at + 3);
    commits.push({ commit, author, subject });
  }
  return { commits, count: Number(count.toString("utf8")) };
}
