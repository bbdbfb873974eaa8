/** The command line asks for what cannot be done. Its message is fit to be shown as it is, without a stack trace. */
export class InputError extends Error {
  override readonly name = "InputError";
}
