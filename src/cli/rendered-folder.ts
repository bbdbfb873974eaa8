import {
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { setImmediate } from "node:timers/promises";
import type { RenderedFile } from "../manifests/rendered-file";
import { atExit } from "../release/at-exit";
import { InputError } from "./input-error";

/** The folders of a render, and the files in them, as the provider names them. */
const renderedFolders: readonly string[] = ["0-crd", "1-manifest"];
const renderedName = /^[^/]+-[^/]+-[^/]+-[^/]+\.yaml$/;

/** After so many files the loop lets signals in. */
const filesAtOnce = 500;

/** A folder of rendered manifests, which a render replaces as a whole. */
export class RenderedFolder {
  readonly #path: string;

  /**
   * @param path absolute; it need not be there
   * @throws InputError where something else than a former render is there: that would be lost
   */
  constructor(path: string) {
    this.#path = existing(path);
    refuseForeign(this.#path);
  }

  /**
   * Writes the files beside the folder, and then puts them in its place. Whatever happens before leaves the folder as
   * it was.
   *
   * @param onWritten told from time to time how many files there are
   * @returns how many files there are
   * @throws InputError where two objects have one file, or where the folder cannot be written
   */
  async replace(files: Iterable<RenderedFile>, onWritten: (count: number) => void): Promise<number> {
    const parent = dirname(this.#path);
    const beside = orInputError(`${parent} cannot be written`, () => {
      mkdirSync(parent, { recursive: true });
      return mkdtempSync(join(parent, `.${basename(this.#path)}.render-`));
    });
    const remove = () => {
      rmSync(beside, { recursive: true, force: true });
    };
    const forget = atExit(remove);
    try {
      const fresh = join(beside, "new");
      mkdirSync(fresh);
      const folders = new Set<string>();
      const isThere = existsSync(this.#path);
      let count = 0;
      for (const file of files) {
        if (count % filesAtOnce === 0) {
          onWritten(count);
          await setImmediate();
        }
        const folder = dirname(file.path);
        if (!folders.has(folder)) mkdirSync(join(fresh, folder));
        folders.add(folder);
        if (!isThere || !linkUnchanged(this.#path, fresh, file)) writeNew(fresh, file);
        count += 1;
      }
      // Somebody may have put a file there in the meantime.
      refuseForeign(this.#path);
      this.#exchange(fresh, join(beside, "old"));
      return count;
    } finally {
      remove();
      forget();
    }
  }

  #exchange(fresh: string, old: string): void {
    const isThere = lstatSync(this.#path, { throwIfNoEntry: false }) !== undefined;
    orInputError(`${this.#path} cannot be replaced`, () => {
      if (isThere) renameSync(this.#path, old);
      try {
        renameSync(fresh, this.#path);
      } catch (error) {
        if (isThere) renameSync(old, this.#path);
        throw error;
      }
    });
  }
}

/** Where a link leads to, so that the link stays. */
function existing(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

function refuseForeign(path: string): void {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return;
  if (!stat.isDirectory()) throw new InputError(`${path} is no folder; expected a folder, or nothing.`);
  const foreign = orInputError(`${path} cannot be read`, () => foreignEntries(path));
  if (foreign.length === 0) return;
  const more = foreign.length > 3 ? ` and ${foreign.length - 3} more` : "";
  throw new InputError(
    `${path} holds what no render wrote: ${foreign.slice(0, 3).join(", ")}${more}. ` +
      "A render replaces the folder as a whole; move these away, or name another folder with `--out`.",
  );
}

function foreignEntries(path: string): string[] {
  return readdirSync(path, { withFileTypes: true }).flatMap((folder) => {
    if (!folder.isDirectory() || !renderedFolders.includes(folder.name)) return [folder.name];
    return readdirSync(join(path, folder.name), { withFileTypes: true })
      .filter((file) => !file.isFile() || !renderedName.test(file.name))
      .map((file) => `${folder.name}/${file.name}`);
  });
}

/**
 * Takes a file that is as it was over from the former render: a file system makes a link several times faster than a
 * file. Nothing is ever written through it, and where there can be no link the file is written.
 */
function linkUnchanged(former: string, folder: string, { path, content }: RenderedFile): boolean {
  try {
    if (readFileSync(join(former, path), "utf8") !== content) return false;
    linkSync(join(former, path), join(folder, path));
    return true;
  } catch {
    return false;
  }
}

function writeNew(folder: string, { path, content }: RenderedFile): void {
  try {
    writeFileSync(join(folder, path), content, { flag: "wx" });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EEXIST") {
      throw new InputError(`Two objects would be written into ${path}; rename one of the two tenants or namespaces.`);
    }
    throw code === undefined ? error : new InputError(`${path} cannot be written: ${code}.`);
  }
}

function orInputError<Result>(fault: string, run: () => Result): Result {
  try {
    return run();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === undefined) throw error;
    throw new InputError(`${fault}: ${code}.`);
  }
}
