/** What the exit code of `authority` says. */
export const exitCode = {
  /** All is well. */
  fine: 0,
  /** A fault of this program itself. */
  internal: 1,
  /** What was asked for, or what the files say, is no valid input. */
  badInput: 2,
  /** The promise is broken, a fact cannot be read, or a policy blocks. */
  blocked: 3,
} as const;

/** One of the exit codes. */
export type ExitCode = (typeof exitCode)[keyof typeof exitCode];
