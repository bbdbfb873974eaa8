import { CommanderError } from "commander";
import { ProblemsError } from "../config/problem";
import { printable, printableLines } from "../config/printable";
import { GitHostError } from "../git-host/host-error";
import { ClusterError } from "../program/cluster-client";
import { GitError } from "../release/git-command";
import { authorityProgram } from "./commands";
import { type ExitCode, exitCode } from "./exit-code";
import { InputError } from "./input-error";
import { countProblems } from "./project";
import { PulumiError } from "./pulumi-error";
import { exitAfterEngine } from "./running-engine";
import { type ProcessContext, Terminal } from "./terminal";

/**
 * Runs one command line.
 *
 * @param args the arguments without the program's name
 */
export async function main(args: readonly string[], context: ProcessContext): Promise<ExitCode> {
  const terminal = new Terminal(context);
  let code: ExitCode = exitCode.fine;
  const program = authorityProgram(context, terminal, (verbsCode) => (code = verbsCode));
  try {
    await program.parseAsync(args, { from: "user" });
    return code;
  } catch (error) {
    return reportError(error, context, terminal);
  } finally {
    terminal.done();
  }
}

/** Runs the command line of this process, then exits. */
export function run(process: NodeJS.Process): void {
  exitAfterEngine(process);
  let writeError: Error | undefined;
  const onError = (error: NodeJS.ErrnoException) => {
    // A reader such as `head` may close the pipe early. That is not an error.
    if (error.code !== "EPIPE" && error.code !== "ERR_STREAM_DESTROYED") writeError ??= error;
  };
  for (const stream of [process.stdout, process.stderr]) stream.on("error", onError);
  void main(process.argv.slice(2), process).then((code) => {
    process.exitCode = code;
    // Exits although a connection to a registry may still be open, but only after the output has been written.
    process.stdout.write("", (error) => {
      // If the disk is full, this callback runs before the stream's error event.
      if (error) onError(error);
      if (writeError !== undefined) {
        process.exitCode = exitCode.internal;
        process.stderr.write(`error: cannot write the result: ${writeError.message}\n`);
      }
      process.stderr.write("", () => process.exit());
    });
  });
}

function reportError(error: unknown, { env }: ProcessContext, terminal: Terminal): ExitCode {
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCode.fine : exitCode.badInput;
  const { red } = terminal.messageColors;
  if (error instanceof ProblemsError) {
    terminal.log(`${printableLines(error.message)}\n${red(countProblems(error.problems))}`);
    return exitCode.badInput;
  }
  // A clone that lacks something, or a host that does not answer, is not a bug.
  if (error instanceof InputError || error instanceof GitError || error instanceof PulumiError) {
    terminal.log(`${red("error:")} ${printableLines(error.message)}`);
    return error instanceof PulumiError ? exitCode.internal : exitCode.badInput;
  }
  if (error instanceof GitHostError || error instanceof ClusterError) {
    const fact = error instanceof ClusterError ? "cannot read the cluster: " : "";
    terminal.log(`${red("error:")} ${fact}${printable(error.message)}`);
    return exitCode.blocked;
  }
  const { message, stack, syscall }: NodeJS.ErrnoException = error instanceof Error ? error : new Error(String(error));
  // A full disk or a folder that may not be written is not a bug.
  if (syscall !== undefined) {
    terminal.log(`${red("error:")} the system refuses what this command needs: ${printable(message)}`);
    return exitCode.internal;
  }
  terminal.log(`${red("internal error:")} ${printable(message)}`);
  terminal.log("This is a bug in `authority`. Please report it with the command line and the output of `DEBUG=1`.");
  if ((env.DEBUG ?? "") !== "") terminal.log(printableLines(stack ?? message));
  return exitCode.internal;
}
