import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { git } from "../../../demo/git";
import type { HostUser } from "./stand-in";

/** An event that starts workflows. */
export type HostEvent =
  | {
      readonly kind: "push";
      readonly repository: string;
      /** `refs/heads/main`, `refs/tags/1.0.0`. */
      readonly ref: string;
      /** All zeros: the ref is new. */
      readonly before: string;
      /** All zeros: the ref is deleted. */
      readonly after: string;
      readonly actor: string;
    }
  | {
      readonly kind: "pull_request";
      readonly repository: string;
      readonly action: "opened" | "synchronize" | "edited" | "closed" | "reopened";
      readonly number: number;
      /** The branch that it would merge, and its commit. */
      readonly branch: string;
      readonly sha: string;
      readonly base: string;
      readonly isFork: boolean;
      readonly isMerged: boolean;
      readonly actor: string;
    };

export interface StoredPullRequest {
  readonly number: number;
  title: string;
  body: string;
  state: "open" | "closed" | "merged";
  /** The owner of the branch's repository. */
  readonly owner: string;
  readonly branch: string;
  base: string;
  sha: string;
  readonly author: HostUser;
  labels: string[];
  readonly approvals: Set<string>;
  mergeCommit?: string;
}

export interface StoredIssue {
  readonly number: number;
  readonly title: string;
  body: string;
  state: "open" | "closed";
  readonly author: HostUser;
}

export interface StoredComment {
  readonly id: number;
  readonly on: number;
  readonly kind: "pull-request" | "issue";
  body: string;
  readonly author: HostUser;
}

/** The host refuses a request. */
export class Refusal extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

export const noCommit = "0".repeat(40);

/** A repository with its pull requests and issues. The branches and merges are those of real Git. */
export class HostedRepository {
  readonly pullRequests: StoredPullRequest[] = [];
  readonly issues: StoredIssue[] = [];
  readonly comments: StoredComment[] = [];
  #lastNumber = 0;
  #lastComment = 0;

  private constructor(
    readonly id: number,
    /** `owner/name`. */
    readonly name: string,
    readonly directory: string,
    private readonly settings: {
      readonly kind: "github" | "gitlab";
      readonly requiredApprovals: number;
      readonly emit: (event: HostEvent, user: HostUser) => void;
    },
  ) {}

  static async create(
    id: number,
    name: string,
    root: string,
    users: readonly HostUser[],
    settings: HostedRepository["settings"],
  ): Promise<HostedRepository> {
    const directory = join(root, `${name}.git`);
    mkdirSync(directory, { recursive: true });
    await git({ directory }, "init", "--quiet", "--bare", "--initial-branch=main");
    const hook = join(directory, "hooks", "update");
    mkdirSync(join(directory, "hooks"), { recursive: true });
    writeFileSync(hook, protection(users));
    chmodSync(hook, 0o755);
    return new HostedRepository(id, name, directory, settings);
  }

  get owner(): string {
    return this.name.split("/")[0] ?? "";
  }

  git(...args: readonly string[]): Promise<string> {
    return git({ directory: this.directory }, ...args);
  }

  /** All branches and tags with their commits. */
  async refs(): Promise<Map<string, string>> {
    const listed = await this.git("for-each-ref", "--format=%(refname) %(objectname)", "refs/heads", "refs/tags");
    return new Map(listed.split("\n").flatMap((line) => (line === "" ? [] : [line.split(" ") as [string, string]])));
  }

  /** What a push has changed. Deleting a branch closes its pull request on GitHub only. */
  async pushed(before: ReadonlyMap<string, string>, user: HostUser): Promise<void> {
    const after = await this.refs();
    for (const ref of new Set([...before.keys(), ...after.keys()])) {
      const [old = noCommit, now = noCommit] = [before.get(ref), after.get(ref)];
      if (old === now) continue;
      this.#emit({ kind: "push", ref, before: old, after: now }, user);
      const branch = ref.replace("refs/heads/", "");
      const open = this.pullRequests.find((one) => one.state === "open" && one.branch === branch && this.#isOwn(one));
      if (open === undefined) continue;
      if (now !== noCommit) {
        open.sha = now;
        this.#pullRequestEvent(open, "synchronize", user);
      } else if (this.settings.kind === "github") {
        open.state = "closed";
        this.#pullRequestEvent(open, "closed", user);
      }
    }
  }

  async open({ head, base, title, body, labels = [] }: NewPullRequest, user: HostUser): Promise<StoredPullRequest> {
    const [branch = "", owner = this.owner] = head.split(":").reverse();
    const refs = await this.refs();
    const isOwn = owner === this.owner;
    const sha = isOwn ? refs.get(`refs/heads/${branch}`) : noCommit.replaceAll("0", "1");
    const target = refs.get(`refs/heads/${base}`);
    if (sha === undefined || target === undefined)
      throw new Refusal(422, `invalid ${sha === undefined ? "head" : "base"}`);
    if (isOwn && (await this.git("rev-list", "--count", `${target}..${sha}`)) === "0") {
      throw new Refusal(422, `No commits between ${base} and ${branch}`);
    }
    const other = this.pullRequests.find(
      (one) => one.state === "open" && one.branch === branch && one.owner === owner && one.base === base,
    );
    if (other !== undefined) {
      throw this.settings.kind === "github"
        ? new Refusal(422, `A pull request already exists for ${owner}:${branch}.`)
        : new Refusal(409, `Another open merge request already exists for this source branch: !${other.number}`);
    }
    const opened: StoredPullRequest = {
      number: this.#next("pull-request"),
      ...{
        title,
        body,
        state: "open",
        owner,
        branch,
        base,
        sha,
        author: user,
        labels: [...labels],
        approvals: new Set(),
      },
    };
    this.pullRequests.push(opened);
    this.#pullRequestEvent(opened, "opened", user);
    return opened;
  }

  async change(
    one: StoredPullRequest,
    { title, body, state }: { title?: string; body?: string; state?: "open" | "closed" },
    user: HostUser,
  ): Promise<void> {
    if (state === "open" && one.state !== "open") {
      const now = (await this.refs()).get(`refs/heads/${one.branch}`);
      if (one.state === "merged") throw new Refusal(422, "state cannot be changed. The pull request has been merged.");
      if (now !== one.sha) {
        const how = now === undefined ? "has been deleted" : "was force-pushed or recreated";
        throw new Refusal(422, `state cannot be changed. The ${one.branch} branch ${how}.`);
      }
    }
    if ((title ?? one.title) !== one.title || (body ?? one.body) !== one.body) {
      Object.assign(one, { title: title ?? one.title, body: body ?? one.body });
      this.#pullRequestEvent(one, "edited", user);
    }
    if (state !== undefined && state !== one.state) {
      one.state = state;
      this.#pullRequestEvent(one, state === "open" ? "reopened" : "closed", user);
    }
  }

  approve(one: StoredPullRequest, user: HostUser): void {
    if (one.author.login === user.login) throw new Refusal(422, "Can not approve your own pull request");
    one.approvals.add(user.login);
  }

  /** @param sha the commit that the caller has seen */
  async merge(one: StoredPullRequest, squash: boolean, sha: string | undefined, user: HostUser): Promise<string> {
    if (one.state !== "open") throw new Refusal(405, "Pull Request is not mergeable");
    if (sha !== undefined && sha !== one.sha)
      throw new Refusal(409, "Head branch was modified. Review and try the merge again.");
    if (one.approvals.size < this.settings.requiredApprovals) {
      throw new Refusal(
        405,
        `At least ${this.settings.requiredApprovals} approving review is required by reviewers with write access.`,
      );
    }
    const ref = `refs/heads/${one.base}`;
    const before = await this.refs();
    const base = before.get(ref) ?? "";
    const tree = await this.git("merge-tree", "--write-tree", base, one.sha).catch(() => {
      throw new Refusal(405, "Pull Request is not mergeable");
    });
    const parents = squash ? ["-p", base] : ["-p", base, "-p", one.sha];
    const subject = squash ? `${one.title} (#${one.number})` : `Merge pull request #${one.number} from ${one.branch}`;
    const message = ["-m", subject, "-m", squash ? one.body : one.title];
    const environment = {
      GIT_AUTHOR_NAME: user.login,
      GIT_AUTHOR_EMAIL: `${user.login}@host.invalid`,
      GIT_COMMITTER_NAME: "Git host",
      GIT_COMMITTER_EMAIL: "noreply@host.invalid",
    };
    const directory = this.directory;
    const commit = await git(
      { directory, environment },
      "commit-tree",
      tree.split("\n")[0] ?? "",
      ...parents,
      ...message,
    );
    await this.git("update-ref", ref, commit, base);
    Object.assign(one, { state: "merged", mergeCommit: commit });
    await this.pushed(before, user);
    this.#pullRequestEvent(one, "closed", user);
    return commit;
  }

  openIssue(title: string, body: string, author: HostUser): StoredIssue {
    const issue: StoredIssue = { number: this.#next("issue"), title, body, state: "open", author };
    this.issues.push(issue);
    return issue;
  }

  comment(kind: StoredComment["kind"], on: number, body: string, author: HostUser): StoredComment {
    const comment: StoredComment = { id: (this.#lastComment += 1), kind, on, body, author };
    this.comments.push(comment);
    return comment;
  }

  /** GitHub numbers pull requests and issues together, GitLab apart. */
  #next(kind: StoredComment["kind"]): number {
    if (this.settings.kind === "github") return (this.#lastNumber += 1);
    return (kind === "issue" ? this.issues : this.pullRequests).length + 1;
  }

  #isOwn({ owner }: StoredPullRequest): boolean {
    return owner === this.owner;
  }

  #pullRequestEvent(
    one: StoredPullRequest,
    action: "opened" | "synchronize" | "edited" | "closed" | "reopened",
    user: HostUser,
  ): void {
    const { number, branch, sha, base, state } = one;
    const facts = { number, branch, sha, base, isFork: !this.#isOwn(one), isMerged: state === "merged" };
    this.#emit({ kind: "pull_request", action, ...facts }, user);
  }

  #emit(event: WithoutPlace<HostEvent>, user: HostUser): void {
    this.settings.emit({ ...event, repository: this.name, actor: user.login }, user);
  }
}

export interface NewPullRequest {
  /** A branch, or `owner:branch` of a fork. */
  readonly head: string;
  readonly base: string;
  readonly title: string;
  readonly body: string;
  readonly labels?: readonly string[];
}

type WithoutPlace<Event> = Event extends unknown ? Omit<Event, "repository" | "actor"> : never;

/** A hook that lets only some users push to the main branch. Everybody may create it. */
function protection(users: readonly HostUser[]): string {
  const allowed = users.filter((user) => user.pushesToMain === true).map(({ login }) => `'${login}'`);
  return [
    "#!/bin/sh",
    `case "$1 $2" in 'refs/heads/main ${noCommit}') exit 0 ;; 'refs/heads/main '*) ;; *) exit 0 ;; esac`,
    ...(allowed.length === 0 ? [] : [`case "$REMOTE_USER" in ${allowed.join("|")}) exit 0 ;; esac`]),
    'echo "GH006: Protected branch update failed for $1. Changes must be made through a pull request." >&2',
    "exit 1",
    "",
  ].join("\n");
}
