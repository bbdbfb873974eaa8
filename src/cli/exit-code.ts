/** The exit codes of `authority`. */
export const exitCode = {
  /** Success. */
  fine: 0,
  /** A bug in this program, or a failure of Pulumi. */
  internal: 1,
  /** The command line or a file is not valid, or a Git repository cannot be read. */
  badInput: 2,
  /**
   * A release breaks the promise, a fact cannot be read, a policy blocks, rendered manifests were changed, a decision is
   * not committed and pushed, a release failed and was rolled back, or the Git host refuses.
   */
  blocked: 3,
} as const;

export type ExitCode = (typeof exitCode)[keyof typeof exitCode];
