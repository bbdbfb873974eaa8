/** Objects of a Git repository, many by one `git cat-file`. */
import type { GitCommandOptions } from "./git-command";

/** Runs a `git` command with the options that its caller has bound. */
export type Git = (args: readonly string[], more?: Partial<GitCommandOptions>) => Promise<Buffer>;

/** A chart's file is some hundred bytes; whatever is larger than this is none. */
export const largestFileBytes = 1024 * 1024;

/** What Git knows of an object without reading it. */
export interface ObjectFact {
  readonly id: string;
  readonly type: string;
  readonly size: number;
}

/** Whether the object is a file of a size that is read. */
export function isReadable(fact: ObjectFact | undefined): fact is ObjectFact {
  return fact?.type === "blob" && fact.size <= largestFileBytes;
}

/** Id, type and size of each object, in order; nothing for one that does not exist. */
export async function checkObjects(git: Git, names: readonly string[]): Promise<(ObjectFact | undefined)[]> {
  if (names.length === 0) {
    return [];
  }
  const answers = textLines(await git(["cat-file", "--batch-check"], { input: names.join("\n") + "\n" }));
  return answers.map((answer) => {
    const match = /^([0-9a-f]+) (\w+) ([0-9]+)$/.exec(answer);
    return match === null ? undefined : { id: match[1] ?? "", type: match[2] ?? "", size: Number(match[3]) };
  });
}

/** Contents by id, each read once. */
export async function readObjects(git: Git, ids: readonly string[]): Promise<Map<string, Buffer>> {
  const contents = new Map<string, Buffer>();
  const distinct = [...new Set(ids)];
  if (distinct.length === 0) {
    return contents;
  }
  const output = await git(["cat-file", "--batch"], { input: distinct.join("\n") + "\n" });
  let position = 0;
  for (const id of distinct) {
    const headEnd = output.indexOf("\n", position);
    const size = Number(output.toString("latin1", position, headEnd).split(" ")[2]);
    contents.set(id, output.subarray(headEnd + 1, headEnd + 1 + size));
    position = headEnd + 1 + size + 1;
  }
  return contents;
}

/** A file, a link or a folder in a folder. A submodule is none: its content is in another repository. */
export interface TreeEntry {
  readonly name: string;
  readonly id: string;
  readonly isFolder: boolean;
}

/** What is in each of the folders, by the id of its tree. */
export async function readTrees(git: Git, ids: readonly string[]): Promise<Map<string, TreeEntry[]>> {
  const contents = await readObjects(git, ids);
  return new Map([...contents].map(([id, content]) => [id, entriesOfTree(content, id.length / 2)]));
}

/** `<mode> <name>`, a zero byte and the bytes of the id, one entry behind the other. */
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

/** Lines of text, without empty ones. */
export function textLines(output: Buffer): string[] {
  return output
    .toString("utf8")
    .split("\n")
    .filter((line) => line !== "");
}
