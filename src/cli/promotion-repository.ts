import { join } from "node:path";
import type { StackConfig } from "../config/stack-config";
import { remoteBranch } from "../program/push-before-deploy";
import { type GitCommandOptions, runGit } from "../release/git-command";
import { checkObjects, folderInClone, gitIn, isShallow, textLines } from "../release/git-objects";
import { trailersIn } from "../release/stack-versions";
import { InputError } from "./input-error";
import { OwnGit } from "./own-git";

/** A commit that a branch of the Git host ends with. */
export interface Tip {
  readonly id: string;
  readonly tree: string;
  readonly parents: readonly string[];
  /** Names and e-mail addresses. */
  readonly author: string;
  readonly committer: string;
  readonly trailers: Readonly<Record<string, string>>;
}

/** A branch that is to be created, moved or deleted. */
export interface BranchUpdate {
  readonly branch: string;
  /** Where it was seen. Absent: it does not exist. */
  readonly from?: string;
  /** Absent: it is deleted. */
  readonly to?: string;
}

/** New files of a commit, by path from the top of the repository; `undefined` removes one. */
export type TreeChanges = ReadonlyMap<string, string | undefined>;

/** Milliseconds that the Git host has for an answer. */
const timeoutMs = 120_000;

/** How many branches one `git push` moves, so that no command line is too long. */
const branchesAtOnce = 100;

/**
 * The branches of the shared repository on its Git host. Commits are made without the work tree: only objects are added
 * to the clone.
 */
export class PromotionRepository {
  private constructor(
    private readonly root: string,
    /** The name of a remote, or an address. */
    private readonly remote: string,
    /** The folder of the project in the repository, with `/` at its end unless it is the top. */
    readonly folder: string,
  ) {}

  /** @throws InputError if the folder is in no Git repository */
  static async open(config: StackConfig): Promise<PromotionRepository> {
    const git = new OwnGit(config.root);
    if (!(await git.isRepository())) throw new InputError(`${config.root} is not in a Git repository.`);
    const history = await remoteBranch(config);
    const folder = await folderInClone(gitIn(config.root));
    return new PromotionRepository(config.root, history?.remote ?? "origin", folder);
  }

  /** The commits of branches on the Git host. @param patterns names, or `name/*` */
  async branches(patterns: readonly string[]): Promise<Map<string, string>> {
    const refs = patterns.map((pattern) => `refs/heads/${pattern}`);
    const listed = textLines(await this.#git(["ls-remote", "--quiet", "--", this.remote, ...refs]));
    const branches = new Map<string, string>();
    for (const line of listed) {
      const [, id, name] = /^([0-9a-f]+)\trefs\/heads\/(.+)$/.exec(line) ?? [];
      if (id !== undefined && name !== undefined) branches.set(name, id);
    }
    return branches;
  }

  /** Brings the branches' commits into the clone. */
  async fetch(branches: ReadonlyMap<string, string>): Promise<void> {
    const known = await checkObjects((args, more) => this.#git(args, more), [...branches.values()]);
    const names = [...branches.keys()].filter((_, index) => known[index] === undefined);
    if (names.length === 0) return;
    const quiet = ["--quiet", "--no-tags", "--refmap=", "--no-write-fetch-head", "--no-auto-maintenance"];
    const input = names.map((name) => `refs/heads/${name}\n`).join("");
    await this.#git(["fetch", ...quiet, "--stdin", "--", this.remote], { input });
  }

  /** What the branches end with. Their commits are in the clone. */
  async tips(branches: ReadonlyMap<string, string>): Promise<Map<string, Tip>> {
    if (branches.size === 0) return new Map();
    const fields = ["H", "T", "P", "an <%ae>", "cn <%ce>", "(trailers:only,unfold)"].map((field) => `%${field}`);
    const format = ["--no-show-signature", "--no-patch", "-z", `--format=${fields.join("%x01")}`];
    const input = [...new Set(branches.values())].map((id) => `${id}\n`).join("");
    const listed = await this.#git(["log", "--no-walk=unsorted", "--stdin", ...format], { input });
    const tips = new Map(
      textLines(listed, "\0").map((text): [string, Tip] => {
        const [id = "", tree = "", parents = "", author = "", committer = "", trailers = ""] = text.split("\u0001");
        return [id, { id, tree, parents: parents.split(" "), author, committer, trailers: trailersIn(trailers) }];
      }),
    );
    return new Map([...branches].flatMap(([name, id]) => [[name, tips.get(id)] as const].filter(isKnown)));
  }

  /** Whether all commits of a branch that the base lacks, apart from merges, have this author and committer. */
  async isOnlyBy(author: string, branch: string, base: string): Promise<boolean> {
    // Without the history, the base's own commits would count as the branch's.
    if (await isShallow((args) => this.#git(args))) {
      await this.#git(["fetch", "--quiet", "--no-tags", "--unshallow", "--no-write-fetch-head", "--", this.remote]);
    }
    const format = ["--no-show-signature", "--no-merges", "-z", "--format=%an <%ae>%x01%cn <%ce>"];
    const listed = textLines(await this.#git(["log", ...format, branch, `^${base}`, "--"]), "\0");
    return listed.every((text) => text.split("\u0001").every((person) => person === author));
  }

  /** A file's content at a commit, by its path in the project's folder; `undefined` if there is none. */
  async file(commit: string, path: string): Promise<string | undefined> {
    const [listed] = textLines(await this.#git(["--literal-pathspecs", "ls-tree", commit, "--", path]));
    const blob = /^100\d+ blob (\w+)\t/.exec(listed ?? "")?.[1];
    return blob === undefined ? undefined : (await this.#git(["cat-file", "blob", blob])).toString("utf8");
  }

  /** Writes the project at a commit into a folder. @returns the project's own folder in it */
  async checkout(commit: string, scratch: string): Promise<string> {
    const options = this.#index(scratch);
    await this.#git(["read-tree", commit], options);
    await this.#git(["checkout-index", "--quiet", "--all", `--prefix=${join(scratch, "tree")}/`], options);
    return join(scratch, "tree", this.folder);
  }

  /** The tree of a commit with changes. */
  async tree(base: string, changes: TreeChanges, scratch: string): Promise<string> {
    const options = this.#index(scratch);
    const lines: string[] = [];
    for (const [path, content] of changes) {
      const blob =
        content === undefined ? undefined : await this.#line(["hash-object", "-w", "--stdin"], { input: content });
      lines.push(blob === undefined ? `0 ${"0".repeat(base.length)}\t${path}\0` : `100644 ${blob}\t${path}\0`);
    }
    await this.#git(["read-tree", base], options);
    await this.#git(["update-index", "--add", "--remove", "-z", "--index-info"], { ...options, input: lines.join("") });
    return this.#line(["write-tree"], options);
  }

  /** A commit with one parent, not on any branch yet. */
  async commit(
    { tree, parent, message }: { readonly tree: string; readonly parent: string; readonly message: string },
    { name, email }: { readonly name: string; readonly email: string },
  ): Promise<string> {
    const variables = {
      GIT_AUTHOR_NAME: name,
      GIT_AUTHOR_EMAIL: email,
      GIT_COMMITTER_NAME: name,
      GIT_COMMITTER_EMAIL: email,
    };
    const signs = await new OwnGit(this.root).try("config", "--type=bool", "--get", "commit.gpgSign");
    const signature = signs.stdout.trim() === "true" ? ["--gpg-sign"] : [];
    return this.#line(["commit-tree", ...signature, "-p", parent, "-F", "-", tree], { input: message, variables });
  }

  /** Moves branches that are where they were seen. @returns why not, for each branch that is not moved */
  async push(updates: readonly BranchUpdate[]): Promise<Map<string, string>> {
    const git = new OwnGit(this.root);
    const refused = new Map<string, string>();
    for (let start = 0; start < updates.length; start += branchesAtOnce) {
      const some = updates.slice(start, start + branchesAtOnce);
      const leases = some.map(({ branch, from = "" }) => `--force-with-lease=refs/heads/${branch}:${from}`);
      const refs = some.map(({ branch, to = "" }) => `${to}:refs/heads/${branch}`);
      const result = await git.try("push", "--porcelain", ...leases, "--", this.remote, ...refs);
      if (result.exitCode === 0) continue;
      const answers = new Map(
        [...result.stdout.matchAll(/^(.)\t[^\t]*:refs\/heads\/([^\t]+)\t(.*)$/gm)].map(
          ([, flag, branch = "", summary = ""]) => [branch, flag === "!" ? summary : undefined],
        ),
      );
      for (const { branch } of some) {
        const reason = answers.has(branch) ? answers.get(branch) : result.said;
        if (reason !== undefined) refused.set(branch, reason);
      }
    }
    return refused;
  }

  #index(scratch: string): Pick<GitCommandOptions, "variables"> {
    return { variables: { GIT_INDEX_FILE: join(scratch, "index") } };
  }

  async #line(args: readonly string[], options: Partial<GitCommandOptions>): Promise<string> {
    return textLines(await this.#git(args, options))[0] ?? "";
  }

  #git(args: readonly string[], options: Partial<GitCommandOptions> = {}): Promise<Buffer> {
    // Git's default. The platform team names its own host, whose redirects must work as in a `git pull` of this clone.
    const settings = ["http.followRedirects=initial"];
    return runGit(["-C", this.root, ...args], { settings, timeoutMs, ...options });
  }
}

function isKnown(entry: readonly [string, Tip | undefined]): entry is readonly [string, Tip] {
  return entry[1] !== undefined;
}
