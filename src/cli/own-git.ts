import { existsSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathspecVariables } from "../release/git-command";
import { withScratchFolder } from "../release/scratch-folder";
import { InputError } from "./input-error";

/**
 * Git as the user has it, with hooks, signatures and credentials, for what becomes a commit of theirs. What only reads
 * uses `runGit`, which has none of these.
 */
export class OwnGit {
  /** @param root the folder that Git works in */
  constructor(readonly root: string) {}

  /**
   * Standard output of `git <args>`.
   *
   * @throws InputError with what Git says
   */
  async run(...args: readonly string[]): Promise<string> {
    const { exitCode, stdout, said } = await this.try(...args);
    if (exitCode === 0) return stdout;
    throw new InputError(`\`git ${args.find((arg) => !arg.startsWith("-")) ?? ""}\` failed: ${said}`);
  }

  /** What Git returns. */
  async try(...args: readonly string[]): Promise<{ exitCode?: number; stdout: string; said: string }> {
    const { execa } = await import("execa");
    const result = await execa("git", ["--literal-pathspecs", ...args], {
      cwd: this.root,
      env: Object.fromEntries(pathspecVariables.map((name) => [name, undefined])),
      stdin: "ignore",
      reject: false,
      stripFinalNewline: false,
    });
    if (result.code === "ENOENT") throw new InputError("The program `git` is not on PATH.");
    const { exitCode, stdout, stderr } = result;
    // Git says some refusals, such as that there is nothing to commit, on standard output.
    const said = [stderr, stdout, result.shortMessage ?? ""].find((text) => /\S/.test(text)) ?? "";
    return { exitCode, stdout, said: said.trim().slice(0, 2000) };
  }

  /** Whether the folder is in a work tree. */
  async isRepository(): Promise<boolean> {
    return (await this.try("rev-parse", "--is-inside-work-tree")).stdout.trim() === "true";
  }

  /** The branch that the work tree is on; nothing on a commit without one. */
  async branch(): Promise<string | undefined> {
    // With `--short` and a tag of this name, Git would write `heads/main`.
    const { exitCode, stdout } = await this.try("symbolic-ref", "--quiet", "HEAD");
    return exitCode === 0 ? stdout.trim().replace("refs/heads/", "") : undefined;
  }

  /** Whether a commit is in the history of another one. False also if either is not here. */
  async isAncestor(commit: string, of: string): Promise<boolean> {
    return (await this.try("merge-base", "--is-ancestor", commit, of)).exitCode === 0;
  }

  /** What Git has begun and not finished, such as `merge`, during which it makes no commit of some files alone. */
  async unfinished(): Promise<string | undefined> {
    const names = Object.keys(operations);
    const paths = (await this.run("rev-parse", ...names.flatMap((name) => ["--git-path", name]))).split("\n");
    const [found] = names.filter((_, index) => existsSync(resolve(this.root, paths[index] ?? "")));
    return found === undefined ? undefined : operations[found];
  }

  /** The files at these paths that are not as the last commit has them. */
  async changed(paths: readonly string[]): Promise<string[]> {
    const listed = await this.run(
      "status",
      "--porcelain",
      "--untracked-files=all",
      "-z",
      "--no-renames",
      "--",
      ...paths,
    );
    return listed.split("\0").flatMap((line) => (line === "" ? [] : [line.slice(3)]));
  }
}

/** By the file or folder of `.git` that exists during the operation. */
const operations: Readonly<Record<string, string>> = {
  MERGE_HEAD: "merge",
  "rebase-merge": "rebase",
  "rebase-apply": "rebase",
  CHERRY_PICK_HEAD: "cherry-pick",
  REVERT_HEAD: "revert",
};

/** The difference of two texts of a file, unified, with one line of context. */
export async function unifiedDiff(path: string, before: string, after: string): Promise<string> {
  return withScratchFolder("authority-diff-", async (folder) => {
    writeFileSync(join(folder, "before"), before);
    writeFileSync(join(folder, "after"), after);
    const form = ["--no-index", "--no-color", "--no-ext-diff", "--unified=1"];
    const { stdout } = await new OwnGit(folder).try("-c", "core.autocrlf=false", "diff", ...form, "before", "after");
    // The line ends of a checkout on Windows are not news.
    const hunks = stdout.slice(Math.max(0, stdout.indexOf("\n@@") + 1)).replace(/\r$/gm, "");
    return `--- ${path}\n+++ ${path}\n${hunks.trimEnd()}`;
  });
}
