import assert from "node:assert/strict";
import { git } from "../../demo/git";
import { authority, type Outcome, type RunOptions } from "./command-line";
import type { ScratchWorld } from "./scratch-world";

/** The project of a world as a Git repository of the platform team. */
export class OwnRepository {
  constructor(private readonly world: () => ScratchWorld) {}

  run(args: readonly string[], options: RunOptions = {}): Promise<Outcome> {
    return authority(args, { cwd: this.world().root, ...options });
  }

  git(...args: string[]): Promise<string> {
    return git({ directory: this.world().root }, ...args);
  }

  /** Starts the repository with what is in the folder. */
  async init(): Promise<void> {
    await this.git("init", "--quiet", "--initial-branch=main");
    await this.git("config", "user.name", "Ana");
    await this.git("config", "user.email", "ana@example.com");
    assert.equal((await this.run(["lock"])).code, 0);
    await this.commitAll();
  }

  async commitAll(): Promise<void> {
    await this.git("add", "--all");
    await this.git("commit", "--quiet", "--message", "Before");
  }

  async files(commit: string): Promise<string[]> {
    return (await this.git("show", "--no-renames", "--name-only", "--format=", commit)).split("\n");
  }

  /** Nothing is written or committed, and the message says why. */
  async refused(args: readonly string[], code: number, message: RegExp, options: RunOptions = {}): Promise<void> {
    const state = () => Promise.all([this.git("rev-parse", "HEAD"), this.git("status", "--porcelain")]);
    const before = await state();
    const outcome = await this.run(args, options);
    assert.match(outcome.stderr, message);
    assert.equal(outcome.code, code, outcome.stderr);
    assert.deepEqual(await state(), before);
  }

  /** What a verb prints that decides something for `prod`, which `check` accepts then. */
  async decided(...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await this.run([...args, "--stack", "prod"]);
    assert.equal(code, 0, stderr);
    const check = await this.run(["check", "--stack", "prod"]);
    assert.equal(check.code, 0, check.stdout);
    return `${stdout}${stderr}`;
  }

  /** What Git reads from the trailers of the last commit. */
  async trailers(): Promise<Readonly<Record<string, string>>> {
    const text = await this.git("log", "-1", "--format=%(trailers:only,unfold)");
    const lines = text.split("\n").filter((line) => line !== "");
    return Object.fromEntries(lines.map((line) => line.split(/: (.*)/).slice(0, 2))) as Record<string, string>;
  }
}
