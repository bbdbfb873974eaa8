/** Commits of a clone by the names that people and pipelines give. */
import { GitError } from "./git-command";
import { type Git, textLines } from "./git-objects";

/** The whole name of a branch: with a short one, Git would take a tag first, and tags are often not protected. */
export async function branchOf(git: Git, ref: string): Promise<string> {
  if (/^refs\/|^[0-9a-f]{40,}$/.test(ref)) return ref;
  for (const name of [`refs/remotes/${ref}`, `refs/heads/${ref}`]) {
    if ((await findCommit(git, name)) !== undefined) return name;
  }
  return ref;
}

/**
 * The id of the commit that a name stands for.
 *
 * @throws GitError where there is none
 */
export async function commitOf(git: Git, ref: string): Promise<string> {
  const id = await findCommit(git, ref);
  if (id === undefined) throw new GitError(`this clone has no commit ${JSON.stringify(ref.slice(0, 200))}`);
  return id;
}

async function findCommit(git: Git, ref: string): Promise<string | undefined> {
  const flags = ["--verify", "--quiet", "--end-of-options"];
  const [id] = textLines(await git(["rev-parse", ...flags, `${ref}^{commit}`]).catch(() => Buffer.alloc(0)));
  return id;
}
