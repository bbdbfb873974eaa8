import { execFile } from "node:child_process";
import { createRequire } from "node:module";
import { join } from "node:path";
import { Readable, Writable } from "node:stream";
import { projectRoot } from "../support/project";

/** `main` as `bin/authority.js` loads it. */
export const { main } = createRequire(__filename)("../../dist/cli") as typeof import("../../src/cli/main");

/** The result of a command line. */
export interface Outcome {
  readonly code: number;
  /** The result. */
  readonly stdout: string;
  /** The messages. */
  readonly stderr: string;
}

/** The environment of a command line. */
export interface RunOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Whether stdout and stderr are terminals. */
  readonly isTTY?: boolean;
  /** What a person types at the terminal, line by line. Then the input ends. Default: nobody is there. */
  readonly typed?: readonly string[] | AsyncIterable<string>;
}

/** Runs `authority` in this process. */
export async function authority(args: readonly string[], options: RunOptions = {}): Promise<Outcome> {
  const { cwd = projectRoot, env = {}, isTTY = false, typed } = options;
  const stdin = typed === undefined ? undefined : Object.assign(Readable.from(typedLines(typed)), { isTTY });
  const stdout = new Capture(isTTY);
  const stderr = new Capture(isTTY);
  const code = await main(args, { stdin, stdout, stderr, env, cwd: () => cwd });
  return { code, stdout: stdout.text, stderr: stderr.text };
}

async function* typedLines(lines: readonly string[] | AsyncIterable<string>): AsyncGenerator<string> {
  for await (const line of lines) yield `${line}\n`;
}

/** Runs the program in a separate process. */
export async function authorityProcess(args: readonly string[], options: RunOptions = {}): Promise<Outcome> {
  const { cwd = projectRoot, env = {} } = options;
  const { PATH, HOME } = process.env;
  return new Promise((resolve) => {
    const program = join(projectRoot, "bin", "authority.js");
    const child = execFile(
      process.execPath,
      [program, ...args],
      { cwd, env: { PATH, HOME, ...env } },
      (_error, stdout, stderr) => resolve({ code: child.exitCode ?? -1, stdout, stderr }),
    );
  });
}

/** Keeps what is written to it. */
export class Capture extends Writable {
  text = "";
  readonly columns = 200;

  constructor(readonly isTTY: boolean) {
    super({ decodeStrings: false });
  }

  override _write(chunk: string, _encoding: BufferEncoding, done: () => void): void {
    this.text += chunk;
    done();
  }
}
