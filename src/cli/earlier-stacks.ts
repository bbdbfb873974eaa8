import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { isInnerPath } from "../config/address";
import { ProblemsError } from "../config/problem";
import { readStackConfig } from "../config/read-stack-config";
import type { StackConfig, Tenant } from "../config/stack-config";
import { projectFilePath } from "../config/stack-file";
import { isRelease } from "../release/evidence";
import type { EvidenceReader } from "../release/evidence-reader";
import { GitError } from "../release/git-command";
import { type Git, gitIn, isShallow, readObjects, textLines } from "../release/git-objects";
import { lockFile, readLock } from "../release/lock";
import { type ResolvedStack, resolveStack } from "../release/resolve";
import { withScratchFolder } from "../release/scratch-folder";

/** How many of the commits that changed a decision are read. */
const mostCommits = 10;

/** A stack as an earlier commit decided it. */
export interface EarlierStack {
  readonly commit: string;
  readonly stack: ResolvedStack;
}

/**
 * Finds the stack as a commit of this branch decided it that changed its files. At most ten commits are read: first from the
 * last one that changed the rendered folder backwards, because the folder was rendered from it or from one before it. Then
 * the newer ones, for a folder that is not committed. Commits with problems or without evidence are left out, and so is
 * everything outside of a Git repository.
 *
 * Evidence comes from the lock of that commit, then from the stack as it is now. Only a release that neither has is read.
 *
 * @param folder where the stack is rendered
 */
export function findEarlierStack(
  now: ResolvedStack,
  folder: string,
  reader: EvidenceReader,
  isWanted: (earlier: EarlierStack) => Promise<boolean>,
): Promise<EarlierStack | undefined> {
  const { config } = now;
  const history = new History(config);
  const known = knownReader(now, reader);
  return withScratchFolder("authority-commits-", async (scratch) => {
    for (const commit of await history.commits(folder)) {
      await history.checkOut(commit, scratch);
      const stack = await resolveAt(scratch, config.stack, known);
      if (stack !== undefined && (await isWanted({ commit, stack }))) return { commit, stack };
    }
    return undefined;
  });
}

/** Whether a commit of this branch has something in the folder. */
export async function wasCommitted(config: StackConfig, folder: string): Promise<boolean> {
  return (await new History(config).newest(folder)) !== undefined;
}

/** Whether earlier commits are missing in this clone. */
export async function lacksHistory({ root }: StackConfig): Promise<boolean> {
  return (await isShallow(gitIn(root)).catch(orUndefined)) ?? false;
}

async function resolveAt(root: string, stack: string, reader: EvidenceReader): Promise<ResolvedStack | undefined> {
  try {
    const resolved = await resolveStack(readStackConfig({ root, stack }), readLock(root), reader);
    return resolved.tenants.every(({ evidence }) => evidence !== undefined) ? resolved : undefined;
  } catch (error) {
    if (error instanceof ProblemsError) return undefined;
    throw error;
  }
}

/** A reader that knows the evidence of a stack. The head of a branch is not read: nobody knows what it was. */
function knownReader({ tenants }: ResolvedStack, reader: EvidenceReader): EvidenceReader {
  const declaration = (tenant: Tenant) =>
    JSON.stringify({ ...tenant, values: undefined, policy: undefined, line: undefined });
  const known = new Map(tenants.map(({ tenant, evidence }) => [declaration(tenant), evidence]));
  const read = new Map<string, ReturnType<EvidenceReader["readRelease"]>>();
  return {
    ...reader,
    readBranch: (tenant) => {
      const evidence = known.get(declaration(tenant));
      const isKnown = evidence !== undefined && !isRelease(evidence);
      return Promise.resolve(
        isKnown ? { evidence } : { missing: ["the head of the branch at that time is not known"] },
      );
    },
    readRelease: (tenant) => {
      const key = declaration(tenant);
      const evidence = known.get(key);
      if (evidence !== undefined && isRelease(evidence)) return Promise.resolve({ evidence });
      const answer = read.get(key) ?? reader.readRelease(tenant);
      read.set(key, answer);
      return answer;
    },
  };
}

/** The commits that changed a stack's files, and these files. */
class History {
  readonly #paths: readonly string[];
  readonly #blobs = new Map<string, Buffer>();
  /** The blobs of the files that are checked out, by path. */
  #files: ReadonlyMap<string, string> = new Map();

  constructor(readonly config: StackConfig) {
    this.#paths = [config.file, projectFilePath, lockFile, "tenants"];
  }

  /** The last commit that changed what is in the folder. */
  async newest(folder: string): Promise<string | undefined> {
    return (await this.#revisions(1, "HEAD", "--", folder))[0];
  }

  async commits(folder: string): Promise<string[]> {
    const rendered = await this.newest(folder);
    const newest = await this.#revisions(mostCommits, "HEAD", "--", ...this.#paths);
    if (rendered === undefined) return newest;
    const before = await this.#revisions(mostCommits, rendered, "--", ...this.#paths);
    return [...new Set([...before.slice(0, mostCommits / 2), ...newest])].slice(0, mostCommits);
  }

  async #revisions(most: number, ...parameters: string[]): Promise<string[]> {
    // A step within a merged branch was never the decision of this one: nobody may have reviewed it.
    const listing = this.#git(["rev-list", "--first-parent", `--max-count=${most}`, ...parameters]);
    return (await listing.then(textLines, orUndefined)) ?? [];
  }

  /** Makes a folder hold the stack's files of a commit. Only what differs from the commit before is written. */
  async checkOut(commit: string, folder: string): Promise<void> {
    const files = await this.#listFiles(commit);
    const written = [...files].filter(([path, id]) => this.#files.get(path) !== id);
    const unread = written.map(([, id]) => id).filter((id) => !this.#blobs.has(id));
    for (const [id, content] of await readObjects(this.#git, unread)) this.#blobs.set(id, content);
    for (const path of this.#files.keys()) if (!files.has(path)) rmSync(join(folder, path));
    for (const [path, id] of written) {
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      writeFileSync(join(folder, path), this.#blobs.get(id) ?? "");
    }
    this.#files = files;
  }

  /** Links are left out, as nobody can name them under `values`. */
  async #listFiles(commit: string): Promise<Map<string, string>> {
    const listed = await this.#git(["ls-tree", "-r", "-z", commit, "--", ...this.#paths]);
    return new Map(
      textLines(listed, "\0").flatMap((entry) => {
        const [, id, path = ""] = /^100\d{3} blob (\w+)\t(.+)$/s.exec(entry) ?? [];
        return id !== undefined && isInnerPath(path) ? [[path, id] as const] : [];
      }),
    );
  }

  readonly #git: Git = (args, more) => gitIn(this.config.root)(["--literal-pathspecs", ...args], more);
}

function orUndefined(error: unknown): undefined {
  if (!(error instanceof GitError)) throw error;
}
