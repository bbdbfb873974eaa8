/** What the remote of a repository has, read with the user's own credentials. */
import { printable } from "../config/printable";
import { InputError } from "./input-error";
import type { OwnGit } from "./own-git";

/** A remote's branches and tags. */
export interface OwnRemote {
  /** Such as `origin`. */
  readonly name: string;
  /** The branch of its HEAD. */
  readonly head?: string;
  /** Commits by branch. */
  readonly branches: ReadonlyMap<string, string>;
  /** Commits by tag. */
  readonly tags: ReadonlyMap<string, string>;
}

/**
 * Reads the repository's remote.
 *
 * @param option the name of `--remote`
 * @throws InputError if there is none, several without an option, or it cannot be read
 */
export async function ownRemote(git: OwnGit, option: string | undefined): Promise<OwnRemote> {
  const names = (await git.run("remote")).split("\n").filter((name) => name !== "");
  const name = option ?? (names.includes("origin") ? "origin" : names.length === 1 ? names[0] : undefined);
  if (name === undefined || !names.includes(name)) {
    const has = names.length === 0 ? "has no remote" : `has the remotes ${names.map(printable).join(", ")}`;
    const fix = names.length === 0 ? "Add one: `git remote add origin <url>`." : "Name one of them with `--remote`.";
    throw new InputError(`${git.root} ${has}. ${fix}`);
  }
  const branches = new Map<string, string>();
  const tags = new Map<string, string>();
  let head: string | undefined;
  const listed = await git.run("ls-remote", "--quiet", "--symref", name, "HEAD", "refs/heads/*", "refs/tags/*");
  for (const line of listed.split("\n")) {
    head = /^ref: refs\/heads\/(.+)\tHEAD$/.exec(line)?.[1] ?? head;
    const [, commit = "", kind, ref = ""] = /^([0-9a-f]+)\trefs\/(heads|tags)\/(.+?)(?:\^\{\})?$/.exec(line) ?? [];
    // The commit behind an annotated tag comes on a second line.
    if (kind !== undefined) (kind === "heads" ? branches : tags).set(ref, commit);
  }
  return { name, head, branches, tags };
}

/** The repository's own tags: commits by tag. */
export async function ownTags(git: OwnGit): Promise<Map<string, string>> {
  const form = "--format=%(refname:strip=2) %(objectname) %(*objectname)";
  const lines = (await git.run("for-each-ref", form, "refs/tags")).split("\n").filter((line) => line !== "");
  return new Map(
    lines.map((line): [string, string] => {
      const [tag = "", object = "", peeled = ""] = line.split(" ");
      return [tag, peeled === "" ? object : peeled];
    }),
  );
}
