import { once } from "node:events";
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { pipeline } from "node:stream";

/** How a host fails: its connections end, or it takes a request and never answers. */
export type HostFault = "cut" | "hang";

/** A proxy before a registry or a Git host, which can fail in the middle of what somebody reads from it. */
export class FaultyHost {
  /** How many requests have met the fault. */
  failures = 0;
  private fault?: { readonly kind: HostFault; readonly meant: string; passing: number };

  private constructor(
    private readonly server: Server,
    private readonly target: URL,
  ) {}

  /** Starts on a free port of this machine. @param target the host's address, with plain HTTP */
  static async start(target: string): Promise<FaultyHost> {
    const server = createServer();
    const host = new FaultyHost(server, new URL(target));
    server.on("request", (asked: IncomingMessage, answer: ServerResponse) => host.answer(asked, answer));
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return host;
  }

  /** Host and port, as an image's reference has them. */
  get host(): string {
    return `127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  get url(): string {
    return `http://${this.host}`;
  }

  /**
   * From now on every request fails, but the first ones to what is meant: others, such as Flux, ask the host as well.
   *
   * @param meant a part of the path of the requests that are counted
   */
  failAfter(passing: number, kind: HostFault, meant: string): void {
    this.fault = { kind, meant, passing };
    this.failures = 0;
    this.server.closeIdleConnections();
  }

  /** The host is whole again. Who waits for an answer gets none. */
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
    if (fault === undefined || (asked.url?.includes(fault.meant) === true && fault.passing-- > 0)) {
      this.pass(asked, answer);
    } else {
      this.failures += 1;
      if (fault.kind === "cut") asked.socket.destroy();
    }
  }

  private pass(asked: IncomingMessage, answer: ServerResponse): void {
    const { hostname, port } = this.target;
    // With the proxy's own address as host, so that a registry sends nobody past it.
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
