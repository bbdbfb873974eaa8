/** Objects of a local Git repository, many with one `git cat-file` command. */
import { type GitCommandOptions, GitError, runGit } from "./git-command";

/** Runs a `git` command with preset options. */
export type Git = (args: readonly string[], more?: Partial<GitCommandOptions>) => Promise<Buffer>;

/** Git in a folder of a clone. @param timeoutMs how long it may say nothing, in milliseconds */
export function gitIn(root: string, timeoutMs = 60_000): Git {
  return (args, more) => runGit(["-C", root, ...args], { timeoutMs, ...more });
}

/** How long Git may say nothing while it goes through whole trees, in milliseconds. */
export const wholeTreeMs = 120_000;

/** Larger files are not read: a `Chart.yaml` has some hundred bytes. */
export const maxFileBytes = 1024 * 1024;

/** Id, type and size of an object. */
export interface ObjectFact {
  readonly id: string;
  readonly type: string;
  readonly size: number;
}

/** Whether the object is a file that is small enough to be read. */
export function isReadable(fact: ObjectFact | undefined): fact is ObjectFact {
  return fact?.type === "blob" && fact.size <= maxFileBytes;
}

/** The facts of each object, in the order of the names; nothing for an object that does not exist. */
export async function checkObjects(git: Git, names: readonly string[]): Promise<(ObjectFact | undefined)[]> {
  if (names.length === 0) return [];
  const answers = textLines(await git(["cat-file", "--batch-check"], { input: names.join("\n") + "\n" }));
  return answers.map((answer) => {
    const match = /^([0-9a-f]+) (\w+) ([0-9]+)$/.exec(answer);
    return match === null ? undefined : { id: match[1] ?? "", type: match[2] ?? "", size: Number(match[3]) };
  });
}

/** Where a folder is in the clone that holds it: the path from the top, with `/` at its end; empty for the top itself. */
export async function folderInClone(git: Git): Promise<string> {
  return textLines(await git(["rev-parse", "--show-prefix"]))[0] ?? "";
}

/** Whether commits are missing because the clone is shallow. */
export async function isShallow(git: Git): Promise<boolean> {
  return textLines(await git(["rev-parse", "--is-shallow-repository"]))[0] === "true";
}

/**
 * Contents by id. Each object is read once.
 *
 * @throws GitError if the clone lacks one: it is damaged, or a partial clone
 */
export async function readObjects(git: Git, ids: readonly string[]): Promise<Map<string, Buffer>> {
  const contents = new Map<string, Buffer>();
  const distinct = [...new Set(ids)];
  if (distinct.length === 0) return contents;
  const output = await git(["cat-file", "--batch"], { input: distinct.join("\n") + "\n" });
  let position = 0;
  for (const id of distinct) {
    const headEnd = output.indexOf("\n", position);
    const [, , bytes] = output.toString("latin1", position, headEnd).split(" ");
    if (bytes === undefined) throw new GitError(`git cat-file: the object ${id} is missing`);
    const size = Number(bytes);
    contents.set(id, output.subarray(headEnd + 1, headEnd + 1 + size));
    position = headEnd + 1 + size + 1;
  }
  return contents;
}

/**
 * Contents one after the other, in the order of the ids, for more than fits into memory.
 *
 * @param onContent must not throw
 * @throws GitError if the clone lacks one: it is damaged, or a partial clone
 */
export async function streamObjects(
  git: Git,
  ids: readonly string[],
  onContent: (content: Buffer, index: number) => void,
): Promise<void> {
  if (ids.length === 0) return;
  let parts: Buffer[] = [];
  let count = 0;
  let needed = 0;
  let index = 0;
  const onOutput = (part: Buffer): void => {
    parts.push(part);
    count += part.length;
    while (count > needed && index < ids.length) {
      const all = Buffer.concat(parts);
      const headEnd = all.indexOf("\n");
      const [, , bytes] = headEnd < 0 ? [] : all.toString("latin1", 0, headEnd).split(" ");
      const end = headEnd + 1 + Number(bytes ?? NaN);
      const isWhole = end < all.length;
      if (isWhole) onContent(all.subarray(headEnd + 1, end), index);
      if (isWhole) index += 1;
      parts = [isWhole ? all.subarray(end + 1) : all];
      count = parts[0]?.length ?? 0;
      needed = isWhole ? 0 : Number.isNaN(end) ? count : end;
    }
  };
  await git(["cat-file", "--batch", "--buffer"], { input: ids.join("\n") + "\n", onOutput });
  if (index < ids.length) throw new GitError(`git cat-file: the object ${String(ids[index])} is missing`);
}

/** An entry of a folder: a file, a link or a folder. Submodules are left out, since Flux does not fetch them. */
export interface TreeEntry {
  readonly name: string;
  readonly id: string;
  readonly isFolder: boolean;
}

/** The entries of each folder, by the id of its tree. */
export async function readTrees(git: Git, ids: readonly string[]): Promise<Map<string, TreeEntry[]>> {
  const contents = await readObjects(git, ids);
  return new Map([...contents].map(([id, content]) => [id, entriesOfTree(content, id.length / 2)]));
}

/** Each entry is `<mode> <name>`, a zero byte, and the bytes of the id. */
function entriesOfTree(content: Buffer, idBytes: number): TreeEntry[] {
  const entries: TreeEntry[] = [];
  for (let position = 0; position < content.length;) {
    const zero = content.indexOf(0, position);
    const [mode = "", ...name] = content.toString("utf8", position, zero).split(" ");
    position = zero + 1 + idBytes;
    if (mode !== "160000") {
      const id = content.toString("hex", zero + 1, position);
      entries.push({ name: name.join(" "), id, isFolder: mode === "40000" });
    }
  }
  return entries;
}

/**
 * The lines of a text, without empty lines.
 *
 * @param separator NUL with Git's option `-z`
 */
export function textLines(output: Buffer, separator = "\n"): string[] {
  return output
    .toString("utf8")
    .split(separator)
    .filter((line) => line !== "");
}
