/** The command line is not valid. The message is shown without a stack trace. */
export class InputError extends Error {
  override readonly name = "InputError";
}
