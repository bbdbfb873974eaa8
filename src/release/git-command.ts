/** Runs the `git` binary: no shell, no prompt, no hook, no surprise from the environment, and an end in time. */
import { type ChildProcess, spawn } from "node:child_process";
import { devNull } from "node:os";
import { dirname } from "node:path";
import { withoutCredentials } from "../config/address";
import { atExit } from "./at-exit";

/** How a `git` command runs. */
export interface GitCommandOptions {
  /** Given to `git` on standard input. */
  readonly input?: string;
  /** Milliseconds after which the command is ended. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
  /** The repository's own directory (`--git-dir`). */
  readonly gitDir?: string;
  /** Where Git looks for a repository when `gitDir` is not given: here, and not in the folders around. */
  readonly folder?: string;
  /** The command by which Git reaches SSH hosts. Default: `ssh`. */
  readonly sshCommand?: string;
}

/** What Git, or the machine, said when a command failed. Its message is fit to be shown, without credentials. */
export class GitError extends Error {
  override readonly name = "GitError";
}

/** More output than any of our questions has an answer for. */
const mostOutputBytes = 512 * 1024 * 1024;

/** Settings that would run somebody's program or do work that nobody asked for. */
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

/**
 * Git's own end of a request that nobody answers, a little after ours: where our process was killed there is nobody else
 * to end it.
 */
function endings({ timeoutMs }: GitCommandOptions): string[] {
  return ["http.lowSpeedLimit=1", `http.lowSpeedTime=${Math.ceil(timeoutMs / 1000) + 1}`];
}

/** Set inside a Git hook, and would point our commands at the repository of that hook. */
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
  const where = options.gitDir === undefined ? [] : [`--git-dir=${options.gitDir}`];
  const all = [...[...settings, ...endings(options)].flatMap((setting) => ["-c", setting]), ...where, ...args];
  return new Promise((resolve, reject) => {
    const child = spawn("git", all, {
      cwd: options.folder,
      env: environment(options),
      stdio: ["pipe", "pipe", "pipe"],
      windowsHide: true,
      // A process group of its own, so that Git's helpers, which do the talking, can be ended with it.
      detached: hasGroups,
    });
    let hasClosed = false;
    const forget = atExit(() => kill(child, "SIGKILL"));
    const output: Buffer[] = [];
    const errors: Buffer[] = [];
    let outputBytes = 0;
    const fail = (why: string) => {
      settle();
      // Its number may be somebody else's by now.
      if (!hasClosed) kill(child, "SIGTERM");
      // A helper process that outlives Git would hold the pipes, and with them our own process.
      child.stdout.destroy();
      child.stderr.destroy();
      child.stdin.destroy();
      reject(
        new GitError(
          `git ${String(args.find((arg, index) => arg !== "-c" && args[index - 1] !== "-c"))}: ${withoutCredentials(why)}`,
        ),
      );
    };
    const timer = setTimeout(() => fail(`no answer within ${options.timeoutMs / 1000} s`), options.timeoutMs);
    const onAbort = () => fail("aborted");
    const settle = () => {
      clearTimeout(timer);
      options.signal?.removeEventListener("abort", onAbort);
    };
    options.signal?.addEventListener("abort", onAbort);
    child.on("error", (error: NodeJS.ErrnoException) => {
      if (child.pid === undefined) forget();
      fail(error.code === "ENOENT" ? "the program `git` is not on PATH" : error.message);
    });
    child.stdout.on("data", (chunk: Buffer) => {
      outputBytes += chunk.length;
      if (outputBytes > mostOutputBytes) {
        fail(`more than ${mostOutputBytes} bytes of output`);
        return;
      }
      output.push(chunk);
    });
    child.stderr.on("data", (chunk: Buffer) => errors.push(chunk));
    // Git may end before it has read everything; its exit code tells why.
    child.stdin.on("error", () => undefined);
    child.stdin.end(options.input);
    child.on("close", (code, signal) => {
      hasClosed = true;
      forget();
      if (code === 0) {
        settle();
        resolve(Buffer.concat(output));
      } else {
        const said = summary(Buffer.concat(errors).toString("utf8"));
        fail(said === "" ? `ended with ${code === null ? String(signal) : `exit code ${code}`}` : said);
      }
    });
    if (options.signal?.aborted === true) {
      onAbort();
    }
  });
}

/** Windows has no process groups: there Git alone is ended. */
const hasGroups = process.platform !== "win32";

/** Ends Git with all that it has started. */
function kill(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  if (!hasGroups) {
    child.kill(signal);
    return;
  }
  try {
    process.kill(-child.pid, signal);
  } catch {
    // They have all ended by themselves.
  }
}

function environment({ folder, sshCommand = "ssh" }: GitCommandOptions): NodeJS.ProcessEnv {
  const inherited = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !repositoryVariables.includes(name)),
  );
  return {
    ...inherited,
    GIT_TERMINAL_PROMPT: "0",
    // A replaced object would be another fact than the one that everybody else reads.
    GIT_NO_REPLACE_OBJECTS: "1",
    GIT_OPTIONAL_LOCKS: "0",
    GIT_SSH_COMMAND: `${process.env.GIT_SSH_COMMAND ?? sshCommand} -oBatchMode=yes`,
    ...(folder === undefined ? {} : { GIT_CEILING_DIRECTORIES: dirname(folder) }),
    GCM_INTERACTIVE: "never",
    LC_ALL: "C",
  };
}

/** Git's own complaints on one line, without its progress and hints. */
function summary(errors: string): string {
  const lines = errors
    .split(/[\r\n]+/)
    .filter((line) => /^(fatal|error|remote|ssh|warning)\b|denied|not found/i.test(line));
  const fatal = lines.filter((line) => !line.startsWith("warning"));
  const said = fatal.length > 0 ? fatal : errors.split(/[\r\n]+/).filter((line) => line.trim() !== "");
  return said.slice(0, 3).join("; ").slice(0, 600);
}
