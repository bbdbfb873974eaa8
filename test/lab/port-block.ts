import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { createServer as createTcpServer } from "node:net";

/** A row of ports on 127.0.0.1 that no other lab uses for as long as the first one is held. */
export interface PortBlock {
  /** Listens on the first port of the row. To hold it is to hold the whole row. */
  readonly holder: Server;
  /** The port that `holder` listens on. */
  readonly holderPort: number;
  /** The others. Free when the row was taken. */
  readonly ports: readonly number[];
}

const lowestPort = 12_000;

/**
 * Takes a row of free ports. Two labs never take the same one, because the kernel lets only one process listen on its
 * first port. The rows lie below the range that the kernel gives to outgoing connections: a port in that range could
 * be gone whenever a process is stopped and started again at its old address.
 *
 * @param count how many ports the row has beyond the one that is held
 * @throws Error where no row is free
 */
export async function takePortBlock(count: number): Promise<PortBlock> {
  const size = count + 1;
  const rows = Math.floor((lowestEphemeralPort() - lowestPort) / size);
  const first = Math.floor(Math.random() * rows);
  for (let step = 0; step < rows; step++) {
    const holderPort = lowestPort + ((first + step) % rows) * size;
    const holder = createServer();
    if (!(await listens(holder, holderPort))) continue;
    const ports = Array.from({ length: count }, (_, index) => holderPort + 1 + index);
    if ((await Promise.all(ports.map(isFree))).every(Boolean)) return { holder, holderPort, ports };
    holder.close();
  }
  throw new Error(`No ${size} free ports in a row on 127.0.0.1 between ${lowestPort} and ${lowestEphemeralPort()}.`);
}

function lowestEphemeralPort(): number {
  const range = readFileSync("/proc/sys/net/ipv4/ip_local_port_range", "utf8");
  const lowest = Number.parseInt(range, 10);
  return lowest > lowestPort + 1000 ? lowest : 32_768;
}

async function isFree(port: number): Promise<boolean> {
  const server = createTcpServer();
  if (!(await listens(server, port))) return false;
  server.close();
  await once(server, "close");
  return true;
}

async function listens(server: ReturnType<typeof createTcpServer>, port: number): Promise<boolean> {
  try {
    server.listen(port, "127.0.0.1");
    await once(server, "listening");
    return true;
  } catch {
    return false;
  }
}
