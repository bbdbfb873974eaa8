import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync } from "node:fs";
import { createServer, type IncomingMessage } from "node:http";
import { join } from "node:path";
import { listenOnLoopback } from "../../demo/loopback";
import { temporaryDirectory } from "../support/directory";
import { projectRoot } from "../support/project";
import { skipBecause } from "../support/tools";

describe("authority, stopped while it reads a repository", () => {
  const directory = temporaryDirectory();

  for (const [signal, code] of [
    ["SIGINT", 130],
    ["SIGTERM", 143],
    ["SIGHUP", 129],
  ] as const) {
    it(`leaves no folder and no Git process after ${signal}`, async function () {
      if (process.platform === "win32") skipBecause(this, `Windows cannot send ${signal} to another process`);
      const silent = createServer();
      const server = await listenOnLoopback(silent);
      try {
        const { PATH, HOME } = process.env;
        const program = join(projectRoot, "bin", "authority.js");
        const args = [program, "audit", "-r", `${server.url}/x.git`, "--chart", "./c"];
        const asked = once(silent, "request") as Promise<[IncomingMessage]>;
        const child = spawn(process.execPath, args, { env: { PATH, HOME, TMPDIR: directory() }, stdio: "ignore" });
        const ended = once(child, "exit");
        const [{ socket }] = await asked;
        assert.equal(readdirSync(directory()).length, 1);
        // Only the end of Git's helper process closes this connection.
        const hungUp = once(socket, "close");
        child.kill(signal);
        assert.deepEqual(await ended, [code, null]);
        assert.deepEqual(readdirSync(directory()), []);
        await hungUp;
      } finally {
        await server.close();
      }
    });
  }
});
