/** Who decided what: the history of a stack file on the branch of a clone's HEAD. */
import { existsSync, realpathSync } from "node:fs";
import type { DecidedEntry } from "../config/decided-entry";
import type { StackConfig } from "../config/stack-config";
import { workTreeOf } from "../config/work-tree";
import { largestFile } from "../config/stack-file";
import { changesBetween, type CommitAuthor, type EntryChange, EntryReader } from "./entry-reader";
import { GitError } from "./git-command";
import { type Git, gitIn, streamObjects } from "./git-objects";
import {
  commitsOf,
  type FileVersion,
  isAutomation,
  listVersions,
  type StackCommit,
  type StackVersion,
  type StackVersions,
} from "./stack-versions";

/** The commit of a decision. Of a merged branch, it is the merge: that brought the decision onto the branch. A pull is different. */
export interface DecidingCommit extends Omit<StackCommit, "hasParent"> {
  /** Whether Flux's automation is its author, by `configRepository.author` of any version of the stack file. */
  readonly byAutomation: boolean;
}

/** A commit that changed what is decided of a tenant: tag, digest, pin, hold, denied versions, or name. */
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
  /** The names that the stack has had. */
  readonly stacks: readonly string[];
}

/** The decisions that changed the tag, such as those of one tenant. */
export function tagDecisions(decisions: readonly Decision[] = []): Decision[] {
  return decisions.filter(({ tag, previous }) => tag !== previous);
}

/**
 * Whether a person has promoted a tenant's tag by name since a commit, with the trailers of `authority promote`. Such a commit
 * need not change the stack file.
 */
export async function isPromotedSince(
  root: string,
  commit: string,
  promoted: { readonly tenants: readonly string[]; readonly tag: string },
  { authors, stacks }: Pick<DecisionHistory, "authors" | "stacks">,
): Promise<boolean> {
  const since = await commitsOf(gitIn(root), [`${commit}..HEAD`, "--"]);
  return since.some(
    ({ author, trailers }) =>
      promoted.tenants.includes(trailers.Tenant ?? "") &&
      stacks.includes(trailers.Stack ?? "") &&
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
  const merged = await commitsOf(gitIn(root), [`${commit}^1..${commit}`, "--"]);
  return merged.some(({ author }) => isAutomation(author, authors));
}

/** Whether the folder may be in a repository that has a commit: false only if that is sure. Git may refuse to open one. */
export async function mayHaveCommits(root: string): Promise<boolean> {
  if (workTreeOf(existsSync(root) ? realpathSync(root) : root) === undefined) return false;
  try {
    await gitIn(root)(["rev-parse", "--verify", "--quiet", "HEAD"]);
    return true;
  } catch (error) {
    if (error instanceof GitError) return error.exitCode !== 1;
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

/** The same, if it is read already. */
export function readDecisionsOf(config: StackConfig): Promise<DecisionHistory> | undefined {
  return known.get(config);
}

/**
 * Reads the decisions of a stack from the history of HEAD, as `listVersions` lists it. A version of the file that is not YAML
 * decides nothing. A file that was moved or renamed is followed.
 *
 * @param root the folder of `Pulumi.yaml`
 * @throws GitError outside of a repository, or if the clone is damaged
 */
export async function readDecisions(root: string, stack: string): Promise<DecisionHistory> {
  const git = gitIn(root);
  return (await decisionsIn(git, await listVersions(git, stack), () => true)).history;
}

/** The decisions of some commits. */
export interface SomeDecisions {
  readonly history: DecisionHistory;
  /** False if a file that a wanted commit changed cannot be read: it does not count, but the one before it is unknown. */
  readonly isExact: boolean;
}

/**
 * Reads what the wanted commits decided. Of each only two versions of the file are read, its own and the one before, because
 * Git takes a second for a thousand versions of a large file.
 *
 * @param authors authors of automation that are known already
 * @throws GitError if the clone is damaged
 */
export async function decisionsIn(
  git: Git,
  { versions, stacks, isComplete }: StackVersions,
  isWanted: (version: StackVersion) => boolean,
  authors: readonly CommitAuthor[] = [],
): Promise<SomeDecisions> {
  const reader = new EntryReader();
  const known = [...authors];
  const found: { readonly version: StackVersion; readonly changes: readonly EntryChange[] }[] = [];
  let isExact = true;
  const decided = new Map<string, DecidedEntry>();
  const onStep = ({ version, isRead, isReturn }: Step, content: Buffer | undefined): void => {
    const changed = reader.next(content);
    if (!isAutomation(reader.author, known)) known.push(reader.author);
    if (changed === undefined) isExact &&= isRead;
    if (changed === undefined || isReturn) return;
    const changes = version.isPull === true ? changesBetween(decided, reader.entries) : changed;
    for (const { object, entry } of changes) {
      if (entry === undefined) decided.delete(object);
      else decided.set(object, entry);
    }
    if (isRead) found.push({ version, changes });
  };
  const steps = stepsOf(versions, isWanted);
  const ids = steps.flatMap(({ file: { blob } }) => blob ?? []);
  let at = 0;
  const removals = (): void => {
    for (let one = steps[at]; one !== undefined && one.file.blob === undefined; one = steps[at]) {
      onStep(one, undefined);
      at += 1;
    }
  };
  await streamObjects(git, ids, (content) => {
    removals();
    const step = steps[at];
    if (step !== undefined) onStep(step, content);
    at += 1;
  });
  removals();
  // What a shallow clone's oldest commits have, they did not decide.
  const own = isComplete ? found : found.filter(({ version }) => version.hasParent);
  const history = { decisions: byObject(own, known), current: reader.entries, isComplete, authors: known, stacks };
  return { history, isExact };
}

interface Step {
  readonly version: StackVersion;
  readonly file: FileVersion;
  /** False: it is only what the next one changes, or what HEAD has. */
  readonly isRead: boolean;
  /** Whether the file is only the one that the version changed, on another side of a pull. */
  readonly isReturn: boolean;
}

/** The versions to read, the oldest first. On both sides of a pull, all of them. */
function stepsOf(versions: readonly StackVersion[], isWanted: (version: StackVersion) => boolean): Step[] {
  const readable = versions.filter(({ bytes }) => bytes <= largestFile).reverse();
  const all = readable.map((version) => ({ version, isRead: isWanted(version) }));
  const isAtPull = ({ before, isPull }: StackVersion) => before !== undefined || isPull === true;
  const isNeeded = (one: (typeof all)[number] | undefined) => one?.isRead !== false || isAtPull(one.version);
  const needed = all.filter((one, index) => isNeeded(one) || isNeeded(all[index + 1]));
  return needed.flatMap(({ version, isRead }) => [
    ...(version.before === undefined ? [] : [{ version, file: version.before, isRead: false, isReturn: true }]),
    { version, file: version, isRead, isReturn: false },
  ]);
}

function byObject(
  found: readonly { readonly version: StackVersion; readonly changes: readonly EntryChange[] }[],
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
