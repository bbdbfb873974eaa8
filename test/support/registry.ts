import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";

/** A running registry. */
export interface RunningRegistry {
  /** `http://127.0.0.1:<port>`. */
  readonly url: string;
  close(): Promise<void>;
}

/**
 * Starts the program `registry` (distribution) on a free port. The test must call `requireTools` first.
 *
 * @param directory an existing folder for configuration and content
 */
export async function startDistribution(directory: string): Promise<RunningRegistry> {
  const storage = join(directory, "registry");
  mkdirSync(storage, { recursive: true });
  const configuration = join(directory, "registry.json");
  const settings = {
    version: "0.1",
    log: { level: "info", formatter: "json" },
    storage: { filesystem: { rootdirectory: storage }, delete: { enabled: true } },
    http: { addr: "127.0.0.1:0" },
  };
  writeFileSync(configuration, JSON.stringify(settings));
  const child = spawn("registry", ["serve", configuration], { stdio: ["ignore", "ignore", "pipe"] });
  const ended = once(child, "close");
  const close = async () => {
    child.kill();
    await ended;
  };
  for await (const line of createInterface(child.stderr)) {
    const address = /listening on (127\.0\.0\.1:\d+)/.exec(line)?.[1];
    if (address !== undefined) {
      child.stderr.resume();
      return { url: `http://${address}`, close };
    }
  }
  await close();
  throw new Error("The registry exited before it accepted connections.");
}
