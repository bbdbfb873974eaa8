import { existsSync, readdirSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { execa } from "execa";
import { SemVer } from "semver";
import { devDependencies as dependencies } from "../package.json";
import { findExecutable, isExecutable } from "./executable";

/** The engine and the provider have the versions of the SDKs. */
export const engineVersion = dependencies["@pulumi/pulumi"];
export const providerVersion = dependencies["@pulumi/kubernetes"];

/** An installed Pulumi engine with a Kubernetes provider. */
export interface Engine {
  /** Absolute path of the `pulumi` binary. */
  readonly binary: string;
  /** The output of `pulumi version`, without `v`. */
  readonly version: string;
  /** Where the engine was found, for messages: `$PULUMI`, ... */
  readonly origin: string;
  /** The plugin folder with the provider. Absent if the provider is on `PATH`. */
  readonly plugins?: string;
}

/** No usable engine was found. */
export interface NoEngine {
  /** The reason, as a clause for messages. */
  readonly missing: string;
}

/** Options of `findEngine`. */
export interface FindEngineOptions {
  /** Whether the engine and its provider are downloaded into the user's Pulumi home if missing. Default: `false`. */
  readonly download?: boolean;
  /** Called before each download. */
  readonly onDownload?: (what: string) => void;
  /** The source of `PULUMI`, `PATH` and `PULUMI_HOME`. Default: the environment of this process. */
  readonly environment?: NodeJS.ProcessEnv;
}

/**
 * Finds the Pulumi engine and its Kubernetes provider. Looks at `$PULUMI`, then `PATH`, then the installation that the
 * npm package `pulumi` and the Pulumi SDK share.
 */
export async function findEngine(options: FindEngineOptions = {}): Promise<Engine | NoEngine> {
  const environment = options.environment ?? process.env;
  const found = await findBinary(options, environment);
  if ("missing" in found) return found;
  const env = { ...environment, PULUMI_SKIP_UPDATE_CHECK: "true" };
  const { failed, stdout } = await execa(found.binary, ["version"], { env, extendEnv: false, reject: false });
  if (failed) return { missing: `${found.origin} (${found.binary}) does not run` };
  const plugins = await findProvider(found.binary, options, environment);
  if (plugins === undefined) {
    const install = `pulumi plugin install resource kubernetes ${providerVersion}`;
    return {
      missing: `${found.origin} was found, but its Kubernetes provider ${providerVersion} is not installed (\`${install}\`)`,
    };
  }
  return { ...found, version: stdout.replace(/^v/, ""), ...(plugins !== onPath && { plugins }) };
}

async function findBinary(
  options: FindEngineOptions,
  environment: NodeJS.ProcessEnv,
): Promise<Pick<Engine, "binary" | "origin"> | NoEngine> {
  const { PULUMI: declared = "", PATH: searchPath = "" } = environment;
  if (declared !== "") {
    if (isExecutable(declared)) return { binary: declared, origin: "$PULUMI" };
    return { missing: `$PULUMI is ${declared}, which is not a program` };
  }
  const onSearchPath = findExecutable("pulumi", searchPath);
  if (onSearchPath !== undefined) return { binary: onSearchPath, origin: "`pulumi` on PATH" };

  const root = join(pulumiHome(environment), "versions", engineVersion);
  const binary = join(root, "bin", process.platform === "win32" ? "pulumi.exe" : "pulumi");
  const origin = `the installation in ${root}`;
  if (isExecutable(binary)) return { binary, origin };
  const none = "`pulumi` is not on PATH and $PULUMI is not set";
  if (options.download !== true) return { missing: none };
  if (!(await canDownload())) return { missing: `${none}; ${downloadHost} cannot be reached for a download` };
  options.onDownload?.(`the Pulumi engine ${engineVersion}`);
  try {
    const { PulumiCommand } = await import("@pulumi/pulumi/automation/cmd.js");
    await PulumiCommand.install({ root, version: new SemVer(engineVersion) });
    return { binary, origin };
  } catch (error) {
    return { missing: `${none}; the download failed: ${error instanceof Error ? error.message : String(error)}` };
  }
}

const downloadHost = "get.pulumi.com";

async function canDownload(): Promise<boolean> {
  const options = { method: "HEAD", signal: AbortSignal.timeout(5_000) };
  return fetch(`https://${downloadHost}/install.sh`, options).then(
    (response) => response.ok,
    () => false,
  );
}

/** The result of `findProvider` if the engine finds the provider on `PATH`. */
const onPath = "";

/** The plugin folder with the provider, `onPath`, or `undefined` if the provider is missing. */
async function findProvider(
  binary: string,
  options: FindEngineOptions,
  env: NodeJS.ProcessEnv,
): Promise<string | undefined> {
  const searchPath = [dirname(binary), env.PATH ?? ""].join(delimiter);
  if (findExecutable("pulumi-resource-kubernetes", searchPath) !== undefined) return onPath;
  const plugins = join(pulumiHome(env), "plugins");
  if (hasProvider(plugins)) return plugins;
  if (options.download !== true || !(await canDownload())) return undefined;
  options.onDownload?.(`the Kubernetes provider ${providerVersion}`);
  const install = ["plugin", "install", "resource", "kubernetes", providerVersion];
  await execa(binary, install, { env, extendEnv: false, reject: false, timeout: 5 * 60_000 });
  return hasProvider(plugins) ? plugins : undefined;
}

function hasProvider(plugins: string): boolean {
  const folder = `resource-kubernetes-v${providerVersion}`;
  // A cancelled installation leaves the folder, and a marker file next to it.
  const installed = existsSync(plugins) ? readdirSync(plugins) : [];
  return installed.includes(folder) && !installed.includes(`${folder}.partial`);
}

/** The user's Pulumi home, which all projects share. */
export function pulumiHome(environment: NodeJS.ProcessEnv): string {
  const { PULUMI_HOME: home = "" } = environment;
  return home === "" ? join(homedir(), ".pulumi") : home;
}
