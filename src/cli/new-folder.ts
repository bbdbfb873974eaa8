/** A folder that is written completely or not at all. */
import { randomUUID } from "node:crypto";
import { existsSync, lstatSync, mkdirSync, readdirSync, rmdirSync, rmSync } from "node:fs";
import { rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { firstOf } from "../config/count";
import { atExit } from "../release/at-exit";
import { InputError } from "./input-error";

/**
 * Refuses a folder that holds anything but an empty clone's `.git`.
 *
 * @throws InputError
 */
export function refuseOccupied(folder: string): void {
  const found = lstatSync(folder, { throwIfNoEntry: false });
  if (found === undefined) return;
  const fix = "Name a new folder, an empty one, or an empty clone. Nothing was written.";
  if (!found.isDirectory()) throw new InputError(`${folder} is not a folder. ${fix}`);
  const names = readdirSync(folder).filter((name) => name !== ".git");
  if (names.length === 0) return;
  throw new InputError(`${folder} is not empty: it holds ${firstOf(names.sort(), 5)}. ${fix}`);
}

/**
 * Fills a temporary folder, and puts it or its contents in place when it is complete.
 *
 * @param folder new, or one that `refuseOccupied` accepts. It stays the same folder then: a shell may be in it
 */
export async function writeFolder(folder: string, fill: (folder: string) => Promise<void>): Promise<void> {
  const isNew = !existsSync(folder);
  const parent = isNew ? dirname(folder) : folder;
  // Not `mkdtemp`: its folders are closed to other users.
  const temporary = join(parent, `.init-${randomUUID()}`);
  const first = mkdirSync(temporary, { recursive: true }) ?? temporary;
  const clean = () => removeNew(temporary, first);
  const removeExitHook = atExit(clean);
  try {
    await fill(temporary);
    if (isNew) await rename(temporary, folder);
    else await moveContents(temporary, folder);
  } finally {
    clean();
    removeExitHook();
  }
}

/** Removes the temporary folder, and its parents up to the first that was made for it, unless they hold anything else. */
function removeNew(temporary: string, first: string): void {
  // npm, which a signal ends too, may still write for a moment.
  rmSync(temporary, { recursive: true, force: true, maxRetries: 5 });
  for (let place = temporary; place !== first;) {
    place = dirname(place);
    if (readdirSync(place).length > 0) return;
    rmdirSync(place);
  }
}

/** Moves each entry. If one cannot be moved, those that were are removed again. */
async function moveContents(from: string, to: string): Promise<void> {
  const moved: string[] = [];
  try {
    for (const name of readdirSync(from)) {
      await rename(join(from, name), join(to, name));
      moved.push(name);
    }
  } catch (error) {
    for (const name of moved) await rm(join(to, name), { recursive: true, force: true });
    throw error;
  }
}
