/** The application's commits between two releases. */
import { type Evidence, isRelease } from "../release/evidence";
import type { FactReader } from "../release/fact-reader";
import { GitError } from "../release/git";
import { goesBack, type Placed } from "./decided";
import type { Commits } from "./model";

/** How many commits are shown, and how much of each. */
const mostCommits = 50;
const longestSubject = 120;
const longestAuthor = 60;

/** @returns nothing where there are no two releases to compare */
export async function commitsBetween(before: Placed, after: Placed, facts: FactReader): Promise<Commits | undefined> {
  const [from, to] = [before, after].map(releaseOf);
  if (from === undefined || to === undefined || from.version === to.version) return undefined;
  const areTakenBack = goesBack(before.tenant, after.tenant);
  const unread = (reason: string): Commits => ({ areTakenBack, shown: [], more: 0, unread: reason });
  if (from.repository === undefined || to.repository === undefined)
    return unread("the tenant declares no `repository`");
  if (from.repository !== to.repository) return unread("the two releases are of different repositories");
  const [older, newer] = (areTakenBack ? [to, from] : [from, to]).map(({ gitTag }) => gitTag);
  if (older === undefined || newer === undefined) return unread("the Git tag of one of the releases is not known");
  try {
    const key = ["log", newer, older, mostCommits];
    const { commits, count } = await facts.readGit(to.repository, key, (git) => git.readLog(newer, older, mostCommits));
    const shown = commits.map(({ commit, author, subject }) => ({
      commit,
      author: short(author, longestAuthor),
      subject: short(subject, longestSubject),
    }));
    return { areTakenBack, shown, more: count - shown.length, unread: null };
  } catch (error) {
    if (error instanceof GitError) return unread(error.message);
    throw error;
  }
}

function releaseOf({ evidence }: Placed): Evidence | undefined {
  return evidence !== undefined && isRelease(evidence) ? evidence : undefined;
}

function short(text: string, most: number): string {
  return text.length > most ? `${text.slice(0, most - 3)}...` : text;
}
