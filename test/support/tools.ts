import type { Context, Hook, Suite, Test } from "mocha";
import { findExecutable } from "../../demo/executable";

/**
 * Skips the test, or in a `before` hook the suite, unless all programs are on `PATH`. With `REQUIRE_TOOLS=1` it fails
 * instead.
 *
 * @param context mocha's `this`
 * @param names programs, such as `registry`
 */
export function requireTools(context: Context, ...names: string[]): void {
  const missing = names.filter((name) => findExecutable(name) === undefined);
  if (missing.length > 0) lacks(context, `needs ${missing.map((name) => `\`${name}\``).join(", ")}, not on PATH`);
}

/** Skips the test because something is missing on this machine. With `REQUIRE_TOOLS=1` it fails instead. */
export function lacks(context: Context, reason: string): never {
  if (process.env.REQUIRE_TOOLS === "1") throw new Error(`${reason} (REQUIRE_TOOLS=1 makes this a failure)`);
  skipBecause(context, reason);
}

/**
 * Skips the test, or in a `before` hook the suite, for a reason that does not depend on installed programs, such as the
 * platform. The summary counts skips by reason.
 */
export function skipBecause(context: Context, reason: string): never {
  // The reporter reads the reason from the title, because workers pass nothing else to it.
  skipped(context).title += ` (skipped: ${reason})`;
  return context.skip();
}

/** The suite in a `before` hook, although mocha sets its first test as the current one. */
function skipped(context: Context): Test | Suite {
  const running = context.test as Test | Hook;
  if (running.type !== "hook") return running;
  const beforeAll = running.title.startsWith('"before all"');
  return beforeAll || context.currentTest === undefined ? running.parent! : context.currentTest;
}
