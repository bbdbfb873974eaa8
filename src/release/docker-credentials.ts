/** Credentials for registries from the Docker config (`auths`, `credHelpers`, `credsStore`), as `docker login` writes it. */
import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";

/** Credentials for one registry. Never printed. */
export type Credentials =
  | { readonly kind: "password"; readonly username: string; readonly password: string }
  | { readonly kind: "identity"; readonly token: string };

/** The Docker config names credentials that cannot be read. The message holds no credentials. */
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
 * The credentials for a registry; nothing when the Docker config has none, for anonymous requests.
 *
 * @param registry as in an image's name: `ghcr.io`, `docker.io`
 * @throws CredentialsError when the config cannot be read or its helper fails
 */
export async function findCredentials(registry: string, timeoutMs: number): Promise<Credentials | undefined> {
  const config = await readConfig();
  // The config lists Docker Hub under the address of its first API.
  const names = registry === "docker.io" ? ["https://index.docker.io/v1/", "index.docker.io", "docker.io"] : [registry];
  for (const name of names) {
    const helper = config.credHelpers?.[name] ?? config.credsStore;
    const found =
      (helper === undefined || helper === "" ? undefined : await askHelper(helper, name, timeoutMs)) ??
      fromAuths(config, name);
    if (found !== undefined) return found;
  }
  return undefined;
}

async function readConfig(): Promise<DockerConfig> {
  const path = join(process.env.DOCKER_CONFIG ?? join(homedir(), ".docker"), "config.json");
  const text = await readFile(path, "utf8").catch((error: unknown) => {
    const { code = "error" } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") return "{}";
    throw new CredentialsError(`cannot read the Docker config ${path}: ${code}`);
  });
  try {
    return (JSON.parse(text) as DockerConfig | null) ?? {};
  } catch {
    // The parser's message would quote the file.
    throw new CredentialsError(`the Docker config ${path} is not JSON`);
  }
}

function fromAuths(config: DockerConfig, name: string): Credentials | undefined {
  const entry = Object.entries(config.auths ?? {}).find(([key]) => key === name || hostOf(key) === name)?.[1];
  if (entry === undefined) return undefined;
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

/** The answer of `docker-credential-<helper> get`; nothing when it has no credentials for the registry. */
async function askHelper(helper: string, registry: string, timeoutMs: number): Promise<Credentials | undefined> {
  const program = `docker-credential-${helper}`;
  const { execa } = await import("execa");
  const { stdout, failed, timedOut, exitCode, signal, code } = await execa(program, ["get"], {
    input: registry,
    stderr: "ignore",
    timeout: timeoutMs,
    maxBuffer: 1024 * 1024,
    reject: false,
  });
  const failure = (reason: string) =>
    new CredentialsError(`${program} gives no credentials for ${registry}: ${reason}`);
  if (timedOut) throw failure(`no answer within ${timeoutMs / 1000} s`);
  if (failed && exitCode === undefined && signal === undefined) {
    throw new CredentialsError(`${program}, which the Docker config names, cannot be run: ${code ?? "error"}`);
  }
  if (failed) {
    if (/credentials not found/i.test(stdout)) return undefined;
    throw failure(`it ended with ${exitCode === undefined ? String(signal) : `exit code ${exitCode}`}`);
  }
  try {
    const { Username, Secret } = JSON.parse(stdout) as { Username: string; Secret: string };
    return Username === "<token>"
      ? { kind: "identity", token: Secret }
      : { kind: "password", username: Username, password: Secret };
  } catch {
    throw failure("its answer is not JSON");
  }
}
