import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { Lab } from "../../lab/lab";
import type { ChartFiles } from "../../../demo/example-chart";
import { git } from "../../../demo/git";
import { makePodinfoRepository, type PodinfoTag } from "../../support/podinfo-repository";

/** A repository on the lab's Git host with a local clone. */
export class Repository {
  private constructor(
    /** The URL on the Git host. */
    readonly url: string,
    /** The folder of the clone. */
    readonly path: string,
  ) {}

  /**
   * Creates a repository on the lab's Git host.
   *
   * @param name a unique name without `.git`
   * @param tags podinfo's tags for the branch `master`. Default: the repository is empty.
   */
  static async create(lab: Lab, name: string, tags: readonly PodinfoTag[] = []): Promise<Repository> {
    const path = await mkdtemp(join(tmpdir(), "shared-authority-e2e-"));
    const url = `${lab.gitUrl}/${name}.git`;
    const repository = new Repository(url, path);
    await repository.git("init", "--quiet", "--initial-branch=master", ".");
    await repository.git("remote", "add", "origin", url);
    if (tags.length > 0) {
      const podinfo = await makePodinfoRepository(join(path, ".git", "podinfo.git"), tags);
      await repository.git("pull", "--quiet", "--tags", podinfo, "master");
      await repository.push("--tags", "master");
    }
    return repository;
  }

  /** Runs Git in the clone and returns its output without the final newline. */
  git(...parameters: string[]): Promise<string> {
    return git({ directory: this.path }, ...parameters);
  }

  /**
   * Writes files and commits all changes.
   *
   * @param files content by path
   * @returns the commit
   */
  async commit(message: string, files: Readonly<Record<string, string>> = {}): Promise<string> {
    for (const [file, content] of Object.entries(files)) {
      const target = join(this.path, file);
      await mkdir(dirname(target), { recursive: true });
      await writeFile(target, content);
    }
    await this.git("add", "--all");
    await this.git("commit", "--quiet", "--message", message);
    return this.git("rev-parse", "HEAD");
  }

  /** Pushes to the host. Default: the current branch. */
  async push(...parameters: string[]): Promise<void> {
    await this.git("push", "--quiet", "origin", ...(parameters.length > 0 ? parameters : ["HEAD"]));
  }

  /** Pulls the current branch. */
  async pull(): Promise<void> {
    await this.git("pull", "--quiet", "--ff-only", "origin", await this.git("branch", "--show-current"));
  }

  /** The commit of a branch or tag on the host, or `undefined` if it does not exist. */
  async remoteCommit(reference: string): Promise<string | undefined> {
    const [line] = (await this.git("ls-remote", "origin", reference, `${reference}^{}`)).split("\n").reverse();
    return line === undefined || line === "" ? undefined : line.split("\t")[0];
  }

  /**
   * The files of a chart, for `pushChart`.
   *
   * @param revision a commit, branch or tag
   * @param folder the chart's folder, such as `charts/podinfo`
   */
  async chartFiles(revision: string, folder: string): Promise<ChartFiles> {
    const paths = (await this.git("ls-tree", "-r", "--name-only", `${revision}:${folder}`)).split("\n");
    const contents = await Promise.all(paths.map((path) => this.git("show", `${revision}:${folder}/${path}`)));
    return Object.fromEntries(paths.map((path, index) => [path, `${contents[index] ?? ""}\n`]));
  }

  /** Removes the clone. */
  async remove(): Promise<void> {
    await rm(this.path, { recursive: true, force: true });
  }
}
