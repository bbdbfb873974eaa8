import * as pulumi from "@pulumi/pulumi";
import { printableLines } from "../config/printable";

/**
 * An error of the input or the environment, not of the program: the engine prints the message as it is, so it is escaped
 * here. Text from outside is one line of it: its own line breaks must be escaped before.
 *
 * It has no stack: the engine does not print it but inspects it, and Node 20 took a hundred seconds and gigabytes for
 * that (`util.inspect` with colours, on a stack with paths in `node_modules`).
 */
export function refusal(message: string): pulumi.RunError {
  const error = new pulumi.RunError(printableLines(message));
  error.stack = undefined;
  return error;
}

/** Ends the program with an error. Every error that is not a refusal is a bug; its message has the stack as text. */
export function endBy(error: unknown): never {
  if (pulumi.RunError.isInstance(error)) throw error;
  const details = error instanceof Error ? (error.stack ?? error.message) : String(error);
  throw refusal(`This is a bug in Shared Authority. Please report it:\n${details}`);
}
