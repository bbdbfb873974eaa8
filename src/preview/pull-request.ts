/** What a pull request changes, from Git: data, which is judged, and code, which is not run. */
import { largestFile, projectFilePath, stacksOf } from "../config/stack-file";
import { GitError } from "../release/git-command";
import { branchOf, commitOf } from "../release/named-commit";
import { folderInClone, type Git, gitIn, isShallow, readObjects, textLines, wholeTreeMs } from "../release/git-objects";
import { DataPaths } from "./data-path";
import { renderedFolder } from "./stack-copy";
import { type PackageFiles, type Upgrade, upgradeFiles, upgradeOf } from "./upgrade";

/** A file of a commit. */
export interface CommittedFile {
  /** Relative to the project's folder. */
  readonly path: string;
  /** As Git has it: `100644`, `120000` for a link, `160000` for a submodule. */
  readonly mode: string;
  readonly id: string;
  readonly bytes: number;
}

/** A pull request, as it would be merged. */
export interface PullRequest {
  /** The last commit of the base branch. */
  readonly base: string;
  /** The last commit of the pull request. */
  readonly head: string;
  /** What the base branch would have after the merge: the head, or a merge of both. */
  readonly merged: string;
  /** The folder of the project in the repository, with `/` at its end unless it is the top. */
  readonly folder: string;
  /** The files of the base branch, and of the merge. */
  readonly baseFiles: ReadonlyMap<string, CommittedFile>;
  readonly mergedFiles: ReadonlyMap<string, CommittedFile>;
  readonly data: DataPaths;
  /** The files that are changed and are not data, also those outside of the project, from the top of the repository. */
  readonly code: readonly string[];
  /** Whether data is changed. */
  readonly changesData: boolean;
  /** Present: nothing but the version of the package is raised. */
  readonly upgrade?: Upgrade;
  /** Why a change of the package's version is not a mere upgrade, as the end of a sentence. */
  readonly noUpgrade?: string;
  /** Why the pull request is not judged at all, one sentence each. */
  readonly refused: readonly string[];
}

/** The most that a pull request's data may have. A fleet of 10,000 tenants has a third of it. */
const mostFiles = 300_000;
const mostBytes = 512 * 1024 * 1024;

/**
 * Reads a pull request from a clone. If the base branch has moved on, both are merged; the clone gets the merge's objects
 * and keeps its branches.
 *
 * @param root the project's folder in the clone
 * @throws GitError if a commit is not in the clone, the clone is shallow, or both branches change the same lines
 */
export async function readPullRequest(root: string, baseRef: string, headRef: string): Promise<PullRequest> {
  const git = gitIn(root, wholeTreeMs);
  if (await isShallow(git)) {
    throw new GitError(
      "this clone is shallow, so nobody can tell what was decided before; fetch the whole history (`fetch-depth: 0` in GitHub " +
        'Actions, `GIT_DEPTH: "0"` in GitLab CI)',
    );
  }
  const [base, head] = [await commitOf(git, await branchOf(git, baseRef)), await commitOf(git, headRef)];
  const merged = await mergeOf(git, base, head);
  const folder = await folderInClone(git);
  const [baseAll, mergedAll] = [await filesOf(git, base), await filesOf(git, merged)];
  const [baseFiles, mergedFiles] = [within(baseAll, folder), within(mergedAll, folder)];
  const data = new DataPaths([
    ...(await renderedFolders(git, baseFiles)),
    ...(await renderedFolders(git, mergedFiles)),
  ]);
  const changed = [...new Set([...baseAll.keys(), ...mergedAll.keys()])].filter(
    (path) => !isSame(baseAll.get(path), mergedAll.get(path)),
  );
  const inner = (path: string) => (path.startsWith(folder) ? path.slice(folder.length) : undefined);
  const isData = (path: string) => data.isData(inner(path) ?? "/");
  const code = changed.filter((path) => !isData(path)).sort();
  const refused = refusals(
    changed.flatMap((path) => mergedAll.get(path) ?? []).filter(({ path }) => data.isPlaceOfData(inner(path) ?? "/")),
    [...mergedFiles.values()].filter(({ path }) => data.isData(path)),
  );
  const changesData = changed.some(isData);
  const versions = code.some((path) => upgradeFiles.includes(inner(path) ?? "/"))
    ? await upgrade(git, code.map(inner), baseFiles, mergedFiles)
    : undefined;
  const [raised, noUpgrade] = typeof versions === "string" ? [undefined, versions] : [versions, undefined];
  return {
    ...{ base, head, merged, folder, baseFiles, mergedFiles, data, code, changesData, noUpgrade },
    ...(raised !== undefined && { upgrade: raised }),
    refused: [
      ...refused,
      ...(raised !== undefined && changesData
        ? [
            `the pull request raises shared-authority from ${raised.from} to ${raised.to} and decides something too; ` +
              "make two of it, because the upgrade is judged by the new package and the decision by the old one",
          ]
        : []),
    ],
  };
}

const none = () => Buffer.alloc(0);

async function mergeOf(git: Git, base: string, head: string): Promise<string> {
  const isBehind = textLines(await git(["rev-list", "-n1", base, `^${head}`, "--"])).length > 0;
  if (!isBehind) return head;
  const [tree] = textLines(await git(["merge-tree", "--write-tree", "--no-messages", base, head]).catch(none));
  if (tree === undefined) {
    throw new GitError(
      "the pull request and the base branch change the same lines; merge the base branch into it first",
    );
  }
  const person = { NAME: "authority preview", EMAIL: "preview@shared-authority.invalid", DATE: "@0 +0000" };
  const variables = Object.fromEntries(
    ["AUTHOR", "COMMITTER"].flatMap((role) =>
      Object.entries(person).map(([key, value]) => [`GIT_${role}_${key}`, value]),
    ),
  );
  const parents = ["-p", base, "-p", head];
  const made = await git(["commit-tree", ...parents, "-m", `Merge ${head}`, tree], { variables });
  return textLines(made)[0] ?? head;
}

/** Every file of a commit, from the top of the repository. */
async function filesOf(git: Git, commit: string): Promise<Map<string, CommittedFile>> {
  const listed = textLines(await git(["ls-tree", "-r", "-z", "-l", "--full-tree", commit]), "\0");
  const files = listed.map((line): [string, CommittedFile] => {
    const [, mode = "", id = "", bytes = "", path = ""] = /^(\d+) \w+ (\w+) +(\d+|-)\t(.*)$/s.exec(line) ?? [];
    return [path, { path, mode, id, bytes: Number.parseInt(bytes, 10) || 0 }];
  });
  return new Map(files);
}

function within(files: ReadonlyMap<string, CommittedFile>, folder: string): Map<string, CommittedFile> {
  const found = [...files].filter(([path]) => path.startsWith(folder));
  return new Map(
    found.map(([path, file]) => [path.slice(folder.length), { ...file, path: path.slice(folder.length) }]),
  );
}

function isSame(one: CommittedFile | undefined, other: CommittedFile | undefined): boolean {
  return one?.id === other?.id && one?.mode === other?.mode;
}

async function renderedFolders(git: Git, files: ReadonlyMap<string, CommittedFile>): Promise<string[]> {
  const stackFiles = [...files.values()].filter(
    ({ path, mode, bytes }) => stacksOf([path]).length > 0 && isRegular(mode) && bytes <= largestFile,
  );
  const contents = await readObjects(
    git,
    stackFiles.map(({ id }) => id),
  );
  return stackFiles.flatMap(({ path, id }) => {
    const [stack = ""] = stacksOf([path]);
    return renderedFolder(stack, contents.get(id)?.toString("utf8") ?? "") ?? [];
  });
}

/** Whether it is a regular file, also one that can be executed. */
export function isRegular(mode: string): boolean {
  return mode.startsWith("100");
}

function refusals(changed: readonly CommittedFile[], data: readonly CommittedFile[]): string[] {
  const links = changed.filter(({ mode }) => !isRegular(mode));
  const large = data.filter(({ bytes }) => bytes > largestFile);
  const bytes = data.reduce((sum, file) => sum + file.bytes, 0);
  return [
    ...links.map(({ path, mode }) => {
      const what = mode === "120000" ? "a symbolic link" : "a submodule";
      return `${path} is ${what}; expected a regular file, because a commit does not show what it leads to`;
    }),
    ...large.map((file) => `${file.path} has ${file.bytes} bytes; expected at most ${largestFile}`),
    ...(data.length > mostFiles ? [`the data has ${data.length} files; expected at most ${mostFiles}`] : []),
    ...(bytes > mostBytes ? [`the data has ${bytes} bytes; expected at most ${mostBytes}`] : []),
  ];
}

async function upgrade(
  git: Git,
  code: readonly (string | undefined)[],
  baseFiles: ReadonlyMap<string, CommittedFile>,
  mergedFiles: ReadonlyMap<string, CommittedFile>,
): Promise<Upgrade | string> {
  const other = code.find((path) => !upgradeFiles.includes(path ?? ""));
  if (other !== undefined || code.includes(undefined))
    return `it changes ${other ?? "files outside of the project"} too`;
  const read = async (files: ReadonlyMap<string, CommittedFile>): Promise<PackageFiles> => {
    const found = upgradeFiles
      .map((path) => files.get(path))
      .map((file) => (file && isRegular(file.mode) ? file : undefined));
    const contents = await readObjects(
      git,
      found.flatMap((file) => file?.id ?? []),
    );
    const [manifest = "", lock = ""] = found.map((file) => contents.get(file?.id ?? "")?.toString("utf8") ?? "");
    return { manifest, lock };
  };
  return upgradeOf(await read(baseFiles), await read(mergedFiles));
}

/** The text of a file in the project, if it is there. */
export async function fileText(
  git: Git,
  files: ReadonlyMap<string, CommittedFile>,
  path = projectFilePath,
): Promise<string | undefined> {
  const file = files.get(path);
  if (file === undefined || !isRegular(file.mode) || file.bytes > largestFile) return undefined;
  return (await readObjects(git, [file.id])).get(file.id)?.toString("utf8");
}
