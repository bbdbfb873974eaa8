/** The part of GitHub's REST API that the product and its pipelines use, version 2022-11-28. */
import {
  type HostedRepository,
  Refusal,
  type StoredComment,
  type StoredIssue,
  type StoredPullRequest,
} from "./repository";
import type { ApiCall, ApiReply, HostUser, StandInHost } from "./stand-in";

export async function answerGitHub(call: ApiCall, host: StandInHost): Promise<ApiReply> {
  const { method, path, body, user } = call;
  if (path === "/graphql") return { body: { data: { viewer: { login: user.login } } } };
  if (path === "/user") {
    if (user.isApp === true) throw new Refusal(403, "Resource not accessible by integration");
    return { body: userOf(user) };
  }
  const [, name = "", rest = ""] = /^\/repos\/([^/]+\/[^/]+)(?:\/(.*))?$/.exec(path) ?? [];
  const repository = host.repositories.get(name);
  if (repository === undefined) throw new Refusal(404, "Not Found");
  const shapes = new GitHubShapes(repository, host.url);
  const [kind, id, action, ...more] = rest.split("/");
  const route = `${method} ${[kind, id === undefined ? [] : /^\d+$/.test(id) ? ":id" : id, action ?? []].flat(2).join("/")}`;
  const number = Number(id);
  switch (route) {
    case "GET pulls":
      return { body: filtered(repository, call).map((one) => shapes.pullRequest(one)), isList: true };
    case "POST pulls": {
      const opened = await repository.open(
        { head: text(body, "head"), base: text(body, "base"), title: text(body, "title"), body: text(body, "body") },
        user,
      );
      return { status: 201, body: shapes.pullRequest(opened) };
    }
    case "GET pulls/:id":
      return { body: shapes.pullRequest(pullRequestOf(repository, number)) };
    case "PATCH pulls/:id": {
      const one = pullRequestOf(repository, number);
      await repository.change(one, body, user);
      return { body: shapes.pullRequest(one) };
    }
    case "POST pulls/:id/reviews": {
      if (body.event === "APPROVE") repository.approve(pullRequestOf(repository, number), user);
      return { body: { id: 1, state: "APPROVED", user: userOf(user) } };
    }
    case "PUT pulls/:id/merge": {
      const one = pullRequestOf(repository, number);
      const sha = typeof body.sha === "string" ? body.sha : undefined;
      const commit = await repository.merge(one, body.merge_method === "squash", sha, user);
      return { body: { sha: commit, merged: true, message: "Pull Request successfully merged" } };
    }
    case "GET issues": {
      const state = call.query.get("state") ?? "open";
      const isListed = (one: StoredIssue | StoredPullRequest) =>
        state === "all" || (one.state === "open") === (state === "open");
      const issues = [...repository.issues, ...repository.pullRequests]
        .filter(isListed)
        .sort((a, b) => b.number - a.number);
      return { body: issues.map((one) => shapes.issue(one)), isList: true };
    }
    case "POST issues":
      return { status: 201, body: shapes.issue(repository.openIssue(text(body, "title"), text(body, "body"), user)) };
    case "PATCH issues/:id": {
      const issue = repository.issues.find((one) => one.number === number);
      if (issue === undefined) throw new Refusal(404, "Not Found");
      if (typeof body.body === "string") issue.body = body.body;
      if (body.state === "open" || body.state === "closed") issue.state = body.state;
      return { body: shapes.issue(issue) };
    }
    case "POST issues/:id/labels": {
      const { labels } = pullRequestOf(repository, number);
      for (const label of body.labels as string[]) if (!labels.includes(label)) labels.push(label);
      return { body: labels.map((label) => ({ name: label })) };
    }
    case "GET issues/:id/comments":
      threadOf(repository, number);
      return {
        body: repository.comments.filter(({ on }) => on === number).map((one) => shapes.comment(one)),
        isList: true,
      };
    case "POST issues/:id/comments":
      return {
        status: 201,
        body: shapes.comment(repository.comment(threadOf(repository, number), number, text(body, "body"), user)),
      };
    case "PATCH issues/comments/:id":
    case `PATCH issues/comments/${action ?? ""}`: {
      const comment = repository.comments.find((one) => one.id === Number(action) && more.length === 0);
      if (comment === undefined) throw new Refusal(404, "Not Found");
      comment.body = text(body, "body");
      return { body: shapes.comment(comment) };
    }
    default:
      throw new Refusal(404, "Not Found");
  }
}

class GitHubShapes {
  constructor(
    private readonly repository: HostedRepository,
    private readonly url: string,
  ) {}

  pullRequest(one: StoredPullRequest): object {
    const { number, title, body, state, owner, branch, base, sha, author, labels } = one;
    const { name } = this.repository;
    return {
      number,
      title,
      body,
      state: state === "open" ? "open" : "closed",
      html_url: `${this.url}/${name}/pull/${number}`,
      merged: state === "merged",
      merge_commit_sha: one.mergeCommit ?? null,
      merged_at: state === "merged" ? new Date(0).toISOString() : null,
      user: userOf(author),
      labels: labels.map((label) => ({ name: label })),
      head: {
        ref: branch,
        label: `${owner}:${branch}`,
        sha,
        repo: { full_name: `${owner}/${name.split("/")[1] ?? ""}` },
      },
      base: { ref: base, label: `${this.repository.owner}:${base}`, repo: { full_name: name } },
    };
  }

  issue(one: StoredIssue | StoredPullRequest): object {
    const { number, title, body, state, author } = one;
    const isPullRequest = "branch" in one;
    const html_url = `${this.url}/${this.repository.name}/${isPullRequest ? "pull" : "issues"}/${number}`;
    const shape = { number, title, body, state: state === "open" ? "open" : "closed", html_url, user: userOf(author) };
    return isPullRequest ? { ...shape, pull_request: { html_url } } : shape;
  }

  comment({ id, on, body, author }: StoredComment): object {
    return {
      id,
      body,
      user: userOf(author),
      html_url: `${this.url}/${this.repository.name}/issues/${on}#issuecomment-${id}`,
    };
  }
}

function filtered({ pullRequests }: HostedRepository, { query }: ApiCall): StoredPullRequest[] {
  const state = query.get("state") ?? "open";
  const [head, base] = [query.get("head"), query.get("base")];
  return pullRequests
    .filter((one) => state === "all" || (one.state === "open") === (state === "open"))
    .filter((one) => head === null || `${one.owner}:${one.branch}` === head)
    .filter((one) => base === null || one.base === base)
    .reverse();
}

function pullRequestOf(repository: HostedRepository, number: number): StoredPullRequest {
  const one = repository.pullRequests.find((pullRequest) => pullRequest.number === number);
  if (one === undefined) throw new Refusal(404, "Not Found");
  return one;
}

function threadOf({ issues, pullRequests }: HostedRepository, number: number): StoredComment["kind"] {
  if (issues.some((one) => one.number === number)) return "issue";
  if (pullRequests.some((one) => one.number === number)) return "pull-request";
  throw new Refusal(404, "Not Found");
}

/** A text that the request must have. A text is at most 65,536 characters long. */
function text(body: ApiCall["body"], key: string): string {
  const value = body[key];
  if (typeof value !== "string") throw new Refusal(422, `${key} is missing`);
  if (value.length > 65_536) throw new Refusal(422, `${key} is too long (maximum is 65536 characters)`);
  return value;
}

function userOf({ login, isApp }: HostUser): object {
  return { login, type: isApp === true ? "Bot" : "User" };
}
