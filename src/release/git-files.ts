/** Files at many revisions of a local Git repository, read by a few `git cat-file` commands. */
import { GitError } from "./git-command";
import {
  checkObjects,
  isReadable,
  maxFileBytes,
  readObjects,
  readTrees,
  textLines,
  type Git,
  type ObjectFact,
} from "./git-objects";

/** A file at a revision. */
export interface GitFile {
  /** The commit of the revision. Absent: the revision is not a commit. */
  readonly commit?: string;
  readonly content?: Buffer;
  /** Why `content` is missing, in one sentence. */
  readonly absent?: string;
  /** The surroundings, when they were requested. */
  readonly beside?: GitSurroundings;
}

/** What to read together with a file. */
export interface Beside {
  /** Paths of files. */
  readonly files: readonly string[];
  /** A folder. Only its file names are read. */
  readonly folder: string;
}

/** The result for `Beside`. */
export interface GitSurroundings {
  /** Contents by path. Without content: the file is too large. Missing files have no entry. */
  readonly files: ReadonlyMap<string, Buffer | undefined>;
  /** Paths in the folder of its files and of those one level below. A link counts as a file. */
  readonly names: readonly string[];
}

/**
 * The file at each revision, by the name of the revision.
 *
 * @param objects the object id of each revision, by name
 * @throws GitError when the repository does not have an object
 */
export async function readFiles(
  git: Git,
  objects: ReadonlyMap<string, string>,
  path: string,
  beside?: Beside,
): Promise<Map<string, GitFile>> {
  const paths = beside === undefined ? [path] : [path, beside.folder, ...beside.files];
  const names = [...objects.values()].flatMap((id) => [id, ...paths.map((one) => `${id}:${one}`)]);
  const facts = await checkObjects(git, names);
  const rows = [...objects].map(([name, id], row) => ({ name, id, facts: facts.slice(row * (paths.length + 1)) }));
  const contents = await readObjects(
    git,
    facts.filter(isReadable).map(({ id }) => id),
  );
  const folders = beside === undefined ? [] : rows.flatMap((row) => treeId(row.facts[2]));
  const namesOf = await readNames(git, folders);
  const surroundings = (row: readonly (ObjectFact | undefined)[], { files }: Beside): GitSurroundings => {
    const found = files.flatMap((file, index) => {
      const fact = row[index + 3];
      return fact?.type === "blob" ? [[file, contents.get(fact.id)] as const] : [];
    });
    return { files: new Map(found), names: treeId(row[2]).flatMap((id) => namesOf.get(id) ?? []) };
  };
  const fileOf = (name: string, id: string, row: readonly (ObjectFact | undefined)[]): GitFile => {
    const [commit, blob] = row;
    if (commit === undefined) {
      throw new GitError(`the repository does not have the object ${id} of ${name}; the ref may have just moved`);
    }
    if (commit.type !== "commit") return { absent: `${name} points at a ${commit.type}, must point at a commit` };
    const missing = (absent: string): GitFile => ({ commit: commit.id, absent });
    if (blob?.type !== "blob") return missing(`there is no file ${path} at the commit ${commit.id}`);
    const content = contents.get(blob.id);
    if (content === undefined) {
      return missing(`${path} at the commit ${commit.id} has ${blob.size} bytes, must have at most ${maxFileBytes}`);
    }
    return { commit: commit.id, content, ...(beside === undefined ? {} : { beside: surroundings(row, beside) }) };
  };
  return new Map(rows.map(({ name, id, facts: row }) => [name, fileOf(name, id, row)]));
}

function treeId(fact: ObjectFact | undefined): string[] {
  return fact?.type === "tree" ? [fact.id] : [];
}

/** For each folder, by its id: the paths of its files and of those one level below. */
async function readNames(git: Git, folders: readonly string[]): Promise<Map<string, string[]>> {
  const trees = await readTrees(git, folders);
  const entries = [...trees.values()].flat();
  const inner = await readTrees(
    git,
    entries.filter(({ isFolder }) => isFolder).map(({ id }) => id),
  );
  const filesIn = (id: string) => (inner.get(id) ?? []).filter(({ isFolder }) => !isFolder);
  return new Map(
    [...trees].map(([folder, listed]) => [
      folder,
      listed.flatMap(({ name, id, isFolder }) =>
        isFolder ? filesIn(id).map((file) => `${name}/${file.name}`) : [name],
      ),
    ]),
  );
}

/** A file below a folder. */
export interface FolderFile {
  /** From the folder, separated by `/`. */
  readonly path: string;
  readonly content: Buffer;
}

/** More than a chart has. */
const mostFolderFiles = 2000;
const largestFolder = 32 * 1024 * 1024;

/**
 * The files below a folder at a commit. Links are left out, because they could lead out of the folder.
 *
 * @param namesOnly leaves the contents empty, for a repository that lacks them so far
 * @throws GitError when there is none, or when it has too many files or bytes
 */
export async function readFolder(
  git: Git,
  commit: string,
  folder: string,
  namesOnly = false,
): Promise<readonly FolderFile[]> {
  const prefix = folder === "" ? "" : `${folder}/`;
  const paths = folder === "" ? [] : [prefix];
  const listed = textLines(await git(["--literal-pathspecs", "ls-tree", "-r", "-z", commit, "--", ...paths]), "\0");
  const files = listed.flatMap((line) => {
    const [, id, path = ""] = /^100\d+ blob (\w+)\t(.*)$/s.exec(line) ?? [];
    return id === undefined || !path.startsWith(prefix) ? [] : [{ id, path: path.slice(prefix.length) }];
  });
  const place = `${folder === "" ? "the repository" : folder} at the commit ${commit}`;
  if (files.length === 0) throw new GitError(`there is no folder ${place}`);
  if (files.length > mostFolderFiles) {
    throw new GitError(`${place} has ${files.length} files, must have at most ${mostFolderFiles}`);
  }
  if (namesOnly) return files.map(({ path }) => ({ path, content: Buffer.alloc(0) }));
  const ids = files.map(({ id }) => id);
  const bytes = (await checkObjects(git, ids)).reduce((sum, fact) => sum + (fact?.size ?? 0), 0);
  if (bytes > largestFolder) throw new GitError(`${place} has ${bytes} bytes, must have at most ${largestFolder}`);
  const contents = await readObjects(git, ids);
  return files.map(({ id, path }) => ({ path, content: contents.get(id) ?? Buffer.alloc(0) }));
}
