import * as pulumi from "@pulumi/pulumi";

/**
 * An end of the program that is no fault of the program: its message is for people, whole as it stands.
 *
 * It has no stack. The engine would not show it, but inspects it all the same, and Node 20 was seen to take a hundred
 * seconds and gigabytes for that (`util.inspect` with colours, on a stack whose paths lie in `node_modules`).
 */
export function refusal(message: string): pulumi.RunError {
  const error = new pulumi.RunError(message);
  error.stack = undefined;
  return error;
}

/**
 * Ends the program by whatever was thrown. What is no refusal is a fault of our own; its stack is told as text, for the
 * reason that a refusal has none.
 */
export function endBy(error: unknown): never {
  if (pulumi.RunError.isInstance(error)) throw error;
  const told = error instanceof Error ? (error.stack ?? error.message) : String(error);
  throw refusal(`Shared Authority has failed, and this is its own fault, not yours. Please report it:\n${told}`);
}
