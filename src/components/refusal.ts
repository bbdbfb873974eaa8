import { RunError } from "@pulumi/pulumi";
import { printableLines } from "../config/printable";

/**
 * An error of the input or the environment, not of the program: the engine prints the message as it is, so it is escaped
 * here. Text from outside is one line of it: its own line breaks must be escaped before.
 *
 * It has no stack: the engine does not print it but inspects it, and Node 20 and 22 take a minute and gigabytes for that
 * (`util.inspect` with colours, on a stack with `node_modules/@scope/file`).
 */
export function refusal(message: string): RunError {
  const error = new RunError(printableLines(message));
  error.stack = undefined;
  return error;
}
