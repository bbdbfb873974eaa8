/** A client for reading OCI registries: authentication, time-outs and retries. */
import { findCredentials, type Credentials } from "./docker-credentials";
import { createHttpClient, type HttpAnswer, type HttpHeaders, type HttpRequest } from "./http";
import { HttpError } from "./http-error";
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
  readonly headers: HttpHeaders;
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

/**
 * The registries that may get credentials over plain HTTP, separated by commas; any, if it is not set. A preview sets it: who
 * changes a stack file could read the credentials of a registry that they name insecure.
 */
export const plainHttpVariable = "SHARED_AUTHORITY_PLAIN_HTTP";

function getsCredentials({ address, insecure }: RegistryRequest): boolean {
  const { [plainHttpVariable]: hosts } = process.env;
  return !insecure || hosts === undefined || hosts.split(",").includes(address.registry);
}

/** A client that signs in once per repository. */
export function createRegistryClient(
  options: RegistryOptions = {},
): (request: RegistryRequest) => Promise<RegistryAnswer> {
  const { timeoutMs = 30_000, retries = 3, retryDelayMs = 500, signal } = options;
  const sendRequest = createHttpClient();
  const signIns = new Map<string, Promise<SignIn>>();

  async function send(what: string, request: Omit<HttpRequest, "signal">): Promise<HttpAnswer> {
    const timeout = AbortSignal.timeout(timeoutMs);
    try {
      return await sendRequest({
        ...request,
        signal: signal === undefined ? timeout : AbortSignal.any([timeout, signal]),
      });
    } catch (error) {
      if (signal?.aborted === true) throw new RegistryError(`${what}: aborted`);
      if (timeout.aborted) throw new TransientError(`${what}: no answer within ${timeoutMs / 1000} s`);
      if (!(error instanceof HttpError)) throw error;
      throw error.isTransient
        ? new TransientError(`${what}: ${error.message}`)
        : new RegistryError(`${what}: ${error.message}`);
    }
  }

  async function signIn(request: RegistryRequest, challenges: readonly string[]): Promise<SignIn> {
    const { address, insecure } = request;
    const { registry, host, name } = address;
    const credentials = getsCredentials(request) ? await findCredentials(address, timeoutMs) : undefined;
    const offered = challenges.flatMap(parseChallenges);
    const bearers = offered.filter(({ scheme, realm }) => scheme === "bearer" && realm !== undefined);
    const bearer = bearers.find((one) => realmOf(one, host, insecure) !== undefined);
    const realm = bearer && realmOf(bearer, host, insecure);
    if (realm === undefined) {
      if (!offered.some(({ scheme }) => scheme === "basic")) {
        const isUnknown = offered.some(({ scheme }) => scheme !== "bearer");
        throw new RegistryError(
          bearers.length > 0
            ? `the registry ${host} requires a sign-in at an address that is not https`
            : `the registry ${host} ${isUnknown ? "requires a sign-in that is neither Basic nor Bearer" : "answers HTTP 401 and does not say how to sign in"}`,
        );
      }
      return { credentials, authorization: credentials?.kind === "password" ? basic(credentials) : undefined };
    }
    const what = `the sign-in at ${realm.host} for ${registry}/${name}`;
    const answer = await send(what, tokenRequest(realm, { scope: `repository:${name}:pull`, ...bearer }, credentials));
    throwIfTransient(answer, what);
    if (answer.status !== 200) throw new RegistryError(`${what}: ${refusal(answer.status, request, credentials)}`);
    const { token, access_token } = parseObject(answer.body, what);
    const found = token === "" ? access_token : (token ?? access_token);
    // The characters of RFC 6750.
    if (typeof found !== "string" || !/^[\w.~+/=-]+$/.test(found)) {
      throw new RegistryError(`${what}: the answer holds no token`);
    }
    return { credentials, authorization: `Bearer ${found}` };
  }

  async function attempt(request: RegistryRequest): Promise<RegistryAnswer> {
    const { address, method } = request;
    const url = requestUrl(request);
    const what = `${method} ${url.host}${url.pathname}`;
    // A token that was granted over TLS is not sent without it.
    const key = `${url.origin}/${address.name}`;
    const accept: Record<string, string> = request.accept === undefined ? {} : { accept: request.accept };
    const ask = (authorization: string | undefined) => {
      const headers = authorization === undefined ? accept : { ...accept, authorization };
      return send(what, { url, method, headers, maxBytes: request.maxBytes, followsRedirects: true });
    };
    const known = signIns.get(key);
    let answer = await ask((await known)?.authorization);
    // Only the registry itself says where to sign in.
    if (answer.status === 401 && !answer.isRedirected) {
      // Of several requests at once, the first signs in for all. A token may also have expired.
      let signingIn = signIns.get(key);
      if (signingIn === undefined || signingIn === known) {
        signingIn = signIn(request, answer.headers["www-authenticate"] ?? []);
        signIns.set(key, signingIn);
        signingIn.catch(() => signIns.delete(key));
      }
      const { credentials, authorization } = await signingIn;
      if (authorization !== undefined) answer = await ask(authorization);
      if (answer.status === 401 && !answer.isRedirected) {
        signIns.delete(key);
        throw new RegistryError(`${what}: ${refusal(answer.status, request, credentials)}`);
      }
    }
    throwIfTransient(answer, what);
    if (answer.status === 200) return { found: true, headers: answer.headers, body: answer.body };
    // Some registries answer 405 to every HEAD.
    const isUnknown =
      method === "HEAD" ? [404, 405].includes(answer.status) : answer.status === 404 && isOciError(answer.body);
    if (isUnknown) return { found: false, headers: answer.headers, body: answer.body };
    const signedIn = answer.isRedirected ? undefined : await signIns.get(key);
    throw new RegistryError(
      `${what}: ${signedIn === undefined ? `refused with HTTP ${answer.status}` : refusal(answer.status, request, signedIn.credentials)}`,
    );
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

/** Why a request was refused, and what to do about it. */
function refusal(status: number, request: RegistryRequest, credentials: Credentials | undefined): string {
  const { registry, name } = request.address;
  if (status !== 401 && status !== 403) return `refused with HTTP ${status}`;
  if (!getsCredentials(request)) {
    return (
      `the registry asks for credentials, and the base branch does not declare ${registry} with \`insecureRegistry\`: they are not ` +
      "sent over plain HTTP. Use HTTPS, or have someone who can bypass this check merge the declaration"
    );
  }
  return credentials === undefined
    ? `the registry asks for credentials, and the Docker config has none for ${registry}: run \`docker login ${registry}\``
    : `the registry refuses the credentials that the Docker config has for ${registry}: they are wrong or may not read ${name}`;
}

/** The credentials for one repository, and what they gave. */
interface SignIn {
  readonly credentials?: Credentials;
  readonly authorization?: string;
}

function requestUrl({ address, path, insecure }: RegistryRequest): URL {
  const base = `${insecure ? "http" : "https"}://${address.host}/v2/${address.name}/`;
  const url = URL.canParse(path, base) ? new URL(path, base) : undefined;
  const { origin, pathname } = new URL(base);
  if (url === undefined) throw new RegistryError(`the registry ${address.host} sent an invalid \`Link\` header`);
  // Another scheme would send the token in plain text.
  if (url.origin !== origin) {
    throw new RegistryError(
      `the registry ${address.host} points at ${url.origin}, expected ${origin}: credentials are sent nowhere else. ` +
        "Its operator must fix the `Link` header",
    );
  }
  if (!url.pathname.startsWith(pathname) || url.username !== "" || url.password !== "") {
    throw new RegistryError(
      `the registry ${address.host} points out of ${pathname}: credentials are sent nowhere else`,
    );
  }
  return url;
}

function throwIfTransient({ status, headers }: HttpAnswer, what: string): void {
  if (status === 429 || status >= 500) {
    const seconds = Number(headers["retry-after"]?.[0] ?? "0");
    const hint =
      status === 429 ? ", too many requests: try again later; some registries allow more after a `docker login`" : "";
    throw new TransientError(`${what}: HTTP ${status}${hint}`, Number.isFinite(seconds) ? seconds * 1000 : 0);
  }
}

/** Whether the body is an error of the OCI API. A proxy's 404 is not. */
function isOciError(body: Buffer): boolean {
  try {
    return Array.isArray((JSON.parse(body.toString("utf8")) as { errors?: unknown } | null)?.errors);
  } catch {
    return false;
  }
}

/** @throws RegistryError when the body is not a JSON object */
export function parseObject(body: Buffer, what: string): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(body.toString("utf8"));
  } catch {
    throw new RegistryError(`${what}: the answer is not JSON`);
  }
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new RegistryError(`${what}: the answer is not a JSON object`);
}

function basic({ username, password }: { username: string; password: string }): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
}

/** One way to sign in that a registry offers. */
interface Challenge {
  readonly scheme: string;
  readonly realm?: string;
  readonly service?: string;
  readonly scope?: string;
}

/** A word; with a value, which may be quoted, it is a parameter of the challenge before it. */
const word = /([\w!#$%&'*+.^`|~-]+)(?:\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s",]+)))?/g;

/** A header may hold several challenges, one after the other. */
function parseChallenges(header: string): Challenge[] {
  const challenges: { scheme: string; [parameter: string]: string }[] = [];
  for (const [, name = "", quoted, plain] of header.matchAll(word)) {
    const value = quoted?.replace(/\\(.)/g, "$1") ?? plain;
    const challenge = challenges.at(-1);
    if (value === undefined) challenges.push({ scheme: name.toLowerCase() });
    else if (challenge !== undefined && name.toLowerCase() !== "scheme") challenge[name.toLowerCase()] = value;
  }
  return challenges;
}

/** The realm gets the credentials, so it must use HTTPS, or else be the registry itself. Nothing if it does neither. */
function realmOf({ realm = "" }: Challenge, host: string, insecure: boolean): URL | undefined {
  const url = URL.canParse(realm) ? new URL(realm) : undefined;
  const isOwn = insecure && url?.protocol === "http:" && url.hostname === new URL(`http://${host}`).hostname;
  if (url === undefined || (url.protocol !== "https:" && !isOwn)) return undefined;
  url.username = "";
  url.password = "";
  return url;
}

function tokenRequest(
  realm: URL,
  { service, scope = "" }: Pick<Challenge, "service" | "scope">,
  credentials: Credentials | undefined,
): Omit<HttpRequest, "signal"> {
  const parameters = new URLSearchParams({ ...(service === undefined ? {} : { service }), scope });
  const common = { maxBytes: 1024 * 1024, followsRedirects: false };
  if (credentials?.kind === "identity") {
    parameters.set("grant_type", "refresh_token");
    parameters.set("client_id", "shared-authority");
    parameters.set("refresh_token", credentials.token);
    const headers = { "content-type": "application/x-www-form-urlencoded" };
    return { ...common, url: realm, method: "POST", headers, body: parameters.toString() };
  }
  const url = new URL(realm);
  parameters.forEach((value, name) => url.searchParams.append(name, value));
  return {
    ...common,
    url,
    method: "GET",
    headers: credentials === undefined ? {} : { authorization: basic(credentials) },
  };
}
