import { spawn, type ChildProcess } from "node:child_process";
import { closeSync, existsSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { tailOf } from "./component-process";
import { endLab, type KeeperMessage, type Order, type ReleaseMessage } from "./supervisor";
import type { Lab, LabControl } from "./lab";
import { claimDirectory, freshDirectory, layoutOf, readRecord, removeStaleLabs } from "./lab-directory";
import type { LabRecord } from "./lab-directory";
import { identify, keeperMark, labMark } from "./process-table";
import { openToolbox } from "./toolbox";

/** How a lab is started. */
export interface StartOptions {
  /** Where everything of the lab lives. Default: a fresh directory beside the user's other labs. */
  readonly directory?: string;
  /** The folder with `bin/`, `crds/` and `kwok/`. Default: `$AUTHORITY_TOOLS`. */
  readonly tools?: string;
  /** The project's folder. Default: the working directory. */
  readonly root?: string;
  /** Whether the lab outlives this process. Default: `false`, it ends with it, however it ends. */
  readonly keep?: boolean;
  /** Takes one line on what happens. */
  readonly report?: (line: string) => void;
}

/**
 * Starts a lab, and first cleans up after those that were left behind by a crash.
 *
 * @throws ToolsMissingError where this machine has not what the lab needs
 * @throws Error where the directory is taken, or with the end of the log of a process that does not start
 */
export async function startLab(options: StartOptions = {}): Promise<Lab> {
  const root = options.root ?? process.cwd();
  const entry = join(root, "bin", "lab.js");
  if (!existsSync(entry)) throw new Error(`${root} is not the folder of this project: it has no bin/lab.js.`);
  const tools = options.tools ?? process.env.AUTHORITY_TOOLS;
  openToolbox(tools);
  await removeStaleLabs();
  const { directory, record } = await claimDirectory(options.directory ?? freshDirectory());
  const log = openSync(join(directory, "keeper.log"), "a");
  const keeper = spawn(process.execPath, [entry, "keep", directory], {
    detached: true,
    stdio: ["ignore", log, log, "ipc"],
    env: { ...process.env, AUTHORITY_TOOLS: tools, [labMark]: record.id, [keeperMark]: "1" },
  });
  closeSync(log);
  try {
    await untilReady(keeper, directory, options.report);
  } catch (error) {
    await endLab(directory, record, keeper.pid === undefined ? undefined : identify(keeper.pid));
    throw error;
  }
  if (options.keep === true) await release(keeper);
  keeper.unref();
  keeper.channel?.unref();
  return { ...attachLab(directory), stop: () => stopLab(directory) };
}

/**
 * A lab that runs already.
 *
 * @throws Error where there is none in the directory, or one that is not ready
 */
export function attachLab(directory: string): Lab {
  const record = readRecord(directory);
  if (record === undefined) throw new Error(`There is no lab in ${directory}. Start it with \`npm run lab -- up\`.`);
  const { controlUrl, apiUrl, registryHost, gitUrl } = record;
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
    control: controlOf(directory, record, controlUrl),
    stop: () => Promise.resolve(),
  };
}

/** Ends the lab in this directory, stale or not. Without one there, nothing happens. */
export async function stopLab(directory: string): Promise<void> {
  const record = readRecord(directory);
  if (record !== undefined) await endLab(directory, record, record.keeper);
}

function controlOf(directory: string, record: LabRecord, controlUrl: string): LabControl {
  const layout = layoutOf(directory);
  const config = parse(readFileSync(layout.kubeconfig, "utf8")) as { users: [{ user: { token: string } }] };
  const order = async (body: Order) => {
    const response = await fetch(controlUrl, {
      method: "POST",
      headers: { authorization: `Bearer ${record.id}` },
      body: JSON.stringify(body),
    });
    if (!response.ok) throw new Error(await response.text());
  };
  return {
    directory,
    logs: layout.logs,
    adminToken: config.users[0].user.token,
    kill: (component) => order({ kind: "kill", component }),
    restart: (component) => order({ kind: "restart", component }),
    keepUnready: (...images) => order({ kind: "keep-unready", images }),
  };
}

function untilReady(keeper: ChildProcess, directory: string, report?: (line: string) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    keeper.on("message", (message: KeeperMessage) => {
      if (message.kind === "progress") report?.(message.line);
      else if (message.kind === "ready") resolve();
      else reject(new Error(message.message));
    });
    keeper.once("error", reject);
    keeper.once("exit", () => {
      reject(new Error(`The lab's keeper ended at its start.\n${tailOf(join(directory, "keeper.log"), 15)}`));
    });
  });
}

async function release(keeper: ChildProcess): Promise<void> {
  const message: ReleaseMessage = { kind: "release" };
  await new Promise<void>((resolve, reject) => {
    keeper.send(message, (error) => (error === null ? resolve() : reject(error)));
  });
  keeper.disconnect();
}
