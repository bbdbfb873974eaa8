import { once } from "node:events";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";

/** A server that accepts connections. */
export interface Listening {
  /** `http://127.0.0.1:<port>`, without a trailing slash. */
  readonly url: string;
  /** Stops the server and closes all connections. */
  close(): Promise<void>;
}

/**
 * Starts a server on 127.0.0.1, where other machines cannot reach it.
 *
 * @param wantedPort the port. Default: 0, any free port
 */
export async function listenOnLoopback(server: Server, wantedPort = 0): Promise<Listening> {
  server.listen(wantedPort, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    async close() {
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}
