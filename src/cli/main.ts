import { CommanderError } from "commander";
import { ProblemsError } from "../config/problem";
import { authorityProgram } from "./commands";
import { type ExitCode, exitCode } from "./exit-code";
import { InputError } from "./input-error";
import { countProblems } from "./project";
import { PulumiError } from "./pulumi-command";
import { endWithEngine } from "./running-engine";
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
  endWithEngine(process);
  let unwritten: Error | undefined;
  const onError = (error: NodeJS.ErrnoException) => {
    // `authority audit | head` has read enough; the exit code still says how it went.
    if (error.code !== "EPIPE" && error.code !== "ERR_STREAM_DESTROYED") unwritten ??= error;
  };
  for (const stream of [process.stdout, process.stderr]) stream.on("error", onError);
  void main(process.argv.slice(2), process).then((code) => {
    process.exitCode = code;
    // A connection that a registry left open does not keep the process alive, but the result has to be read first.
    process.stdout.write("", (error) => {
      // Of a result that went to a full disk this is told before the stream's own event.
      if (error) onError(error);
      if (unwritten !== undefined) {
        process.exitCode = exitCode.internal;
        process.stderr.write(`error: the result could not be written: ${unwritten.message}\n`);
      }
      process.stderr.write("", () => process.exit());
    });
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
