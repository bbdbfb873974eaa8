import { mkdtempSync, rmSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { atExit } from "./at-exit";

/** A Git process that is ending may still write for a moment. */
const removal = { recursive: true, force: true, maxRetries: 5 } as const;

/**
 * Calls `use` with a new temporary folder, which is removed afterwards, also if the process ends before.
 *
 * @param prefix the beginning of the folder's name
 */
export async function withScratchFolder<Result>(
  prefix: string,
  use: (folder: string) => Promise<Result>,
): Promise<Result> {
  // Synchronous, so that no signal arrives between making the folder and registering its removal.
  const folder = mkdtempSync(join(tmpdir(), prefix));
  const removeExitHook = atExit(() => rmSync(folder, removal));
  try {
    return await use(folder);
  } finally {
    await rm(folder, removal);
    removeExitHook();
  }
}
