import { copyFile, lstat, mkdir, readdir, readFile, readlink, rm, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { git } from "./git";

/** What to copy, and the target. */
export interface CopyProjectOptions {
  /** Absolute path of this project's folder: a Git clone with installed packages. */
  readonly root: string;
  /** The folder of the copy, which is created. */
  readonly directory: string;
}

/**
 * Copies this project's files, except those that Git ignores, to a new Git repository with one commit. Installed packages
 * are linked.
 *
 * @throws Error if `root` is not a Git clone or has no installed packages
 */
export async function copyProject({ root, directory }: CopyProjectOptions): Promise<ScratchProject> {
  await copyFiles(root, directory);
  await linkPackages(root, directory);
  const project = new ScratchProject(directory);
  await project.git("init", "--quiet", "--initial-branch=main");
  await project.commit("A copy of the shared repository", {});
  return project;
}

/** A copy of this project in a Git repository of its own. */
export class ScratchProject {
  /** @param directory absolute path of the folder with `Pulumi.yaml` */
  constructor(readonly directory: string) {}

  /** Reads a file, by its path in the project. */
  read(path: string): Promise<string> {
    return readFile(join(this.directory, path), "utf8");
  }

  /** Writes files by their paths in the project, removes those with `undefined`, and commits. @returns the commit */
  async commit(message: string, files: Readonly<Record<string, string | undefined>>): Promise<string> {
    for (const [path, content] of Object.entries(files)) {
      const file = join(this.directory, path);
      await mkdir(dirname(file), { recursive: true });
      await (content === undefined ? rm(file, { force: true }) : writeFile(file, content));
    }
    await this.git("add", "--all");
    await this.git("commit", "--quiet", "--allow-empty", "-m", message);
    return this.git("rev-parse", "HEAD");
  }

  /** Runs Git in the copy and returns its output. */
  git(...parameters: string[]): Promise<string> {
    return git({ directory: this.directory }, ...parameters);
  }
}

async function copyFiles(root: string, directory: string): Promise<void> {
  const list = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
  // In a container, another user often owns the clone. It is only read here.
  const listed = await git({ directory: root }, "-c", "safe.directory=*", ...list);
  const files = [...new Set(listed.split("\0").filter((file) => file !== ""))];
  const folders = new Set(files.map((file) => dirname(join(directory, file))));
  await Promise.all([...folders].map((folder) => mkdir(folder, { recursive: true })));
  const copy = async (file: string) => {
    // Git also lists files with an uncommitted deletion.
    const stat = await lstat(join(root, file)).catch(() => undefined);
    if (stat?.isFile() === true) await copyFile(join(root, file), join(directory, file));
  };
  await Promise.all(files.map(copy));
}

/**
 * Links each package instead of the folder, so that the copy has its own cache in `node_modules/.cache`. The links of
 * workspaces are relative and lead to the workspaces of the copy.
 */
async function linkPackages(root: string, directory: string): Promise<void> {
  const packages = join(root, "node_modules");
  const entries = await readdir(packages, { withFileTypes: true }).catch(() => []);
  if (entries.length === 0) throw new Error(`No packages found in ${packages}. Run \`npm ci\` first.`);
  const links = join(directory, "node_modules");
  await mkdir(links);
  const linked = entries.filter(({ name }) => !name.startsWith(".") || name === ".bin");
  const link = async (entry: (typeof entries)[number]) => {
    const source = join(packages, entry.name);
    await symlink(entry.isSymbolicLink() ? await readlink(source) : source, join(links, entry.name), "junction");
  };
  await Promise.all(linked.map(link));
}
