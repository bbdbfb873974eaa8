import { spawn, spawnSync, type ChildProcessWithoutNullStreams } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { devNull } from "node:os";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { git } from "./git";
import { listenOnLoopback } from "./loopback";

/** What is served, and whether it may be changed. */
export interface GitServerOptions {
  /** The folder that holds the repositories: `<root>/podinfo.git` is served as `<url>/podinfo.git`. */
  readonly root: string;
  /** Whether clients may push; the first push to `<url>/<name>.git` makes that repository. Default: `false`. */
  readonly allowPush?: boolean;
  /** The port to listen on, where a server must come back at its old address. Default: a free one. */
  readonly port?: number;
}

/** A running Git server. */
export interface GitServer {
  /** `http://127.0.0.1:<port>`, without a slash at its end. */
  readonly url: string;
  /** Ends all connections and the Git processes behind them. */
  close(): Promise<void>;
}

/**
 * Serves Git repositories over HTTP on a free port of 127.0.0.1, through Git's own `git http-backend`. Partial clones
 * and fetches of single commits are allowed, as they are on the big hosts.
 *
 * @throws Error where this Git has no `http-backend` (some systems package it apart)
 */
export async function serveGit(options: GitServerOptions): Promise<GitServer> {
  requireHttpBackend();
  const backends = new Set<ChildProcessWithoutNullStreams>();
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const environment = cgiEnvironment(request, options);
    if (environment === undefined) {
      response.writeHead(400).end();
      return;
    }
    if (options.allowPush) await createAtFirstPush(request, options.root);
    const backend = spawn("git", ["http-backend"], { env: environment });
    backends.add(backend);
    backend.once("close", () => backends.delete(backend));
    await relay(request, response, backend).catch((error: unknown) => {
      backend.kill();
      throw error;
    });
  };
  const server = createServer((request, response) => {
    answer(request, response).catch(() => {
      // The client went away, or Git died: an answer that has begun can only be cut off.
      if (response.headersSent) response.destroy();
      else response.writeHead(500).end();
    });
  });
  const listening = await listenOnLoopback(server, options.port);
  return {
    url: listening.url,
    async close() {
      const ended = [...backends].map((backend) => once(backend, "close"));
      for (const backend of backends) backend.kill();
      await Promise.all([listening.close(), ...ended]);
    },
  };
}

function requireHttpBackend(): void {
  // Without a request it answers with an error in CGI's form, which tells it from a Git that does not know the command.
  const { stdout, error } = spawnSync("git", ["http-backend"], { env: { PATH: process.env.PATH }, encoding: "utf8" });
  if (error !== undefined) throw new Error("Git is not on PATH; the Git server of the lab needs it.");
  if (!stdout.startsWith("Status:")) {
    throw new Error(
      "This Git has no `git http-backend`, which serves Git over HTTP. Install it (Alpine: `apk add git-daemon`).",
    );
  }
}

/** What a client asks for before it pushes. */
const beforePush = /^\/([\w-][\w.-]*\.git)\/info\/refs\?service=git-receive-pack$/;

/** As Git hosts do it that make a repository by the first push to it. */
async function createAtFirstPush({ url = "" }: IncomingMessage, root: string): Promise<void> {
  const [, name] = beforePush.exec(url) ?? [];
  if (name === undefined || existsSync(join(root, name))) return;
  await git({ directory: root }, "init", "--quiet", "--bare", "--initial-branch=master", name);
}

/**
 * RFC 3875, as `git help http-backend` wants it, or `undefined` where the address cannot be read. No Git setting of the
 * user's reaches the server.
 */
function cgiEnvironment(request: IncomingMessage, options: GitServerOptions): NodeJS.ProcessEnv | undefined {
  const [pathname = "", query = ""] = (request.url ?? "").split("?", 2);
  const path = decodePath(pathname);
  if (path === undefined) return undefined;
  const { headers } = request;
  return {
    PATH: process.env.PATH,
    GIT_PROJECT_ROOT: options.root,
    GIT_HTTP_EXPORT_ALL: "1",
    GIT_CONFIG_NOSYSTEM: "1",
    GIT_CONFIG_GLOBAL: devNull,
    ...gitConfig({
      "safe.directory": "*",
      "http.receivepack": String(options.allowPush ?? false),
      "uploadpack.allowFilter": "true",
      "uploadpack.allowAnySHA1InWant": "true",
    }),
    REQUEST_METHOD: request.method,
    PATH_INFO: path,
    QUERY_STRING: query,
    REMOTE_ADDR: request.socket.remoteAddress,
    CONTENT_TYPE: headers["content-type"] ?? "",
    ...(headers["content-length"] !== undefined && { CONTENT_LENGTH: headers["content-length"] }),
    ...(headers["content-encoding"] !== undefined && { HTTP_CONTENT_ENCODING: headers["content-encoding"] }),
    ...(typeof headers["git-protocol"] === "string" && { GIT_PROTOCOL: headers["git-protocol"] }),
  };
}

function decodePath(path: string): string | undefined {
  try {
    const decoded = decodeURIComponent(path);
    return decoded.includes("\0") ? undefined : decoded;
  } catch {
    return undefined;
  }
}

function gitConfig(settings: Readonly<Record<string, string>>): NodeJS.ProcessEnv {
  const entries = Object.entries(settings);
  const pairs = entries.flatMap(([key, value], index) => [
    [`GIT_CONFIG_KEY_${index}`, key],
    [`GIT_CONFIG_VALUE_${index}`, value],
  ]);
  return { GIT_CONFIG_COUNT: String(entries.length), ...(Object.fromEntries(pairs) as Record<string, string>) };
}

async function relay(
  request: IncomingMessage,
  response: ServerResponse,
  backend: ChildProcessWithoutNullStreams,
): Promise<void> {
  response.once("close", () => {
    if (!response.writableFinished) backend.kill();
  });
  backend.once("error", () => response.destroy());
  backend.stderr.resume();
  // Git may answer without reading the whole request, and then closes its end: that is no failure of the answer.
  const asked = pipeline(request, backend.stdin).catch(() => undefined);
  const head = await readHead(backend);
  response.writeHead(head.status, head.headers);
  response.write(head.bodyStart);
  await pipeline(backend.stdout, response);
  await asked;
}

interface Head {
  readonly status: number;
  readonly headers: Record<string, string>;
  /** What of the body came in the same chunk as the end of the head. */
  readonly bodyStart: Buffer;
}

async function readHead(backend: ChildProcessWithoutNullStreams): Promise<Head> {
  let seen = Buffer.alloc(0);
  for (;;) {
    const end = seen.indexOf("\r\n\r\n");
    if (end >= 0) return parseHead(seen.subarray(0, end).toString("latin1"), seen.subarray(end + 4));
    const chunk = backend.stdout.read() as Buffer | null;
    if (chunk !== null) {
      seen = Buffer.concat([seen, chunk]);
    } else {
      if (backend.stdout.readableEnded || backend.stdout.destroyed) throw new Error("Git ended before it answered.");
      await Promise.race([once(backend.stdout, "readable"), once(backend, "close")]);
    }
  }
}

function parseHead(text: string, bodyStart: Buffer): Head {
  const headers = Object.fromEntries(
    text.split("\r\n").map((line) => {
      const colon = line.indexOf(":");
      return [line.slice(0, colon), line.slice(colon + 1).trim()];
    }),
  ) as Record<string, string>;
  const { Status: status = "200", ...others } = headers;
  return { status: Number.parseInt(status, 10), headers: others, bodyStart };
}
