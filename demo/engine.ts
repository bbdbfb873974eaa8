import { execFile } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { promisify } from "node:util";
import { findExecutable, isExecutable } from "./executable";

/** The versions that the program's libraries go with. */
export const engineVersion = "3.259.0";
export const providerVersion = "4.32.0";

/** A Pulumi engine that runs, with a Kubernetes provider. */
export interface Engine {
  /** Absolute path of the `pulumi` binary. */
  readonly binary: string;
  /** What `pulumi version` says, without `v`. */
  readonly version: string;
  /** Where it was found, as a person would say it: `$PULUMI`, `pulumi on PATH`, ... */
  readonly origin: string;
  /** The folder of installed plugins that holds the provider; absent where the provider is on `PATH`. */
  readonly plugins?: string;
}

/** Why there is no engine, in one sentence. */
export interface NoEngine {
  readonly missing: string;
}

/** Where an engine may come from. */
export interface FindEngineOptions {
  /**
   * Whether the official npm package `pulumi` may download the engine, and the engine its provider, into the user's own
   * Pulumi home, as `npx pulumi` does. Default: `false`, only what is already on this machine.
   */
  readonly download?: boolean;
  /** Called before something is downloaded, since that can take minutes. */
  readonly onDownload?: (what: string) => void;
  /** The variables that are read: `PULUMI`, `PATH`, `PULUMI_HOME`. Default: those of this process. */
  readonly environment?: NodeJS.ProcessEnv;
}

/**
 * Finds the real Pulumi engine and its Kubernetes provider: `$PULUMI`, then `pulumi` on `PATH`, then what the official
 * npm package `pulumi` has installed or, where that is allowed, installs now.
 */
export async function findEngine(options: FindEngineOptions = {}): Promise<Engine | NoEngine> {
  const environment = options.environment ?? process.env;
  const found = await findBinary(options, environment);
  if ("missing" in found) return found;
  const version = await versionOf(found.binary, environment);
  if (version === undefined) return { missing: `${found.origin} (${found.binary}) does not run` };
  const plugins = await findProvider(found.binary, options, environment);
  if (plugins === undefined) {
    return {
      missing: `there is ${found.origin}, but its Kubernetes provider ${providerVersion} is not installed (\`pulumi plugin install resource kubernetes ${providerVersion}\`)`,
    };
  }
  return { ...found, version, ...(plugins !== onPath && { plugins }) };
}

async function findBinary(
  options: FindEngineOptions,
  environment: NodeJS.ProcessEnv,
): Promise<{ readonly binary: string; readonly origin: string } | NoEngine> {
  const { PULUMI: declared = "", PATH: searchPath = "" } = environment;
  if (declared !== "") {
    // What was asked for by name is not replaced by something else in silence.
    if (isExecutable(declared)) return { binary: declared, origin: "$PULUMI" };
    return { missing: `$PULUMI names ${declared}, which is no program` };
  }
  const onSearchPath = findExecutable("pulumi", searchPath);
  if (onSearchPath !== undefined) return { binary: onSearchPath, origin: "`pulumi` on PATH" };

  const origin = `the npm package pulumi@${engineVersion}`;
  const installed = join(pulumiHome(environment), "versions", engineVersion, "bin", `pulumi${executableEnding}`);
  if (isExecutable(installed)) return { binary: installed, origin };
  const none = "there is no `pulumi` on PATH and $PULUMI is not set";
  if (options.download !== true) return { missing: none };
  if (!(await canDownload())) return { missing: `${none}; ${downloadHost}, which has one, cannot be reached` };
  options.onDownload?.(`the Pulumi engine ${engineVersion}`);
  try {
    await runWithin(downloadMinutes, "npm", ["exec", "--yes", "--", `pulumi@${engineVersion}`, "version"], environment);
  } catch (error) {
    return { missing: `${none}; ${origin} could not install it: ${lastLine(error)}` };
  }
  return isExecutable(installed) ? { binary: installed, origin } : { missing: `${none}; ${origin} installed none` };
}

const executableEnding = process.platform === "win32" ? ".exe" : "";

/** Where the npm package and the engine itself download from. */
const downloadHost = "get.pulumi.com";

const downloadMinutes = 5;

/** What `findProvider` gives for a provider that is found without a folder of plugins. */
const onPath = "";

/** The folder of plugins that holds the provider, `""` where the engine finds it on `PATH`, `undefined` where it is missing. */
async function findProvider(
  binary: string,
  options: FindEngineOptions,
  environment: NodeJS.ProcessEnv,
): Promise<string | undefined> {
  const searchPath = [dirname(binary), environment.PATH ?? ""].join(delimiter);
  if (findExecutable("pulumi-resource-kubernetes", searchPath) !== undefined) return onPath;
  const plugins = join(pulumiHome(environment), "plugins");
  if (holdsProvider(plugins)) return plugins;
  if (options.download !== true || !(await canDownload())) return undefined;
  options.onDownload?.(`the Kubernetes provider ${providerVersion}`);
  const install = ["plugin", "install", "resource", "kubernetes", providerVersion];
  await runWithin(downloadMinutes, binary, install, environment).catch(() => undefined);
  return holdsProvider(plugins) ? plugins : undefined;
}

function holdsProvider(plugins: string): boolean {
  const folder = `resource-kubernetes-v${providerVersion}`;
  // An installation that was broken off leaves its folder and a mark beside it.
  return (
    existsSync(plugins) && existsSync(join(plugins, folder)) && !readdirSync(plugins).includes(`${folder}.partial`)
  );
}

/** The Pulumi home of the user, which the npm package and other projects share. */
export function pulumiHome(environment: NodeJS.ProcessEnv): string {
  const { PULUMI_HOME: home = "" } = environment;
  return home === "" ? join(homedir(), ".pulumi") : home;
}

async function canDownload(): Promise<boolean> {
  try {
    const response = await fetch(`https://${downloadHost}/install.sh`, {
      method: "HEAD",
      signal: AbortSignal.timeout(5_000),
    });
    return response.ok;
  } catch {
    return false;
  }
}

async function versionOf(binary: string, environment: NodeJS.ProcessEnv): Promise<string | undefined> {
  try {
    const { stdout } = await runWithin(1, binary, ["version"], { ...environment, PULUMI_SKIP_UPDATE_CHECK: "true" });
    return stdout.trim().replace(/^v/, "");
  } catch {
    return undefined;
  }
}

async function runWithin(
  minutes: number,
  program: string,
  parameters: readonly string[],
  environment: NodeJS.ProcessEnv,
): Promise<{ readonly stdout: string }> {
  return promisify(execFile)(program, parameters, {
    env: environment,
    timeout: minutes * 60_000,
    // npm is a script for the shell on Windows.
    shell: process.platform === "win32" && program === "npm",
  });
}

function lastLine(error: unknown): string {
  const text = error instanceof Error && "stderr" in error ? String(error.stderr) : String(error);
  return text.trim().split("\n").at(-1) ?? "";
}
