import * as z from "zod";
import type { Comment, GitHost, Issue, NewPullRequest, PullRequest, TextChanges, Thread } from "./git-host";
import { answeredText } from "./host-answer";
import { HostClient, type HostClientOptions } from "./host-client";
import type { HostSettings } from "./host-settings";

/** A text as it was before `withoutQuickActions`. */
const text = answeredText.transform((given) => given.replace(/^\\\/(?=\w)/gm, "/"));

const author = z.object({ id: z.int() }).transform(({ id }) => String(id));

const mergeRequest = z.object({
  iid: z.int(),
  web_url: z.string(),
  title: z.string(),
  description: text,
  // `locked`: it is being merged.
  state: z.enum(["opened", "closed", "locked", "merged"]),
  source_branch: z.string(),
  // The project of a fork may be deleted.
  source_project_id: z.int().nullable(),
  target_project_id: z.int(),
});

const note = z.object({ id: z.int(), body: text, author, system: z.boolean() });

const issue = z.object({ iid: z.int(), web_url: z.string(), description: text, author });

/** gitlab.com and self-managed GitLab, with version 4 of the REST API. */
export class GitLab implements GitHost {
  readonly maxBody = 1_000_000;
  readonly #client: HostClient;
  readonly #path: string;
  #self?: Promise<string>;

  constructor({ api, token, repository }: HostSettings, options: HostClientOptions) {
    this.#client = new HostClient({ name: "GitLab", api, token, headers: {} }, options);
    this.#path = `projects/${encodeURIComponent(repository)}`;
  }

  reference(pullRequest: number): string {
    return `!${pullRequest}`;
  }

  self(): Promise<string> {
    this.#self ??= this.#client.request(author, { method: "GET", path: "user" });
    return this.#self;
  }

  openPullRequests(base: string): Promise<PullRequest[]> {
    return this.#mergeRequests({ state: "opened", target_branch: base });
  }

  async pullRequestsFrom(branch: string, base: string): Promise<PullRequest[]> {
    const query = { state: "all", target_branch: base, source_branch: branch, order_by: "created_at", sort: "desc" };
    return (await this.#mergeRequests(query)).filter((one) => one.branch === branch);
  }

  openPullRequest({ branch, base, title, body, label }: NewPullRequest): Promise<PullRequest> {
    const find = async () => (await this.pullRequestsFrom(branch, base)).find(({ state }) => state === "open");
    const given = { source_branch: branch, target_branch: base, labels: label, remove_source_branch: true };
    const sent = { ...given, ...toBody({ title, body }) };
    return this.#client.create(mergeRequest.transform(toPullRequest), `${this.#path}/merge_requests`, sent, find);
  }

  async changePullRequest(number: number, changes: TextChanges): Promise<void> {
    const path = `${this.#path}/merge_requests/${number}`;
    await this.#client.request(z.unknown(), { method: "PUT", path, body: toBody(changes) });
  }

  async comments(thread: Thread): Promise<Comment[]> {
    const listed = await this.#client.list(z.array(note), this.#notes(thread), { sort: "asc" });
    return listed.filter(({ system }) => !system).map(({ id, body, author }) => ({ id, body, author }));
  }

  async addComment(thread: Thread, body: string): Promise<void> {
    const find = async () => (await this.comments(thread)).find((one) => one.body === body);
    await this.#client.create(z.unknown(), this.#notes(thread), { body: withoutQuickActions(body) }, find);
  }

  async editComment(thread: Thread, id: number, body: string): Promise<void> {
    const path = `${this.#notes(thread)}/${id}`;
    await this.#client.request(z.unknown(), { method: "PUT", path, body: { body: withoutQuickActions(body) } });
  }

  async openIssues(): Promise<Issue[]> {
    const query = { state: "opened", scope: "all" };
    return (await this.#client.list(z.array(issue), `${this.#path}/issues`, query)).map(toIssue);
  }

  openIssue(title: string, body: string): Promise<Issue> {
    const find = async () => (await this.openIssues()).find((one) => one.body === body);
    return this.#client.create(issue.transform(toIssue), `${this.#path}/issues`, toBody({ title, body }), find);
  }

  async changeIssue(number: number, changes: TextChanges): Promise<void> {
    const path = `${this.#path}/issues/${number}`;
    await this.#client.request(z.unknown(), { method: "PUT", path, body: toBody(changes) });
  }

  async #mergeRequests(query: Readonly<Record<string, string>>): Promise<PullRequest[]> {
    const path = `${this.#path}/merge_requests`;
    const listed = await this.#client.list(z.array(mergeRequest), path, { scope: "all", ...query });
    return listed.filter((one) => one.source_project_id === one.target_project_id).map(toPullRequest);
  }

  #notes({ kind, number }: Thread): string {
    return `${this.#path}/${kind === "issue" ? "issues" : "merge_requests"}/${number}/notes`;
  }
}

function toPullRequest(one: z.infer<typeof mergeRequest>): PullRequest {
  const state = one.state === "opened" || one.state === "locked" ? "open" : one.state;
  const { iid: number, web_url: url, title, description: body, source_branch: branch } = one;
  return { number, url, title, body, branch, state };
}

function toIssue({ iid: number, web_url: url, description: body, author }: z.infer<typeof issue>): Issue {
  return { number, url, body, author };
}

function toBody({ title, body, close }: TextChanges): object {
  return {
    ...(title === undefined ? {} : { title }),
    ...(body === undefined ? {} : { description: withoutQuickActions(body) }),
    ...(close === true ? { state_event: "close" } : {}),
  };
}

/** GitLab carries out a line that begins with `/`, such as `/merge`, in the name of the token. */
function withoutQuickActions(body: string): string {
  return body.replace(/^\/(?=\w)/gm, "\\/");
}
