import { rmSync, writeFileSync } from "node:fs";
import type { IncomingMessage } from "node:http";
import { json } from "node:stream/consumers";
import { setTimeout as delay } from "node:timers/promises";
import { assignPorts, portCount, type LabPlan } from "./component";
import { ComponentProcess } from "./component-process";
import { startControlPlane } from "./control-plane";
import { layoutOf, readRecord, removeLab, writeRecord, type LabRecord } from "./lab-directory";
import { holdPodsUnready } from "./pod-stages";
import { takePortBlock, type PortBlock } from "./port-block";
import { identify, isRunning, labMark, type ProcessIdentity } from "./process-table";
import { findTools } from "./tools";

/** A message from the supervisor to the process that started it. */
export type SupervisorMessage =
  | { readonly kind: "progress"; readonly line: string }
  | { readonly kind: "ready" }
  | { readonly kind: "failed"; readonly message: string };

/** A command for the supervisor of a running lab. */
export type LabCommand =
  | { readonly kind: "kill" | "restart"; readonly component: string }
  | { readonly kind: "keep-unready"; readonly images: readonly string[] };

/** How often the start is tried if another program takes one of the ports. */
const portAttempts = 3;
const shutdownTimeoutMs = 5000;
const directoryCheckMs = 2000;

/**
 * Runs the supervisor of a lab: starts the lab's processes, restarts them, executes commands, and at the end kills all
 * processes and removes the directory. It runs as a detached process. It ends together with the process that started it,
 * unless that process releases it with a message.
 *
 * @param directory the directory that the starter has claimed
 * @param root the project's folder
 */
export async function supervise(directory: string, root: string): Promise<void> {
  const supervisor = new Supervisor(directory, root);
  let released = false;
  const end = () => void supervisor.end();
  process.on("message", () => (released = true));
  process.on("disconnect", () => {
    if (!released) end();
  });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, end);
  process.on("uncaughtException", (error) => {
    console.error(error);
    send({ kind: "failed", message: `The lab's supervisor failed: ${error.message}` });
    end();
  });
  // The starter may have exited before the handlers were registered.
  if (!process.connected) await supervisor.end();
  // Without its directory, nobody can stop the lab by name.
  setInterval(() => {
    if (readRecord(directory) === undefined) end();
  }, directoryCheckMs).unref();
  await supervisor.start();
}

class Supervisor {
  private readonly layout;
  private readonly tools = findTools();
  private record: LabRecord;
  private processes = new Map<string, ComponentProcess>();
  private block?: PortBlock;
  private ending = false;

  constructor(
    private readonly directory: string,
    private readonly root: string,
  ) {
    this.layout = layoutOf(directory);
    const record = readRecord(directory);
    const supervisor = identify(process.pid);
    if (record === undefined || supervisor === undefined) throw new Error(`${directory} has no lab.`);
    this.record = { ...record, supervisor };
    writeRecord(directory, this.record);
  }

  async start(): Promise<void> {
    try {
      const { ports } = await this.startOnFreePorts();
      this.acceptCommands();
      this.update({
        phase: "ready",
        controlUrl: `http://127.0.0.1:${this.block?.holderPort ?? 0}`,
        apiUrl: `https://127.0.0.1:${ports.api}`,
        registryHost: `127.0.0.1:${ports.registry}`,
        gitUrl: `http://127.0.0.1:${ports.git}`,
        receiverUrl: `http://127.0.0.1:${ports.receiver}`,
      });
      send({ kind: "ready" });
    } catch (error) {
      send({ kind: "failed", message: error instanceof Error ? error.message : String(error) });
      await this.end();
    }
  }

  /** Kills all processes, removes the directory and exits. The data is deleted, so no orderly shutdown is needed. */
  async end(): Promise<void> {
    if (this.ending) return;
    this.ending = true;
    await this.killAll();
    await removeLab(this.directory, this.record);
    process.exit(0);
  }

  private async startOnFreePorts(): Promise<LabPlan> {
    const { layout, tools, root } = this;
    for (let attempt = 1; ; attempt++) {
      const block = await takePortBlock(portCount);
      this.block = block;
      const plan: LabPlan = { layout, tools, root, ports: assignPorts(block.ports) };
      try {
        await this.startComponents(plan, () => this.block === block && !this.ending);
        return plan;
      } catch (error) {
        const taken = error instanceof Error && /address already in use|EADDRINUSE/.test(error.message);
        if (!taken || attempt === portAttempts || this.ending) throw error;
        send({ kind: "progress", line: "another program took a port; trying other ports" });
        this.block = undefined;
        block.holder.close();
        await this.killAll();
        for (const folder of [layout.data, layout.logs]) rmSync(folder, { recursive: true, force: true });
      }
    }
  }

  /** @param isCurrent whether this attempt is still active: after a failure, its parallel branches continue for a while */
  private startComponents(plan: LabPlan, isCurrent: () => boolean): Promise<void> {
    const environment = {
      PATH: process.env.PATH ?? "",
      HOME: this.layout.temporary,
      TMPDIR: this.layout.temporary,
      AUTHORITY_TOOLS: process.env.AUTHORITY_TOOLS ?? "",
      [labMark]: this.record.id,
    };
    return startControlPlane(
      plan,
      async (component) => {
        if (!isCurrent()) throw new Error(`${component.name} is not started because the lab's start has failed.`);
        const started = new ComponentProcess(component, this.layout, environment, () => this.writeComponents());
        this.processes.set(component.name, started);
        await started.start();
      },
      (line) => send({ kind: "progress", line }),
    );
  }

  private async killAll(): Promise<void> {
    const processes = [...this.processes.values()];
    this.processes = new Map();
    await Promise.all(processes.map((one) => one.kill()));
  }

  private acceptCommands(): void {
    this.block?.holder.on("request", (request, response) => {
      if (request.headers.authorization !== `Bearer ${this.record.id}`) {
        response.writeHead(401).end();
        return;
      }
      this.execute(request).then(
        () => response.writeHead(204).end(),
        (error: unknown) => response.writeHead(500).end(error instanceof Error ? error.message : String(error)),
      );
    });
  }

  private async execute(request: IncomingMessage): Promise<void> {
    const command = (await json(request)) as LabCommand;
    switch (command.kind) {
      case "kill":
        return this.process(command.component).kill();
      case "restart":
        return this.restart(command.component);
      case "keep-unready":
        writeFileSync(this.layout.stages, holdPodsUnready(this.tools.stages, command.images));
        return this.restart("kwok");
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
    throw new Error(`The lab has no component ${name}. Its components are ${[...this.processes.keys()].join(", ")}.`);
  }

  private writeComponents(): void {
    this.update({ components: Object.fromEntries([...this.processes].map(([name, { record }]) => [name, record])) });
  }

  private update(change: Partial<LabRecord>): void {
    if (this.ending) return;
    this.record = { ...this.record, ...change };
    writeRecord(this.directory, this.record);
  }
}

function send(message: SupervisorMessage): void {
  if (process.connected) process.send?.(message);
}

/**
 * Ends a lab from another process. Asks the supervisor first, then kills and removes what is left.
 *
 * @param supervisor absent if it is known not to run
 */
export async function endLab(directory: string, record: LabRecord, supervisor?: ProcessIdentity): Promise<void> {
  if (supervisor !== undefined && isRunning(supervisor)) {
    process.kill(supervisor.pid, "SIGTERM");
    const deadline = Date.now() + shutdownTimeoutMs;
    while (isRunning(supervisor) && Date.now() < deadline) await delay(20);
  }
  await removeLab(directory, record);
}
