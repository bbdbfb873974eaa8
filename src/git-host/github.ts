import * as z from "zod";
import type { Comment, GitHost, Issue, NewPullRequest, PullRequest, TextChanges, Thread } from "./git-host";
import { answeredText } from "./host-answer";
import { HostClient, type HostClientOptions } from "./host-client";
import type { HostSettings } from "./host-settings";

/** A user that was deleted is null. */
const author = z
  .object({ login: z.string() })
  .nullable()
  .transform((user) => user?.login ?? "");

const pullRequest = z.object({
  number: z.int(),
  html_url: z.string(),
  title: z.string(),
  body: answeredText,
  state: z.enum(["open", "closed"]),
  merged_at: z.string().nullable(),
  // The repository of a fork may be deleted.
  head: z.object({ ref: z.string(), repo: z.object({ full_name: z.string() }).nullable() }),
});

const comment = z.object({ id: z.int(), body: answeredText, user: author });

const issue = z.object({
  number: z.int(),
  html_url: z.string(),
  body: answeredText,
  user: author,
  /** GitHub lists pull requests among the issues. */
  pull_request: z.unknown().optional(),
});

const viewer = z.object({ data: z.object({ viewer: z.object({ login: z.string() }) }) });

/** github.com and GitHub Enterprise Server, with the REST API of 2022-11-28. */
export class GitHub implements GitHost {
  readonly maxBody = 65_536;
  readonly #client: HostClient;
  readonly #path: string;
  #self?: Promise<string>;

  constructor(
    private readonly settings: HostSettings,
    options: HostClientOptions,
  ) {
    const headers = { accept: "application/vnd.github+json", "x-github-api-version": "2022-11-28" };
    this.#client = new HostClient({ name: "GitHub", api: settings.api, token: settings.token, headers }, options);
    this.#path = `repos/${settings.repository}`;
  }

  reference(pullRequest: number): string {
    return `#${pullRequest}`;
  }

  /** An app's token may not read `/user`, but GraphQL tells it who it is. */
  self(): Promise<string> {
    const { api, graphql = api } = this.settings;
    this.#self ??= this.#client
      .request(viewer, { method: "POST", path: graphql.href, body: { query: "{viewer{login}}" }, isRepeatable: true })
      .then(({ data }) => data.viewer.login);
    return this.#self;
  }

  openPullRequests(base: string): Promise<PullRequest[]> {
    return this.#pullRequests({ state: "open", base });
  }

  async pullRequestsFrom(branch: string, base: string): Promise<PullRequest[]> {
    const [owner = ""] = this.settings.repository.split("/");
    const query = { state: "all", base, head: `${owner}:${branch}`, sort: "created", direction: "desc" };
    return (await this.#pullRequests(query)).filter((one) => one.branch === branch);
  }

  async openPullRequest({ label, branch, ...rest }: NewPullRequest): Promise<PullRequest> {
    const find = async () => (await this.pullRequestsFrom(branch, rest.base)).find(({ state }) => state === "open");
    const path = `${this.#path}/pulls`;
    const opened = await this.#client.create(
      pullRequest.transform(toPullRequest),
      path,
      { head: branch, ...rest },
      find,
    );
    const labels = {
      method: "POST",
      path: `${this.#path}/issues/${opened.number}/labels`,
      isRepeatable: true,
    } as const;
    await this.#client.request(z.unknown(), { ...labels, body: { labels: [label] } });
    return opened;
  }

  async changePullRequest(number: number, changes: TextChanges): Promise<void> {
    await this.#client.request(z.unknown(), {
      method: "PATCH",
      path: `${this.#path}/pulls/${number}`,
      body: toBody(changes),
    });
  }

  async comments({ number }: Thread): Promise<Comment[]> {
    const listed = await this.#client.list(z.array(comment), `${this.#path}/issues/${number}/comments`);
    return listed.map(({ user, ...rest }) => ({ ...rest, author: user }));
  }

  async addComment(thread: Thread, body: string): Promise<void> {
    const find = async () => (await this.comments(thread)).find((one) => one.body === body);
    await this.#client.create(z.unknown(), `${this.#path}/issues/${thread.number}/comments`, { body }, find);
  }

  async editComment(_thread: Thread, id: number, body: string): Promise<void> {
    const path = `${this.#path}/issues/comments/${id}`;
    await this.#client.request(z.unknown(), { method: "PATCH", path, body: { body } });
  }

  async openIssues(): Promise<Issue[]> {
    const listed = await this.#client.list(z.array(issue), `${this.#path}/issues`, { state: "open" });
    return listed.filter((one) => one.pull_request === undefined).map(toIssue);
  }

  openIssue(title: string, body: string): Promise<Issue> {
    const find = async () => (await this.openIssues()).find((one) => one.body === body);
    return this.#client.create(issue.transform(toIssue), `${this.#path}/issues`, { title, body }, find);
  }

  async changeIssue(number: number, changes: TextChanges): Promise<void> {
    await this.#client.request(z.unknown(), {
      method: "PATCH",
      path: `${this.#path}/issues/${number}`,
      body: toBody(changes),
    });
  }

  async #pullRequests(query: Readonly<Record<string, string>>): Promise<PullRequest[]> {
    const listed = await this.#client.list(z.array(pullRequest), `${this.#path}/pulls`, query);
    const own = this.settings.repository.toLowerCase();
    return listed.filter(({ head }) => head.repo?.full_name.toLowerCase() === own).map(toPullRequest);
  }
}

function toPullRequest({
  html_url: url,
  merged_at: mergedAt,
  head,
  ...rest
}: z.infer<typeof pullRequest>): PullRequest {
  return { ...rest, url, branch: head.ref, state: mergedAt === null ? rest.state : "merged" };
}

function toIssue({ number, html_url: url, body, user }: z.infer<typeof issue>): Issue {
  return { number, url, body, author: user };
}

function toBody({ close, ...texts }: TextChanges): object {
  return { ...texts, ...(close === true ? { state: "closed" } : {}) };
}
