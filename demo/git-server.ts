import { existsSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { devNull } from "node:os";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { execa, execaSync } from "execa";
import { git } from "./git";
import { listenOnLoopback, type Listening } from "./loopback";

/** Options of the Git server. */
export interface GitServerOptions {
  /** The folder with the repositories: `<root>/podinfo.git` is served as `<url>/podinfo.git`. */
  readonly root: string;
  /** Whether clients can push. The first push to `<url>/<name>.git` creates that repository. Default: `false`. */
  readonly allowPush?: boolean;
  /** The port, if the server must have a known address. Default: any free port. */
  readonly port?: number;
}

export type { Listening as GitServer };

/**
 * Serves Git repositories over HTTP on 127.0.0.1 with `git http-backend`. As on the large Git hosts, clients can make
 * partial clones and fetch single commits. `close()` also ends the Git processes of open requests.
 *
 * @throws Error if Git or its `http-backend` is not installed (some systems have a separate package for it)
 */
export async function serveGit(options: GitServerOptions): Promise<Listening> {
  requireHttpBackend();
  const closing = new AbortController();
  const active = new Set<Promise<void>>();
  const server = createServer((request, response) => {
    const answered = answerGit(request, response, options, closing.signal).catch(() => {
      if (response.headersSent) response.destroy();
      else response.writeHead(500).end();
    });
    active.add(answered);
    void answered.then(() => active.delete(answered));
  });
  const listening = await listenOnLoopback(server, options.port);
  return {
    url: listening.url,
    async close() {
      closing.abort();
      await Promise.all([listening.close(), ...active]);
    },
  };
}

function requireHttpBackend(): void {
  // Without a request, the backend answers with a CGI error. A Git without the backend reports an unknown command.
  const { stdout, code } = execaSync("git", ["http-backend"], {
    env: { PATH: process.env.PATH },
    extendEnv: false,
    input: "",
    reject: false,
  });
  if (code === "ENOENT") throw new Error("Git is not on PATH. The Git server needs it.");
  if (!stdout.startsWith("Status:")) {
    throw new Error(
      "This Git has no `git http-backend`, which serves Git over HTTP. Install it (Alpine: `apk add git-daemon`).",
    );
  }
}

/**
 * Answers one request of a Git client.
 *
 * @param options with the name of the user, which hooks see as `REMOTE_USER`, and what to do before the client has its answer
 */
export async function answerGit(
  request: IncomingMessage,
  response: ServerResponse,
  options: GitServerOptions & { readonly user?: string; readonly beforeAnswer?: () => Promise<void> },
  closing: AbortSignal,
): Promise<void> {
  const env = cgiEnvironment(request, options);
  if (env === undefined) {
    response.writeHead(400).end();
    return;
  }
  if (options.allowPush) await createAtFirstPush(request, options.root);
  const gone = new AbortController();
  response.once("close", () => gone.abort());
  const { stdout } = await execa("git", ["http-backend"], {
    env,
    extendEnv: false,
    input: await buffer(request),
    encoding: "buffer",
    stripFinalNewline: false,
    reject: false,
    cancelSignal: AbortSignal.any([closing, gone.signal]),
  });
  if (options.allowPush) await nameDefaultBranch(request, options.root);
  await options.beforeAnswer?.();
  const reply = Buffer.from(stdout);
  const end = reply.indexOf("\r\n\r\n");
  if (end < 0) throw new Error("Git ended without an answer.");
  const { status, headers } = parseHead(reply.toString("latin1", 0, end));
  response.writeHead(status, headers).end(reply.subarray(end + 4));
}

/** The request with which a client begins a push. */
const beforePush = /^\/([\w-][\w.-]*\.git)\/info\/refs\?service=git-receive-pack$/;

/** Creates the repository that a client wants to push to, as some Git hosts do. */
async function createAtFirstPush({ url = "" }: IncomingMessage, root: string): Promise<void> {
  const [, name] = beforePush.exec(url) ?? [];
  if (name === undefined || existsSync(join(root, name))) return;
  await git({ directory: root }, "init", "--quiet", "--bare", "--initial-branch=master", name);
}

/** The request with which a client pushes. */
const push = /^\/([\w-][\w.-]*\.git)\/git-receive-pack$/;

/**
 * Makes the first branch that is pushed the default branch, as the large Git hosts do. Without a default branch, nobody
 * can clone the repository without naming a branch. Flux clones so for a tag with a commit.
 */
async function nameDefaultBranch({ url = "" }: IncomingMessage, root: string): Promise<void> {
  const [, name] = push.exec(url) ?? [];
  if (name === undefined || !existsSync(join(root, name))) return;
  const repository = { directory: join(root, name) };
  const branches = (await git(repository, "for-each-ref", "--format=%(HEAD)%(refname)", "refs/heads")).split("\n");
  if (branches.some((branch) => branch.startsWith("*"))) return;
  const first = branches.map((branch) => branch.trim()).find(Boolean);
  if (first !== undefined) await git(repository, "symbolic-ref", "HEAD", first);
}

/** The CGI variables (RFC 3875) for `git http-backend`, or `undefined` if the path is malformed. */
function cgiEnvironment(
  request: IncomingMessage,
  options: GitServerOptions & { readonly user?: string },
): NodeJS.ProcessEnv | undefined {
  const { headers, url = "" } = request;
  const [pathname = "", query = ""] = url.split("?", 2);
  const path = decodePath(pathname);
  if (path === undefined) return undefined;
  const settings = {
    "safe.directory": "*",
    "http.receivepack": String(options.allowPush ?? false),
    "uploadpack.allowFilter": "true",
    "uploadpack.allowAnySHA1InWant": "true",
  };
  return {
    PATH: process.env.PATH,
    GIT_PROJECT_ROOT: options.root,
    GIT_HTTP_EXPORT_ALL: "1",
    GIT_CONFIG_NOSYSTEM: "1",
    GIT_CONFIG_GLOBAL: devNull,
    GIT_CONFIG_PARAMETERS: Object.entries(settings)
      .map(([key, value]) => `'${key}'='${value}'`)
      .join(" "),
    REQUEST_METHOD: request.method,
    PATH_INFO: path,
    QUERY_STRING: query,
    REMOTE_ADDR: request.socket.remoteAddress,
    ...(options.user !== undefined && { REMOTE_USER: options.user }),
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

function parseHead(text: string): { readonly status: number; readonly headers: Record<string, string> } {
  const fields = text.split("\r\n").map((line) => {
    const colon = line.indexOf(":");
    return [line.slice(0, colon), line.slice(colon + 1).trim()] as const;
  });
  const { Status: status = "200", ...headers } = Object.fromEntries(fields) as Record<string, string>;
  return { status: Number.parseInt(status, 10), headers };
}
