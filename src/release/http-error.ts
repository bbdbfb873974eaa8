/** Why a request got no answer that can be used, and what to do about it. */

/** The message is a part of a sentence, such as `the answer has more than 5 bytes`. It holds no credentials. */
export class HttpError extends Error {
  override readonly name = "HttpError";

  constructor(
    message: string,
    /** Whether a retry may not meet it again. */
    readonly isTransient = false,
  ) {
    super(message);
  }
}

/** What OpenSSL says of an answer in plain HTTP. */
const plainHttp = /^(?:EPROTO|ERR_SSL_(?:WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG))$/;

/** What OpenSSL says of a certificate whose chain ends at no CA that it knows. */
const untrusted = /UNABLE_TO_(?:VERIFY_LEAF|GET_ISSUER)|SELF_SIGNED|CERT_UNTRUSTED|INVALID_CA/;

/** What OpenSSL and Node say of a certificate that no further CA makes valid. */
const invalidCertificate = /^(?:CERT_|ERR_TLS_CERT)/;

const unreachable = /^(?:ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|UND_ERR_CONNECT_TIMEOUT)$/;

const closed = /^(?:UND_ERR_SOCKET|ECONNRESET|EPIPE)$/;

/**
 * Explains what the HTTP client threw.
 *
 * @param proxy through which the request went
 * @param proxyVariable the environment variable that would name a proxy for the request
 */
export function failureOf(error: unknown, proxy: URL | undefined, proxyVariable: string | undefined): HttpError {
  const { message = "failed", code = "", hostname } = error as { message?: string; code?: string; hostname?: string };
  const [, refused] = /^Proxy .*\((\d{3})\)/.exec(message) ?? [];
  if (proxy !== undefined && refused !== undefined) return refusedByProxy(Number(refused), proxy);
  if (plainHttp.test(code)) {
    return new HttpError(
      proxy?.protocol === "https:"
        ? `the server or the proxy ${proxy.host} does not speak TLS; most proxies have an address with http://`
        : "the server does not speak TLS; if it is a registry with plain HTTP, set `insecureRegistry: true` for the application (`--insecure-registry` where a command declares it)",
    );
  }
  if (untrusted.test(code)) {
    return new HttpError(
      `its certificate is from a CA that this machine does not trust (${code}); if that is right, add the CA to the ` +
        "system's certificates, or name a file with its certificate in the environment variable NODE_EXTRA_CA_CERTS",
    );
  }
  if (invalidCertificate.test(code)) return new HttpError(`its certificate is not valid (${code})`);
  if (closed.test(code)) return new HttpError("the connection was closed before the whole answer came", true);
  if (!unreachable.test(code)) return new HttpError(code === "" ? message : code, true);
  const what = hostname === undefined ? `cannot be reached (${code})` : `host ${hostname} not found`;
  if (proxyVariable === undefined) return new HttpError(what, true);
  const hint =
    proxy === undefined
      ? `if this network has a proxy, set \`${proxyVariable}\``
      : `the environment names the proxy ${proxy.host}; for hosts that are reached without it, set \`no_proxy\``;
  return new HttpError(`${what}; ${hint}`, true);
}

/** What a proxy says in place of the registry. */
function refusedByProxy(status: number, proxy: URL): HttpError {
  if (status === 407) {
    const asked = proxy.username === "" ? "credentials" : "other credentials than those in its address";
    return new HttpError(
      `the proxy ${proxy.host} asks for ${asked}; write its address as http://<user>:<password>@${proxy.host}`,
    );
  }
  return new HttpError(`the proxy ${proxy.host} refuses the connection with HTTP ${status}`, status >= 500);
}
