/** The part of GitLab's REST API that the product and its pipelines use, version 4. */
import {
  type HostedRepository,
  Refusal,
  type StoredComment,
  type StoredIssue,
  type StoredPullRequest,
} from "./repository";
import type { ApiCall, ApiReply, HostUser, StandInHost } from "./stand-in";

export async function answerGitLab(call: ApiCall, host: StandInHost): Promise<ApiReply> {
  const { method, path, body, query, user } = call;
  const idOf = ({ login }: HostUser) => host.options.users.findIndex((one) => one.login === login) + 1;
  const userOf = (one: HostUser) => ({ id: idOf(one), username: one.login });
  if (path === "/user") return { body: userOf(user) };
  const [, project = "", rest = ""] = /^\/projects\/([^/]+)\/(.*)$/.exec(path) ?? [];
  const named = decodeURIComponent(project);
  const repository = [...host.repositories.values()].find(({ id, name }) => String(id) === named || name === named);
  if (repository === undefined) throw new Refusal(404, "404 Project Not Found");
  const shapes = new GitLabShapes(repository, host.url, userOf);
  const [kind = "", id, action, more] = rest.split("/");
  const iid = Number(id);
  const thread = kind === "issues" ? "issue" : "pull-request";
  const notes = () => repository.comments.filter((one) => one.kind === thread && one.on === iid);
  const route = [
    method,
    [kind, id === undefined ? [] : ":iid", action ?? [], more === undefined ? [] : ":id"].flat(2).join("/"),
  ];
  switch (route.join(" ")) {
    case "GET merge_requests":
      return { body: filtered(repository, call).map((one) => shapes.mergeRequest(one)), isList: true };
    case "POST merge_requests": {
      const labels = typeof body.labels === "string" ? body.labels.split(",") : [];
      const opened = await repository.open(
        {
          head: text(body, "source_branch"),
          base: text(body, "target_branch"),
          title: text(body, "title"),
          body: text(body, "description"),
          labels,
        },
        user,
      );
      return { status: 201, body: shapes.mergeRequest(opened) };
    }
    case "GET merge_requests/:iid":
      return { body: shapes.mergeRequest(mergeRequestOf(repository, iid)) };
    case "PUT merge_requests/:iid": {
      const one = mergeRequestOf(repository, iid);
      const state = { close: "closed", reopen: "open" }[String(body.state_event)] as "closed" | "open" | undefined;
      await repository.change(one, { title: body.title as string, body: body.description as string, state }, user);
      return { body: shapes.mergeRequest(one) };
    }
    case "POST merge_requests/:iid/approve":
      repository.approve(mergeRequestOf(repository, iid), user);
      return { status: 201, body: {} };
    case "PUT merge_requests/:iid/merge": {
      const one = mergeRequestOf(repository, iid);
      await repository.merge(one, body.squash === true, typeof body.sha === "string" ? body.sha : undefined, user);
      return { body: shapes.mergeRequest(one) };
    }
    case "GET issues": {
      const state = query.get("state");
      const listed = repository.issues.filter(
        (one) => state === null || (one.state === "open") === (state === "opened"),
      );
      return { body: listed.reverse().map((one) => shapes.issue(one)), isList: true };
    }
    case "POST issues":
      return {
        status: 201,
        body: shapes.issue(repository.openIssue(text(body, "title"), text(body, "description"), user)),
      };
    case "PUT issues/:iid": {
      const issue = repository.issues.find(({ number }) => number === iid);
      if (issue === undefined) throw new Refusal(404, "404 Not found");
      if (typeof body.description === "string") issue.body = body.description;
      if (body.state_event === "close") issue.state = "closed";
      return { body: shapes.issue(issue) };
    }
    case "GET issues/:iid/notes":
    case "GET merge_requests/:iid/notes":
      requireThread(repository, thread, iid);
      return { body: notes().map((one) => shapes.note(one)), isList: true };
    case "POST issues/:iid/notes":
    case "POST merge_requests/:iid/notes":
      requireThread(repository, thread, iid);
      return { status: 201, body: shapes.note(repository.comment(thread, iid, text(body, "body"), user)) };
    case "PUT issues/:iid/notes/:id":
    case "PUT merge_requests/:iid/notes/:id": {
      const note = notes().find((one) => one.id === Number(more));
      if (note === undefined) throw new Refusal(404, "404 Note Not Found");
      note.body = text(body, "body");
      return { body: shapes.note(note) };
    }
    default:
      throw new Refusal(404, "404 Not Found");
  }
}

class GitLabShapes {
  constructor(
    private readonly repository: HostedRepository,
    private readonly url: string,
    private readonly userOf: (user: HostUser) => object,
  ) {}

  mergeRequest(one: StoredPullRequest): object {
    const { number, title, body, state, owner, branch, base, sha, author, labels } = one;
    const { id, name } = this.repository;
    return {
      iid: number,
      project_id: id,
      title,
      description: body,
      state: state === "open" ? "opened" : state,
      web_url: `${this.url}/${name}/-/merge_requests/${number}`,
      source_branch: branch,
      target_branch: base,
      source_project_id: owner === this.repository.owner ? id : 1000 + id,
      target_project_id: id,
      sha,
      merge_commit_sha: one.mergeCommit ?? null,
      author: this.userOf(author),
      labels,
    };
  }

  issue({ number, title, body, state, author }: StoredIssue): object {
    const web_url = `${this.url}/${this.repository.name}/-/issues/${number}`;
    const shown = state === "open" ? "opened" : "closed";
    return { iid: number, title, description: body, state: shown, web_url, author: this.userOf(author) };
  }

  note({ id, body, author }: StoredComment): object {
    return { id, body, author: this.userOf(author), system: false };
  }
}

function filtered({ pullRequests }: HostedRepository, { query }: ApiCall): StoredPullRequest[] {
  const state = query.get("state") ?? "all";
  const [source, target] = [query.get("source_branch"), query.get("target_branch")];
  return pullRequests
    .filter((one) => state === "all" || (one.state === "open" ? "opened" : one.state) === state)
    .filter((one) => source === null || one.branch === source)
    .filter((one) => target === null || one.base === target)
    .reverse();
}

function mergeRequestOf(repository: HostedRepository, iid: number): StoredPullRequest {
  const one = repository.pullRequests.find(({ number }) => number === iid);
  if (one === undefined) throw new Refusal(404, "404 Not found");
  return one;
}

function requireThread({ issues, pullRequests }: HostedRepository, kind: StoredComment["kind"], iid: number): void {
  const known: readonly { readonly number: number }[] = kind === "issue" ? issues : pullRequests;
  if (!known.some(({ number }) => number === iid)) throw new Refusal(404, "404 Not found");
}

function text(body: ApiCall["body"], key: string): string {
  const value = body[key];
  if (typeof value !== "string") throw new Refusal(400, `${key} is missing`);
  return value;
}
