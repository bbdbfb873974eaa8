/** The proxy of a request, by the environment variables that Git reads too. */
import { BlockList, isIP } from "node:net";
import { HttpError } from "./http-error";

/**
 * The proxy for a URL; nothing if there is none. This machine itself is never behind a proxy, as in Docker.
 *
 * @throws HttpError when the variable holds no address of a proxy
 */
export function proxyFor(url: URL): URL | undefined {
  const name = proxyVariable(url);
  const address = name === undefined ? "" : variable(name);
  if (address === "") return undefined;
  const text = address.includes("://") ? address : `http://${address}`;
  const proxy = URL.canParse(text) ? new URL(text) : undefined;
  if (proxy === undefined || !/^https?:$/.test(proxy.protocol)) {
    throw new HttpError(`${name} must be the address of a proxy, such as http://proxy.example.com:3128`);
  }
  return proxy;
}

/** The environment variable that names the proxy of a URL; nothing if the URL is reached without one. */
export function proxyVariable(url: URL): string | undefined {
  if (isExempt(url)) return undefined;
  return url.protocol === "https:" ? "https_proxy" : "http_proxy";
}

/** Its user and password, as a header. */
export function proxyAuthorization({ username, password }: URL): string | undefined {
  if (username === "" && password === "") return undefined;
  return `Basic ${Buffer.from(`${decode(username)}:${decode(password)}`).toString("base64")}`;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Lower case comes first. An empty variable is none. */
function variable(name: string): string {
  return [name, name.toUpperCase()].map((each) => process.env[each] ?? "").find((value) => value !== "") ?? "";
}

/** Whether `no_proxy` names the host: itself, a domain above it, or a network that holds its address. */
function isExempt(url: URL): boolean {
  const host = plainHost(url.hostname);
  if (host === "localhost" || isInside("127.0.0.0/8", host) || isInside("::1/128", host)) return true;
  const port = url.port === "" ? (url.protocol === "https:" ? "443" : "80") : url.port;
  return variable("no_proxy")
    .split(/[\s,]+/)
    .some((entry) => {
      const [name = "", only = port] = isIP(entry) === 0 ? (/^(.*?)(?::(\d+))?$/.exec(entry) ?? []).slice(1) : [entry];
      const domain = plainHost(name).replace(/^\*?\./, "");
      if (domain === "" || only !== port) return false;
      return domain === "*" || host === domain || host.endsWith(`.${domain}`) || isInside(domain, host);
    });
}

/** In lower case, without the brackets of an IPv6 address and the dot at the end. */
function plainHost(name: string): string {
  return name.toLowerCase().replace(/^\[|\]$|\.$/g, "");
}

/** Whether the address is in the network, or is the one address. */
function isInside(network: string, address: string): boolean {
  const [first = "", length] = network.split("/");
  const family = isIP(first);
  if (family === 0 || isIP(address) === 0) return false;
  const bits = Number(length ?? (family === 4 ? 32 : 128));
  if (!Number.isInteger(bits) || bits < 0 || bits > (family === 4 ? 32 : 128)) return false;
  const list = new BlockList();
  list.addSubnet(first, bits, family === 4 ? "ipv4" : "ipv6");
  return list.check(address, isIP(address) === 4 ? "ipv4" : "ipv6");
}
