import { type ChildProcess, spawn, type SpawnOptions } from "node:child_process";
import { once } from "node:events";
import type { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { exitCode } from "./exit-code";
import { InputError } from "./input-error";
import { keepEngine } from "./running-engine";

/** A run of `pulumi` that failed. Its message holds all that the engine said. */
export class PulumiError extends Error {
  override readonly name = "PulumiError";
}

/** The engine that `authority` runs: `$PULUMI`, or `pulumi` on `PATH`. */
export function pulumiProgram(): string {
  const { PULUMI: declared = "" } = process.env;
  return declared === "" ? "pulumi" : declared;
}

/**
 * Runs `pulumi` at this terminal.
 *
 * @param environment further variables
 * @returns its exit code
 * @throws InputError where there is no such program, or the command line is too long
 */
export async function showPulumi(
  root: string,
  parameters: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<number> {
  return ended(start(parameters, { cwd: root, env: { ...process.env, ...environment }, stdio: "inherit" }));
}

/**
 * Runs `pulumi` unseen, without colours and questions.
 *
 * @param input what it reads
 * @returns what it printed
 * @throws PulumiError where it fails
 * @throws InputError where there is no such program, or the command line is too long
 */
export async function askPulumi(root: string, parameters: readonly string[], input = ""): Promise<string> {
  const child = start([...parameters, "--non-interactive", "--color", "never"], {
    cwd: root,
    // Where a pipeline sets it, it means `--yes`, which not every command takes; those that need it say so themselves.
    env: { ...process.env, PULUMI_SKIP_CONFIRMATIONS: "false" },
    stdio: "pipe",
  });
  // Where it ends without having read everything, its exit code says why.
  child.stdin?.on("error", () => undefined);
  child.stdin?.end(input);
  const [code, stdout, stderr] = await Promise.all([ended(child), said(child.stdout), said(child.stderr)]);
  if (code === 0) return stdout;
  throw new PulumiError(`\`pulumi ${parameters.slice(0, 2).join(" ")}\` failed:\n${stderr}${stdout}`.trimEnd());
}

function start(parameters: readonly string[], options: SpawnOptions): ChildProcess {
  try {
    const child = spawn(pulumiProgram(), parameters, options);
    keepEngine(child);
    return child;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "E2BIG") throw error;
    throw new InputError(
      `\`pulumi ${parameters[0] ?? ""}\` was not started: this machine takes no command line of ${parameters.length} ` +
        "parameters. Each object of a held tenant is one of them. See above what holds so many tenants, and fix that " +
        "first; where they have to stay held, split the stack in several ones with fewer tenants each.",
    );
  }
}

async function ended(child: ChildProcess): Promise<number> {
  try {
    const [code] = (await once(child, "close")) as [number | null];
    return code ?? exitCode.internal;
  } catch (error) {
    const { message } = error as Error;
    throw new InputError(`\`${pulumiProgram()}\` does not run: ${message}. Install the Pulumi CLI.`);
  }
}

async function said(stream: Readable | null): Promise<string> {
  return stream === null ? "" : text(stream);
}
