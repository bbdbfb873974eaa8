/** An HTTP client for reading OCI registries: authentication, time-outs, retries and size limits. */
import { findCredentials, type Credentials } from "./docker-credentials";
import type { ImageAddress } from "./image-address";

/** Time-outs and retries of requests. */
export interface RegistryOptions {
  /** Milliseconds that one request may take. Default: 30000. */
  readonly timeoutMs?: number;
  /** How often to retry after a network failure, 429 or 5xx. Default: 3. */
  readonly retries?: number;
  /** Milliseconds before the first retry; each further retry waits twice as long. Default: 500. */
  readonly retryDelayMs?: number;
  readonly signal?: AbortSignal;
}

/** One request. */
export interface RegistryRequest {
  readonly address: ImageAddress;
  /** Relative to `/v2/<name>/`, or the target of a `Link` header. */
  readonly path: string;
  readonly method: "GET" | "HEAD";
  readonly accept?: string;
  /** Plain HTTP, for labs. */
  readonly insecure: boolean;
  readonly maxBytes: number;
}

/** A registry's answer. */
export interface RegistryAnswer {
  /** False for a 404 with an error of the OCI API. For a HEAD, which has no body, it is only a hint. */
  readonly found: boolean;
  readonly headers: Headers;
  readonly body: Buffer;
}

/** A registry that cannot be read. The message names the request and the reason, and holds no credentials. */
export class RegistryError extends Error {
  override readonly name: string = "RegistryError";
}

/** A failure that a retry may not meet again. */
class TransientError extends RegistryError {
  constructor(
    message: string,
    /** How long the registry asks us to wait, in milliseconds. */
    readonly waitMs = 0,
  ) {
    super(message);
  }
}

const maxWaitMs = 10_000;

/** A client that signs in once per repository. */
export function createRegistryClient(
  options: RegistryOptions = {},
): (request: RegistryRequest) => Promise<RegistryAnswer> {
  const { timeoutMs = 30_000, retries = 3, retryDelayMs = 500, signal } = options;
  const authorizations = new Map<string, Promise<string | undefined>>();

  async function send(url: string, what: string, init: RequestInit, maxBytes: number): Promise<Answer> {
    const timeout = AbortSignal.timeout(timeoutMs);
    try {
      const response = await fetch(url, {
        ...init,
        signal: signal === undefined ? timeout : AbortSignal.any([timeout, signal]),
      });
      return { status: response.status, headers: response.headers, body: await readBody(response, what, maxBytes) };
    } catch (error) {
      if (error instanceof RegistryError) throw error;
      if (signal?.aborted === true) throw new RegistryError(`${what}: aborted`);
      throw new TransientError(
        `${what}: ${timeout.aborted ? `no answer within ${timeoutMs / 1000} s` : describeFailure(error)}`,
      );
    }
  }

  async function signIn(request: RegistryRequest, challenge: string): Promise<string | undefined> {
    const { registry, host } = request.address;
    const credentials = await findCredentials(registry, timeoutMs);
    const { scheme, parameters } = parseChallenge(challenge);
    if (scheme === "basic") return credentials?.kind === "password" ? basic(credentials) : undefined;
    if (scheme !== "bearer" || parameters.realm === undefined) {
      throw new RegistryError(`the registry ${host} requires a sign-in that is neither Basic nor Bearer`);
    }
    const realm = parseRealm(parameters.realm, host, request.insecure);
    const scope = parameters.scope ?? `repository:${request.address.name}:pull`;
    const what = `the sign-in at ${realm.host} for ${registry}/${request.address.name}`;
    const answer = await send(...tokenRequest(realm, parameters.service, scope, credentials, what), 1024 * 1024);
    throwIfTransient(answer, what);
    if (answer.status !== 200) throw new RegistryError(`${what}: refused with HTTP ${answer.status}`);
    const { token, access_token } = parseJson(answer.body, what) as { token?: string; access_token?: string };
    const found = token ?? access_token;
    if (typeof found !== "string" || found === "") throw new RegistryError(`${what}: the answer holds no token`);
    return `Bearer ${found}`;
  }

  async function attempt(request: RegistryRequest): Promise<RegistryAnswer> {
    const { address, method } = request;
    const url = requestUrl(request);
    const what = `${method} ${url.host}${url.pathname}`;
    const key = `${address.host}/${address.name}`;
    const accept: Record<string, string> = request.accept === undefined ? {} : { accept: request.accept };
    const ask = (authorization: string | undefined) => {
      const headers = authorization === undefined ? accept : { ...accept, authorization };
      return send(url.href, what, { method, headers }, request.maxBytes);
    };
    const known = authorizations.get(key);
    let answer = await ask(await known);
    if (answer.status === 401) {
      // Of several requests at once, the first signs in for all. A token may also have expired.
      let signingIn = authorizations.get(key);
      if (signingIn === undefined || signingIn === known) {
        signingIn = signIn(request, answer.headers.get("www-authenticate") ?? "");
        authorizations.set(key, signingIn);
        signingIn.catch(() => authorizations.delete(key));
      }
      const authorization = await signingIn;
      if (authorization === undefined) {
        authorizations.delete(key);
        throw new RegistryError(
          `${what}: the registry asks for credentials, and the Docker config has none for ${address.registry}`,
        );
      }
      answer = await ask(authorization);
    }
    throwIfTransient(answer, what);
    if (answer.status === 200) return { found: true, headers: answer.headers, body: answer.body };
    // Some registries answer 405 to every HEAD.
    const isUnknown =
      method === "HEAD" ? [404, 405].includes(answer.status) : answer.status === 404 && isOciError(answer.body);
    if (isUnknown) return { found: false, headers: answer.headers, body: answer.body };
    throw new RegistryError(`${what}: refused with HTTP ${answer.status}`);
  }

  return async (request) => {
    const { default: pRetry } = await import("p-retry");
    return pRetry(() => attempt(request), {
      retries,
      minTimeout: retryDelayMs,
      shouldRetry: ({ error }) => error instanceof TransientError && signal?.aborted !== true,
      onFailedAttempt: async ({ error, retriesLeft }) => {
        if (error instanceof TransientError && error.waitMs > 0 && retriesLeft > 0) {
          await new Promise((resolve) => setTimeout(resolve, Math.min(error.waitMs, maxWaitMs)));
        }
      },
    });
  };
}

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Buffer;
}

function requestUrl({ address, path, insecure }: RegistryRequest): URL {
  const base = `${insecure ? "http" : "https"}://${address.host}/v2/${address.name}/`;
  const url = new URL(path, base);
  const { origin } = new URL(base);
  // Another scheme would send the token in plain text.
  if (url.origin !== origin) {
    throw new RegistryError(
      `the registry ${address.host} points at ${url.origin}, expected ${origin}: credentials are sent nowhere else. ` +
        "Its operator must fix the `Link` header",
    );
  }
  return url;
}

async function readBody(response: Response, what: string, maxBytes: number): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    bytes += chunk.length;
    if (bytes > maxBytes) throw new RegistryError(`${what}: the answer has more than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function throwIfTransient({ status, headers }: Answer, what: string): void {
  if (status === 429 || status >= 500) {
    const seconds = Number(headers.get("retry-after") ?? "0");
    throw new TransientError(`${what}: HTTP ${status}`, Number.isFinite(seconds) ? seconds * 1000 : 0);
  }
}

/** Whether the body is an error of the OCI API. A proxy's 404 is not. */
function isOciError(body: Buffer): boolean {
  try {
    return Array.isArray((JSON.parse(body.toString("utf8")) as { errors?: unknown }).errors);
  } catch {
    return false;
  }
}

/** The cause of `fetch failed`: the system's code, or the message of an error of `fetch` itself. */
function describeFailure(error: unknown): string {
  const { message, cause } = error as { message?: string; cause?: { code?: string; message?: string } };
  const code = cause?.code?.startsWith("UND_ERR") === true ? undefined : cause?.code;
  return code ?? cause?.message ?? message ?? "failed";
}

/** @throws RegistryError when the body is not JSON */
export function parseJson(body: Buffer, what: string): unknown {
  try {
    return JSON.parse(body.toString("utf8"));
  } catch {
    throw new RegistryError(`${what}: the answer is not JSON`);
  }
}

function basic({ username, password }: { username: string; password: string }): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
}

function parseChallenge(challenge: string): {
  scheme: string;
  parameters: { realm?: string; service?: string; scope?: string };
} {
  const scheme = /^\s*([A-Za-z]+)/.exec(challenge)?.[1] ?? "";
  const parameters = Object.fromEntries(
    [...challenge.matchAll(/([a-z_]+)="([^"]*)"/gi)].map(([, name = "", value]) => [name.toLowerCase(), value]),
  );
  return { scheme: scheme.toLowerCase(), parameters };
}

/** The realm gets the credentials, so it must use HTTPS as the registry does. */
function parseRealm(realm: string, host: string, insecure: boolean): URL {
  const url = URL.canParse(realm) ? new URL(realm) : undefined;
  if (url === undefined || (url.protocol !== "https:" && !(insecure && url.protocol === "http:"))) {
    throw new RegistryError(`the registry ${host} requires a sign-in at an address that is not https`);
  }
  return url;
}

function tokenRequest(
  realm: URL,
  service: string | undefined,
  scope: string,
  credentials: Credentials | undefined,
  what: string,
): [string, string, RequestInit] {
  const parameters = new URLSearchParams({ ...(service === undefined ? {} : { service }), scope });
  if (credentials?.kind === "identity") {
    parameters.set("grant_type", "refresh_token");
    parameters.set("client_id", "shared-authority");
    parameters.set("refresh_token", credentials.token);
    return [realm.href, what, { method: "POST", body: parameters }];
  }
  const url = new URL(realm);
  parameters.forEach((value, name) => url.searchParams.append(name, value));
  return [url.href, what, { headers: credentials === undefined ? {} : { authorization: basic(credentials) } }];
}
