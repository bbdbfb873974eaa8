import { copyFile, lstat, mkdir, readdir, readFile, readlink, rm, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { git } from "./git";

/** A copy of this project, as a Git repository of its own in which every change is a commit. */
export interface ScratchProject {
  /** Absolute path of the folder that holds `Pulumi.yaml`. */
  readonly directory: string;
  /** Reads a file, by its path in the project. */
  read(path: string): Promise<string>;
  /** Writes files, by their paths in the project, and commits them; `undefined` takes a file out. Gives the commit. */
  commit(message: string, files: Readonly<Record<string, string | undefined>>): Promise<string>;
  /** Runs Git in the copy, and gives what it printed. */
  git(...parameters: string[]): Promise<string>;
}

/** What is copied, and where to. */
export interface CopyProjectOptions {
  /** Absolute path of this project's folder: a Git clone with its packages installed. */
  readonly root: string;
  /** The folder of the copy, which is made. */
  readonly directory: string;
}

/**
 * Copies this project's files, less what Git ignores, into a new Git repository with one commit. Installed packages are
 * linked, not copied; what is cached about the copy stays in the copy.
 *
 * @throws Error where `root` is no Git clone or has no packages installed
 */
export async function copyProject({ root, directory }: CopyProjectOptions): Promise<ScratchProject> {
  await copyFiles(root, directory);
  await linkPackages(root, directory);
  const project = new CopiedProject(directory);
  await project.git("init", "--quiet", "--initial-branch=main");
  await project.commit("A copy of the shared repository", {});
  return project;
}

async function copyFiles(root: string, directory: string): Promise<void> {
  const list = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
  // In a container the clone is often another user's; it is only read here.
  const listed = await git({ directory: root }, "-c", "safe.directory=*", ...list);
  const files = new Set(listed.split("\0").filter((file) => file !== ""));
  const folders = new Set([...files].map((file) => dirname(join(directory, file))));
  await Promise.all([...folders].map((folder) => mkdir(folder, { recursive: true })));
  await Promise.all(
    [...files].map(async (file) => {
      // A file that is deleted and not committed yet is listed, but not there.
      if (await isFile(join(root, file))) await copyFile(join(root, file), join(directory, file));
    }),
  );
}

async function isFile(path: string): Promise<boolean> {
  return lstat(path).then(
    (stat) => stat.isFile(),
    () => false,
  );
}

/**
 * A folder of links in place of one link: the bundles that are cached in `node_modules/.cache` belong to the copy. The
 * links of workspaces are relative, so that they lead to the copy's own.
 */
async function linkPackages(root: string, directory: string): Promise<void> {
  const packages = join(root, "node_modules");
  const entries = await readdir(packages, { withFileTypes: true }).catch(() => []);
  if (entries.length === 0) throw new Error(`There are no packages in ${packages}. Run \`npm ci\` first.`);
  const links = join(directory, "node_modules");
  await mkdir(links);
  await Promise.all(
    entries
      .filter((entry) => !entry.name.startsWith(".") || entry.name === ".bin")
      .map(async (entry) => {
        const source = join(packages, entry.name);
        const target = entry.isSymbolicLink() ? await readlink(source) : source;
        await symlink(target, join(links, entry.name), "junction");
      }),
  );
}

class CopiedProject implements ScratchProject {
  constructor(readonly directory: string) {}

  async read(path: string): Promise<string> {
    return readFile(join(this.directory, path), "utf8");
  }

  async commit(message: string, files: Readonly<Record<string, string | undefined>>): Promise<string> {
    for (const [path, content] of Object.entries(files)) {
      const file = join(this.directory, path);
      if (content === undefined) {
        await rm(file, { force: true });
      } else {
        await mkdir(dirname(file), { recursive: true });
        await writeFile(file, content);
      }
    }
    await this.git("add", "--all");
    await this.git("commit", "--quiet", "--allow-empty", "-m", message);
    return this.git("rev-parse", "HEAD");
  }

  async git(...parameters: string[]): Promise<string> {
    return git({ directory: this.directory }, ...parameters);
  }
}
