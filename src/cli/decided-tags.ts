import { basename } from "node:path";
import { decidedEntries } from "../config/decided-entry";
import { ProblemsError } from "../config/problem";
import { parseStackFile, type StackFile, stacksOf } from "../config/stack-file";
import { type Git, gitIn, isShallow, readObjects, textLines } from "../release/git-objects";

/** What a stack file decides of one tenant. */
export interface DecidedTag {
  readonly tenant: string;
  /** The name of its objects in the cluster, under which the lock may have it as well. */
  readonly object: string;
  readonly tag: string;
}

/** The tags of all tenants of a stack file, without a check of their entries. */
export function tagsOf(file: StackFile): DecidedTag[] {
  return decidedEntries(file).flatMap(({ tenant, object, tag }) =>
    tag === undefined ? [] : [{ tenant, object, tag }],
  );
}

/** A stack file as a commit has it. */
interface StackFileVersion {
  readonly path: string;
  readonly blob: string;
}

/** How many files one Git command reads: each may have 16 MiB. */
const filesAtOnce = 7;

/** How many different releases of a tenant are of today, whatever the day: what runs, and what a rollback goes back to. */
const releasesOfToday = 2;

/** The stack files in the history of a clone's HEAD, wherever in the repository: a project may have moved. */
export class DecidedTags {
  readonly #git: Git;

  /** @param root the folder of `Pulumi.yaml` */
  constructor(root: string) {
    this.#git = gitIn(root);
  }

  /** Whether commits are missing in this clone. */
  isShallow(): Promise<boolean> {
    return isShallow(this.#git);
  }

  /**
   * Calls `onTags` with what the commits decided, the newest first.
   *
   * @param since milliseconds: only what was decided then or later, and of each tenant what runs and the release before
   * @param onRead called from time to time, with the number of files
   */
  async read(
    since: number | undefined,
    onTags: (tags: readonly DecidedTag[]) => void,
    onRead: (count: number, total: number) => void,
  ): Promise<void> {
    const { versions, recent } = await this.#versions(since ?? 0);
    const known = new Map<string, Set<string>>();
    const isOfToday = (path: string, { tenant, tag }: DecidedTag): boolean => {
      const key = JSON.stringify([path, tenant]);
      const tags = known.get(key) ?? new Set();
      known.set(key, tags);
      if (tags.size < releasesOfToday) tags.add(tag);
      return tags.has(tag);
    };
    for (let start = 0; start < versions.length; start += filesAtOnce) {
      onRead(start, versions.length);
      const chunk = versions.slice(start, start + filesAtOnce);
      const contents = await readObjects(
        this.#git,
        chunk.map(({ blob }) => blob),
      );
      for (const { path, blob } of chunk) {
        const tags = tagsOfText(path, contents.get(blob)?.toString("utf8") ?? "");
        onTags(tags.filter((one) => isOfToday(path, one) || recent.has(blob)));
      }
    }
  }

  /** All versions, the newest first, each once; and the blobs that were in effect since then. */
  async #versions(since: number): Promise<{ versions: StackFileVersion[]; recent: ReadonlySet<string> }> {
    const paths = ["--", ":(top,glob)**/Pulumi.*.yaml"];
    const commits = await this.#git(["rev-list", "--full-history", "--date-order", "HEAD", ...paths]);
    // With `-m`, what a merge itself has changed.
    const form = ["--root", "-m", "-r", "--raw", "--no-abbrev", "--no-renames", "--format=%ct"];
    const log = await this.#git(["diff-tree", "--stdin", ...form, ...paths], { input: commits.toString("latin1") });
    const versions = new Map<string, StackFileVersion>();
    const recent = new Set<string>();
    let isRecent = false;
    for (const line of textLines(log)) {
      // With the mode 160000 it is a submodule, no file of this repository.
      const [, before = "", blob = "", path = ""] = /^:\d+ (?!160000)\d+ (\w+) (\w+) \w+\t"?(.+?)"?$/.exec(line) ?? [];
      if (/^\d+$/.test(line)) isRecent = Number(line) * 1000 >= since;
      else if (stacksOf([basename(path)]).length > 0) {
        // What a commit replaces was in effect until then.
        if (isRecent) recent.add(before).add(blob);
        if (!/^0+$/.test(blob)) versions.set(`${path} ${blob}`, versions.get(`${path} ${blob}`) ?? { path, blob });
      }
    }
    return { versions: [...versions.values()], recent };
  }
}

/** Empty for a file that is not YAML: the engine could not read it either. */
function tagsOfText(path: string, text: string): DecidedTag[] {
  try {
    return tagsOf(parseStackFile(stacksOf([basename(path)])[0] ?? "", text));
  } catch (error) {
    if (error instanceof ProblemsError) return [];
    throw error;
  }
}
