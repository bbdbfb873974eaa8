/**
 * The code by which the engine knows that the reason has been reported: it adds none of its own. The SDK does not export
 * it (`nodeJSProcessExitedAfterLoggingUserActionableMessage`).
 */
const reported = 32;

/** What gRPC reports if the engine has ended the run: CANCELLED, or UNAVAILABLE. */
const ended: readonly unknown[] = [1, 14];

/**
 * Ends the program without a word if the engine no longer takes the stack's outputs. It has ended the run by then, and
 * has reported why; the SDK would report a stack trace as well. To be called once, before the program ends.
 */
export function endWithEngine(): void {
  for (const listener of process.listeners("unhandledRejection")) {
    process.off("unhandledRejection", listener);
    process.on("unhandledRejection", (error, promise) => {
      if (error instanceof Error && "code" in error && ended.includes(error.code)) process.exitCode = reported;
      else listener(error, promise);
    });
  }
}
