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
import { parse } from "yaml";
import { firstOf } from "../config/count";
import { label } from "../manifests/annotation";
import type { KubernetesObject } from "../manifests/object";
import { type RenderedFile, renderedFile } from "../manifests/rendered-file";
import { atExit } from "../release/at-exit";
import { InputError } from "./input-error";

/** The subfolders and file names of a render, as the Kubernetes provider chooses them. */
const renderedFolders: readonly string[] = ["0-crd", "1-manifest"];
const renderedName = /^[^/]+-[^/]+-[^/]+-[^/]+\.yaml$/;

/** A label that every rendered object has, in YAML as we and as the provider write it. */
const renderedMark = new RegExp(`^ +["']?(?:${label.tenant}|${label.stack})["']?:`, "m");

/** How many files are written before signals are handled. */
const filesAtOnce = 500;

/** A folder of rendered manifests. A render replaces it as a whole. */
export class RenderedFolder {
  readonly #path: string;

  /**
   * @param path absolute; the folder need not exist
   * @throws InputError if the path contains anything but a previous render, which would be lost
   */
  constructor(path: string) {
    // Resolves a link, so that the link itself is not replaced.
    this.#path = existsSync(path) ? realpathSync(path) : path;
    refuseForeignFiles(this.#path, foreignFiles);
  }

  /**
   * Writes the files into a temporary folder next to this one, then exchanges the two. If anything fails before that, the
   * folder is unchanged. What no render has written, by label and file name, is neither removed nor overwritten.
   *
   * @param onWritten called from time to time with the number of files
   * @returns the number of files
   * @throws InputError if two objects have the same file name, the folder cannot be written, or a file would be lost
   */
  async replace(files: Iterable<RenderedFile>, onWritten: (count: number) => void): Promise<number> {
    const parent = dirname(this.#path);
    const temporary = orInputError(`Cannot write ${parent}`, () => {
      mkdirSync(parent, { recursive: true });
      return mkdtempSync(join(parent, `.${basename(this.#path)}.render-`));
    });
    const remove = () => rmSync(temporary, { recursive: true, force: true });
    const cancelRemoval = atExit(remove);
    try {
      const next = join(temporary, "new");
      mkdirSync(next);
      const folders = new Set<string>();
      const exists = existsSync(this.#path);
      const unchanged = new Set<string>();
      let count = 0;
      for (const file of files) {
        if (count % filesAtOnce === 0) {
          onWritten(count);
          await setImmediate();
        }
        const folder = dirname(file.path);
        if (!folders.has(folder)) mkdirSync(join(next, folder));
        folders.add(folder);
        if (exists && linkUnchanged(this.#path, next, file)) unchanged.add(file.path);
        else writeFile(next, file);
        count += 1;
      }
      // Names are checked again, because someone may have added a file meanwhile.
      refuseForeignFiles(this.#path, (path) => [...foreignFiles(path), ...handWrittenFiles(path, next, unchanged)]);
      this.#exchange(next, join(temporary, "old"));
      return count;
    } finally {
      remove();
      cancelRemoval();
    }
  }

  #exchange(next: string, old: string): void {
    const exists = existsSync(this.#path);
    orInputError(`Cannot replace ${this.#path}`, () => {
      if (exists) renameSync(this.#path, old);
      try {
        renameSync(next, this.#path);
      } catch (error) {
        if (exists) renameSync(old, this.#path);
        throw error;
      }
    });
  }
}

function refuseForeignFiles(path: string, find: (path: string) => string[]): void {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return;
  if (!stat.isDirectory()) throw new InputError(`${path} is not a folder. Name another folder with \`--out\`.`);
  const foreign = orInputError(`Cannot read ${path}`, () => find(path));
  if (foreign.length === 0) return;
  throw new InputError(
    `${path} contains files that were not rendered: ${firstOf(foreign)}. ` +
      "A render replaces the whole folder. Move these files, or name another folder with `--out`.",
  );
}

function foreignFiles(path: string): string[] {
  return readdirSync(path, { withFileTypes: true }).flatMap((folder) => {
    if (!folder.isDirectory() || !renderedFolders.includes(folder.name)) return [folder.name];
    return readdirSync(join(path, folder.name), { withFileTypes: true })
      .filter((file) => !file.isFile() || !renderedName.test(file.name))
      .map((file) => `${folder.name}/${file.name}`);
  });
}

/** The files of the previous folder that have a rendered name, but whose content no render has written. */
function handWrittenFiles(previous: string, next: string, unchanged: ReadonlySet<string>): string[] {
  const files = renderedFolders
    .filter((folder) => existsSync(join(previous, folder)))
    .flatMap((folder) => readdirSync(join(previous, folder)).map((name) => `${folder}/${name}`));
  return files.filter((file) => {
    if (unchanged.has(file) || !renderedName.test(basename(file))) return false;
    const text = readFileSync(join(previous, file), "utf8");
    return !renderedMark.test(text) || !(existsSync(join(next, file)) || isNamedAfterObject(file, text));
  });
}

function isNamedAfterObject(path: string, text: string): boolean {
  try {
    return renderedFile(parse(text) as KubernetesObject).path === path;
  } catch {
    return false;
  }
}

/**
 * Links an unchanged file from the previous render, which is several times faster than writing it. Files are never
 * modified in place, so a link is safe. Without support for links, the file is written.
 */
function linkUnchanged(previous: string, next: string, { path, content }: RenderedFile): boolean {
  try {
    if (readFileSync(join(previous, path), "utf8") !== content) return false;
    linkSync(join(previous, path), join(next, path));
    return true;
  } catch {
    return false;
  }
}

function writeFile(folder: string, { path, content }: RenderedFile): void {
  orInputError(`Cannot write ${path}`, () => {
    try {
      writeFileSync(join(folder, path), content, { flag: "wx" });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
      throw new InputError(`Two objects have the same file name ${path}. Rename one of the tenants or namespaces.`);
    }
  });
}

/** Turns errors of the file system into errors of the command line. */
function orInputError<Result>(problem: string, run: () => Result): Result {
  try {
    return run();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === undefined) throw error;
    throw new InputError(`${problem}: ${code}.`);
  }
}
