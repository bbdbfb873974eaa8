/** What a pull request may bring without code owners: the files that decide, and nothing that a program loads. */
import { isInnerPath } from "../config/address";
import { projectFilePath, stacksOf } from "../config/stack-file";
import { lockFile } from "../release/lock";

/** A file of a render: `<folder>/1-manifest/<group>_<version>-<kind>-<namespace>-<name>.yaml`. */
const renderedName = /^(?:0-crd|1-manifest)\/[^/]+-[^/]+-[^/]+-[^/]+\.yaml$/;

/** No hidden files: Git reads `.gitattributes` in every folder. No `..`, which a tree can hold that was made by hand. */
const plainPath = /^[^./\\\p{Cc}][^/\\\p{Cc}]*(?:\/[^./\\\p{Cc}][^/\\\p{Cc}]*)*$/u;

const valuesFolder = "tenants";

/** Says which paths are data, by the folders that the stacks render into. */
export class DataPaths {
  readonly #rendered: readonly string[];

  /** @param rendered as in `delivery.manifests` of the stack files, whoever wrote them */
  constructor(rendered: readonly string[]) {
    this.#rendered = rendered.filter((folder) => isInnerPath(folder) && plainPath.test(folder));
  }

  /** @param path relative to the project's folder */
  isData(path: string): boolean {
    if (!plainPath.test(path)) return false;
    if (path === projectFilePath || path === lockFile || stacksOf([path]).length > 0) return true;
    if (path.startsWith(`${valuesFolder}/`)) return true;
    return this.#rendered.some(
      (folder) => path.startsWith(`${folder}/`) && renderedName.test(path.slice(folder.length + 1)),
    );
  }

  /** Whether data is here, or above or below this path: what is here must be a regular file or a folder. */
  isPlaceOfData(path: string): boolean {
    const folders = [valuesFolder, ...this.#rendered];
    return this.isData(path) || folders.some((folder) => isWithin(path, folder) || isWithin(folder, path));
  }
}

function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(`${folder}/`);
}
