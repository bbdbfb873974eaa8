import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Context } from "mocha";
import { lacks } from "../../support/tools";
import { requireEngine } from "../../support/pulumi";
import type { Engine } from "../../../demo/engine";
import type { Fixture } from "./fixture";

/**
 * A small file system of its own for a fixture's file backend, which can be filled up.
 *
 * It is a tmpfs in a user and mount namespace of its own, which needs no rights on most machines: `unshare` of util-linux
 * makes it, and the engine enters it. Some containers and hardened kernels allow no user namespaces; there the test is
 * skipped with this reason.
 */
export class SmallDisk {
  private keeper?: ChildProcess;
  private directory?: string;
  private keeperFile = "";
  private folder = "";

  /** The engine of a fixture whose disk is small: it can enter the namespace. */
  async engine(context: Context): Promise<Engine> {
    const engine = await requireEngine(context);
    if (!(await canMount())) lacks(context, "needs `unshare` and user namespaces, for a small disk");
    this.directory = mkdtempSync(join(tmpdir(), "shared-authority-disk-"));
    this.keeperFile = join(this.directory, "keeper");
    const enter = `exec nsenter --preserve-credentials --user --mount --wd="$PWD" --target "$(cat '${this.keeperFile}')"`;
    const script = `#!/bin/sh\n[ -f '${this.keeperFile}' ] || exec '${engine.binary}' "$@"\n${enter} '${engine.binary}' "$@"\n`;
    const binary = join(this.directory, "pulumi");
    writeFileSync(binary, script, { mode: 0o755 });
    return { ...engine, binary };
  }

  /** From now on the fixture's file backend is on the small disk, with all that it holds. */
  async mount({ session }: Fixture, megabytes: number): Promise<void> {
    const backend = fileURLToPath(String(session.environment.PULUMI_BACKEND_URL));
    const staging = `${backend}.small`;
    mkdirSync(staging);
    const script = [
      `mount -t tmpfs -o size=${megabytes}m tmpfs '${staging}'`,
      `cp -a '${backend}/.' '${staging}'`,
      `mount --move '${staging}' '${backend}'`,
      "echo ready",
      // Ends with this process, however that ends.
      "exec cat",
    ].join(" && ");
    this.keeper = spawn("unshare", ["--user", "--map-root-user", "--mount", "sh", "-c", script], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    await once(this.keeper.stdout!, "data");
    writeFileSync(this.keeperFile, String(this.keeper.pid));
    this.folder = `/proc/${String(this.keeper.pid)}/root${backend}`;
  }

  /** The file backend, as this process sees it. */
  get backend(): string {
    return this.folder;
  }

  /** Leaves no room. */
  fill(): void {
    try {
      for (let count = 0; ; count++) writeFileSync(join(this.folder, `filler-${count}`), Buffer.alloc(4096));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
    }
  }

  /** Makes room again. */
  free(): void {
    for (let count = 0; existsSync(join(this.folder, `filler-${count}`)); count++) {
      rmSync(join(this.folder, `filler-${count}`));
    }
  }

  /** Ends the namespace, and with it the disk. */
  async close(): Promise<void> {
    if (this.directory !== undefined) rmSync(this.directory, { recursive: true, force: true });
    if (this.keeper === undefined) return;
    const ended = once(this.keeper, "exit");
    this.keeper.kill("SIGKILL");
    await ended;
  }
}

async function canMount(): Promise<boolean> {
  if (process.platform !== "linux") return false;
  const trial = "mount -t tmpfs -o size=1m tmpfs /tmp";
  const child = spawn("unshare", ["--user", "--map-root-user", "--mount", "sh", "-c", trial], { stdio: "ignore" });
  const failed = once(child, "error").then(() => false);
  const ended = once(child, "exit").then(([code]: unknown[]) => code === 0);
  return Promise.race([ended, failed]);
}
