import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { InputError } from "./input-error";

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
 * @throws InputError where there is no such program
 */
export async function showPulumi(
  root: string,
  parameters: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<number> {
  const child = spawn(pulumiProgram(), parameters, {
    cwd: root,
    env: { ...process.env, ...environment },
    stdio: "inherit",
  });
  return Promise.race([ended(child), notStarted(child)]);
}

/**
 * Runs `pulumi` unseen, without colours and questions.
 *
 * @param input what it reads
 * @returns what it printed
 * @throws PulumiError where it fails
 * @throws InputError where there is no such program
 */
export async function askPulumi(root: string, parameters: readonly string[], input = ""): Promise<string> {
  const child = spawn(pulumiProgram(), [...parameters, "--non-interactive", "--color", "never"], { cwd: root });
  // Where it ends without having read everything, its exit code says why.
  child.stdin.on("error", () => undefined);
  child.stdin.end(input);
  const said = Promise.all([text(child.stdout), text(child.stderr), ended(child)]);
  const [stdout, stderr, code] = await Promise.race([said, notStarted(child)]);
  if (code === 0) return stdout;
  throw new PulumiError(`\`pulumi ${parameters.slice(0, 2).join(" ")}\` failed:\n${stderr}${stdout}`.trimEnd());
}

type Child = ReturnType<typeof spawn>;

async function ended(child: Child): Promise<number> {
  const [code] = (await once(child, "close")) as [number | null];
  return code ?? 1;
}

async function notStarted(child: Child): Promise<never> {
  const [error] = (await once(child, "error")) as [Error];
  throw new InputError(`\`${pulumiProgram()}\` does not run: ${error.message}. Install the Pulumi CLI.`);
}
