import { createHash } from "node:crypto";
import { lstatSync, readdirSync, readFileSync } from "node:fs";
import { join, posix } from "node:path";
import { isScalar } from "yaml";
import { isInnerPath } from "../config/address";
import type { StackConfig } from "../config/stack-config";
import { readProjectFile } from "../config/stack-file";
import { defaultValuesFiles } from "../config/values";
import { GitError, runGit } from "../release/git-command";
import { textLines } from "../release/git-objects";

/** What a deploy depends on besides the stack file and the values files: the lock, the program and the policy pack. */
const program = [
  "Pulumi.yaml",
  "releases.lock.yaml",
  "package.json",
  "package-lock.json",
  "tsconfig.json",
  "tsconfig.pulumi.json",
  "index.ts",
  "src",
  "components",
  "policy-pack",
];

/** Installed packages, which package-lock.json pins, what macOS leaves in folders, and a submodule's link to its repository. */
const notLoaded = ["node_modules", ".DS_Store", ".git"];

/** More than Git needs on a slow disk, in milliseconds. */
const timeoutMs = 30_000;

/**
 * Why an `up` of this stack must not run: one sentence for each file that it depends on and that is not committed.
 *
 * A committed deploy can be found, reviewed and reverted in the shared repository. The files themselves are compared with the
 * commit, without Git's index, filters and settings, which can hide a change.
 *
 * @param more further files and folders that the `up` depends on, relative to the project's folder
 */
export async function uncommittedReasons(config: StackConfig, more: readonly string[] = []): Promise<string[]> {
  const { root, file, stack, tenants } = config;
  // Without a deleted file the release would run without its values, so deletions count as changes.
  const expected = tenants.flatMap(({ name }) => defaultValuesFiles(name, stack));
  const values = new Map(
    tenants.flatMap((tenant) => tenant.values.map(({ path, content }) => [path, content] as const)),
  );
  const paths = [...new Set([file, ...values.keys(), ...more, ...expected, ...program, ...mainOf(root)])];
  try {
    const committed = await committedFiles(root, "HEAD", paths);
    const found = new Set(paths.flatMap((path) => [...filesAt(root, path)]));
    const changed = [...committed].flatMap(([path, { mode, id }]) => {
      if (mode === linkMode) return [`${path} is a symbolic link, and a commit does not show what that leads to`];
      const isSame = found.has(path) && isContent(id, join(root, path), values.get(path));
      return isSame ? [] : [`${path} is changed since the last commit`];
    });
    const untracked = [...found].filter((path) => !committed.has(path)).sort();
    return [...changed, ...untracked.map((path) => `${path} is not in Git`)];
  } catch (error) {
    if (error instanceof GitError) return [`cannot check whether the files are committed: ${error.message}`];
    throw error;
  }
}

/** The program that `Pulumi.yaml` names, if it names one. */
function mainOf(root: string): string[] {
  const main = readProjectFile(root)?.document.get("main", true);
  const path = isScalar(main) && typeof main.value === "string" ? posix.join(main.value) : ".";
  return path === "." || !isInnerPath(path) ? [] : [path];
}

interface Committed {
  readonly mode: string;
  readonly id: string;
}

const linkMode = "120000";
const submoduleMode = "160000";

/** The files of a commit that are at these paths or below them, relative to the folder. Those of a submodule are its commit's. */
async function committedFiles(
  folder: string,
  commit: string,
  paths: readonly string[],
): Promise<ReadonlyMap<string, Committed>> {
  const listed = await runGit(["-C", folder, "ls-tree", "-r", "-z", commit, "--", ...paths], { timeoutMs });
  const files = new Map<string, Committed>();
  for (const line of textLines(listed, "\0")) {
    const [, mode = "", id = "", path = ""] = /^(\d+) \w+ (\w+)\t(.*)$/s.exec(line) ?? [];
    const inner = mode === submoduleMode ? await committedFiles(join(folder, path), id, ["."]) : undefined;
    if (inner === undefined) files.set(path, { mode, id });
    else for (const [name, one] of inner) files.set(`${path}/${name}`, one);
  }
  return files;
}

/** The files at a path or below it, also those that Git ignores: `policies.tsx` would be loaded in place of `policies.ts`. */
function* filesAt(root: string, path: string): Generator<string> {
  const stat = lstatSync(join(root, path), { throwIfNoEntry: false });
  if (stat === undefined) return;
  if (!stat.isDirectory()) yield path;
  else {
    for (const name of readdirSync(join(root, path))) {
      if (!notLoaded.includes(name)) yield* filesAt(root, posix.join(path, name));
    }
  }
}

/**
 * Whether the file is what Git has under this id, apart from the line ends that Git may convert.
 *
 * @param deployed the content that is deployed, if it is not the file as it is
 */
function isContent(id: string, path: string, deployed?: string): boolean {
  if (!lstatSync(path).isFile()) return false;
  if (deployed !== undefined) return blobId(Buffer.from(deployed), id.length) === id;
  const bytes = readFileSync(path);
  if (blobId(bytes, id.length) === id) return true;
  const unix = Buffer.from(bytes.toString("latin1").replaceAll("\r\n", "\n"), "latin1");
  return blobId(unix, id.length) === id;
}

/** Git's id of a file's content, in hexadecimal digits: 40 of SHA-1, or 64 of SHA-256. */
function blobId(content: Buffer, digits: number): string {
  const hash = createHash(digits === 40 ? "sha1" : "sha256");
  return hash.update(`blob ${content.length}\0`).update(content).digest("hex");
}
