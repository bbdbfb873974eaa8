import { isDeepStrictEqual } from "node:util";
import { ProblemsError } from "../config/problem";
import type { StackConfig } from "../config/stack-config";
import { projectPrefix } from "../config/report";
import { parseStackFile, projectFilePath } from "../config/stack-file";
import { specialConfigPaths } from "../config/values";
import { type GitCommandOptions, GitError, runGit } from "../release/git-command";
import { checkObjects, isShallow, textLines } from "../release/git-objects";
import { lockedEvidence, lockFile, parseLockText } from "../release/lock";
import { allows } from "../version/range";
import { versionOfTag } from "../version/version";

/** What the branch that decides, on its Git host, says about the commit that would be deployed. */
export interface PushVerdict {
  /** Why the commit must not be deployed, one sentence each. */
  readonly reasons: readonly string[];
  /** Why the Git host could not be asked, in one sentence. Absent: it answered, or there is nothing to ask. */
  readonly unreachable?: string;
}

/** Milliseconds that the Git host has to answer, and to send commits. */
const answerMs = 15_000;
const fetchMs = 120_000;

/** What Git reports if the host does not answer. Everything else, such as a wrong credential, must be corrected. */
const networkFailure =
  /could(?:n't| not) (?:resolve|connect)|failed to connect|connect to host|timed? ?out|connection (?:was )?(?:refused|reset|closed)|no route|unreachable|empty reply|early EOF|unexpected disconnect|RPC failed|hung up|error: (?:429|5\d\d)|no answer within/i;

/**
 * Compares HEAD with `configRepository.branch` as the Git host has it. Where the stack follows tags and deploys to a
 * cluster, HEAD must be on this branch, and the branch must hold no newer decision for the stack: neither a commit that
 * nobody can see nor the rerun of an old job is deployed.
 *
 * Asks the remote of this clone that is `configRepository.url`, with its credentials; without such a remote, the URL.
 * Nothing of the clone changes, except that it may get more commits.
 */
export async function pushVerdict(config: StackConfig): Promise<PushVerdict> {
  const { configRepository, delivery, follow } = config;
  if (configRepository === undefined || delivery.kind !== "cluster" || follow !== "tags") return { reasons: [] };
  const { url, branch } = configRepository;
  const place = `the branch ${branch} of ${url}`;
  try {
    const history = new BranchHistory(config.root, await remoteOf(config.root, url), branch);
    const head = await history.commit("HEAD");
    const tip = await history.tip();
    if (tip === undefined) {
      return { reasons: [`there is no branch ${branch} in ${url}; push it, or correct \`configRepository.branch\``] };
    }
    if (tip === head) return { reasons: [] };
    await history.fetch(tip);
    if (!(await history.contains(tip, head))) {
      return { reasons: [`the commit ${head.slice(0, 10)} is not on ${place}; push or merge it first`] };
    }
    const newer = await newerDecision(config, history, head, tip);
    if (newer.length === 0) return { reasons: [] };
    return {
      reasons: [
        `${place} has a newer decision for this stack (${newer.join(", ")} at ${tip.slice(0, 10)}); ` +
          "pull it and run this there. To go back to an older decision, revert the newer commit",
      ],
    };
  } catch (error) {
    if (!(error instanceof GitError)) throw error;
    const reason = `${place} cannot be read: ${error.message}`;
    if (networkFailure.test(error.message)) return { reasons: [], unreachable: reason };
    return {
      reasons: [`${reason}. Correct \`configRepository.url\`, or give Git on this machine the credentials to read it`],
    };
  }
}

/** The files of the stack's decision that differ between two commits, without what decides nothing about the stack. */
async function newerDecision(
  config: StackConfig,
  history: BranchHistory,
  head: string,
  tip: string,
): Promise<string[]> {
  const paths = [config.file, projectFilePath, lockFile, ...specialConfigPaths(config)];
  const changed = await history.changedFiles(head, tip, paths);
  const isUndecided: Readonly<Record<string, typeof runsOfLockAreSame>> = {
    [config.file]: onlyDeniedDiffers,
    [lockFile]: runsOfLockAreSame,
  };
  const newer: string[] = [];
  for (const path of changed) {
    const [before, after] = await Promise.all([head, tip].map((commit) => history.file(commit, path)));
    if (isUndecided[path]?.(config, before ?? "", after ?? "") !== true) newer.push(path);
  }
  return newer;
}

/** Whether two locks hold the same evidence of what the stack's tenants run. */
function runsOfLockAreSame({ tenants }: StackConfig, before: string, after: string): boolean {
  try {
    const [one, other] = [parseLockText(before), parseLockText(after)];
    return tenants.every((tenant) => isDeepStrictEqual(lockedEvidence(one, tenant), lockedEvidence(other, tenant)));
  } catch (error) {
    if (error instanceof ProblemsError) return false;
    throw error;
  }
}

/**
 * Whether two stack files differ only in tags that the older one's policy denies. Flux undoes a rollback in this way,
 * until an `up` of the rollback has told it what is denied.
 */
function onlyDeniedDiffers({ stack, tenants }: StackConfig, before: string, after: string): boolean {
  try {
    const [one, other] = [parseStackFile(stack, before).document, parseStackFile(stack, after).document];
    for (const { name, prefix, policy } of tenants) {
      const entry = ["config", `${projectPrefix}:tenants`, name];
      const tag = other.getIn([...entry, "tag"]);
      const version = typeof tag === "string" ? versionOfTag(tag, prefix.image) : undefined;
      if (version === undefined || allows(policy, version)) continue;
      for (const field of ["tag", "digest"]) {
        const path = [...entry, field];
        if (other.hasIn(path)) other.setIn(path, one.getIn(path));
      }
    }
    return isDeepStrictEqual(other.toJS(), one.toJS());
  } catch (error) {
    // The library throws a ReferenceError for an alias that leads nowhere.
    if (error instanceof ProblemsError || error instanceof ReferenceError) return false;
    throw error;
  }
}

/** The branch on its Git host, and the commits of this clone. */
export class BranchHistory {
  /**
   * @param root the project's folder
   * @param remote a remote's name, or a URL
   */
  constructor(
    readonly root: string,
    readonly remote: string,
    readonly branch: string,
  ) {}

  async commit(revision: string): Promise<string> {
    return (await this.#lines("rev-parse", "--verify", "--end-of-options", `${revision}^{commit}`))[0] ?? "";
  }

  /** The branch's last commit on the Git host. */
  async tip(): Promise<string | undefined> {
    const ref = `refs/heads/${this.branch}`;
    const listed = await this.#git(answerMs, "ls-remote", "--quiet", "--", this.remote, ref);
    return textLines(listed)
      .map((line) => line.split("\t"))
      .find(([, name]) => name === ref)?.[0];
  }

  /** Brings the branch up to this commit into the clone. */
  async fetch(tip: string): Promise<void> {
    const [known] = await checkObjects((args, more) => this.#run(args, { timeoutMs: fetchMs, ...more }), [tip]);
    if (known === undefined) await this.#fetch();
  }

  /** Whether the older commit is one of the newer one's ancestors. A shallow clone is completed to find out. */
  async contains(newer: string, older: string): Promise<boolean> {
    const isAncestor = async () => (await this.#lines("rev-list", "-n1", older, `^${newer}`, "--")).length === 0;
    if (await isAncestor()) return true;
    if (!(await isShallow((args) => this.#git(fetchMs, ...args)))) return false;
    await this.#fetch("--unshallow");
    return isAncestor();
  }

  /** The newest commit of HEAD's that is on the branch too; `undefined` where this clone does not reach so far back. */
  async mergeBase(tip: string): Promise<string | undefined> {
    return (await this.#lines("merge-base", "HEAD", tip).catch(() => []))[0];
  }

  /** @returns those of the paths that differ, relative to the project's folder */
  async changedFiles(one: string, other: string, paths: readonly string[]): Promise<string[]> {
    const listed = await this.#git(
      fetchMs,
      ...["--literal-pathspecs", "diff-tree", "-r", "-z", "--name-only", "--relative", one, other, "--", ...paths],
    );
    return textLines(listed, "\0");
  }

  /** The names of what is in the project's folder at a commit. */
  async names(commit: string): Promise<string[]> {
    return textLines(await this.#git(fetchMs, "ls-tree", "-z", "--name-only", commit), "\0");
  }

  /** A file's content at a commit; `undefined` if there is none. */
  async file(commit: string, path: string): Promise<string | undefined> {
    const [listed] = await this.#lines("ls-tree", commit, "--", path);
    const blob = /^100\d+ blob (\w+)\t/.exec(listed ?? "")?.[1];
    return blob === undefined ? undefined : (await this.#git(fetchMs, "cat-file", "blob", blob)).toString("utf8");
  }

  async #fetch(...more: string[]): Promise<void> {
    const quiet = ["--quiet", "--no-tags", "--refmap=", "--no-write-fetch-head", "--no-auto-maintenance"];
    await this.#git(fetchMs, "fetch", ...quiet, ...more, "--", this.remote, `refs/heads/${this.branch}`);
  }

  async #lines(...args: string[]): Promise<string[]> {
    return textLines(await this.#git(fetchMs, ...args));
  }

  #git(timeoutMs: number, ...args: string[]): Promise<Buffer> {
    return this.#run(args, { timeoutMs });
  }

  #run(args: readonly string[], options: GitCommandOptions): Promise<Buffer> {
    // Git's default. The platform team names its own host, whose redirects must work as in a `git pull` of this clone.
    return runGit(["-C", this.root, ...args], { settings: ["http.followRedirects=initial"], ...options });
  }
}

/**
 * The branch that decides: `configRepository.branch`, or the default branch of the clone's remote. Of several remotes it
 * is `origin`.
 *
 * @returns `undefined` for a clone without a remote
 * @throws GitError if the folder is in no clone, or the remote cannot be read
 */
export async function remoteBranch({ root, configRepository }: StackConfig): Promise<BranchHistory | undefined> {
  if (configRepository !== undefined) {
    const { url, branch } = configRepository;
    return new BranchHistory(root, await remoteOf(root, url), branch);
  }
  const ask = async (...args: string[]) => textLines(await runGit(["-C", root, ...args], { timeoutMs: answerMs }));
  const remotes = await ask("remote");
  const remote = remotes.includes("origin") ? "origin" : remotes[0];
  if (remote === undefined) return undefined;
  const head = await ask("ls-remote", "--quiet", "--symref", "--", remote, "HEAD");
  const branch = head
    .map((line) => /^ref: refs\/heads\/(.+)\tHEAD$/.exec(line)?.[1])
    .find((name) => name !== undefined);
  if (branch === undefined) throw new GitError(`the remote ${remote} names no default branch`);
  return new BranchHistory(root, remote, branch);
}

/** The name of the clone's remote that is this repository, over whatever protocol; without one, the URL itself. */
async function remoteOf(root: string, url: string): Promise<string> {
  const listed = await runGit(["-C", root, "config", "--null", "--list"], { timeoutMs: answerMs });
  const wanted = addressOf(url);
  const remotes = new Map<string, string>();
  for (const entry of textLines(listed, "\0")) {
    const [, name, address = ""] = /^remote\.(.+)\.url\n(.*)$/s.exec(entry) ?? [];
    // Git fetches from a remote's first address, and pushes to all of them.
    if (name !== undefined && !remotes.has(name)) remotes.set(name, address);
  }
  for (const [name, address] of remotes) {
    const found = addressOf(address);
    if (wanted === undefined || found === undefined) continue;
    // An SSH server and a web server of one host have different ports.
    const isSamePort = found.protocol !== wanted.protocol || found.port === wanted.port;
    if (found.host === wanted.host && found.path === wanted.path && isSamePort) return name;
  }
  return url;
}

function addressOf(address: string) {
  const scpLike = /^(?:[^@/:]+@)?([^/:]+):(?!\/\/)(.+)$/.exec(address);
  const text = scpLike === null ? address : `ssh://${scpLike[1] ?? ""}/${scpLike[2] ?? ""}`;
  if (!/^(?:https?|ssh):\/\//.test(text) || !URL.canParse(text)) return undefined;
  const { protocol, hostname, port, pathname } = new URL(text);
  const path = pathname
    .replace(/^\/+/, "")
    .replace(/\/+$/, "")
    .replace(/\.git$/, "");
  return { protocol, host: hostname.toLowerCase(), port, path };
}
