/** The Git host refuses a request or does not answer. The message names the request and holds no credentials. */
export class GitHostError extends Error {
  override readonly name = "GitHostError";

  constructor(
    message: string,
    /** Whether the host may have carried out the request although no answer says so. */
    readonly isLost = false,
  ) {
    super(message);
  }
}
