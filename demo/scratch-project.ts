import { cp, mkdir, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import packageManifest from "../package.json";
import { git } from "./git";

/** The files of a user's repository that are not the same in this project's folder. They are written here. */
const ownFiles = [".github", ".gitignore", ".gitlab-ci.yml", "README.md", "package.json"];

const { name, version } = packageManifest;

/** The command line's program, relative to a user's repository. */
export const authorityProgram = `node_modules/${name}/bin/authority.js`;

/** What to copy, and the target. */
export interface CopyProjectOptions {
  /** Absolute path of this project's folder, with installed packages. */
  readonly root: string;
  /** The folder of the copy, which is created. */
  readonly directory: string;
}

/**
 * Makes a user's repository with one commit: the example deployment in this project's folder, and this package as if npm
 * had installed it. All other packages are linked.
 *
 * @throws Error if `root` has no installed packages, or is not built
 */
export async function copyProject({ root, directory }: CopyProjectOptions): Promise<ScratchProject> {
  const deployment = (await readdir(join(root, "template")).catch(() => [])).filter((path) => !ownFiles.includes(path));
  await installPackages(root, directory);
  await Promise.all(deployment.map((path) => cp(join(root, path), join(directory, path), { recursive: true })));
  const manifest = { name: "shared-repository", private: true, dependencies: { [name]: version } };
  await writeFile(join(directory, "package.json"), `${JSON.stringify(manifest, undefined, 2)}\n`);
  await writeFile(join(directory, ".gitignore"), "node_modules/\n");
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

/** Copies this package, so that a later build does not change the repository, and links the others. */
async function installPackages(root: string, directory: string): Promise<void> {
  const packages = join(root, "node_modules");
  const entries = await readdir(packages).catch(() => []);
  if (entries.length === 0) throw new Error(`No packages found in ${packages}. Run \`npm ci\` first.`);
  const installed = join(directory, "node_modules");
  await mkdir(installed, { recursive: true });
  const linked = entries.filter((entry) => entry === ".bin" || !(entry.startsWith(".") || entry === name));
  await Promise.all(linked.map((entry) => symlink(join(packages, entry), join(installed, entry), "junction")));
  const contents = ["package.json", "bin", "dist", "project.schema.json", "stack.schema.json"];
  const copy = (path: string) => cp(join(root, path), join(installed, name, path), { recursive: true });
  await Promise.all(contents.map(copy));
}
