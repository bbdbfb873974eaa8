/** Credentials for registries from the Docker config (`auths`, `credHelpers`, `credsStore`), as `docker login` writes it. */
import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import * as z from "zod";
import type { ImageAddress } from "./image-address";

/** Credentials for one registry. Never printed. */
export type Credentials =
  | { readonly kind: "password"; readonly username: string; readonly password: string }
  | { readonly kind: "identity"; readonly token: string };

/** The Docker config names credentials that cannot be read. The message holds no credentials. */
export class CredentialsError extends Error {
  override readonly name = "CredentialsError";
}

/** Docker takes `null` for nothing. */
function orNothing<S extends z.ZodType>(schema: S) {
  return schema.nullish().transform((value) => value ?? undefined);
}

const text = orNothing(z.string());
const login = z.object({ auth: text, username: text, password: text, identitytoken: text });
const dockerConfig = z.object({
  auths: orNothing(z.record(z.string(), orNothing(login))),
  credHelpers: orNothing(z.record(z.string(), z.string())),
  credsStore: text,
});

type DockerConfig = z.infer<typeof dockerConfig>;

/**
 * The credentials for an image repository; nothing when the Docker config has none, for anonymous requests. An entry of a
 * path (`quay.io/team-a`, as `podman login` writes it) is for the repositories below it, and comes before one of the
 * whole registry.
 *
 * @throws CredentialsError when the config cannot be read or its helper fails
 */
export async function findCredentials(
  { registry, name: repository }: Pick<ImageAddress, "registry" | "name">,
  timeoutMs: number,
): Promise<Credentials | undefined> {
  const { auths = {}, credHelpers = {}, credsStore = "" } = await readConfig();
  const parts = repository.split("/");
  const paths = parts.map((_, index) => [registry, ...parts.slice(0, parts.length - index)].join("/"));
  // The config lists Docker Hub under the address of its first API.
  const hosts = registry === "docker.io" ? ["https://index.docker.io/v1/", "index.docker.io", "docker.io"] : [registry];
  const ask = async (helper: string | undefined, name: string) =>
    helper === undefined || helper === "" ? undefined : askHelper(helper, name, timeoutMs);
  for (const name of paths) {
    const found = (await ask(entryFor(credHelpers, name), name)) ?? fromAuths(auths, name);
    if (found !== undefined) return found;
  }
  const helped = hosts.filter((name) => entryFor(credHelpers, name) !== undefined);
  for (const name of helped.length > 0 ? helped : hosts) {
    const found = await ask(entryFor(credHelpers, name) ?? credsStore, name);
    if (found !== undefined) return found;
  }
  return hosts.map((name) => fromAuths(auths, name)).find((found) => found !== undefined);
}

async function readConfig(): Promise<DockerConfig> {
  const path = configPath();
  const content = await readFile(path, "utf8").catch((error: unknown) => {
    const { code = "error" } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") return "{}";
    throw new CredentialsError(`cannot read the Docker config ${path}: ${code}`);
  });
  const value = parseJson(content);
  if (value === undefined) throw new CredentialsError(`the Docker config ${path} is not JSON`);
  const { data, error } = dockerConfig.safeParse(value ?? {});
  if (data !== undefined) return data;
  const places = error.issues.map((issue) => (issue.path.length === 0 ? "top level" : issue.path.join(".")));
  throw new CredentialsError(`the Docker config ${path} is not in Docker's format: ${places.join(", ")}`);
}

function configPath(): string {
  return join(process.env.DOCKER_CONFIG ?? join(homedir(), ".docker"), "config.json");
}

/** The entry of exactly this name, or else of an address that means the same. */
function entryFor<Entry>(entries: Readonly<Record<string, Entry>>, name: string): Entry | undefined {
  const all = Object.entries(entries);
  return (all.find(([key]) => key === name) ?? all.find(([key]) => placeOf(key) === name))?.[1];
}

function fromAuths(auths: NonNullable<DockerConfig["auths"]>, name: string): Credentials | undefined {
  const { identitytoken = "", username = "", password = "", auth = "" } = entryFor(auths, name) ?? {};
  if (identitytoken !== "") return { kind: "identity", token: identitytoken };
  if (username !== "" && password !== "") return { kind: "password", username, password };
  const decoded = Buffer.from(auth, "base64").toString("utf8");
  const colon = decoded.indexOf(":");
  return colon < 1
    ? undefined
    : { kind: "password", username: decoded.slice(0, colon), password: decoded.slice(colon + 1) };
}

/** The host and the path. That of `https://host/v1/` or `host/v1/`, as Docker writes them, is that of the API. */
function placeOf(key: string): string {
  return key
    .replace(/^(?:https?:\/\/([^/]*)(?:\/v[12])?\/*|([^/]+)\/v[12]\/+)$/, "$1$2")
    .replace(/^https?:\/\/|\/+$/g, "");
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
    throw new CredentialsError(
      `${program}, which the Docker config names, cannot be run: ${code ?? "error"}; install it, or remove it from ${configPath()}`,
    );
  }
  if (failed) {
    if (/credentials not found/i.test(stdout)) return undefined;
    throw failure(
      `it ended with ${exitCode === undefined ? String(signal) : `exit code ${exitCode}`}; run \`echo ${registry} | ${program} get\` to see why`,
    );
  }
  const { data } = helperAnswer.safeParse(parseJson(stdout));
  if (data === undefined) throw failure("its answer is not JSON with `Username` and `Secret`");
  if (data.Secret === "") return undefined;
  return data.Username === "<token>"
    ? { kind: "identity", token: data.Secret }
    : { kind: "password", username: data.Username, password: data.Secret };
}

const helperAnswer = z.object({ Username: z.string(), Secret: z.string() });

/** Nothing for what is not JSON. A parser's message would quote it. */
function parseJson(content: string): unknown {
  try {
    return JSON.parse(content);
  } catch {
    return undefined;
  }
}
