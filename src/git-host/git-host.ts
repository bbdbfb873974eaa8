/** What `authority` does on a Git host, in terms that GitHub and GitLab share. */
import { GitHub } from "./github";
import { GitLab } from "./gitlab";
import type { HostClientOptions } from "./host-client";
import { type HostSettings } from "./host-settings";

/** A pull request (GitHub) or merge request (GitLab) within one repository. */
export interface PullRequest {
  /** As its address has it. */
  readonly number: number;
  readonly url: string;
  readonly title: string;
  readonly body: string;
  /** The branch that it would merge. */
  readonly branch: string;
  readonly state: "open" | "closed" | "merged";
}

/** A comment on a pull request or an issue. */
export interface Comment {
  readonly id: number;
  readonly body: string;
  /** Who wrote it, as `GitHost.self` names an author. */
  readonly author: string;
}

/** An issue. */
export interface Issue {
  readonly number: number;
  readonly url: string;
  readonly body: string;
  readonly author: string;
}

/** What changes of a pull request or an issue. What is absent stays. */
export interface TextChanges {
  readonly title?: string;
  readonly body?: string;
  readonly close?: boolean;
}

/** Pull requests and issues are numbered apart on GitLab. */
export interface Thread {
  readonly kind: "pull-request" | "issue";
  readonly number: number;
}

/** The API of one repository on a Git host. Each method throws a GitHostError where the host refuses or does not answer. */
export interface GitHost {
  /** The longest text of a pull request, a comment or an issue, in characters. */
  readonly maxBody: number;
  /** How a text names a pull request, so that the host makes it a link: `#12`. */
  reference(pullRequest: number): string;
  /** The author that the token writes as. */
  self(): Promise<string>;
  /** The open pull requests from this repository's own branches, not from forks. */
  openPullRequests(base: string): Promise<PullRequest[]>;
  /** All pull requests from a branch of this repository, the newest first. */
  pullRequestsFrom(branch: string, base: string): Promise<PullRequest[]>;
  openPullRequest(opened: NewPullRequest): Promise<PullRequest>;
  changePullRequest(number: number, changes: TextChanges): Promise<void>;
  comments(thread: Thread): Promise<Comment[]>;
  addComment(thread: Thread, body: string): Promise<void>;
  editComment(thread: Thread, id: number, body: string): Promise<void>;
  openIssues(): Promise<Issue[]>;
  openIssue(title: string, body: string): Promise<Issue>;
  changeIssue(number: number, changes: TextChanges): Promise<void>;
}

/** A pull request that is to be opened. */
export interface NewPullRequest {
  readonly branch: string;
  readonly base: string;
  readonly title: string;
  readonly body: string;
  readonly label: string;
}

/** The Git host of these settings. */
export function connectGitHost(settings: HostSettings, options: HostClientOptions = {}): GitHost {
  return settings.kind === "github" ? new GitHub(settings, options) : new GitLab(settings, options);
}
