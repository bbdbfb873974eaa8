import { createServer, request as sendRequest } from "node:http";
import { connect } from "node:net";
import { listenOnLoopback, type Listening } from "../../demo/loopback";

/** A forward proxy. */
export interface RunningProxy extends Listening {
  /** What it was asked for, in order: `GET registry.invalid/v2/`, or `CONNECT registry.invalid:443`. */
  readonly asked: string[];
}

/**
 * Starts a forward proxy. It alone knows the addresses of its hosts.
 *
 * @param hosts the URL behind each name
 * @param authorization the `Proxy-Authorization` that it requires
 */
export async function startProxy(
  hosts: Readonly<Record<string, string>>,
  authorization?: string,
): Promise<RunningProxy> {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    if (authorization !== undefined && request.headers["proxy-authorization"] !== authorization) {
      response.writeHead(407).end();
      return;
    }
    const url = new URL(request.url ?? "", "http://not-for-a-proxy.invalid");
    asked.push(`${String(request.method)} ${url.host}${url.pathname}`);
    const target = hosts[url.hostname];
    if (target === undefined) {
      response.writeHead(502).end();
      return;
    }
    const { method, headers } = request;
    const behind = sendRequest(new URL(url.pathname + url.search, target), { method, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    request.pipe(behind);
  });
  server.on("connect", (request, socket) => {
    if (authorization !== undefined && request.headers["proxy-authorization"] !== authorization) {
      socket.end("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n");
      return;
    }
    asked.push(`CONNECT ${String(request.url)}`);
    const target = hosts[String(request.url).replace(/:\d+$/, "")];
    if (target === undefined) {
      socket.end("HTTP/1.1 403 Forbidden\r\n\r\n");
      return;
    }
    const { hostname, port } = new URL(target);
    const behind = connect(Number(port), hostname, () => {
      socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
      behind.pipe(socket);
      socket.pipe(behind);
    });
    const end = () => {
      behind.destroy();
      socket.destroy();
    };
    for (const side of [behind, socket]) side.on("error", end).on("close", end);
  });
  return { ...(await listenOnLoopback(server)), asked };
}
