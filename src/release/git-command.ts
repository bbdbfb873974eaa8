/** Runs the `git` binary without a shell, prompts or hooks, in a clean environment and with time-outs. */
import { readdir, stat } from "node:fs/promises";
import { devNull } from "node:os";
import { dirname, join } from "node:path";
import type { Readable } from "node:stream";
import type { Result } from "execa";
import { withoutCredentials } from "../config/address";
import { atExit } from "./at-exit";

/** How a `git` command runs. */
export interface GitCommandOptions {
  /** Standard input. */
  readonly input?: string;
  /** Milliseconds without a sign of life after which the command is killed. In all, it may take 30 times as long. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
  /** The repository's own directory (`--git-dir`). */
  readonly gitDir?: string;
  /** Without `gitDir`: the folder in which Git looks for a repository. It does not look in the parent folders. */
  readonly folder?: string;
  /** Further variables of the environment. */
  readonly variables?: Readonly<Record<string, string>>;
  /** Further settings, each as `name=value`. */
  readonly settings?: readonly string[];
  /** Whether an error names where a redirect leads. */
  readonly tracesHttp?: boolean;
  /** A folder that Git writes into, and the most bytes that it may write there. */
  readonly scratch?: { readonly folder: string; readonly maxBytes: number };
  /** Gets standard output part by part, however much it is. Then none is returned. It must not throw. */
  readonly onOutput?: (part: Buffer) => void;
}

/** A Git command that failed. Its message names the reason and holds no credentials. */
export class GitError extends Error {
  override readonly name = "GitError";

  constructor(
    message: string,
    /** The last redirect that Git met, when it was told to trace. */
    readonly location?: string,
    /** How Git has ended; nothing if it did not start, or was ended. */
    readonly exitCode?: number,
  ) {
    super(message);
  }
}

/** Enough for the refs or the commits of the largest public repositories. */
const maxOutputBytes = 128 * 1024 * 1024;

/** A host that sends a byte now and then would otherwise keep us waiting forever. */
const maxTimeouts = 30;

/** How often the size of what Git writes is looked at, in milliseconds. */
const watchMs = 500;

/** Turns off what would run another program, or do work in the background. */
const settings = [
  `core.hooksPath=${devNull}`,
  "core.fsmonitor=false",
  "gc.auto=0",
  "maintenance.auto=false",
  "fetch.recurseSubmodules=false",
  "fetch.writeCommitGraph=false",
  // `git-redirect.ts` follows them.
  "http.followRedirects=false",
  "protocol.ext.allow=never",
  "safe.bareRepository=all",
  "advice.detachedHead=false",
];

/** Git's own time-out for a silent server, a second after ours. It takes effect when our process was killed. */
function timeouts({ timeoutMs }: GitCommandOptions): string[] {
  return ["http.lowSpeedLimit=1", `http.lowSpeedTime=${Math.ceil(timeoutMs / 1000) + 1}`];
}

/** They change what a path in a command means. */
export const pathspecVariables = [
  "GIT_GLOB_PATHSPECS",
  "GIT_ICASE_PATHSPECS",
  "GIT_LITERAL_PATHSPECS",
  "GIT_NOGLOB_PATHSPECS",
];

/** Further ones, which Git sets in a hook, would direct our commands to the hook's repository. */
const droppedVariables = [
  ...pathspecVariables,
  "GIT_ALTERNATE_OBJECT_DIRECTORIES",
  "GIT_COMMON_DIR",
  "GIT_DIR",
  "GIT_INDEX_FILE",
  "GIT_NAMESPACE",
  "GIT_OBJECT_DIRECTORY",
  "GIT_PREFIX",
  "GIT_SHALLOW_FILE",
  "GIT_WORK_TREE",
];

/**
 * Standard output of `git <args>`.
 *
 * @throws GitError when Git fails, is missing, takes too long, or is aborted
 */
export async function runGit(args: readonly string[], options: GitCommandOptions): Promise<Buffer> {
  const { execa } = await import("execa");
  const { timeoutMs, signal, gitDir, folder, input = "", scratch, onOutput } = options;
  const where = gitDir === undefined ? [] : [`--git-dir=${gitDir}`];
  const configured = [...settings, ...timeouts(options), ...(options.settings ?? [])];
  const all = [...configured.flatMap((setting) => ["-c", setting]), ...where, ...args];
  const child = execa("git", all, {
    cwd: folder,
    env: { ...environment(options), ...(isListing(args) ? traceVariables : {}), ...httpTraceOf(options) },
    extendEnv: false,
    input,
    encoding: "buffer",
    stripFinalNewline: false,
    maxBuffer: maxOutputBytes,
    reject: false,
    detached: hasGroups,
    stdio: ["pipe", "pipe", "pipe", isListing(args) ? "pipe" : "ignore"],
    buffer: { stdout: onOutput === undefined, fd3: false },
  });
  if (onOutput !== undefined) child.stdout.on("data", onOutput);
  const removeExitHook = atExit(() => kill(child, "SIGKILL"));
  let interruption: string | undefined;
  const interrupt = (reason: string) => {
    interruption ??= reason;
    kill(child, "SIGTERM");
    // A helper outside of the group would keep the pipes open, and our process waiting for it.
    child.stdout.destroy();
    child.stderr.destroy();
  };
  const onAbort = () => interrupt("aborted");
  const silence = setTimeout(() => interrupt(`no answer within ${timeoutMs / 1000} s`), timeoutMs);
  const maxMs = timeoutMs * maxTimeouts;
  const whole = setTimeout(() => interrupt(`not finished after ${maxMs / 1000} s`), maxMs);
  for (const stream of child.stdio) (stream as Readable | null)?.on("data", () => silence.refresh());
  const checkSize = async () => {
    if (scratch === undefined || (await sizeOf(scratch.folder)) <= scratch.maxBytes) return;
    interrupt(`it writes more than ${scratch.maxBytes} bytes`);
  };
  const watch = scratch === undefined ? undefined : setInterval(() => void checkSize(), watchMs);
  signal?.addEventListener("abort", onAbort);
  if (signal?.aborted === true) onAbort();
  const result = await child;
  clearTimeout(silence);
  clearTimeout(whole);
  clearInterval(watch);
  await checkSize();
  signal?.removeEventListener("abort", onAbort);
  removeExitHook();
  if (interruption === undefined && !result.failed) {
    return onOutput === undefined ? asBuffer(result.stdout) : Buffer.alloc(0);
  }
  const command = args.find((arg, index) => !arg.startsWith("-") && !/^-c$/i.test(args[index - 1] ?? ""));
  const location = options.tracesHttp === true ? locationIn(asBuffer(result.stderr).toString("utf8")) : undefined;
  const message = `git ${String(command)}: ${withoutCredentials(interruption ?? reasonOf(result))}`;
  throw new GitError(message, location, interruption === undefined ? result.exitCode : undefined);
}

function locationIn(trace: string): string | undefined {
  return [...trace.matchAll(/<= Recv header: location: *(\S+)/gi)].at(-1)?.[1];
}

/** The bytes of all files in a folder. Git may remove one at any time. */
async function sizeOf(folder: string): Promise<number> {
  const sizes = (await readdir(folder, { recursive: true }).catch(() => [])).map(async (name) => {
    const { size } = await stat(join(folder, name)).catch(() => ({ size: 0 }));
    return size;
  });
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}

/** Windows has no process groups: only Git itself is ended there, not its helpers. */
const hasGroups = process.platform !== "win32";

/** Ends Git and its helpers, which share its process group. */
function kill(child: { readonly pid?: number; kill(signal: NodeJS.Signals): boolean }, signal: NodeJS.Signals): void {
  if (child.pid === undefined || !hasGroups) {
    child.kill(signal);
    return;
  }
  try {
    process.kill(-child.pid, signal);
  } catch {
    // The whole group has ended already.
  }
}

function asBuffer({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}

type Failed = Pick<Result, "code" | "isMaxBuffer" | "exitCode" | "signal" | "originalMessage"> & {
  readonly stderr: Uint8Array;
};

/** Why the command failed: what Git wrote, or how it ended. */
function reasonOf(result: Failed): string {
  if (result.code === "ENOENT") return "the program `git` is not on PATH";
  if (result.isMaxBuffer) return `more than ${maxOutputBytes} bytes of output`;
  const said = summary(asBuffer(result.stderr).toString("utf8"));
  if (said !== "") return [said, ...[adviceFor(said) ?? []].flat()].join("; ");
  return result.exitCode === undefined
    ? (result.signal ?? result.originalMessage ?? "failed")
    : `exit code ${result.exitCode}`;
}

/** `git ls-remote` has no progress to show. Its trace, on a channel of its own, shows that the host still answers. */
function isListing(args: readonly string[]): boolean {
  return args.includes("ls-remote");
}

const traceVariables = { GIT_TRACE_PACKET: "3", GIT_TRACE_CURL: "3" };

/** Git leaves credentials out of its trace. */
function httpTraceOf({ tracesHttp }: GitCommandOptions): NodeJS.ProcessEnv {
  return tracesHttp === true ? { GIT_TRACE_CURL: "1", GIT_TRACE_CURL_NO_DATA: "1", GIT_TRACE_REDACT: "1" } : {};
}

function environment({ folder, variables }: GitCommandOptions): NodeJS.ProcessEnv {
  const inherited = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !droppedVariables.includes(name)),
  );
  return {
    ...inherited,
    GIT_TERMINAL_PROMPT: "0",
    // Other clones have neither our replaced objects nor our grafted parents.
    GIT_NO_REPLACE_OBJECTS: "1",
    GIT_GRAFT_FILE: devNull,
    GIT_OPTIONAL_LOCKS: "0",
    // Without a terminal, which a process group of its own does not have, ssh would open a window.
    SSH_ASKPASS_REQUIRE: process.env.SSH_ASKPASS_REQUIRE ?? "never",
    ...(folder === undefined ? {} : { GIT_CEILING_DIRECTORIES: dirname(folder) }),
    GCM_INTERACTIVE: "never",
    LC_ALL: "C",
    ...variables,
  };
}

/** Git's errors on one line, without progress and hints. */
function summary(errors: string): string {
  const lines = errors.split(/[\r\n]+/).filter((line) => line.trim() !== "" && !progress.test(line));
  const said = lines.filter((line) => /^(fatal|error|remote|ssh)\b|denied|not found/i.test(line));
  return (said.length > 0 ? said : lines).slice(0, 3).join("; ").slice(0, 600);
}

/** What to do about a fault that lies on this machine, or between it and the host. */
function adviceFor(said: string): string | undefined {
  return advice.find(([fault]) => fault.test(said))?.[1];
}

const advice: readonly (readonly [fault: RegExp, advice: string])[] = [
  [
    /certificate verification failed|SSL certificate problem/i,
    "if the certificate is from your company's CA, name a file with the CA's certificate in Git's `http.sslCAInfo`",
  ],
  [/could not read (?:username|password)/i, "Git has no credentials for this host: set up a credential helper of Git"],
  [/authentication failed/i, "the host refuses the credentials that Git has for it"],
  [
    /(?:response|code|error:) 407/i,
    "the proxy asks for credentials: write them into its address, as http://<user>:<password>@<host>:<port>",
  ],
  [
    /resolve proxy|unable to access '\w+:\/\/(?:[^/@']*@)?([^/:']+)[/:][^']*': failed to connect to (?!\1 )/i,
    "the address of the proxy comes from `https_proxy`, `http_proxy` or Git's `http.proxy`",
  ],
  [
    /could not resolve host: |failed to connect to |connection timed out/i,
    "if this network has a proxy, set `https_proxy` or Git's `http.proxy`",
  ],
  [
    /detected dubious ownership/i,
    "another user owns the clone: if you trust it, `git config --global --add safe.directory <its folder>`",
  ],
  [/permission denied \(/i, "the host accepts no SSH key of this machine"],
  [/host key verification failed/i, "connect once with `ssh` to accept the key of the host"],
];

const progress =
  /^(?:remote: )?(?:Enumerating|Counting|Compressing|Total|Receiving|Unpacking|Resolving|Updating)\b|^From |^ [*+-] /;
