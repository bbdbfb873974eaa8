import * as pulumi from "@pulumi/pulumi";
import { refusal } from "../components/refusal";

export { refusal } from "../components/refusal";

/** Ends the program with an error. Every error that is not a refusal is a bug; its message has the stack as text. */
export function endBy(error: unknown): never {
  if (pulumi.RunError.isInstance(error)) throw error;
  const details = error instanceof Error ? (error.stack ?? error.message) : String(error);
  throw refusal(`This is a bug in Shared Authority. Please report it:\n${details}`);
}
