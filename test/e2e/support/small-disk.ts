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
 * A small file system for a fixture's file backend, which tests fill up.
 *
 * It is a tmpfs in a separate user and mount namespace. On most machines, `unshare` (util-linux) needs no privileges for
 * this. If the machine does not allow user namespaces, the test is skipped.
 */
export class SmallDisk {
  private holder?: ChildProcess;
  private directory?: string;
  private holderFile = "";
  private folder = "";

  /** An engine that runs inside the namespace. */
  async engine(context: Context): Promise<Engine> {
    const engine = await requireEngine(context);
    if (!(await canMount())) lacks(context, "needs `unshare` and user namespaces, for a small disk");
    this.directory = mkdtempSync(join(tmpdir(), "shared-authority-disk-"));
    this.holderFile = join(this.directory, "holder");
    const enter = `exec nsenter --preserve-credentials --user --mount --wd="$PWD" --target "$(cat '${this.holderFile}')"`;
    const script = `#!/bin/sh\n[ -f '${this.holderFile}' ] || exec '${engine.binary}' "$@"\n${enter} '${engine.binary}' "$@"\n`;
    const binary = join(this.directory, "pulumi");
    writeFileSync(binary, script, { mode: 0o755 });
    return { ...engine, binary };
  }

  /** Moves the fixture's file backend to the small disk. */
  async mount({ session }: Fixture, megabytes: number): Promise<void> {
    const backend = fileURLToPath(String(session.environment.PULUMI_BACKEND_URL));
    const staging = `${backend}.small`;
    mkdirSync(staging);
    const script = [
      `mount -t tmpfs -o size=${megabytes}m tmpfs '${staging}'`,
      `cp -a '${backend}/.' '${staging}'`,
      `mount --move '${staging}' '${backend}'`,
      "echo ready",
      // Ends together with this process.
      "exec cat",
    ].join(" && ");
    this.holder = spawn("unshare", ["--user", "--map-root-user", "--mount", "sh", "-c", script], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    await once(this.holder.stdout!, "data");
    writeFileSync(this.holderFile, String(this.holder.pid));
    this.folder = `/proc/${String(this.holder.pid)}/root${backend}`;
  }

  /** The path of the file backend for this process. */
  get backend(): string {
    return this.folder;
  }

  /** Fills the disk. */
  fill(): void {
    try {
      for (let count = 0; ; count++) writeFileSync(join(this.folder, `filler-${count}`), Buffer.alloc(4096));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
    }
  }

  /** Frees the space that `fill` used. */
  free(): void {
    for (let count = 0; existsSync(join(this.folder, `filler-${count}`)); count++) {
      rmSync(join(this.folder, `filler-${count}`));
    }
  }

  /** Removes the namespace and the disk. */
  async close(): Promise<void> {
    if (this.directory !== undefined) rmSync(this.directory, { recursive: true, force: true });
    if (this.holder === undefined) return;
    const ended = once(this.holder, "exit");
    this.holder.kill("SIGKILL");
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
