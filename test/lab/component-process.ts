import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { closeSync, existsSync, openSync, readFileSync } from "node:fs";
import http from "node:http";
import https from "node:https";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Component } from "./component";
import type { ComponentRecord, Layout } from "./lab-directory";
import { killGroup } from "./process-table";

/** How long a component may take until it works. */
const readyTimeoutMs = 60_000;

/**
 * One process of the lab, kept running. A process that ends by itself is started again after a while, as a kubelet
 * does; one that was killed stays down until somebody starts it.
 */
export class ComponentProcess {
  private child?: ChildProcess;
  private restarts = 0;
  private wanted = false;

  /**
   * @param environment what every process of the lab gets
   * @param changed called whenever the record has changed
   */
  constructor(
    readonly component: Component,
    private readonly layout: Layout,
    private readonly environment: Readonly<Record<string, string>>,
    private readonly changed: () => void,
  ) {}

  get name(): string {
    return this.component.name;
  }

  get record(): ComponentRecord {
    return { pid: this.child?.pid, restarts: this.restarts };
  }

  /**
   * Starts the process and returns once it works.
   *
   * @throws Error with the end of the log, where it ends instead or does not work in time
   */
  async start(): Promise<void> {
    this.wanted = true;
    const child = this.spawn();
    const deadline = Date.now() + readyTimeoutMs;
    while (!(await this.isReady())) {
      if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) {
        this.wanted = false;
        throw new Error(`${this.name} ended as soon as it was started. The end of its log:\n${this.tail()}`);
      }
      if (Date.now() > deadline) {
        const waited = readyTimeoutMs / 1000;
        throw new Error(`${this.name} does not work ${waited} s after its start. The end of its log:\n${this.tail()}`);
      }
      await delay(50);
    }
  }

  /** Kills the process and returns once it is gone. It stays down. */
  async kill(): Promise<void> {
    this.wanted = false;
    const { child } = this;
    if (child?.pid === undefined) return;
    const ended = once(child, "exit");
    killGroup(child.pid);
    await ended;
  }

  /** The last lines of the log. */
  tail(lines = 15): string {
    return tailOf(logFile(this.layout, this.name), lines);
  }

  private spawn(): ChildProcess {
    const { program, args, env } = this.component;
    const log = openSync(logFile(this.layout, this.name), "a");
    const child = spawn(program, args, {
      // A group of its own: a Ctrl-C at the terminal does not reach it, and its children die with it.
      detached: true,
      stdio: ["ignore", log, log],
      cwd: this.layout.directory,
      env: { ...this.environment, ...env },
    });
    closeSync(log);
    this.child = child;
    child.once("exit", () => this.onExit(child));
    child.once("error", () => this.onExit(child));
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
    return ready === undefined ? this.child !== undefined : await answersOk(ready);
  }
}

/** Whether an address answers 200. The API server's certificate is its own, so nothing is asked of it here. */
function answersOk(url: string): Promise<boolean> {
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

/** Where a component's log is. */
export function logFile(layout: Layout, component: string): string {
  return join(layout.logs, `${component}.log`);
}

/** The last lines of a file, or nothing where there is no such file. */
export function tailOf(file: string, lines: number): string {
  if (!existsSync(file)) return "";
  return readFileSync(file, "utf8").trimEnd().split("\n").slice(-lines).join("\n");
}
