/** Requests to the API of a Git host: time limits, retries, rate limits and pages. */
import { setTimeout as sleep } from "node:timers/promises";
import type { z } from "zod";
import { printableSentence } from "../config/printable";
import { createHttpClient, type HttpAnswer, type HttpRequest } from "../release/http";
import { HttpError } from "../release/http-error";
import { GitHostError } from "./host-error";
import { isLimited, nextPage, requestedWait } from "./host-answer";

/** How a client waits. Tests pass their own. */
export interface HostClientOptions {
  /** Milliseconds that one request may take. Default: 30000. */
  readonly timeoutMs?: number;
  /** How often to retry after a network failure, a rate limit or 5xx. Default: 4. */
  readonly retries?: number;
  /** Milliseconds before the first retry if the host names no time; each further one waits twice as long. Default: 1000. */
  readonly retryDelayMs?: number;
  /** The longest wait that a host may ask for, in milliseconds. Default: ten minutes. */
  readonly maxWaitMs?: number;
  readonly wait?: (milliseconds: number) => Promise<unknown>;
  /** Called before a wait that the host has asked for. */
  readonly onLimit?: (message: string) => void;
}

/** Where a client sends its requests. */
export interface HostPlace {
  /** As messages call it. */
  readonly name: string;
  /** The address of the API. */
  readonly api: URL;
  readonly token: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** One request. */
export interface ApiRequest {
  readonly method: HttpRequest["method"];
  /** Relative to the API, or an absolute URL at its origin. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: object;
  /** Whether it does no harm to send it twice. Default: unless it is a POST. */
  readonly isRepeatable?: boolean;
}

/** The longest answer, in bytes: a page of 100 pull requests with long texts. */
const maxBytes = 32 * 1024 * 1024;

const maxPages = 100;

/** After this many writes, there is a second between two of them, as GitHub asks of clients with many. */
const quickWrites = 20;

export class HostClient {
  readonly #send = createHttpClient();
  #writes = 0;

  constructor(
    private readonly place: HostPlace,
    private readonly options: HostClientOptions = {},
  ) {}

  /** @throws GitHostError */
  async request<T>(schema: z.ZodType<T>, request: ApiRequest): Promise<T> {
    return this.#parse(schema, request, await this.#answer(request));
  }

  /** The elements of all pages of a list. @throws GitHostError */
  async list<T>(schema: z.ZodType<T[]>, path: string, query: Readonly<Record<string, string>> = {}): Promise<T[]> {
    const all: T[] = [];
    let url = this.#url({ path, query: { ...query, per_page: "100" } });
    for (let page = 1; page <= maxPages; page += 1) {
      const request: ApiRequest = { method: "GET", path: url.href };
      const answer = await this.#answer(request);
      all.push(...this.#parse(schema, request, answer));
      const next = nextPage(answer.headers, url);
      if (next === undefined) return all;
      url = this.#url({ path: next });
    }
    throw new GitHostError(`${this.place.name}: GET ${path} has more than ${maxPages} pages`);
  }

  /**
   * Creates something with a POST. After an answer that was lost, it looks first whether the host has it.
   *
   * @param find what an earlier attempt has created
   * @throws GitHostError
   */
  async create<T>(schema: z.ZodType<T>, path: string, body: object, find: () => Promise<T | undefined>): Promise<T> {
    const { retries = 4, retryDelayMs = 1000, wait = sleep } = this.options;
    for (let attempt = 0; ; attempt += 1) {
      try {
        return await this.request(schema, { method: "POST", path, body });
      } catch (error) {
        if (!(error instanceof GitHostError) || !error.isLost || attempt >= retries) throw error;
        await wait(retryDelayMs * 2 ** attempt);
        const created = await find();
        if (created !== undefined) return created;
      }
    }
  }

  async #answer(request: ApiRequest): Promise<HttpAnswer> {
    const { retries = 4, retryDelayMs = 1000, maxWaitMs = 600_000, wait = sleep, onLimit } = this.options;
    const { name } = this.place;
    const url = this.#url(request);
    const what = `${name}: ${request.method} ${url.host}${url.pathname}`;
    const isRepeatable = request.isRepeatable ?? request.method !== "POST";
    if (request.method !== "GET" && (this.#writes += 1) > quickWrites) await wait(1000);
    for (let attempt = 0; ; attempt += 1) {
      const { answer, failure, isLimit, askedMs = 0 } = await this.#attempt(request, url, what);
      if (answer !== undefined) return answer;
      if (askedMs > maxWaitMs) {
        const until = new Date(Date.now() + askedMs).toISOString();
        throw new GitHostError(`${what}: ${failure}; ${name} answers again after ${until}. Run the command again then`);
      }
      // A host that refuses for a limit has not carried out the request.
      if (!isLimit && !isRepeatable) throw new GitHostError(`${what}: ${failure}`, true);
      if (attempt >= retries) throw new GitHostError(`${what}: ${failure}, after ${retries} retries`);
      if (askedMs > 0) onLimit?.(`${name} asks to wait ${Math.ceil(askedMs / 1000)} s`);
      await wait(Math.max(askedMs, retryDelayMs * 2 ** attempt));
    }
  }

  /** @throws GitHostError for what a retry would meet again */
  async #attempt({ method, body }: ApiRequest, url: URL, what: string): Promise<Attempt> {
    const { timeoutMs = 30_000 } = this.options;
    const { token, headers } = this.place;
    const signal = AbortSignal.timeout(timeoutMs);
    const sent = { "content-type": "application/json", ...headers, authorization: `Bearer ${token}` };
    let answer: HttpAnswer;
    try {
      const text = body === undefined ? undefined : JSON.stringify(body);
      answer = await this.#send({ url, method, headers: sent, body: text, maxBytes, followsRedirects: false, signal });
    } catch (error) {
      if (signal.aborted) return { failure: `no answer within ${timeoutMs / 1000} s`, isLimit: false };
      if (!(error instanceof HttpError)) throw error;
      if (!error.isTransient) throw new GitHostError(`${what}: ${error.message}`);
      return { failure: error.message, isLimit: false };
    }
    const { status } = answer;
    if (status >= 200 && status < 300) return { answer, failure: "", isLimit: false };
    const isLimit = isLimited(answer);
    if (!isLimit && status < 500) throw new GitHostError(`${what}: ${refusalOf(answer)}`);
    const failure = `HTTP ${status}${isLimit ? ", a rate limit" : ""}`;
    return { failure, isLimit, askedMs: requestedWait(answer, Date.now()) };
  }

  /** @throws GitHostError if it leads to another host, which must not get the token */
  #url({ path, query = {} }: Pick<ApiRequest, "path" | "query">): URL {
    const { api, name } = this.place;
    const base = api.href.replace(/\/*$/, "/");
    const url = URL.canParse(path, base) ? new URL(path, base) : undefined;
    if (url?.origin !== api.origin || url.username !== "" || url.password !== "") {
      throw new GitHostError(`${name} points at ${url?.origin ?? "no valid address"}, expected ${api.origin}`);
    }
    for (const [key, value] of Object.entries(query)) url.searchParams.set(key, value);
    return url;
  }

  #parse<T>(schema: z.ZodType<T>, { method, path }: ApiRequest, { body }: HttpAnswer): T {
    const parsed = schema.safeParse(jsonOf(body));
    if (parsed.success) return parsed.data;
    const [issue] = parsed.error.issues;
    const where = issue === undefined || issue.path.length === 0 ? "it" : issue.path.join(".");
    throw new GitHostError(
      `${this.place.name}: ${method} ${path}: the answer is not one of its API: ${where}: ${issue?.message ?? "unknown"}`,
    );
  }
}

/** What came of sending a request once. Without an answer, it may be sent again. */
interface Attempt {
  readonly answer?: HttpAnswer;
  readonly failure: string;
  /** Whether the host refuses for a rate limit. */
  readonly isLimit: boolean;
  /** The milliseconds that the host asks to wait. */
  readonly askedMs?: number;
}

/** Why the host refuses, in its own words, and what to do about it. */
function refusalOf({ status, body }: HttpAnswer): string {
  const said = saidIn(jsonOf(body));
  const because = said === "" ? "" : `: ${printableSentence(said)}`;
  if (status === 401) return `the token is refused (HTTP 401)${because}; it is wrong or has expired`;
  if (status === 403) return `the token may not do that (HTTP 403)${because}`;
  if (status === 404) return `not found (HTTP 404)${because}; there is none, or the token may not see it`;
  return `refused with HTTP ${status}${because}`;
}

function jsonOf(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString("utf8"));
  } catch {
    return undefined;
  }
}

/** The texts of an error: `message` (a text, a list, or lists by field), `error`, and `errors[].message`. */
function saidIn(answer: unknown): string {
  if (typeof answer !== "object" || answer === null) return "";
  const { message, error, errors } = answer as Record<string, unknown>;
  return [message, error, errors].flatMap(textsIn).slice(0, 10).join("; ");
}

function textsIn(value: unknown): string[] {
  if (typeof value === "string") return [value];
  if (Array.isArray(value)) return value.flatMap(textsIn);
  if (typeof value !== "object" || value === null) return [];
  if ("message" in value) return textsIn(value.message);
  return Object.entries(value).flatMap(([key, texts]) => textsIn(texts).map((text) => `${key} ${text}`));
}
