import type { StackConfig } from "../config/stack-config";
import { defaultValuesFiles } from "../config/values";
import { GitError, runGit } from "../release/git-command";

/** What a deploy depends on besides the stack file and the values files: the lock and the program itself. */
const program = [
  "Pulumi.yaml",
  "releases.lock.yaml",
  "package.json",
  "package-lock.json",
  "index.ts",
  "start.js",
  "bin",
  "src",
  "components",
];

/** The environment variable that allows an `up` with uncommitted files; its value is the reason. */
export const emergencyVariable = "SHARED_AUTHORITY_EMERGENCY";

/** More than Git needs on a slow disk, in milliseconds. */
const timeoutMs = 30_000;

/**
 * Why an `up` of this stack must not run: one sentence for each file that it depends on and that is not committed.
 *
 * A committed deploy can be found, reviewed and reverted in the shared repository.
 */
export async function uncommittedReasons(config: StackConfig): Promise<string[]> {
  const decided = [config.file, ...config.tenants.flatMap((tenant) => tenant.values.map((values) => values.path))];
  // Without a deleted file the release would run without its values, so deletions count as changes.
  const expected = config.tenants.flatMap(({ name }) => defaultValuesFiles(name, config.stack));
  try {
    const [changed, known] = await Promise.all([
      git(config, [
        "status",
        "--porcelain=v1",
        "--untracked-files=all",
        "--no-renames",
        "-z",
        "--",
        ...new Set([...decided, ...expected]),
        ...program,
      ]),
      git(config, ["ls-files", "-z", "--", ...decided]),
    ]);
    return [
      ...changed.map(
        (line) => `${line.slice(3)} is ${line.startsWith("??") ? "not in Git" : "changed since the last commit"}`,
      ),
      // `git status` omits files that .gitignore excludes.
      ...decided
        .filter((file) => !known.includes(file) && !changed.some((line) => line.slice(3).endsWith(file)))
        .map((file) => `${file} is not in Git`),
    ];
  } catch (error) {
    if (error instanceof GitError) return [`cannot check whether the files are committed: ${error.message}`];
    throw error;
  }
}

/** Git's output, split at NULs. Paths start at the top of the repository, which may be above the project's folder. */
async function git(config: StackConfig, args: readonly string[]): Promise<string[]> {
  const output = await runGit(["-C", config.root, "--literal-pathspecs", ...args], { timeoutMs });
  return output
    .toString("utf8")
    .split("\0")
    .filter((part) => part !== "");
}
