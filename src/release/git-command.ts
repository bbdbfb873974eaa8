/** Runs the `git` binary without a shell, prompts or hooks, in a clean environment and with a time-out. */
import { devNull } from "node:os";
import { dirname } from "node:path";
import type { Result } from "execa";
import { withoutCredentials } from "../config/address";
import { atExit } from "./at-exit";

/** How a `git` command runs. */
export interface GitCommandOptions {
  /** Standard input. */
  readonly input?: string;
  /** Milliseconds after which the command is killed. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
  /** The repository's own directory (`--git-dir`). */
  readonly gitDir?: string;
  /** Without `gitDir`: the folder in which Git looks for a repository. It does not look in the parent folders. */
  readonly folder?: string;
  /** The command that Git runs for SSH hosts. Default: `ssh`. */
  readonly sshCommand?: string;
}

/** A Git command that failed. Its message names the reason and holds no credentials. */
export class GitError extends Error {
  override readonly name = "GitError";
}

/** No command that we run writes as much as this. */
const maxOutputBytes = 512 * 1024 * 1024;

/** Turns off what would run another program, or do work in the background. */
const settings = [
  `core.hooksPath=${devNull}`,
  "core.fsmonitor=false",
  "gc.auto=0",
  "maintenance.auto=false",
  "fetch.recurseSubmodules=false",
  "fetch.writeCommitGraph=false",
  "protocol.ext.allow=never",
  "safe.bareRepository=all",
  "advice.detachedHead=false",
];

/** Git's own time-out for a silent server, a second after ours. It takes effect when our process was killed. */
function timeouts({ timeoutMs }: GitCommandOptions): string[] {
  return ["http.lowSpeedLimit=1", `http.lowSpeedTime=${Math.ceil(timeoutMs / 1000) + 1}`];
}

/** Git sets these in a hook; they would direct our commands to the hook's repository. */
const repositoryVariables = [
  "GIT_ALTERNATE_OBJECT_DIRECTORIES",
  "GIT_COMMON_DIR",
  "GIT_DIR",
  "GIT_GRAFT_FILE",
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
  const { timeoutMs, signal, gitDir, folder, input = "" } = options;
  const where = gitDir === undefined ? [] : [`--git-dir=${gitDir}`];
  const all = [...[...settings, ...timeouts(options)].flatMap((setting) => ["-c", setting]), ...where, ...args];
  const child = execa("git", all, {
    cwd: folder,
    env: environment(options),
    extendEnv: false,
    input,
    encoding: "buffer",
    stripFinalNewline: false,
    maxBuffer: maxOutputBytes,
    reject: false,
    detached: hasGroups,
  });
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
  const timer = setTimeout(() => interrupt(`no answer within ${timeoutMs / 1000} s`), timeoutMs);
  signal?.addEventListener("abort", onAbort);
  if (signal?.aborted === true) onAbort();
  const result = await child;
  clearTimeout(timer);
  signal?.removeEventListener("abort", onAbort);
  removeExitHook();
  if (interruption === undefined && !result.failed) return asBuffer(result.stdout);
  const command = args.find((arg, index) => arg !== "-c" && args[index - 1] !== "-c");
  throw new GitError(`git ${String(command)}: ${withoutCredentials(interruption ?? reasonOf(result))}`);
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

/** Why the command failed: what Git wrote, or how it ended. */
function reasonOf(result: Result<{ encoding: "buffer"; reject: false }>): string {
  if (result.code === "ENOENT") return "the program `git` is not on PATH";
  if (result.isMaxBuffer) return `more than ${maxOutputBytes} bytes of output`;
  const said = summary(asBuffer(result.stderr).toString("utf8"));
  if (said !== "") return said;
  return result.exitCode === undefined
    ? (result.signal ?? result.originalMessage ?? "failed")
    : `exit code ${result.exitCode}`;
}

function environment({ folder, sshCommand = "ssh" }: GitCommandOptions): NodeJS.ProcessEnv {
  const inherited = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !repositoryVariables.includes(name)),
  );
  return {
    ...inherited,
    GIT_TERMINAL_PROMPT: "0",
    // Other clones do not have our replaced objects.
    GIT_NO_REPLACE_OBJECTS: "1",
    GIT_OPTIONAL_LOCKS: "0",
    GIT_SSH_COMMAND: `${process.env.GIT_SSH_COMMAND ?? sshCommand} -oBatchMode=yes`,
    ...(folder === undefined ? {} : { GIT_CEILING_DIRECTORIES: dirname(folder) }),
    GCM_INTERACTIVE: "never",
    LC_ALL: "C",
  };
}

/** Git's errors on one line, without progress and hints. */
function summary(errors: string): string {
  const lines = errors
    .split(/[\r\n]+/)
    .filter((line) => /^(fatal|error|remote|ssh|warning)\b|denied|not found/i.test(line));
  const fatal = lines.filter((line) => !line.startsWith("warning"));
  const said = fatal.length > 0 ? fatal : errors.split(/[\r\n]+/).filter((line) => line.trim() !== "");
  return said.slice(0, 3).join("; ").slice(0, 600);
}
