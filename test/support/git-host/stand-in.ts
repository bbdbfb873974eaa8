/**
 * A Git host for tests: a part of GitHub's or GitLab's REST API in front of real repositories, with tokens, a protected
 * main branch, pages, and faults that a test asks for. Events of a workflow's own token start no workflows.
 */
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { json } from "node:stream/consumers";
import { answerGit } from "../../../demo/git-server";
import { listenOnLoopback } from "../../../demo/loopback";
import { answerGitHub } from "./github-api";
import { answerGitLab } from "./gitlab-api";
import { HostedRepository, type HostEvent, Refusal } from "./repository";

export type { HostedRepository, HostEvent } from "./repository";

/** Somebody with a token. */
export interface HostUser {
  readonly login: string;
  readonly token: string;
  /** Whether it may change something. Default: true. */
  readonly writes?: boolean;
  /** Whether it may push to the protected main branch. Default: false. */
  readonly pushesToMain?: boolean;
  /** Whether it is an app or the workflow's own token, which GitHub does not tell who it is at `/user`. Default: false. */
  readonly isApp?: boolean;
  /** Whether its events start workflows. Those of a workflow's own token do not. Default: true. */
  readonly startsWorkflows?: boolean;
}

/** Something that goes wrong with the next request that matches. */
export interface Fault {
  /** Of `POST /repos/acme/shared/pulls`. Default: any request. */
  readonly on?: RegExp;
  /** How many requests it meets. Default: 1. */
  readonly times?: number;
  /** The status of the answer. Default: the connection is closed without an answer. */
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Whether the request is carried out before. */
  readonly isCarriedOut?: boolean;
  /** The milliseconds before the answer, which is then the right one if the client still waits. */
  readonly delayMs?: number;
}

export interface GitHostOptions {
  readonly kind: "github" | "gitlab";
  /** An existing folder for the repositories. */
  readonly directory: string;
  readonly users: readonly HostUser[];
  /** The most elements of a page, to have pages with few of them. Default: 100. */
  readonly pageSize?: number;
  /** How many approvals a merge needs. Default: 0. */
  readonly requiredApprovals?: number;
  /** Called for each event that starts workflows. */
  readonly onEvent?: (event: HostEvent) => Promise<void> | void;
}

/** One request to the API. */
export interface ApiCall {
  readonly method: string;
  /** Below the API's address, decoded, without the query. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly body: Readonly<Record<string, unknown>>;
  readonly user: HostUser;
}

/** The answer to one request to the API. */
export interface ApiReply {
  readonly status?: number;
  readonly body: unknown;
  /** A list that is answered in pages. */
  readonly isList?: boolean;
}

export class StandInHost {
  readonly repositories = new Map<string, HostedRepository>();
  /** The requests to the API, in order: `GET /repos/acme/shared/pulls`. */
  readonly requests: string[] = [];
  /** All events, also those that start no workflows. */
  readonly events: (HostEvent & { readonly startsWorkflows: boolean })[] = [];
  readonly #faults: (Fault & { left: number })[] = [];
  readonly #running = new Set<Promise<void>>();
  #url = "";
  #close?: () => Promise<void>;

  private constructor(readonly options: GitHostOptions) {}

  static async start(options: GitHostOptions): Promise<StandInHost> {
    const host = new StandInHost(options);
    const closing = new AbortController();
    const server = createServer((request, response) => {
      host.#answer(request, response, closing.signal).catch((error: unknown) => {
        if (response.headersSent) response.destroy();
        else response.writeHead(500).end(String(error));
      });
    });
    const listening = await listenOnLoopback(server);
    host.#url = listening.url;
    host.#close = async () => {
      closing.abort();
      await listening.close();
      await host.idle();
    };
    return host;
  }

  get url(): string {
    return this.#url;
  }

  async close(): Promise<void> {
    await this.#close?.();
  }

  /** Waits for all that events have started, and for what that has started. */
  async idle(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running);
  }

  /** @param name `acme/shared` */
  async createRepository(name: string): Promise<HostedRepository> {
    const { directory, users, kind, requiredApprovals = 0 } = this.options;
    const emit = (event: HostEvent, user: HostUser) => this.#emit(event, user);
    const id = this.repositories.size + 1;
    const repository = await HostedRepository.create(id, name, directory, users, { kind, requiredApprovals, emit });
    this.repositories.set(name, repository);
    return repository;
  }

  /** The address for Git. @param token the credentials in it */
  cloneUrl(name: string, token?: string): string {
    const url = new URL(`${this.#url}/${name}.git`);
    if (token !== undefined) Object.assign(url, { username: "x-access-token", password: token });
    return url.href;
  }

  /** The variables of a pipeline. */
  environment(name: string, token: string): Record<string, string> {
    if (this.options.kind === "gitlab") {
      const id = String(this.repositories.get(name)?.id);
      return { CI_API_V4_URL: `${this.#url}/api/v4`, CI_PROJECT_ID: id, GITLAB_TOKEN: token };
    }
    return {
      GITHUB_SERVER_URL: this.#url,
      GITHUB_API_URL: `${this.#url}/api/v3`,
      GITHUB_GRAPHQL_URL: `${this.#url}/api/graphql`,
      GITHUB_REPOSITORY: name,
      GH_TOKEN: token,
    };
  }

  /** Lets something go wrong. */
  fail(fault: Fault): void {
    this.#faults.push({ ...fault, left: fault.times ?? 1 });
  }

  user(login: string): HostUser {
    const found = this.options.users.find((user) => user.login === login);
    if (found === undefined) throw new Error(`The host has no user ${login}.`);
    return found;
  }

  #emit(event: HostEvent, user: HostUser): void {
    const startsWorkflows = user.startsWorkflows ?? true;
    this.events.push({ ...event, startsWorkflows });
    const { onEvent } = this.options;
    if (!startsWorkflows || onEvent === undefined) return;
    const running = Promise.resolve(event)
      .then(onEvent)
      .finally(() => this.#running.delete(running));
    // `idle` throws what went wrong.
    running.catch(() => undefined);
    this.#running.add(running);
  }

  async #answer(request: IncomingMessage, response: ServerResponse, closing: AbortSignal): Promise<void> {
    const url = new URL(request.url ?? "", this.#url);
    const api = { github: "/api/v3", gitlab: "/api/v4" }[this.options.kind];
    if (/^\/[\w.-]+\/[\w.-]+\.git\//.test(url.pathname)) await this.#answerGit(url, request, response, closing);
    else if (url.pathname.startsWith(`${api}/`)) await this.#answerApi(url, api.length, request, response);
    else if (url.pathname === "/api/graphql") await this.#answerApi(url, "/api".length, request, response);
    else response.writeHead(404).end();
  }

  async #answerGit(url: URL, request: IncomingMessage, response: ServerResponse, closing: AbortSignal): Promise<void> {
    const [, name = ""] = /^\/(.+?)\.git\//.exec(url.pathname) ?? [];
    const [, credentials = ""] = /^basic (.+)$/i.exec(request.headers.authorization ?? "") ?? [];
    const [, token] = Buffer.from(credentials, "base64").toString("utf8").split(":");
    const user = this.options.users.find((one) => one.token === token);
    const isPush = url.href.includes("git-receive-pack");
    const repository = this.repositories.get(name);
    if (repository === undefined) {
      response.writeHead(404).end();
      return;
    }
    if (isPush && (user === undefined || user.writes === false)) {
      const challenge = { "www-authenticate": 'Basic realm="Git host"' };
      response.writeHead(user === undefined ? 401 : 403, user === undefined ? challenge : {}).end();
      return;
    }
    const options = { root: this.options.directory, allowPush: isPush, user: user?.login };
    if (user === undefined || !isPush || request.method !== "POST") {
      await answerGit(request, response, options, closing);
      return;
    }
    const before = await repository.refs();
    await answerGit(request, response, { ...options, beforeAnswer: () => repository.pushed(before, user) }, closing);
  }

  async #answerApi(url: URL, prefix: number, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = "" } = request;
    const path = url.pathname.slice(prefix);
    const line = `${method} ${path}`;
    const body = method === "GET" ? {} : ((await json(request)) as ApiCall["body"]);
    this.requests.push(line);
    const fault = this.#faults.find(({ left, on }) => left > 0 && (on === undefined || on.test(line)));
    if (fault !== undefined) fault.left -= 1;
    if (fault?.delayMs !== undefined) {
      await Promise.race([sleep(fault.delayMs, undefined, { ref: false }), once(response, "close")]);
      if (response.destroyed) return;
    }
    const isRefused = fault !== undefined && fault.delayMs === undefined;
    if (isRefused && fault.isCarriedOut !== true) {
      refuse(response, fault);
      return;
    }
    const { status, headers, text } = await this.#carryOut({ method, path, body }, url, request);
    if (isRefused) refuse(response, fault);
    else response.writeHead(status, { "content-type": "application/json; charset=utf-8", ...headers }).end(text);
  }

  async #carryOut(
    call: Pick<ApiCall, "method" | "path" | "body">,
    url: URL,
    request: IncomingMessage,
  ): Promise<{ readonly status: number; readonly headers: Readonly<Record<string, string>>; readonly text: string }> {
    const { kind, users } = this.options;
    const [, token] = /^bearer (.+)$/i.exec(request.headers.authorization ?? "") ?? [];
    const user = users.find((one) => one.token === token);
    try {
      if (user === undefined) throw new Refusal(401, kind === "github" ? "Bad credentials" : "401 Unauthorized");
      if (call.method !== "GET" && call.path !== "/graphql" && user.writes === false) {
        throw new Refusal(403, kind === "github" ? "Resource not accessible by integration" : "403 Forbidden");
      }
      const answer = kind === "github" ? answerGitHub : answerGitLab;
      const reply = await answer({ ...call, query: url.searchParams, user }, this);
      const { headers, body } =
        reply.isList === true ? this.#page(reply.body as unknown[], url) : { headers: {}, ...reply };
      return { status: reply.status ?? 200, headers, text: JSON.stringify(body) };
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      const { status, message } = error;
      const body =
        kind === "github" && status === 422
          ? { message: "Validation Failed", errors: [{ resource: "PullRequest", code: "custom", message }] }
          : { message: status === 409 && kind === "gitlab" ? [message] : message };
      return { status, headers: {}, text: JSON.stringify(body) };
    }
  }

  /** One page, and what says where the next is: a link, and with GitLab also a number. */
  #page(all: readonly unknown[], url: URL): { readonly headers: Record<string, string>; readonly body: unknown[] } {
    const size = Math.min(Number(url.searchParams.get("per_page") ?? "30"), this.options.pageSize ?? 100);
    const page = Number(url.searchParams.get("page") ?? "1");
    const isLast = page * size >= all.length;
    const next = new URL(url);
    next.searchParams.set("page", String(page + 1));
    const link: Record<string, string> = isLast
      ? {}
      : { link: `<${next.href}>; rel="next", <${url.href}>; rel="first"` };
    const numbered: Record<string, string> =
      this.options.kind === "gitlab" ? { "x-page": String(page), "x-next-page": isLast ? "" : String(page + 1) } : {};
    return { headers: { ...link, ...numbered }, body: all.slice((page - 1) * size, page * size) };
  }
}

function refuse(response: ServerResponse, { status, headers = {}, body = "" }: Fault): void {
  if (status === undefined) response.destroy();
  else response.writeHead(status, headers).end(body);
}
