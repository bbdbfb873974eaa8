import { rmSync, writeFileSync } from "node:fs";
import type { IncomingMessage } from "node:http";
import { json } from "node:stream/consumers";
import { setTimeout as delay } from "node:timers/promises";
import { boot } from "./boot";
import { assignPorts, portCount, type LabPlan } from "./component";
import { ComponentProcess } from "./component-process";
import { layoutOf, readRecord, removeLab, writeRecord, type LabRecord } from "./lab-directory";
import { holdBack } from "./pod-stages";
import { takePortBlock, type PortBlock } from "./port-block";
import { identify, isRunning, labMark, type ProcessIdentity } from "./process-table";
import { openToolbox, type Toolbox } from "./toolbox";

/** What the keeper tells the process that started it. */
export type KeeperMessage =
  | { readonly kind: "progress"; readonly line: string }
  | { readonly kind: "ready" }
  | { readonly kind: "failed"; readonly message: string };

/** What the starter tells the keeper: go on without me. */
export interface ReleaseMessage {
  readonly kind: "release";
}

/** What can be ordered from a running lab. */
export type Order =
  | { readonly kind: "kill" | "restart"; readonly component: string }
  | { readonly kind: "keep-unready"; readonly images: readonly string[] };

/** How often other ports are tried where a program finds one of its own taken. */
const portAttempts = 3;

/** How long a keeper that is asked to end may take. */
const keeperEndMs = 5000;

/** How often the keeper looks whether its directory is still there. */
const directoryCheckMs = 2000;

/**
 * Keeps one lab: starts its processes, keeps them running, takes orders, and in the end kills all and removes the
 * directory. It runs as a process of its own, detached from the terminal, and ends when the process that started it
 * does, unless that one has released it.
 *
 * @param directory claimed by the starter
 * @param root the project's folder
 */
export async function keepLab(directory: string, root: string): Promise<void> {
  const keeper = new Keeper(directory, root);
  let released = false;
  const end = () => void keeper.end();
  // The starter has only one thing to say, a `ReleaseMessage`.
  process.on("message", () => {
    released = true;
  });
  process.on("disconnect", () => {
    if (!released) end();
  });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, end);
  process.on("uncaughtException", (error) => {
    console.error(error);
    tell({ kind: "failed", message: `The lab's keeper failed: ${error.message}` });
    end();
  });
  // The starter may be gone before this line is reached.
  if (!process.connected) await keeper.end();
  // Somebody may remove the directory by hand; a lab that nobody can name any more has to end.
  setInterval(() => {
    if (readRecord(directory) === undefined) end();
  }, directoryCheckMs).unref();
  await keeper.start();
}

class Keeper {
  private readonly layout;
  private readonly toolbox: Toolbox;
  private record: LabRecord;
  private processes = new Map<string, ComponentProcess>();
  private block?: PortBlock;
  private ending = false;

  constructor(
    private readonly directory: string,
    private readonly root: string,
  ) {
    this.layout = layoutOf(directory);
    this.toolbox = openToolbox();
    const record = readRecord(directory);
    const keeper = identify(process.pid);
    if (record === undefined || keeper === undefined) throw new Error(`There is no lab to keep in ${directory}.`);
    this.record = { ...record, keeper };
    writeRecord(directory, this.record);
  }

  async start(): Promise<void> {
    try {
      const plan = await this.bootOnFreePorts();
      this.takeOrders();
      this.update({
        phase: "ready",
        controlUrl: `http://127.0.0.1:${this.block?.holderPort ?? 0}`,
        apiUrl: `https://127.0.0.1:${plan.ports.api}`,
        registryHost: `127.0.0.1:${plan.ports.registry}`,
        gitUrl: `http://127.0.0.1:${plan.ports.git}`,
      });
      tell({ kind: "ready" });
    } catch (error) {
      tell({ kind: "failed", message: error instanceof Error ? error.message : String(error) });
      await this.end();
    }
  }

  /** Kills everything, removes the directory and ends this process. */
  async end(): Promise<void> {
    if (this.ending) return;
    this.ending = true;
    // All at once: what is thrown away needs no orderly shutdown.
    await this.killAll();
    await removeLab(this.directory, this.record);
    process.exit(0);
  }

  private async bootOnFreePorts(): Promise<LabPlan> {
    for (let attempt = 1; ; attempt++) {
      const block = await takePortBlock(portCount);
      this.block = block;
      const plan = {
        layout: this.layout,
        toolbox: this.toolbox,
        ports: assignPorts(block.ports),
        root: this.root,
      };
      try {
        await this.boot(plan, () => this.block === block && !this.ending);
        return plan;
      } catch (error) {
        const taken = error instanceof Error && /address already in use|EADDRINUSE/.test(error.message);
        if (!taken || attempt === portAttempts || this.ending) throw error;
        tell({ kind: "progress", line: "a port was taken in the meantime; trying others" });
        this.block = undefined;
        block.holder.close();
        await this.killAll();
        for (const folder of [this.layout.data, this.layout.logs]) rmSync(folder, { recursive: true, force: true });
      }
    }
  }

  /** @param isCurrent whether this attempt still counts: its other branches go on for a while after one has failed */
  private boot(plan: LabPlan, isCurrent: () => boolean): Promise<void> {
    const environment = {
      PATH: process.env.PATH ?? "",
      HOME: this.layout.temporary,
      TMPDIR: this.layout.temporary,
      AUTHORITY_TOOLS: process.env.AUTHORITY_TOOLS ?? "",
      [labMark]: this.record.id,
    };
    return boot(
      plan,
      async (component) => {
        if (!isCurrent()) throw new Error(`${component.name} is not started any more: the start has failed.`);
        const started = new ComponentProcess(component, this.layout, environment, () => this.writeComponents());
        this.processes.set(component.name, started);
        await started.start();
      },
      (line) => tell({ kind: "progress", line }),
    );
  }

  private async killAll(): Promise<void> {
    const processes = [...this.processes.values()];
    this.processes = new Map();
    await Promise.all(processes.map((one) => one.kill()));
  }

  private takeOrders(): void {
    const token = this.record.id;
    this.block?.holder.on("request", (request, response) => {
      if (request.headers.authorization !== `Bearer ${token}`) {
        response.writeHead(401).end();
        return;
      }
      this.obey(request).then(
        () => response.writeHead(204).end(),
        (error: unknown) => response.writeHead(500).end(error instanceof Error ? error.message : String(error)),
      );
    });
  }

  private async obey(request: IncomingMessage): Promise<void> {
    const order = (await json(request)) as Order;
    switch (order.kind) {
      case "kill":
        await this.process(order.component).kill();
        break;
      case "restart":
        await this.restart(order.component);
        break;
      case "keep-unready":
        writeFileSync(this.layout.stages, holdBack(this.toolbox.stages, order.images));
        await this.restart("kwok");
        break;
    }
  }

  private async restart(name: string): Promise<void> {
    const component = this.process(name);
    await component.kill();
    await component.start();
  }

  private process(name: string): ComponentProcess {
    const found = this.processes.get(name);
    if (found !== undefined) return found;
    throw new Error(`The lab has no component ${name}. It has: ${[...this.processes.keys()].join(", ")}.`);
  }

  private writeComponents(): void {
    this.update({
      components: Object.fromEntries([...this.processes].map(([name, component]) => [name, component.record])),
    });
  }

  private update(change: Partial<LabRecord>): void {
    if (this.ending) return;
    this.record = { ...this.record, ...change };
    writeRecord(this.directory, this.record);
  }
}

function tell(message: KeeperMessage): void {
  if (process.connected) process.send?.(message);
}

/**
 * Ends a lab from outside: asks its keeper, and where that does not answer, kills and removes all there is.
 *
 * @param keeper absent where it is known to be gone
 */
export async function endLab(directory: string, record: LabRecord, keeper?: ProcessIdentity): Promise<void> {
  if (keeper !== undefined && isRunning(keeper)) {
    process.kill(keeper.pid, "SIGTERM");
    const deadline = Date.now() + keeperEndMs;
    while (isRunning(keeper) && Date.now() < deadline) await delay(20);
  }
  await removeLab(directory, record);
}
