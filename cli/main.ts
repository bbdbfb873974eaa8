import { CommanderError } from "commander";
import { ProblemsError } from "../fleet/problem";
import { authorityProgram } from "./commands";
import { type ExitCode, exitCode } from "./exit-code";
import { InputError } from "./input-error";
import { countProblems } from "./project";
import { PulumiError } from "./pulumi-command";
import { printable, printableLines, type Surroundings, Terminal } from "./terminal";

/**
 * Runs one command line.
 *
 * @param args what follows the program's name
 */
export async function main(args: readonly string[], surroundings: Surroundings): Promise<ExitCode> {
  const terminal = new Terminal(surroundings);
  let code: ExitCode = exitCode.fine;
  const program = authorityProgram(surroundings, terminal, (end) => (code = end));
  try {
    await program.parseAsync(args, { from: "user" });
    return code;
  } catch (error) {
    return reportError(error, surroundings, terminal);
  } finally {
    terminal.done();
  }
}

/** Runs the command line of this process, and ends it. */
export function run(process: NodeJS.Process): void {
  for (const [signal, code] of [
    ["SIGHUP", 129],
    ["SIGINT", 130],
    ["SIGTERM", 143],
  ] as const) {
    // Ending in the ordinary way lets what was half written be removed.
    process.once(signal, () => process.exit(code));
  }
  for (const stream of [process.stdout, process.stderr]) {
    stream.on("error", (error: NodeJS.ErrnoException) => {
      // `authority audit | head` has read enough; the exit code still says how it went.
      if (error.code !== "EPIPE") throw error;
    });
  }
  void main(process.argv.slice(2), process).then((code) => {
    process.exitCode = code;
    // A connection that a registry left open does not keep the process alive, but the result has to be read first.
    process.stdout.write("", () => process.stderr.write("", () => process.exit(code)));
  });
}

function reportError(error: unknown, { env }: Surroundings, terminal: Terminal): ExitCode {
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCode.fine : exitCode.badInput;
  const { red } = terminal.messageColors;
  if (error instanceof ProblemsError) {
    terminal.tell(`${printableLines(error.message)}\n${red(countProblems(error.problems))}`);
    return exitCode.badInput;
  }
  if (error instanceof InputError) {
    terminal.tell(`${red("error:")} ${printableLines(error.message)}`);
    return exitCode.badInput;
  }
  if (error instanceof PulumiError) {
    terminal.tell(`${red("error:")} ${printableLines(error.message)}`);
    return exitCode.internal;
  }
  const { message, stack } = error instanceof Error ? error : new Error(String(error));
  terminal.tell(`${red("internal error:")} ${printable(message)}`);
  terminal.tell("This is a bug of `authority`. Please report it with the command line and the output of `DEBUG=1`.");
  if ((env.DEBUG ?? "") !== "") terminal.tell(stack ?? message);
  return exitCode.internal;
}
