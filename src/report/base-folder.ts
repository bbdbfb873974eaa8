/** The project's files at a commit, as far as a comparison needs them, written into a folder of their own. */
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { projectFilePath, stacksOf } from "../config/stack-file";
import { gitIn, readObjects, textLines, wholeTreeMs } from "../release/git-objects";
import { lockFile } from "../release/lock";

/** Files of a commit. Links and submodules are left out. */
export class BaseFolder {
  readonly #written = new Set<string>();

  private constructor(
    /** The folder that they are written into. */
    readonly root: string,
    private readonly repository: string,
    /** The ids of the files at the top and below `tenants`, by path. */
    private readonly files: ReadonlyMap<string, string>,
  ) {}

  /**
   * Writes the project's file and the stack files.
   *
   * @param repository the project's folder in a clone that has the commit
   * @param folder an empty folder
   */
  static async open(repository: string, commit: string, folder: string): Promise<BaseFolder> {
    const git = gitIn(repository, wholeTreeMs);
    const [top, below] = await Promise.all([
      git(["ls-tree", "-z", commit]),
      git(["ls-tree", "-r", "-z", commit, "--", "tenants/"]),
    ]);
    const files = new Map(
      [top, below].flatMap((listed) =>
        textLines(listed, "\0").flatMap((line): [string, string][] => {
          const [, id = "", path = ""] = /^100\d+ blob (\w+)\t(.*)$/s.exec(line) ?? [];
          return id === "" ? [] : [[path, id]];
        }),
      ),
    );
    const base = new BaseFolder(folder, repository, files);
    await base.write([projectFilePath, ...stacksOf([...files.keys()]).map((stack) => `Pulumi.${stack}.yaml`)]);
    return base;
  }

  /** Writes the lock, if there is one. */
  writeLock(): Promise<void> {
    return this.write([lockFile]);
  }

  /** Writes those of the files that the commit has. */
  async write(paths: readonly string[]): Promise<void> {
    const wanted = [...new Set(paths)].filter((path) => this.files.has(path) && !this.#written.has(path));
    const ids = wanted.map((path) => this.files.get(path) ?? "");
    const contents = await readObjects(gitIn(this.repository, wholeTreeMs), ids);
    for (const [index, path] of wanted.entries()) {
      const file = join(this.root, path);
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, contents.get(ids[index] ?? "") ?? "");
      this.#written.add(path);
    }
  }
}

/**
 * The paths of the project that differ between a commit and another one, or the work tree with its new files.
 *
 * @param head nothing for the work tree
 */
export async function changedPaths(root: string, base: string, head?: string): Promise<string[]> {
  const git = gitIn(root, wholeTreeMs);
  const form = ["--name-only", "-z", "--relative", "--no-renames", "--no-ext-diff"];
  const changed = git(["diff", ...form, base, ...(head === undefined ? [] : [head]), "--"]);
  const added =
    head === undefined ? git(["ls-files", "--others", "--exclude-standard", "-z"]) : Promise.resolve(Buffer.alloc(0));
  const listed = await Promise.all([changed, added]);
  return [...new Set(listed.flatMap((output) => textLines(output, "\0")))].sort();
}
