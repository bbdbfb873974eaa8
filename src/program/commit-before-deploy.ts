import type { StackConfig } from "../config/stack-config";
import { defaultValuesFiles } from "../config/values";
import { GitError, runGit } from "../release/git-command";

/** What decides a deploy, apart from the stack file and the values files: the lock, and the program itself. */
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

/** The environment variable that lets an `up` run from files that are not committed; its value is the reason. */
export const emergencyVariable = "SHARED_AUTHORITY_EMERGENCY";

/** Longer than Git takes on a slow disk; milliseconds. */
const timeoutMs = 30_000;

/**
 * Why an `up` of this fleet must not run: the files that decide it and are not in a commit. Empty when all of them are.
 *
 * Commit before deploy: what is deployed can be found, reviewed and reverted in the shared repository. An uncommitted
 * change can be none of that.
 */
export async function uncommittedReasons(config: StackConfig): Promise<string[]> {
  const decided = [config.file, ...config.tenants.flatMap((tenant) => tenant.values.map((values) => values.path))];
  // A file that was deleted decides as well: what the last commit had of it would not be deployed.
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
      // Git's status says nothing of a file that .gitignore leaves out.
      ...decided
        .filter((file) => !known.includes(file) && !changed.some((line) => line.slice(3).endsWith(file)))
        .map((file) => `${file} is not in Git`),
    ];
  } catch (error) {
    if (error instanceof GitError) return [`whether the files are committed cannot be told: ${error.message}`];
    throw error;
  }
}

/** Git's answer, split at its NULs. Paths are those of the repository, whose top may lie above the project's folder. */
async function git(config: StackConfig, args: readonly string[]): Promise<string[]> {
  const output = await runGit(["-C", config.root, "--literal-pathspecs", ...args], { timeoutMs });
  return output
    .toString("utf8")
    .split("\0")
    .filter((part) => part !== "");
}
