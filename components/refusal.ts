import * as pulumi from "@pulumi/pulumi";

/**
 * An end of the program that is no fault of the program: its message is for people, whole as it stands.
 *
 * It has no stack. The engine would not show it, but inspects it all the same, and Node 20 was seen to do that for ever
 * and to take gigabytes (`util.inspect` with colours, on a stack whose paths lie in `node_modules`).
 */
export function refusal(message: string): pulumi.RunError {
  const error = new pulumi.RunError(message);
  error.stack = undefined;
  return error;
}
