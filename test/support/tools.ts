import type { Context, Hook, Suite, Test } from "mocha";
import { findExecutable } from "../../demo/executable";

/**
 * Goes on only where all of these programs are on `PATH`. Otherwise the test (or, called in a `before` hook, the whole
 * suite) is skipped with the reason; with `REQUIRE_TOOLS=1` it fails.
 *
 * @param context mocha's `this`
 * @param names names of programs, such as `registry`
 */
export function requireTools(context: Context, ...names: string[]): void {
  const missing = names.filter((name) => findExecutable(name) === undefined);
  if (missing.length > 0) lacks(context, `needs ${missing.map((name) => `\`${name}\``).join(", ")}, not on PATH`);
}

/** Skips the test for a machine's lack, with the reason; with `REQUIRE_TOOLS=1` it fails. */
export function lacks(context: Context, reason: string): never {
  if (process.env.REQUIRE_TOOLS === "1") throw new Error(`${reason} (REQUIRE_TOOLS=1 makes this a failure)`);
  skipBecause(context, reason);
}

/**
 * Skips the test, or the whole suite in a `before` hook, for a reason that no tool can fix, such as the platform.
 * The summary counts skips by these reasons.
 */
export function skipBecause(context: Context, reason: string): never {
  // In the title, where the reporter finds it: of a test that ran in a worker nothing else comes through.
  skipped(context).title += ` (skipped: ${reason})`;
  return context.skip();
}

/** In a `before` hook the whole suite, though mocha names its first test as the current one there. */
function skipped(context: Context): Test | Suite {
  const running = context.test as Test | Hook;
  if (running.type !== "hook") return running;
  const beforeAll = running.title.startsWith('"before all"');
  return beforeAll || context.currentTest === undefined ? running.parent! : context.currentTest;
}
