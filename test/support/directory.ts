import { mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/**
 * Creates a temporary folder for each test of the suite, and removes it afterwards. Call it in a `describe`.
 *
 * @returns a function that returns the current test's folder
 */
export function temporaryDirectory(): () => string {
  let directory: string | undefined;
  beforeEach(() => {
    directory = realpathSync(mkdtempSync(join(tmpdir(), "shared-authority-test-")));
  });
  afterEach(() => {
    if (directory !== undefined) rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
    directory = undefined;
  });
  return () => {
    if (directory === undefined) throw new Error("The folder exists only while a test runs.");
    return directory;
  };
}
