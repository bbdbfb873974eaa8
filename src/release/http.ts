/** HTTP requests, bounded in time, in size, and in where they are redirected to. They go through the machine's proxy. */
import { lookup, promises, type LookupAddress } from "node:dns";
import { BlockList, isIP, type LookupFunction } from "node:net";
import { createSecureContext } from "node:tls";
import type { Dispatcher } from "undici";
import { failureOf, HttpError } from "./http-error";
import { proxyAuthorization, proxyFor, proxyVariable } from "./proxy";
import { trustedCertificates } from "./trusted-certificates";

/** One request. */
export interface HttpRequest {
  readonly url: URL;
  readonly method: "GET" | "HEAD" | "POST" | "PUT" | "PATCH";
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  /** The longest body of an answer. */
  readonly maxBytes: number;
  /** Whether redirects are followed, without credentials. */
  readonly followsRedirects: boolean;
  /** Ends the request at any point, also while the answer arrives. */
  readonly signal: AbortSignal;
}

/** The answer to one request. */
export interface HttpAnswer {
  readonly status: number;
  /** Each value of each header, by the header's name in lower case. */
  readonly headers: HttpHeaders;
  readonly body: Buffer;
  /** Whether it comes from another address than the one that was asked. */
  readonly isRedirected: boolean;
}

/** Each value of each header, by the header's name in lower case. */
export type HttpHeaders = Readonly<Record<string, readonly string[] | undefined>>;

/** The environment variable with hosts that have private addresses and that a redirect may lead to, separated by commas. */
export const privateHostsVariable = "SHARED_AUTHORITY_PRIVATE_HOSTS";

/** How many redirects are followed, one after the other. */
export const maxRedirects = 5;

/**
 * Sends a request.
 *
 * @throws HttpError when there is no answer, or it exceeds a bound
 */
export type SendRequest = (request: HttpRequest) => Promise<HttpAnswer>;

/** A client that keeps connections open, and reads once which certificates the machine trusts. */
export function createHttpClient(): SendRequest {
  const findDispatcher = createDispatchers();
  return (request) => sendRequest(request, findDispatcher);
}

async function sendRequest(request: HttpRequest, findDispatcher: FindDispatcher): Promise<HttpAnswer> {
  const first = request.url;
  let current = request;
  for (let redirects = 0; redirects <= maxRedirects; redirects += 1) {
    const answer = await sendOnce(current, redirects > 0 && !isDeclared(current.url, first), findDispatcher);
    const [location] = answer.headers.location ?? [];
    if (![301, 302, 303, 307, 308].includes(answer.status) || location === undefined) {
      return { ...answer, isRedirected: redirects > 0 };
    }
    if (!request.followsRedirects) throw new HttpError("a redirect is not followed with credentials");
    const kept = Object.entries(current.headers).filter(([name]) => name !== "authorization");
    const url = redirectTarget(location, current.url);
    current = { ...current, url, headers: Object.fromEntries(kept) };
  }
  throw new HttpError(`more than ${maxRedirects} redirects`);
}

/** Whether a redirect may lead to any address of the host of `url`: the host that was asked first, or a declared one. */
export function isDeclared(url: URL, first: URL): boolean {
  const declared = (process.env[privateHostsVariable] ?? "").split(",").map((host) => host.trim().toLowerCase());
  return url.hostname === first.hostname || declared.includes(url.hostname);
}

/**
 * Where a `Location` leads, without credentials.
 *
 * @throws HttpError when it leaves HTTPS or HTTP
 */
export function redirectTarget(location: string, from: URL): URL {
  const url = URL.canParse(location, from.href) ? new URL(location, from.href) : undefined;
  if (url === undefined || (url.protocol !== "https:" && url.protocol !== from.protocol)) {
    throw new HttpError(`a redirect leads to ${url?.origin ?? "no valid address"}, must lead to https`);
  }
  // They would become credentials of the next request.
  url.username = "";
  url.password = "";
  return url;
}

type Raw = Omit<HttpAnswer, "isRedirected">;

async function sendOnce(request: HttpRequest, mustBePublic: boolean, findDispatcher: FindDispatcher): Promise<Raw> {
  const { url, method, headers, body, maxBytes, signal } = request;
  const proxy = proxyFor(url);
  if (mustBePublic) {
    refusePrivate(url.hostname, addressOf(url));
    // A proxy looks the name up itself.
    if (proxy !== undefined) await publicAddresses(url);
  }
  const { request: send } = await import("undici");
  try {
    const response = await send(url, {
      method,
      signal,
      body,
      headers: { "accept-encoding": "identity", "user-agent": "shared-authority", ...headers },
      dispatcher: await findDispatcher(url, mustBePublic),
    });
    return {
      status: response.statusCode,
      headers: Object.fromEntries(Object.entries(response.headers).map(([name, value = []]) => [name, [value].flat()])),
      body: await readBody(response.body, maxBytes),
    };
  } catch (error) {
    throw error instanceof HttpError || signal.aborted ? error : failureOf(error, proxy, proxyVariable(url));
  }
}

type FindDispatcher = (url: URL, mustBePublic: boolean) => Promise<Dispatcher>;

/** A connection that was opened without a check of its address is not used where the address must be public. */
function createDispatchers(): FindDispatcher {
  const known = new Map<string, Promise<Dispatcher>>();
  return (url, mustBePublic) => {
    const proxy = proxyFor(url);
    const key = [url.protocol, mustBePublic, proxy?.href].join(" ");
    const dispatcher = known.get(key) ?? createDispatcher(url, mustBePublic, proxy);
    known.set(key, dispatcher);
    return dispatcher;
  };
}

async function createDispatcher(url: URL, mustBePublic: boolean, proxy: URL | undefined): Promise<Dispatcher> {
  const { Agent, ProxyAgent } = await import("undici");
  const usesTls = [url.protocol, proxy?.protocol].includes("https:");
  // The signal of the request is the only time-out.
  const timeouts = { headersTimeout: 0, bodyTimeout: 0 };
  const connect = {
    timeout: 0,
    ...(usesTls ? { secureContext: createSecureContext({ ca: trustedCertificates() }) } : {}),
  };
  if (proxy === undefined) {
    return new Agent({ ...timeouts, connect: { ...connect, ...(mustBePublic ? { lookup: lookupPublic } : {}) } });
  }
  return new ProxyAgent({
    ...timeouts,
    uri: proxy.origin,
    token: proxyAuthorization(proxy),
    // Only TLS needs a tunnel.
    proxyTunnel: false,
    proxyTls: connect,
    requestTls: connect,
  });
}

async function readBody(response: AsyncIterable<Buffer>, maxBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response) {
    bytes += chunk.length;
    if (bytes > maxBytes) throw new HttpError(`the answer has more than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** Checks the addresses that the connection uses: a name may have others at the next look-up. */
const lookupPublic: LookupFunction = (hostname, options, done) => {
  lookup(hostname, { ...options, all: true }, (error, addresses) => {
    if (error !== null) {
      done(error, "");
      return;
    }
    try {
      for (const { address } of addresses) refusePrivate(hostname, address);
    } catch (refusal) {
      done(refusal as Error, "");
      return;
    }
    const [first] = addresses as [LookupAddress];
    if (options.all === true) done(null, addresses);
    else done(null, first.address, first.family);
  });
};

/** The host without the brackets of an IPv6 address. */
function addressOf({ hostname }: URL): string {
  return hostname.replace(/^\[|\]$/g, "");
}

/**
 * The addresses of the URL's host. None: only the proxy knows them, and it decides what it connects to.
 *
 * @throws HttpError when one of them is private; the system's error when the name has none
 */
export async function publicAddresses(url: URL): Promise<string[]> {
  const found = await promises.lookup(addressOf(url), { all: true }).catch((error: unknown) => {
    if (proxyFor(url) === undefined) throw error;
    // Over TLS, the host must prove its name. Services that trust whoever can reach them seldom do.
    if (url.protocol === "https:") return [];
    throw new HttpError(
      `a redirect leads to ${url.hostname}, which has no address here, over plain HTTP; if that is right, name the host in ${privateHostsVariable}`,
    );
  });
  for (const { address } of found) refusePrivate(url.hostname, address);
  return found.map(({ address }) => address);
}

function refusePrivate(hostname: string, address: string): void {
  const family = isIP(address);
  if (family === 0 || !notPublic.check(address, family === 4 ? "ipv4" : "ipv6")) return;
  throw new HttpError(
    `a redirect leads to ${hostname}, which has the private address ${address}; if that is right, name the host in ${privateHostsVariable}`,
  );
}

/** Addresses of this machine, of private networks and of links, and those that belong to no single machine (RFC 6890). */
const notPublic = new BlockList();
for (const block of [
  "0.0.0.0/8",
  "10.0.0.0/8",
  "100.64.0.0/10",
  "127.0.0.0/8",
  "169.254.0.0/16",
  "172.16.0.0/12",
  "192.0.0.0/24",
  "192.168.0.0/16",
  "198.18.0.0/15",
  "224.0.0.0/3",
  "::/127",
  "64:ff9b:1::/48",
  "2002::/16",
  "fc00::/7",
  "fe80::/10",
  "fec0::/10",
  "ff00::/8",
]) {
  const [network = "", length] = block.split("/");
  notPublic.addSubnet(network, Number(length), network.includes(":") ? "ipv6" : "ipv4");
}
