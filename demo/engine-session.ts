import { randomBytes } from "node:crypto";
import { mkdirSync, symlinkSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { execa } from "execa";
import type { Engine } from "./engine";

/** The result of one run of the engine. */
export interface EngineResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Options of one run of the engine. */
export interface EngineRunOptions {
  /** The folder with `Pulumi.yaml`. */
  readonly directory: string;
  /** Additional variables, such as `KUBECONFIG`. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Ends the engine and all its child processes. */
  readonly signal?: AbortSignal;
}

/**
 * An isolated home for the engine: state in files, and a random passphrase. The engine does not read the user's Pulumi,
 * Kubernetes, Docker or Git settings.
 */
export interface EngineSession {
  /** The engine's environment, for a program that starts the engine itself. */
  readonly environment: NodeJS.ProcessEnv;
  /** Runs `pulumi` without colours and prompts. A nonzero exit code is a result, not an error. */
  run(parameters: readonly string[], options: EngineRunOptions): Promise<EngineResult>;
}

/**
 * Opens a session.
 *
 * @param directory an existing folder for the session's files; the caller removes it
 */
export function openEngineSession(engine: Engine, directory: string): EngineSession {
  const home = join(directory, "home");
  const state = join(directory, "state");
  const pulumiHome = join(home, ".pulumi");
  const temporary = join(directory, "tmp");
  for (const folder of [state, pulumiHome, temporary]) mkdirSync(folder, { recursive: true });
  if (engine.plugins !== undefined) symlinkSync(engine.plugins, join(pulumiHome, "plugins"), "junction");
  const environment: NodeJS.ProcessEnv = {
    ...inheritedVariables(),
    // First the engine's folder, for its language host; then the folder of this Node, for the program.
    PATH: [dirname(engine.binary), dirname(process.execPath), process.env.PATH ?? ""].join(delimiter),
    HOME: home,
    USERPROFILE: home,
    TMPDIR: temporary,
    TMP: temporary,
    TEMP: temporary,
    PULUMI_HOME: pulumiHome,
    // Without `*.attrs` files. They are not written atomically: after a kill or on a full disk the engine finds an empty
    // one and can no longer read its state.
    PULUMI_BACKEND_URL: `${pathToFileURL(state).href}?metadata=skip`,
    PULUMI_CONFIG_PASSPHRASE: randomBytes(24).toString("base64url"),
    PULUMI_SKIP_UPDATE_CHECK: "true",
    PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: "true",
    // For providers before the option `enablePatchForce`, which the program sets.
    PULUMI_K8S_ENABLE_PATCH_FORCE: "true",
    NO_COLOR: "1",
  };
  return {
    environment: { ...environment, PULUMI: engine.binary },
    run: (parameters, options) =>
      runInGroup(engine.binary, [...parameters, "--non-interactive", "--color", "never"], {
        ...options,
        environment: { ...environment, ...options.environment } as Record<string, string>,
      }),
  };
}

/** The variables of this process that every program needs. */
function inheritedVariables(): NodeJS.ProcessEnv {
  const names = ["LANG", "LC_ALL", "TZ", "SystemRoot", "ComSpec", "PATHEXT"];
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => names.includes(name)));
}

/** Runs a program in a process group of its own, so that `signal` also ends its child processes. */
async function runInGroup(program: string, parameters: string[], options: EngineRunOptions): Promise<EngineResult> {
  const { directory, environment, signal } = options;
  signal?.throwIfAborted();
  const grouped = process.platform !== "win32";
  const child = execa(program, parameters, {
    cwd: directory,
    env: environment,
    extendEnv: false,
    stdin: "ignore",
    stripFinalNewline: false,
    detached: grouped,
    reject: false,
  });
  const end = () => {
    if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
    if (grouped) process.kill(-child.pid, "SIGKILL");
    else child.kill();
  };
  signal?.addEventListener("abort", end, { once: true });
  try {
    const { exitCode, stdout, stderr, cause } = await child;
    signal?.throwIfAborted();
    if (child.pid === undefined) throw cause;
    return { code: exitCode ?? 1, stdout, stderr };
  } finally {
    signal?.removeEventListener("abort", end);
  }
}
