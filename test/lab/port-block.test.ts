import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:net";
import { takePortBlock } from "./port-block";
import { skipBecause } from "../support/tools";

describe("the lab's ports", () => {
  const closers: (() => void)[] = [];

  before(function () {
    if (process.platform !== "linux") skipBecause(this, "the lab's own control plane runs on Linux only");
  });

  afterEach(() => {
    for (const close of closers.splice(0)) close();
  });

  async function take(count: number) {
    const block = await takePortBlock(count);
    closers.push(() => block.holder.close());
    return block;
  }

  it("never overlap if many labs start at once", async () => {
    const blocks = await Promise.all(Array.from({ length: 20 }, () => take(15)));
    const ports = blocks.flatMap((block) => [block.holderPort, ...block.ports]);
    assert.equal(new Set(ports).size, 20 * 16);
  });

  it("are free, and below the range for outgoing connections", async () => {
    const { ports } = await take(5);
    for (const port of ports) {
      assert.ok(port < 32_768, String(port));
      const server = createServer().listen(port, "127.0.0.1");
      await once(server, "listening");
      server.close();
      await once(server, "close");
    }
  });
});
