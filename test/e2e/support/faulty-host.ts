import { once } from "node:events";
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { pipeline } from "node:stream";

/** How the host fails: it closes connections, or it never responds. */
export type HostFault = "cut" | "hang";

/** A proxy in front of a registry or Git host that can fail after a given number of requests. */
export class FaultyHost {
  /** The number of failed requests. */
  failures = 0;
  private fault?: { readonly kind: HostFault; readonly path: string; passing: number };

  private constructor(
    private readonly server: Server,
    private readonly target: URL,
  ) {}

  /** Starts on a free port. @param target the host's address, plain HTTP */
  static async start(target: string): Promise<FaultyHost> {
    const server = createServer();
    const host = new FaultyHost(server, new URL(target));
    server.on("request", (asked: IncomingMessage, answer: ServerResponse) => host.answer(asked, answer));
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return host;
  }

  /** Host and port, as in an image reference. */
  get host(): string {
    return `127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  get url(): string {
    return `http://${this.host}`;
  }

  /**
   * From now on all requests fail, except the first ones with a matching path. Other clients, such as Flux, also send
   * requests.
   *
   * @param path part of the path of the requests that are counted
   */
  failAfter(passing: number, kind: HostFault, path: string): void {
    this.fault = { kind, path, passing };
    this.failures = 0;
    this.server.closeIdleConnections();
  }

  /** Ends the failure. Clients that wait for a response get a closed connection. */
  heal(): void {
    this.fault = undefined;
    this.server.closeAllConnections();
  }

  close(): void {
    this.server.close();
    this.server.closeAllConnections();
  }

  private answer(asked: IncomingMessage, answer: ServerResponse): void {
    const { fault } = this;
    if (fault === undefined || (asked.url?.includes(fault.path) === true && fault.passing-- > 0)) {
      this.pass(asked, answer);
    } else {
      this.failures += 1;
      if (fault.kind === "cut") asked.socket.destroy();
    }
  }

  private pass(asked: IncomingMessage, answer: ServerResponse): void {
    const { hostname, port } = this.target;
    // Keeps the proxy's address as host, so that redirects of a registry lead to the proxy.
    const outgoing = request({ hostname, port, method: asked.method, path: asked.url, headers: asked.headers });
    outgoing.on("response", (response) => {
      answer.writeHead(response.statusCode ?? 502, response.headers);
      pipeline(response, answer, () => undefined);
    });
    outgoing.on("error", () => answer.destroy());
    answer.on("close", () => outgoing.destroy());
    asked.pipe(outgoing);
  }
}
