import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdirSync, symlinkSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Engine } from "./engine";

/** What one run of the engine gave. */
export interface EngineResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** How one run of the engine differs from the others. */
export interface EngineRunOptions {
  /** The folder that holds `Pulumi.yaml`. */
  readonly directory: string;
  /** Further variables, such as `KUBECONFIG`. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Ends the engine and all that it started. */
  readonly signal?: AbortSignal;
}

/**
 * A place of its own for the engine: home, state in files, a passphrase that nobody else has. Nothing of the user's
 * Pulumi, Kubernetes, Docker or Git settings reaches it, and it is gone with its folder.
 */
export interface EngineSession {
  /** The variables that the engine runs with, for a program that runs the engine itself. */
  readonly environment: NodeJS.ProcessEnv;
  /** Runs `pulumi` with these arguments, without colours and questions. A code other than 0 is a result, not an error. */
  run(parameters: readonly string[], options: EngineRunOptions): Promise<EngineResult>;
}

/**
 * Opens a session.
 *
 * @param directory an existing folder, which the session may fill; the caller removes it
 */
export function openEngineSession(engine: Engine, directory: string): EngineSession {
  const home = join(directory, "home");
  const state = join(directory, "state");
  const pulumiHome = join(home, ".pulumi");
  const temporary = join(directory, "tmp");
  for (const folder of [state, pulumiHome, temporary]) mkdirSync(folder, { recursive: true });
  if (engine.plugins !== undefined) symlinkSync(engine.plugins, join(pulumiHome, "plugins"), "junction");
  const environment: NodeJS.ProcessEnv = {
    ...inherited(),
    // The engine's own folder for its language host; this very Node for the program, whatever else is installed.
    PATH: [dirname(engine.binary), dirname(process.execPath), process.env.PATH ?? ""].join(delimiter),
    HOME: home,
    USERPROFILE: home,
    TMPDIR: temporary,
    TMP: temporary,
    TEMP: temporary,
    PULUMI_HOME: pulumiHome,
    // Without the files `*.attrs`, which are not written whole or not at all: an engine that is killed, or has no room,
    // leaves an empty one, and can then load its state no more.
    PULUMI_BACKEND_URL: `${pathToFileURL(state).href}?metadata=skip`,
    PULUMI_CONFIG_PASSPHRASE: randomBytes(24).toString("base64url"),
    PULUMI_SKIP_UPDATE_CHECK: "true",
    PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: "true",
    NO_COLOR: "1",
  };
  return {
    environment: { ...environment, PULUMI: engine.binary },
    run: (parameters, options) =>
      runInGroup(engine.binary, [...parameters, "--non-interactive", "--color", "never"], {
        ...options,
        environment: { ...environment, ...options.environment },
      }),
  };
}

/** What a program needs of its surroundings to run at all. */
function inherited(): NodeJS.ProcessEnv {
  const names = ["LANG", "LC_ALL", "TZ", "SystemRoot", "ComSpec", "PATHEXT"];
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => names.includes(name)));
}

interface GroupRun {
  readonly directory: string;
  readonly environment: NodeJS.ProcessEnv;
  readonly signal?: AbortSignal;
}

/** In a process group of its own, so that an end by `signal` leaves neither a provider nor a program behind. */
async function runInGroup(program: string, parameters: string[], options: GroupRun): Promise<EngineResult> {
  const { directory, environment, signal } = options;
  signal?.throwIfAborted();
  const grouped = process.platform !== "win32";
  const child = spawn(program, parameters, {
    cwd: directory,
    env: environment,
    stdio: ["ignore", "pipe", "pipe"],
    detached: grouped,
  });
  const end = () => {
    if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
    if (grouped) process.kill(-child.pid, "SIGKILL");
    else child.kill();
  };
  signal?.addEventListener("abort", end, { once: true });
  try {
    return await new Promise<EngineResult>((resolve, reject) => {
      let stdout = "";
      let stderr = "";
      child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
      child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
      child.once("error", reject);
      child.once("close", (code) => {
        if (signal?.aborted === true) reject(signal.reason as Error);
        else resolve({ code: code ?? 1, stdout, stderr });
      });
    });
  } finally {
    signal?.removeEventListener("abort", end);
  }
}
