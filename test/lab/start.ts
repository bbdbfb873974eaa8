import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, existsSync, openSync, readFileSync } from "node:fs";
import { parse } from "yaml";
import { labProgram } from "./component";
import { lastLines } from "./component-process";
import type { Lab, LabControl } from "./lab";
import { claimDirectory, freshDirectory, layoutOf, readRecord, removeStaleLabs, type LabRecord } from "./lab-directory";
import { identify, labMark, supervisorMark } from "./process-table";
import { endLab, type LabCommand, type SupervisorMessage } from "./supervisor";
import { findTools } from "./tools";

/** Options of a new lab. */
export interface StartOptions {
  /** The lab's directory. Default: a new one. */
  readonly directory?: string;
  /** The project's folder. Default: the working directory. */
  readonly root?: string;
  /** Whether the lab keeps running after this process has exited. Default: `false`. */
  readonly detach?: boolean;
  /** Receives lines about the progress. */
  readonly report?: (line: string) => void;
}

/**
 * Starts a lab. Removes stale labs first.
 *
 * @throws ToolsMissingError if programs of the lab are missing on this machine
 * @throws Error if the directory is not free, or with the end of the log of a process that does not start
 */
export async function startLab(options: StartOptions = {}): Promise<Lab> {
  const root = options.root ?? process.cwd();
  if (!existsSync(labProgram(root).at(-1) ?? "")) {
    throw new Error(`${root} is not the folder of this project: it has no test/lab/main.ts.`);
  }
  findTools();
  await removeStaleLabs();
  const { directory, record } = await claimDirectory(options.directory ?? freshDirectory());
  const log = openSync(layoutOf(directory).supervisorLog, "a");
  const supervisor = spawn(process.execPath, [...labProgram(root), "supervise", directory], {
    detached: true,
    stdio: ["ignore", log, log, "ipc"],
    env: { ...process.env, [labMark]: record.id, [supervisorMark]: "1" },
  });
  closeSync(log);
  try {
    await untilReady(supervisor, directory, options.report);
  } catch (error) {
    await endLab(directory, record, supervisor.pid === undefined ? undefined : identify(supervisor.pid));
    throw error;
  }
  if (options.detach === true) await release(supervisor);
  supervisor.unref();
  supervisor.channel?.unref();
  return { ...attachLab(directory), stop: () => stopLab(directory) };
}

/**
 * Connects to a running lab.
 *
 * @throws Error if the directory has no lab, or the lab is not ready
 */
export function attachLab(directory: string): Lab {
  const record = readRecord(directory);
  if (record === undefined) throw new Error(`${directory} has no lab. Start it with \`npm run lab -- up\`.`);
  const { controlUrl, apiUrl, registryHost, gitUrl, receiverUrl } = record;
  if (controlUrl === undefined || apiUrl === undefined || registryHost === undefined || gitUrl === undefined) {
    throw new Error(`The lab in ${directory} is not ready yet.`);
  }
  const { kubeconfig, git } = layoutOf(directory);
  return {
    kubeconfigPath: kubeconfig,
    apiUrl,
    registryHost,
    registryUrl: `http://${registryHost}`,
    gitUrl,
    gitRoot: git,
    receiverUrl,
    control: controlOf(directory, record, controlUrl),
    stop: () => Promise.resolve(),
  };
}

/** Ends the lab in this directory, stale or not. Does nothing if there is no lab. */
export async function stopLab(directory: string): Promise<void> {
  const record = readRecord(directory);
  if (record !== undefined) await endLab(directory, record, record.supervisor);
}

function controlOf(directory: string, record: LabRecord, controlUrl: string): LabControl {
  const { kubeconfig, logs } = layoutOf(directory);
  const { users } = parse(readFileSync(kubeconfig, "utf8")) as { users: [{ user: { token: string } }] };
  const execute = async (command: LabCommand) => {
    const headers = { authorization: `Bearer ${record.id}` };
    const response = await fetch(controlUrl, { method: "POST", headers, body: JSON.stringify(command) });
    if (!response.ok) throw new Error(await response.text());
  };
  return {
    directory,
    logs,
    adminToken: users[0].user.token,
    kill: (component) => execute({ kind: "kill", component }),
    restart: (component) => execute({ kind: "restart", component }),
    keepUnready: (...images) => execute({ kind: "keep-unready", images }),
  };
}

function untilReady(supervisor: ChildProcess, directory: string, report?: (line: string) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    supervisor.on("message", (message: SupervisorMessage) => {
      if (message.kind === "progress") report?.(message.line);
      else if (message.kind === "ready") resolve();
      else reject(new Error(message.message));
    });
    supervisor.once("error", reject);
    supervisor.once("exit", () => {
      const log = lastLines(layoutOf(directory).supervisorLog, 15);
      reject(new Error(`The lab's supervisor exited at its start. The end of its log:\n${log}`));
    });
  });
}

/** Lets the supervisor run on after this process has exited. Any message means this. */
async function release(supervisor: ChildProcess): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    supervisor.send("release", (error) => (error === null ? resolve() : reject(error)));
  });
  supervisor.disconnect();
}
