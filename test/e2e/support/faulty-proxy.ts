import { once } from "node:events";
import { writeFileSync } from "node:fs";
import {
  createServer,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  type Server,
  type ServerResponse,
} from "node:http";
import https, { type RequestOptions } from "node:https";
import type { AddressInfo } from "node:net";
import { pipeline } from "node:stream";
import { KubeConfig } from "@kubernetes/client-node";
import { stringify } from "yaml";

/** What happens to a request to the API server. */
export type Fate =
  /** Request and response are forwarded. */
  | "passed"
  /** The API server is overloaded: it does nothing and asks for a retry after one second. */
  | "too many requests"
  /** The API server fails before it does anything. */
  | "failed"
  /** The API server executes the request, but the response is lost. */
  | "answer lost";

/** The properties of a request that decide its fate. */
export interface ProxiedRequest {
  readonly method: string;
  readonly path: string;
  /** The number of earlier requests. */
  readonly index: number;
}

/** A proxy in front of the API server that makes some requests fail. */
export class FaultyProxy {
  /** Decides the fate of each request. The request waits for a promise. */
  decide: (request: ProxiedRequest) => Fate | Promise<Fate> = () => "passed";
  /** The number of requests by fate. */
  readonly counts: Record<Fate, number> = { passed: 0, "too many requests": 0, failed: 0, "answer lost": 0 };
  private index = 0;

  private constructor(
    private readonly server: Server,
    private readonly target: URL,
    private readonly credentials: RequestOptions,
  ) {}

  /** Starts on a free port. @param kubeconfig the API server and the credentials */
  static async start(kubeconfig: string): Promise<FaultyProxy> {
    const config = new KubeConfig();
    config.loadFromFile(kubeconfig);
    const credentials: RequestOptions = {};
    await config.applyToHTTPSOptions(credentials);
    const server = createServer();
    const proxy = new FaultyProxy(server, new URL(config.getCurrentCluster()?.server ?? ""), credentials);
    server.on("request", (request: IncomingMessage, response: ServerResponse) => void proxy.answer(request, response));
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return proxy;
  }

  /** Writes a kubeconfig for the proxy. It needs no credentials, because the proxy adds them. */
  writeKubeconfig(path: string): void {
    const { port } = this.server.address() as AddressInfo;
    writeFileSync(
      path,
      stringify({
        apiVersion: "v1",
        kind: "Config",
        clusters: [{ name: "proxy", cluster: { server: `http://127.0.0.1:${port}` } }],
        users: [{ name: "proxy", user: {} }],
        contexts: [{ name: "proxy", context: { cluster: "proxy", user: "proxy" } }],
        "current-context": "proxy",
      }),
    );
  }

  close(): void {
    this.server.close();
    this.server.closeAllConnections();
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const fate = await this.decide({ method: request.method ?? "", path: request.url ?? "", index: this.index++ });
    this.counts[fate] += 1;
    if (fate === "too many requests") tooManyRequests(response);
    else if (fate === "failed") internalError(response);
    else this.pass(request, response, fate === "answer lost");
  }

  private pass(request: IncomingMessage, response: ServerResponse, loseAnswer: boolean): void {
    const { headers, ...connection } = this.credentials;
    const outgoing = https.request({
      ...connection,
      hostname: this.target.hostname,
      port: this.target.port,
      method: request.method,
      path: request.url,
      headers: { ...request.headers, host: this.target.host, ...(headers as OutgoingHttpHeaders | undefined) },
    });
    outgoing.on("response", (answer) => {
      if (loseAnswer) {
        answer.resume().on("end", () => internalError(response));
      } else {
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        // If the API server dies, a watch must end here too. Otherwise the client waits until its own timeout.
        pipeline(answer, response, () => undefined);
      }
    });
    outgoing.on("error", () => response.destroy());
    response.on("close", () => outgoing.destroy());
    request.pipe(outgoing);
  }
}

function tooManyRequests(response: ServerResponse): void {
  refuse(response, 429, "TooManyRequests", "Too many requests, please try again later.", { "retry-after": "1" });
}

/** The API server's own message. */
function internalError(response: ServerResponse): void {
  refuse(response, 500, "InternalError", "Internal error occurred: the proxy says so");
}

function refuse(
  response: ServerResponse,
  code: number,
  reason: string,
  message: string,
  headers: OutgoingHttpHeaders = {},
): void {
  response.writeHead(code, { "content-type": "application/json", ...headers });
  response.end(JSON.stringify({ kind: "Status", apiVersion: "v1", status: "Failure", message, reason, code }));
}
