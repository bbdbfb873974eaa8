import { execa, type Options } from "execa";
import { exitCode } from "./exit-code";
import { InputError } from "./input-error";
import { PulumiError } from "./pulumi-error";
import { waitForEngine } from "./running-engine";

/** The engine to run: `$PULUMI`, or `pulumi` on `PATH`. */
export function pulumiProgram(): string {
  const { PULUMI: configured = "" } = process.env;
  return configured === "" ? "pulumi" : configured;
}

const fullNames = new Map<string, string>();

/** Makes `pulumi` be called with the full name of a stack, such as `acme/shop/prod`: its default organization may differ. */
export function setFullName(stack: string, fullName: string): void {
  fullNames.set(stack, fullName);
}

/**
 * Runs `pulumi` in this terminal.
 *
 * @param environment additional variables
 * @returns its exit code
 * @throws InputError if the program is not found, or the command line is too long
 */
export async function showPulumi(
  root: string,
  parameters: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<number> {
  return (await runPulumi(parameters, { cwd: root, env: environment, stdio: "inherit" })).code;
}

/**
 * Runs `pulumi` in the background, without colours and prompts.
 *
 * @param input the standard input
 * @param timeoutMs milliseconds after which it is ended; default: none
 * @returns the standard output
 * @throws PulumiError if it fails
 * @throws InputError if the program is not found, or the command line is too long
 */
export async function askPulumi(
  root: string,
  parameters: readonly string[],
  input = "",
  timeoutMs?: number,
): Promise<string> {
  const { code, stdout, stderr } = await runPulumi([...parameters, "--non-interactive", "--color", "never"], {
    cwd: root,
    // In a pipeline it may be true, which implies `--yes`. Not every command allows that; those that need it pass it.
    env: { PULUMI_SKIP_CONFIRMATIONS: "false" },
    input,
    timeout: timeoutMs,
  });
  if (code === 0) return stdout;
  const output = [stderr, stdout].filter((text) => text !== "");
  throw new PulumiError([`\`pulumi ${parameters.slice(0, 2).join(" ")}\` failed:`, ...output].join("\n"));
}

async function runPulumi(
  parameters: readonly string[],
  options: Options,
): Promise<{ code: number; stdout: string; stderr: string }> {
  const program = pulumiProgram();
  const named = parameters.map((one, index) =>
    parameters[index - 1] === "--stack" ? (fullNames.get(one) ?? one) : one,
  );
  const result = await waitForEngine(
    execa(program, named, {
      ...options,
      reject: false,
      // The state of a large stack is larger than execa's default limit.
      maxBuffer: Infinity,
      // Only signals to this process end the engine, and never by force: it may need minutes to save the state.
      cleanup: false,
      forceKillAfterDelay: false,
    }),
  );
  if (result.code === "E2BIG") {
    throw new InputError(
      `Cannot start \`pulumi ${parameters[0] ?? ""}\`: this machine does not allow a command line of ` +
        `${parameters.length} parameters. Each object of a skipped tenant adds two. Fix the tenants that are reported ` +
        "above, or split the stack into several stacks with fewer tenants.",
    );
  }
  if (result.exitCode === undefined && result.signal === undefined) {
    throw new InputError(`Cannot run \`${program}\`: ${result.originalMessage ?? ""}. Install the Pulumi CLI.`);
  }
  return {
    code: result.exitCode ?? exitCode.internal,
    stdout: textOf(result.stdout),
    stderr: textOf(result.stderr),
  };
}

function textOf(output: unknown): string {
  return typeof output === "string" ? output : "";
}
