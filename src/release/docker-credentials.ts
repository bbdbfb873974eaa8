/** Who we are to a registry, from the Docker config: `auths`, `credHelpers` and `credsStore`, as `docker login` leaves them. */
import { spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";

/** Credentials for one registry. Never printed. */
export type Credentials =
  | { readonly kind: "password"; readonly username: string; readonly password: string }
  | { readonly kind: "identity"; readonly token: string };

/** Why credentials that the Docker config promises cannot be had. Its message holds none of them. */
export class CredentialsError extends Error {
  override readonly name = "CredentialsError";
}

interface DockerConfig {
  readonly auths?: Readonly<
    Record<string, { auth?: string; username?: string; password?: string; identitytoken?: string }>
  >;
  readonly credHelpers?: Readonly<Record<string, string>>;
  readonly credsStore?: string;
}

/**
 * The credentials for a registry; nothing where the Docker config has none, and the registry is asked as anybody.
 *
 * @param registry as in an image's name: `ghcr.io`, `docker.io`
 * @throws CredentialsError when the config cannot be read or its helper fails
 */
export async function findCredentials(registry: string, timeoutMs: number): Promise<Credentials | undefined> {
  const config = await readConfig();
  // Docker Hub stands in the config under the address of its first API.
  const names = registry === "docker.io" ? ["https://index.docker.io/v1/", "index.docker.io", "docker.io"] : [registry];
  for (const name of names) {
    const helper = config.credHelpers?.[name] ?? config.credsStore;
    const found =
      (helper === undefined || helper === "" ? undefined : await askHelper(helper, name, timeoutMs)) ??
      fromAuths(config, name);
    if (found !== undefined) {
      return found;
    }
  }
  return undefined;
}

async function readConfig(): Promise<DockerConfig> {
  const path = join(process.env.DOCKER_CONFIG ?? join(homedir(), ".docker"), "config.json");
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") {
      return {};
    }
    throw new CredentialsError(
      `the Docker config ${path} cannot be read: ${(error as NodeJS.ErrnoException).code ?? "error"}`,
    );
  }
  try {
    return (JSON.parse(text) as DockerConfig | null) ?? {};
  } catch {
    // The parser's own words would quote the file.
    throw new CredentialsError(`the Docker config ${path} is not JSON`);
  }
}

function fromAuths(config: DockerConfig, name: string): Credentials | undefined {
  const entry = Object.entries(config.auths ?? {}).find(([key]) => key === name || hostOf(key) === name)?.[1];
  if (entry === undefined) {
    return undefined;
  }
  if (entry.identitytoken !== undefined && entry.identitytoken !== "") {
    return { kind: "identity", token: entry.identitytoken };
  }
  if (entry.username !== undefined && entry.password !== undefined) {
    return { kind: "password", username: entry.username, password: entry.password };
  }
  const decoded = Buffer.from(entry.auth ?? "", "base64").toString("utf8");
  const colon = decoded.indexOf(":");
  return colon < 1
    ? undefined
    : { kind: "password", username: decoded.slice(0, colon), password: decoded.slice(colon + 1) };
}

function hostOf(key: string): string {
  return key.replace(/^https?:\/\//, "").replace(/\/.*$/, "");
}

/** Asks `docker-credential-<helper>`; nothing when it knows no credentials for the registry. */
async function askHelper(helper: string, registry: string, timeoutMs: number): Promise<Credentials | undefined> {
  const program = `docker-credential-${helper}`;
  const { code, output } = await runHelper(program, registry, timeoutMs);
  if (code !== 0) {
    if (/credentials not found/i.test(output)) {
      return undefined;
    }
    throw new CredentialsError(
      `${program} gives no credentials for ${registry}: it ended with exit code ${String(code)}`,
    );
  }
  try {
    const { Username, Secret } = JSON.parse(output) as { Username: string; Secret: string };
    return Username === "<token>"
      ? { kind: "identity", token: Secret }
      : { kind: "password", username: Username, password: Secret };
  } catch {
    throw new CredentialsError(`${program} gives no credentials for ${registry}: its answer is not JSON`);
  }
}

async function runHelper(
  program: string,
  input: string,
  timeoutMs: number,
): Promise<{ code: number | null; output: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, ["get"], { stdio: ["pipe", "pipe", "ignore"], timeout: timeoutMs });
    const output: Buffer[] = [];
    child.on("error", (error: NodeJS.ErrnoException) =>
      reject(
        new CredentialsError(`${program}, which the Docker config names, cannot be run: ${error.code ?? "error"}`),
      ),
    );
    child.stdout.on("data", (chunk: Buffer) => output.push(chunk));
    child.stdin.on("error", () => undefined);
    child.stdin.end(input);
    child.on("close", (code) => resolve({ code, output: Buffer.concat(output).toString("utf8") }));
  });
}
