/** HTTP to an OCI registry, for reading alone: authentication, time-outs, new tries, and a bound on every answer. */
import { findCredentials, type Credentials } from "./docker-credentials";
import type { ImageAddress } from "./image-address";

/** How patiently a registry is asked. */
export interface RegistryOptions {
  /** Milliseconds that one request may take. Default: 30000. */
  readonly timeoutMs?: number;
  /** How often a request is tried again after a failure of the network, 429 or 5xx. Default: 3. */
  readonly retries?: number;
  /** Milliseconds before the first new try; each further one waits twice as long. Default: 500. */
  readonly retryDelayMs?: number;
  readonly signal?: AbortSignal;
}

/** What is asked of a registry. */
export interface RegistryRequest {
  readonly address: ImageAddress;
  /** Below `/v2/<name>/`, or with the whole path where a registry's own `Link` gave it. */
  readonly path: string;
  readonly method: "GET" | "HEAD";
  readonly accept?: string;
  /** Plain HTTP, for labs. */
  readonly insecure: boolean;
  readonly mostBytes: number;
}

/** What a registry answered. */
export interface RegistryAnswer {
  /** False for a 404 that the registry itself gives, in an error of the OCI API. To a HEAD it is a hint alone. */
  readonly found: boolean;
  readonly headers: Headers;
  readonly body: Buffer;
}

/** A registry that cannot be read: which, what was asked, and what happened. Its message holds no credentials. */
export class RegistryError extends Error {
  override readonly name: string = "RegistryError";
}

/** A failure that may be gone at the next try. */
class PassingError extends RegistryError {
  constructor(
    message: string,
    /** What the registry asks us to wait, in milliseconds. */
    readonly waitMs = 0,
  ) {
    super(message);
  }
}

const longestWaitMs = 10_000;

/** A client that signs in once for each repository. */
export function createRegistryClient(
  options: RegistryOptions = {},
): (request: RegistryRequest) => Promise<RegistryAnswer> {
  const { timeoutMs = 30_000, retries = 3, retryDelayMs = 500, signal } = options;
  const authorizations = new Map<string, Promise<string | undefined>>();

  async function send(url: string, what: string, init: RequestInit, mostBytes: number): Promise<Answer> {
    const timeout = AbortSignal.timeout(timeoutMs);
    try {
      const response = await fetch(url, {
        ...init,
        signal: signal === undefined ? timeout : AbortSignal.any([timeout, signal]),
      });
      return { status: response.status, headers: response.headers, body: await readBody(response, what, mostBytes) };
    } catch (error) {
      if (error instanceof RegistryError) throw error;
      if (signal?.aborted === true) throw new RegistryError(`${what}: aborted`);
      throw new PassingError(
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
      throw new RegistryError(`the registry ${host} asks for a sign-in that is neither Basic nor Bearer`);
    }
    const realm = parseRealm(parameters.realm, host, request.insecure);
    const scope = parameters.scope ?? `repository:${request.address.name}:pull`;
    const what = `the sign-in at ${realm.host} for ${registry}/${request.address.name}`;
    const answer = await send(...tokenRequest(realm, parameters.service, scope, credentials, what), 1024 * 1024);
    throwIfPassing(answer, what);
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
    const ask = async (authorization: string | undefined) =>
      send(
        url.href,
        what,
        {
          method,
          headers: {
            ...(request.accept === undefined ? {} : { accept: request.accept }),
            ...(authorization === undefined ? {} : { authorization }),
          },
        },
        request.mostBytes,
      );
    const known = authorizations.get(key);
    let answer = await ask(await known);
    if (answer.status === 401) {
      // Several requests may meet the challenge at once, or a token may be too old: the first of them signs in for all.
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
    throwIfPassing(answer, what);
    if (answer.status === 200) return { found: true, headers: answer.headers, body: answer.body };
    // A HEAD has no body that could tell more, and 405 is the answer of a registry that knows no HEAD.
    const unknown =
      method === "HEAD"
        ? answer.status === 404 || answer.status === 405
        : answer.status === 404 && saysUnknown(answer.body);
    if (unknown) return { found: false, headers: answer.headers, body: answer.body };
    throw new RegistryError(`${what}: refused with HTTP ${answer.status}`);
  }

  return async (request) => {
    const { default: pRetry } = await import("p-retry");
    return pRetry(() => attempt(request), {
      retries,
      minTimeout: retryDelayMs,
      shouldRetry: ({ error }) => error instanceof PassingError && signal?.aborted !== true,
      onFailedAttempt: async ({ error, retriesLeft }) => {
        if (error instanceof PassingError && error.waitMs > 0 && retriesLeft > 0) {
          await new Promise((resolve) => setTimeout(resolve, Math.min(error.waitMs, longestWaitMs)));
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
  // The scheme too: the token would go to the same host in plain text.
  if (url.origin !== origin) {
    throw new RegistryError(
      `the registry ${address.host} points at ${url.origin}, expected ${origin}: credentials are sent nowhere else. ` +
        "Its operator has to fix its `Link` header",
    );
  }
  return url;
}

async function readBody(response: Response, what: string, mostBytes: number): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    bytes += chunk.length;
    if (bytes > mostBytes) throw new RegistryError(`${what}: the answer has more than ${mostBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function throwIfPassing({ status, headers }: Answer, what: string): void {
  if (status === 429 || status >= 500) {
    const seconds = Number(headers.get("retry-after") ?? "0");
    throw new PassingError(`${what}: HTTP ${status}`, Number.isFinite(seconds) ? seconds * 1000 : 0);
  }
}

/** A 404 of the OCI API says in an error of its own that the name or the tag is unknown; one of a proxy does not. */
function saysUnknown(body: Buffer): boolean {
  try {
    return Array.isArray((JSON.parse(body.toString("utf8")) as { errors?: unknown }).errors);
  } catch {
    return false;
  }
}

/** `fetch` hides the cause behind its own "fetch failed". Its own codes say less than their messages. */
function describeFailure(error: unknown): string {
  const { message, cause } = error as { message?: string; cause?: { code?: string; message?: string } };
  const code = cause?.code?.startsWith("UND_ERR") === true ? undefined : cause?.code;
  return code ?? cause?.message ?? message ?? "failed";
}

/** Reads JSON, or says what is none. */
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

/** Credentials go to the realm: it must be as safe as the registry itself. */
function parseRealm(realm: string, host: string, insecure: boolean): URL {
  const url = URL.canParse(realm) ? new URL(realm) : undefined;
  if (url === undefined || (url.protocol !== "https:" && !(insecure && url.protocol === "http:"))) {
    throw new RegistryError(`the registry ${host} asks to sign in at an address that is not https`);
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
