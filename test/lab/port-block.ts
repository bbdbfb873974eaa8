import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { createServer as createTcpServer } from "node:net";

/** Consecutive ports on 127.0.0.1 that no other lab uses while `holder` listens. */
export interface PortBlock {
  /** Listens on the first port of the block, which reserves the block. */
  readonly holder: Server;
  /** The port of `holder`. */
  readonly holderPort: number;
  /** The other ports. They were free when the block was taken. */
  readonly ports: readonly number[];
}

const lowestPort = 12_000;

/**
 * Reserves a block of free ports. Two labs never get the same block, because only one process can listen on its first
 * port. Blocks are below the range for outgoing connections: a port in that range could be in use when a process restarts.
 *
 * @param count the number of ports in addition to the holder's
 * @throws Error if no block is free
 */
export async function takePortBlock(count: number): Promise<PortBlock> {
  const size = count + 1;
  const blocks = Math.floor((lowestEphemeralPort() - lowestPort) / size);
  const first = Math.floor(Math.random() * blocks);
  for (let step = 0; step < blocks; step++) {
    const holderPort = lowestPort + ((first + step) % blocks) * size;
    const holder = createServer();
    if (!(await canListen(holder, holderPort))) continue;
    const ports = Array.from({ length: count }, (_, index) => holderPort + 1 + index);
    if ((await Promise.all(ports.map(isFree))).every(Boolean)) return { holder, holderPort, ports };
    holder.close();
  }
  throw new Error(
    `No block of ${size} free ports found on 127.0.0.1 between ${lowestPort} and ${lowestEphemeralPort()}.`,
  );
}

function lowestEphemeralPort(): number {
  const range = readFileSync("/proc/sys/net/ipv4/ip_local_port_range", "utf8");
  const lowest = Number.parseInt(range, 10);
  return lowest > lowestPort + 1000 ? lowest : 32_768;
}

async function isFree(port: number): Promise<boolean> {
  const server = createTcpServer();
  if (!(await canListen(server, port))) return false;
  server.close();
  await once(server, "close");
  return true;
}

async function canListen(server: ReturnType<typeof createTcpServer>, port: number): Promise<boolean> {
  try {
    server.listen(port, "127.0.0.1");
    await once(server, "listening");
    return true;
  } catch {
    return false;
  }
}
