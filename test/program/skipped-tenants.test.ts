import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { announceSkipped, skippedVariable } from "../../src/program/announce-skipped";
import { skippedTenants } from "../../src/program/skipped-tenants";

describe("skippedTenants", () => {
  afterEach(() => {
    Reflect.deleteProperty(process.env, skippedVariable);
  });

  const tenants = [
    { name: "cart", isNew: false },
    { name: "new", isNew: true },
  ];

  async function refuses(text: string): Promise<void> {
    process.env[skippedVariable] = text;
    await assert.rejects(skippedTenants("prod"), (error: Error) => {
      assert.ok(error.message.startsWith(`SHARED_AUTHORITY_SKIPPED is "${text}", but no running`), error.message);
      assert.match(error.message, /`authority up --stack prod` answers there.*Unset it;/);
      return true;
    });
  }

  it("is empty without the variable", async () => {
    assert.deepEqual(await skippedTenants("prod"), []);
    process.env[skippedVariable] = "";
    assert.deepEqual(await skippedTenants("prod"), []);
  });

  it("asks the `authority up` of the stack, each time that the engine runs the program, and nobody after it", async () => {
    const { environment, close } = await announceSkipped("prod", tenants);
    Object.assign(process.env, environment);
    assert.deepEqual(await skippedTenants("prod"), tenants);
    assert.deepEqual(await skippedTenants("prod"), tenants);
    close();
    await refuses(environment[skippedVariable]);
  });

  it("refuses what the `authority up` of another stack says, and another path", async () => {
    const { environment, close } = await announceSkipped("test", tenants);
    const address = environment[skippedVariable];
    await refuses(address);
    await refuses(address.replace(/[^/]+$/, "x"));
    close();
  });

  it("refuses a value that is not an address of `authority up`, and an answer of another form", async () => {
    const server = createServer((_, response) => response.end('{"stack":"prod","tenants":["cart"]}'));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    const running = `${process.pid}@prod,cart`;
    for (const text of ["cart", running, `${process.ppid}@prod,cart`, "https://example.com/x"]) await refuses(text);
    await refuses(`http://127.0.0.1:${port}/x`);
    server.closeAllConnections();
    server.close();
  });
});
