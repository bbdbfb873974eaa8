/**
 * Facts from a Git repository, by the `git` binary, from any URL that Git takes. Of a repository elsewhere only what is
 * asked for is fetched: for a chart's file the tagged commits without history and blobs, then the file's blobs; for
 * the question what a branch holds, commits alone. A repository on this machine is read where it lies.
 */
import { existsSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { withoutCredentials } from "../config/address";
import { atExit } from "./at-exit";
import { GitError, runGit } from "./git-command";
import {
  checkObjects,
  isReadable,
  largestFileBytes,
  readObjects,
  readTrees,
  textLines,
  type Git,
  type ObjectFact,
  type TreeEntry,
} from "./git-objects";

export { GitError } from "./git-command";

/** How patiently Git is asked. */
export interface GitOptions {
  /** Milliseconds that one `git` command may take. Default: 120000. */
  readonly timeoutMs?: number;
  /** How often a command is tried again when the network failed. Default: 2. */
  readonly retries?: number;
  /** Milliseconds before the first new try; each further one waits three times as long. Default: 500. */
  readonly retryDelayMs?: number;
  readonly signal?: AbortSignal;
}

/** What a repository's branch or tag names. */
export interface GitRef {
  /** The object itself: a commit, or the tag object of an annotated tag. */
  readonly object: string;
  /** The object when all tag objects, however nested, are followed: the commit, where the ref leads to one. */
  readonly peeled: string;
}

/** All branches and tags of a repository, by their short names. */
export interface GitRefs {
  readonly branches: ReadonlyMap<string, GitRef>;
  readonly tags: ReadonlyMap<string, GitRef>;
}

/** A file at a ref. */
export interface GitFile {
  /** The commit that the ref leads to. Absent: it leads to something else. */
  readonly commit?: string;
  readonly content?: Buffer;
  /** Why there is no content, in one sentence. */
  readonly absent?: string;
  /** What was asked for beside it. */
  readonly beside?: GitSurroundings;
}

/** What is read beside a file, by the same requests. */
export interface Beside {
  /** Paths of files. */
  readonly files: readonly string[];
  /** A folder, of which the names are read and no content. */
  readonly folder: string;
}

/** What there is of `Beside`. */
export interface GitSurroundings {
  /** The files that are there, by their paths, each with its content, or without any where it is too large. */
  readonly files: ReadonlyMap<string, Buffer | undefined>;
  /** The files of the folder and of those in it, by their paths there. A link counts as a file. */
  readonly names: readonly string[];
}

/** A repository while it is open. */
export interface GitRepository {
  readonly refs: GitRefs;
  /**
   * The file at each of the refs (full names such as `refs/tags/6.14.1`), by the name of the ref.
   *
   * @param path in the repository, from its top, `/` between
   */
  readFiles(refNames: readonly string[], path: string, beside?: Beside): Promise<Map<string, GitFile>>;
  /** The file at a commit that the branch holds. */
  readFileAt(branch: string, commit: string, path: string, beside?: Beside): Promise<GitFile>;
  /** The ids of all commits that the branch holds. */
  readCommits(branch: string): Promise<ReadonlySet<string>>;
}

/**
 * Opens a repository, lets `use` ask it, and removes whatever was fetched for that.
 *
 * @param repository a URL, a path, or a bundle file
 * @throws GitError when it cannot be read
 */
export async function withRepository<Result>(
  repository: string,
  options: GitOptions,
  use: (repository: GitRepository) => Promise<Result>,
): Promise<Result> {
  const refusal = refusalOf(repository);
  if (refusal !== undefined) {
    throw new GitError(refusal);
  }
  const git = commandFor(options);
  const local = localPath(repository);
  if (local !== undefined && statSync(local).isDirectory()) {
    return use(await openLocal(git, local));
  }
  // In one go with what removes it: a signal comes between two steps.
  const scratch = mkdtempSync(join(tmpdir(), "authority-git-"));
  const forget = atExit(() => rmSync(scratch, removal));
  try {
    if (local !== undefined) {
      const clone = join(scratch, "bundle.git");
      await git(["clone", "--quiet", "--mirror", "--template=", "--", local, clone]);
      return await use(await openLocal(git, clone));
    }
    return await use(await openRemote(git, repository, scratch));
  } finally {
    await rm(scratch, removal);
    forget();
  }
}

/** A Git process that is just ending may write for a moment more. */
const removal = { recursive: true, force: true, maxRetries: 5 } as const;

/**
 * The path of a chart as Git names it, without `./` before and `/` behind; `""` is the top of the repository.
 *
 * @throws GitError when the path leaves the repository, or is none
 */
export function pathInRepository(path: string): string {
  const parts = path.split("/").filter((part) => part !== "" && part !== ".");
  if (path.startsWith("/") || parts.includes("..") || hasControlCharacter(path)) {
    throw new GitError(
      `the path ${JSON.stringify(path)} must be one within the repository, such as "./charts/podinfo"`,
    );
  }
  return parts.join("/");
}

function commandFor(options: GitOptions): Git {
  const { timeoutMs = 120_000, retries = 2, retryDelayMs = 500, signal } = options;
  return async (args, more = {}) => {
    const { default: pRetry } = await import("p-retry");
    return pRetry(() => runGit(args, { timeoutMs, signal, ...more }), {
      retries,
      minTimeout: retryDelayMs,
      factor: 3,
      shouldRetry: ({ error }) => isPassing(error.message) && signal?.aborted !== true,
    });
  };
}

/** Whether the failure is the network's, and may be gone at the next try. */
function isPassing(message: string): boolean {
  return /could not resolve host|timed out|connection (reset|refused|closed)|empty reply|early EOF|unexpected disconnect|RPC failed|hung up|error: (429|5\d\d)|returned error: (429|5\d\d)/i.test(
    message,
  );
}

/** Why a repository is not even tried, in one sentence. */
function refusalOf(repository: string): string | undefined {
  const shown = JSON.stringify(withoutCredentials(repository));
  if (repository === "" || repository.startsWith("-") || hasControlCharacter(repository)) {
    return `the repository ${shown} is none: expected a URL such as "https://github.com/stefanprodan/podinfo", or a path`;
  }
  if (/^(ext|fd)::/.test(repository)) {
    return `the repository ${shown} would run a program of its own choice: expected a URL such as "https://github.com/stefanprodan/podinfo", or a path`;
  }
  return undefined;
}

function hasControlCharacter(text: string): boolean {
  return /\p{Cc}/u.test(text);
}

/** Whether the repository is elsewhere whatever lies on this machine: a folder may be called `https:`. */
export function isRemoteUrl(repository: string): boolean {
  return /^[a-z][a-z0-9+.-]*:\/\//i.test(repository) && !/^file:/i.test(repository);
}

/** The absolute path of a repository or bundle on this machine; nothing for one that is elsewhere. */
function localPath(repository: string): string | undefined {
  if (/^file:\/\//i.test(repository)) {
    const path = fileURLToPath(repository);
    if (!existsSync(path)) {
      throw new GitError(`there is no file or folder ${path}`);
    }
    return path;
  }
  if (isRemoteUrl(repository)) {
    return undefined;
  }
  if (existsSync(repository)) {
    return resolve(repository);
  }
  // `host:path` is Git's short form of an SSH URL; a colon behind a slash belongs to a path.
  if (!/^[^/]+:/.test(repository)) {
    throw new GitError(`there is no file or folder ${resolve(repository)}`);
  }
  return undefined;
}

async function openLocal(git: Git, path: string): Promise<GitRepository> {
  const gitDir = (await git(["rev-parse", "--absolute-git-dir"], { folder: path })).toString("utf8").replace(/\n$/, "");
  const here: Git = (args, more) => git(args, { gitDir, ...more });
  const refs = await readLocalRefs(here);
  return {
    refs,
    readFiles: (refNames, file, beside) => readFiles(here, objectsOf(refs, refNames), file, beside),
    readFileAt: (_, commit, file, beside) => readFileAt(here, commit, file, beside),
    readCommits: (branch) => readCommits(here, branch),
  };
}

async function readLocalRefs(git: Git): Promise<GitRefs> {
  const format = "--format=%(objectname) %(objecttype) %(refname)";
  const listed = textLines(await git(["for-each-ref", format, "refs/heads", "refs/tags"])).map((line) => {
    const [object = "", type = "", ...name] = line.split(" ");
    return { object, type, name: name.join(" ") };
  });
  const annotated = [...new Set(listed.filter(({ type }) => type === "tag").map(({ object }) => object))];
  const peeled = new Map<string, string>();
  const answers = await checkObjects(
    git,
    annotated.map((object) => `${object}^{}`),
  );
  for (const [index, object] of annotated.entries()) {
    peeled.set(object, answers[index]?.id ?? object);
  }
  return sortRefs(listed.map(({ object, name }) => ({ name, object, peeled: peeled.get(object) ?? object })));
}

/** Scratch repositories that hold what was asked for, each made when it is needed first. */
async function openRemote(git: Git, url: string, scratch: string): Promise<GitRepository> {
  const configured = await git(["config", "--default", "ssh", "--get", "core.sshCommand"]);
  const remote: Git = (args, more) => git(args, { sshCommand: configured.toString("utf8").trim(), ...more });
  const refs = parseRemoteRefs(await remote(["ls-remote", "--quiet", "--heads", "--tags", "--", url]));
  const fetch = createFetch(remote, url, scratch);
  return {
    refs,
    readFiles: async (refNames, path, beside) => {
      if (refNames.length === 0) {
        return new Map();
      }
      const wanted = refNames.map((name) => `+${name}:${name}`);
      const objects = objectsOf(refs, refNames);
      return fetch(["--depth=1", "--filter=blob:none"], wanted, async (here) => {
        await fetchMissingBlobs(here, [...objects.values()], [path, ...(beside?.files ?? [])]);
        return readFiles(here, objects, path, beside);
      });
    },
    readFileAt: (branch, commit, path, beside) => {
      const read = async (here: Git) => {
        await fetchMissingBlobs(here, [commit], [path, ...(beside?.files ?? [])]);
        return readFileAt(here, commit, path, beside);
      };
      // A server that knows no filters gives no commit that neither branch nor tag names.
      return fetch(["--depth=1", "--filter=blob:none"], [commit], read, [`+refs/heads/${branch}:refs/heads/${branch}`]);
    },
    readCommits: async (branch) => {
      const wanted = [`+refs/heads/${branch}:refs/heads/${branch}`];
      return fetch(["--filter=tree:0"], wanted, (here) => readCommits(here, branch));
    },
  };
}

/** `git ls-remote` gives what a tag leads to in a second line, as `<name>^{}`. */
function parseRemoteRefs(output: Buffer): GitRefs {
  const found = new Map<string, { name: string; object: string; peeled: string }>();
  for (const line of textLines(output)) {
    const [id = "", name = ""] = line.split("\t");
    const known = name.endsWith("^{}") ? found.get(name.slice(0, -3)) : undefined;
    if (known === undefined) {
      found.set(name, { name, object: id, peeled: id });
    } else {
      known.peeled = id;
    }
  }
  return sortRefs([...found.values()]);
}

function sortRefs(all: readonly { name: string; object: string; peeled: string }[]): GitRefs {
  const under = (folder: string) =>
    new Map(
      all
        .filter(({ name }) => name.startsWith(folder))
        .map(({ name, object, peeled }) => [name.slice(folder.length), { object, peeled }] as const),
    );
  return { branches: under("refs/heads/"), tags: under("refs/tags/") };
}

/** Fetches into a scratch repository, with filters where the server knows them, else `whole`, and lets `use` read it. */
type Fetch = <Result>(
  filters: readonly string[],
  wanted: readonly string[],
  use: (git: Git) => Promise<Result>,
  whole?: readonly string[],
) => Promise<Result>;

function createFetch(git: Git, url: string, scratch: string): Fetch {
  let serverKnowsFilters = true;
  return async (filters, wanted, use, whole = wanted) => {
    const attempt = async (limits: readonly string[], asked: readonly string[]) => {
      const gitDir = await mkdtemp(join(scratch, "fetch-"));
      const here: Git = (args, more) => git(args, { gitDir, ...more });
      await git(["init", "--quiet", "--bare", "--template=", "--", gitDir]);
      await here(["config", "remote.origin.url", url]);
      await here([...fetchCommand, ...limits, "--stdin", "origin"], { input: asked.join("\n") + "\n" });
      return use(here);
    };
    if (serverKnowsFilters) {
      try {
        return await attempt(filters, wanted);
      } catch (error) {
        if (!(error instanceof GitError && /filter|shallow|dumb|unadvertised|not our ref/i.test(error.message))) {
          throw error;
        }
        serverKnowsFilters = false;
      }
    }
    return attempt([], whole);
  };
}

const fetchCommand = ["fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance"];

/** All of them by one request; Git itself would ask for each blob apart, at the moment it is read. */
async function fetchMissingBlobs(git: Git, commits: readonly string[], paths: readonly string[]): Promise<void> {
  const listing = ["rev-list", "--objects", "--no-walk", "--missing=print", "--stdin"];
  const listed = textLines(await git(listing, { input: [...commits, "--", ...paths, ""].join("\n") }));
  const missing = listed.filter((line) => line.startsWith("?")).map((line) => line.slice(1));
  if (missing.length > 0) {
    // Told which commits we have, the server would take it that we have their blobs too, and send none.
    const sayNothing = ["-c", "fetch.negotiationAlgorithm=noop"];
    const command = [...sayNothing, ...fetchCommand, "--filter=blob:none", "--stdin", "origin"];
    await git(command, { input: missing.join("\n") + "\n" });
  }
}

function peeledOf(refs: GitRefs, refName: string): string {
  const ref = refName.startsWith("refs/tags/")
    ? refs.tags.get(refName.slice("refs/tags/".length))
    : refs.branches.get(refName.slice("refs/heads/".length));
  if (ref === undefined) {
    throw new GitError(`there is no ${refName}`);
  }
  return ref.peeled;
}

/** What each of the refs leads to, by its name. */
function objectsOf(refs: GitRefs, refNames: readonly string[]): Map<string, string> {
  return new Map(refNames.map((name) => [name, peeledOf(refs, name)]));
}

async function readFileAt(git: Git, commit: string, path: string, beside?: Beside): Promise<GitFile> {
  const files = await readFiles(git, new Map([[commit, commit]]), path, beside);
  return files.get(commit) ?? {};
}

/** @param objects what each ref leads to, by the name that the result has for it */
async function readFiles(
  git: Git,
  objects: ReadonlyMap<string, string>,
  path: string,
  beside?: Beside,
): Promise<Map<string, GitFile>> {
  const peeled = [...objects.values()];
  const commits = await checkObjects(git, peeled);
  const paths = beside === undefined ? [path] : [path, ...beside.files, beside.folder];
  const found = await checkObjects(
    git,
    peeled.flatMap((id) => paths.map((one) => `${id}:${one}`)),
  );
  const contents = await readObjects(
    git,
    found.filter(isReadable).map(({ id }) => id),
  );
  const at = (index: number, one: string) => found[index * paths.length + paths.indexOf(one)];
  const trees = beside === undefined ? [] : peeled.flatMap((_, index) => treeId(at(index, beside.folder)));
  const namesOf = await readNames(git, trees);
  const surroundings = (index: number, { files, folder }: Beside): GitSurroundings => {
    const present = files.flatMap((file) => {
      const fact = at(index, file);
      return fact?.type === "blob" ? [[file, contents.get(fact.id)] as const] : [];
    });
    return { files: new Map(present), names: treeId(at(index, folder)).flatMap((id) => namesOf.get(id) ?? []) };
  };
  return new Map(
    [...objects.keys()].map((name, index): [string, GitFile] => {
      const commit = commits[index];
      if (commit === undefined) {
        throw new GitError(
          `the object ${String(peeled[index])} of ${name} is not in the repository; has the ref just moved?`,
        );
      }
      if (commit.type !== "commit") {
        return [name, { absent: `${name} points at a ${commit.type}, must point at a commit` }];
      }
      const blob = at(index, path);
      if (blob?.type !== "blob") {
        return [name, { commit: commit.id, absent: `there is no file ${path} at the commit ${commit.id}` }];
      }
      const content = contents.get(blob.id);
      if (content === undefined) {
        const absent = `${path} at the commit ${commit.id} has ${blob.size} bytes, must have at most ${largestFileBytes}`;
        return [name, { commit: commit.id, absent }];
      }
      const around = beside === undefined ? {} : { beside: surroundings(index, beside) };
      return [name, { commit: commit.id, content, ...around }];
    }),
  );
}

function treeId(fact: ObjectFact | undefined): string[] {
  return fact?.type === "tree" ? [fact.id] : [];
}

/** The files of folders and of the folders in them, by the id of the folder. */
async function readNames(git: Git, folders: readonly string[]): Promise<Map<string, string[]>> {
  const trees = await readTrees(git, folders);
  const inner = await readTrees(
    git,
    [...trees.values()].flat().flatMap(({ id, isFolder }) => (isFolder ? [id] : [])),
  );
  const filesIn = (entries: readonly TreeEntry[] = []) => entries.filter(({ isFolder }) => !isFolder);
  return new Map(
    [...trees].map(([folder, entries]) => [
      folder,
      entries.flatMap(({ name, id, isFolder }) =>
        isFolder ? filesIn(inner.get(id)).map((file) => `${name}/${file.name}`) : [name],
      ),
    ]),
  );
}

async function readCommits(git: Git, branch: string): Promise<ReadonlySet<string>> {
  return new Set(textLines(await git(["rev-list", `refs/heads/${branch}`, "--"])));
}
