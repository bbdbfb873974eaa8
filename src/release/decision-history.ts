/** Who decided what: the history of a stack file on the branch of a clone's HEAD. */
import { basename } from "node:path";
import { defaultConfigRepository } from "../config/built-in-defaults";
import type { DecidedEntry } from "../config/decided-entry";
import type { StackConfig } from "../config/stack-config";
import { entryAt, largestFile, stackFilePath, stacksOf } from "../config/stack-file";
import { type EntryChange, EntryReader } from "./entry-reader";
import { GitError, runGit } from "./git-command";
import { checkObjects, type Git, isShallow, streamObjects, textLines } from "./git-objects";

/** The commit of a decision. Of a merged branch, it is the merge: that brought the decision onto the branch. */
export interface DecidingCommit {
  readonly commit: string;
  /** When it was committed, in milliseconds. */
  readonly at: number;
  readonly author: CommitAuthor;
  readonly subject: string;
  /** By name, as written: `Tenant`, `From`, `To`, `Reason`. Of one that is written twice, the last. */
  readonly trailers: Readonly<Record<string, string>>;
  /** Whether Flux's automation is its author, by `configRepository.author` of any version of the stack file. */
  readonly byAutomation: boolean;
  readonly isMerge: boolean;
}

/** The author of a commit. */
export interface CommitAuthor {
  readonly name: string;
  readonly email: string;
}

/** A commit that changed what is decided of a tenant: tag, digest, pin, denied versions, or name. */
export interface Decision extends DecidingCommit {
  /** The tenant's name at that time. */
  readonly tenant: string;
  /** Absent: the tenant left the stack file, or has no tag. */
  readonly tag?: string;
  /** The tag until then. */
  readonly previous?: string;
  /** The tenant's entry after the commit, and before it. */
  readonly entry?: DecidedEntry;
  readonly entryBefore?: DecidedEntry;
}

/** All decisions that a stack file had. */
export interface DecisionHistory {
  /** By the name of the tenant's objects (`objectName`), which a rename keeps. The newest first. */
  readonly decisions: ReadonlyMap<string, readonly Decision[]>;
  /** What HEAD decides, by the same name. */
  readonly current: ReadonlyMap<string, DecidedEntry>;
  /** False in a shallow clone: what its oldest commit has was decided at some time before. */
  readonly isComplete: boolean;
  /** The authors of automation: each that a version of the stack file names. */
  readonly authors: readonly CommitAuthor[];
}

/** The decisions that changed the tag, such as those of one tenant. */
export function tagDecisions(decisions: readonly Decision[] = []): Decision[] {
  return decisions.filter(({ tag, previous }) => tag !== previous);
}

interface Commit extends Omit<DecidingCommit, "byAutomation"> {
  readonly hasParent: boolean;
}

/** A commit that changed the stack file. */
interface Version extends Commit {
  /** Absent: the commit removed the file. */
  readonly blob?: string;
  readonly bytes: number;
}

const timeoutMs = 60_000;

function gitIn(root: string): Git {
  return (args, more) => runGit(["-C", root, ...args], { timeoutMs, ...more });
}

/**
 * Whether a person has promoted a tenant's tag by name since a commit, with the trailers of `authority promote`. Such a commit
 * need not change the stack file.
 */
export async function isPromotedSince(
  root: string,
  commit: string,
  promoted: { readonly stack: string; readonly tenants: readonly string[]; readonly tag: string },
  { authors }: Pick<DecisionHistory, "authors">,
): Promise<boolean> {
  const since = await commitsOf(gitIn(root), [`${commit}..HEAD`]);
  return since.some(
    ({ author, trailers }) =>
      promoted.tenants.includes(trailers.Tenant ?? "") &&
      trailers.Stack === promoted.stack &&
      trailers.To === promoted.tag &&
      // A pin keeps a version, and does not promote it.
      trailers.From !== undefined &&
      !isAutomation(author, authors),
  );
}

/** Whether a merge has brought commits of automation onto the branch, such as a `git pull` on top of commits of one's own. */
export async function mergesAutomation(
  root: string,
  { commit }: Pick<Decision, "commit">,
  { authors }: Pick<DecisionHistory, "authors">,
): Promise<boolean> {
  const merged = await commitsOf(gitIn(root), [`${commit}^1..${commit}`]);
  return merged.some(({ author }) => isAutomation(author, authors));
}

/** Whether the folder is in a repository that has a commit. */
export async function hasCommits(root: string): Promise<boolean> {
  try {
    await gitIn(root)(["rev-parse", "--verify", "--quiet", "HEAD"]);
    return true;
  } catch (error) {
    if (error instanceof GitError) return false;
    throw error;
  }
}

const known = new WeakMap<StackConfig, Promise<DecisionHistory>>();

/** The decisions of a stack, read once for each reading of its config. @throws GitError as `readDecisions` does */
export function decisionsOf(config: StackConfig): Promise<DecisionHistory> {
  const history = known.get(config) ?? readDecisions(config.root, config.stack);
  known.set(config, history);
  return history;
}

/**
 * Reads the decisions of a stack from the history of HEAD, along first parents. A version of the file that is no YAML
 * decides nothing. A file that was moved or renamed is followed.
 *
 * @param root the folder of `Pulumi.yaml`
 * @throws GitError outside of a repository, or if the clone is damaged
 */
export async function readDecisions(root: string, stack: string): Promise<DecisionHistory> {
  const git = gitIn(root);
  const [prefix = ""] = textLines(await git(["rev-parse", "--show-prefix"]));
  const versions = await versionsOf(git, prefix + stackFilePath(stack));
  const isComplete = !(await isShallow(git)) || (await endsAtFirstCommit(git));
  const reader = new EntryReader();
  const authors: CommitAuthor[] = [];
  const found: { readonly version: Version; readonly changes: readonly EntryChange[] }[] = [];
  const onVersion = (version: Version, content: Buffer | undefined): void => {
    const changes = reader.next(content);
    const author = authorOf(reader);
    if (!isAutomation(author, authors)) authors.push(author);
    if (changes !== undefined) found.push({ version, changes });
  };
  const oldestFirst = versions.filter(({ bytes }) => bytes <= largestFile).reverse();
  const ids = oldestFirst.flatMap(({ blob }) => blob ?? []);
  let at = 0;
  const removals = (): void => {
    for (let one = oldestFirst[at]; one !== undefined && one.blob === undefined; one = oldestFirst[at]) {
      onVersion(one, undefined);
      at += 1;
    }
  };
  await streamObjects(git, ids, (content) => {
    removals();
    const version = oldestFirst[at];
    if (version !== undefined) onVersion(version, content);
    at += 1;
  });
  removals();
  // What a shallow clone's oldest commit has, it did not decide.
  const [first] = found;
  const decided = isComplete || first?.version.commit !== versions.at(-1)?.commit ? found : found.slice(1);
  return { decisions: byObject(decided, authors), current: reader.entries, isComplete, authors };
}

function byObject(
  found: readonly { readonly version: Version; readonly changes: readonly EntryChange[] }[],
  authors: readonly CommitAuthor[],
): ReadonlyMap<string, Decision[]> {
  const decisions = new Map<string, Decision[]>();
  for (const { version, changes } of [...found].reverse()) {
    const { commit, at, author, subject, trailers, isMerge } = version;
    const byAutomation = isAutomation(author, authors);
    for (const { object, entry, previous } of changes) {
      const decision: Decision = {
        ...{ commit, at, author, subject, trailers, isMerge, byAutomation },
        tenant: entry?.tenant ?? previous?.tenant ?? object,
        tag: entry?.tag,
        previous: previous?.tag,
        entry,
        entryBefore: previous,
      };
      const known = decisions.get(object);
      if (known === undefined) decisions.set(object, [decision]);
      else known.push(decision);
    }
  }
  return decisions;
}

/** As the file names it; each part has a default. */
function authorOf({ rest }: EntryReader): CommitAuthor {
  const part = (key: keyof CommitAuthor): string => {
    const node = rest && entryAt(rest, ["configRepository", "author", key])?.value;
    const value = (node as { readonly value?: unknown } | undefined)?.value;
    return typeof value === "string" ? value : defaultConfigRepository.author[key];
  };
  return { name: part("name"), email: part("email") };
}

function isAutomation({ name, email }: CommitAuthor, authors: readonly CommitAuthor[]): boolean {
  return authors.some((one) => one.name === name && one.email === email);
}

/** Whether a shallow clone has all commits of this branch nevertheless. */
async function endsAtFirstCommit(git: Git): Promise<boolean> {
  const [last = ""] = textLines(await git(["rev-list", "--first-parent", "--max-parents=0", "HEAD"]));
  // Git does not list the parents that a clone lacks, but the commit names them.
  const head = (await git(["cat-file", "commit", last])).toString("utf8").split("\n\n", 1)[0] ?? "";
  return !/^parent /m.test(head);
}

/** The versions of a file, the newest first. */
async function versionsOf(git: Git, file: string): Promise<Version[]> {
  const versions: Version[] = [];
  for (let path: string | undefined = file, tip = "HEAD"; path !== undefined;) {
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

async function versionsAt(git: Git, tip: string, path: string): Promise<Version[]> {
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

async function commitsOf(git: Git, which: readonly string[]): Promise<Commit[]> {
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
async function earlierPath(git: Git, { commit, hasParent }: Version, path: string): Promise<string | undefined> {
  if (!hasParent) return undefined;
  const form = ["-r", "-z", "-M", "--diff-filter=R", "--name-status", "--no-commit-id"];
  const moved = textLines(await git(["diff-tree", ...form, `${commit}^1`, commit]), "\0");
  // Each is three texts: how alike they are, from where, and to where.
  const index = moved.findIndex((to, at) => at % 3 === 2 && to === path);
  const from = moved[index - 1];
  return from !== undefined && stacksOf([basename(from)]).length > 0 ? from : undefined;
}
