import { accessSync, constants, statSync } from "node:fs";
import { delimiter, join } from "node:path";

/**
 * The absolute path of a program on `PATH`, or `undefined` if it is not there.
 *
 * @param name the name without a folder, such as `git`
 * @param searchPath the folders to search, joined as in `PATH`
 */
export function findExecutable(name: string, searchPath = process.env.PATH ?? ""): string | undefined {
  const endings = process.platform === "win32" ? (process.env.PATHEXT ?? ".EXE;.CMD").split(";") : [""];
  const folders = searchPath.split(delimiter).filter((folder) => folder !== "");
  return folders.flatMap((folder) => endings.map((ending) => join(folder, name + ending))).find(isExecutable);
}

/** Whether this user can run the file at this path. */
export function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}
