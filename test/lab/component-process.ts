import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, existsSync, openSync, readFileSync } from "node:fs";
import http from "node:http";
import https from "node:https";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Component } from "./component";
import type { ComponentRecord, Layout } from "./lab-directory";
import { killGroup } from "./process-table";

const readyTimeoutMs = 180_000;

/**
 * Keeps one process of the lab running. Like a kubelet, it restarts a process that exits, with a growing delay. A process
 * that was killed with `kill()` stays down until the next `start()`.
 */
export class ComponentProcess {
  private child?: ChildProcess;
  private restarts = 0;
  private wanted = false;

  /**
   * @param environment the variables of every process of the lab
   * @param changed called whenever `record` changes
   */
  constructor(
    readonly component: Component,
    private readonly layout: Layout,
    private readonly environment: Readonly<Record<string, string>>,
    private readonly changed: () => void,
  ) {}

  get record(): ComponentRecord {
    return { pid: this.child?.pid, restarts: this.restarts };
  }

  /**
   * Starts the process and waits until it is ready.
   *
   * @throws Error with the end of the log, if the process exits or is not ready in time
   */
  async start(): Promise<void> {
    this.wanted = true;
    const child = this.spawn();
    const deadline = Date.now() + readyTimeoutMs;
    while (!(await this.isReady())) {
      const exited = this.child !== child;
      if (exited || Date.now() > deadline) {
        this.wanted = !exited;
        const { name } = this.component;
        const problem = exited ? "exited at its start" : `is not ready after ${readyTimeoutMs / 1000} s`;
        throw new Error(`${name} ${problem}. The end of its log:\n${lastLines(this.logFile, 15)}`);
      }
      await delay(50);
    }
  }

  /** Kills the process and waits for its exit. */
  async kill(): Promise<void> {
    this.wanted = false;
    const { child } = this;
    if (child?.pid === undefined) return;
    const exited = once(child, "exit");
    killGroup(child.pid);
    await exited;
  }

  private get logFile(): string {
    return join(this.layout.logs, `${this.component.name}.log`);
  }

  private spawn(): ChildProcess {
    const { program, args, env } = this.component;
    const log = openSync(this.logFile, "a");
    const child = spawn(program, args, {
      // A process group of its own: Ctrl-C in the terminal does not reach it, and its children die with it.
      detached: true,
      stdio: ["ignore", log, log],
      cwd: this.layout.directory,
      env: { ...this.environment, ...env },
    });
    closeSync(log);
    this.child = child;
    for (const event of ["exit", "error"]) child.once(event, () => this.onExit(child));
    this.changed();
    return child;
  }

  private onExit(child: ChildProcess): void {
    if (this.child !== child) return;
    this.child = undefined;
    this.changed();
    if (!this.wanted) return;
    const delayMs = Math.min(1000 * 2 ** this.restarts, 10_000);
    setTimeout(() => {
      if (!this.wanted || this.child !== undefined) return;
      this.restarts += 1;
      this.spawn();
    }, delayMs);
  }

  private async isReady(): Promise<boolean> {
    const { ready } = this.component;
    return ready === undefined ? this.child !== undefined : await respondsOk(ready);
  }
}

/** Whether a URL responds with 200. The API server's certificate is self-signed and not verified here. */
function respondsOk(url: string): Promise<boolean> {
  const { get } = url.startsWith("https:") ? https : http;
  return new Promise((resolve) => {
    const request = get(url, { rejectUnauthorized: false, timeout: 2000 }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    request.once("timeout", () => request.destroy());
    request.once("error", () => resolve(false));
  });
}

/** The last lines of a file, or an empty text if the file does not exist. */
export function lastLines(file: string, count: number): string {
  if (!existsSync(file)) return "";
  return readFileSync(file, "utf8").trimEnd().split("\n").slice(-count).join("\n");
}
