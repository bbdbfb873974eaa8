/** What must be as the last commit has it before a decision is committed. */
import { firstOf } from "../config/count";
import type { StackConfig } from "../config/stack-config";
import { projectFilePath } from "../config/stack-file";
import { specialConfigPaths } from "../config/values";
import { lockFile } from "../release/lock";
import { InputError } from "./input-error";
import { OwnGit } from "./own-git";

/**
 * The last commit, if the files are as it has them: a decision's commit would hold another change under its own title.
 *
 * @throws InputError if they are not
 */
export async function unchangedHead(config: StackConfig, further: readonly string[] = []): Promise<string> {
  const git = new OwnGit(config.root);
  if (!(await git.isRepository())) {
    throw new InputError(
      `${config.root} is not in a Git repository, so nothing can be committed. Use \`--no-commit\`.`,
    );
  }
  const unfinished = await git.unfinished();
  if (unfinished !== undefined) {
    throw new InputError(
      `A \`git ${unfinished}\` is not finished in ${config.root}, and the commit of a decision would be a part of it. ` +
        `Finish it, or end it with \`git ${unfinished} --abort\`.`,
    );
  }
  const committed = await committedPaths(git, config);
  const ofCommit = await git.changed([...committed, ...further]);
  const changed = [...new Set([...ofCommit, ...(await changedInputs(git, config, committed))])];
  if (changed.length === 0) return git.run("rev-parse", "HEAD");
  throw new InputError(
    `Changed since the last commit: ${firstOf(changed)}. Commit or discard the change first; ` +
      "`--no-commit` adds the decision to it.",
  );
}

/** What the commit of a decision may hold. */
export async function committedPaths(git: OwnGit, config: StackConfig): Promise<string[]> {
  return [config.file, lockFile, ...(await committedFolders(git, config))];
}

/** The folder of a stack's manifests, unless Git ignores it. */
export async function committedFolders(git: OwnGit, { delivery }: StackConfig): Promise<string[]> {
  if (delivery.kind !== "manifests") return [];
  // Git knows no literal pathspecs here. With the slash it need not be there yet.
  const question = ["--no-literal-pathspecs", "check-ignore", "--quiet", "--", `${delivery.directory}/`];
  const ignored = await git.try(...question);
  return ignored.exitCode === 0 ? [] : [delivery.directory];
}

/** Uncommitted changes of the files from which a committed render comes: its manifests would deploy what no commit has. */
async function changedInputs(git: OwnGit, config: StackConfig, committed: readonly string[]): Promise<string[]> {
  const { delivery } = config;
  if (delivery.kind !== "manifests" || !committed.includes(delivery.directory)) return [];
  // Git takes seconds for a thousand paths.
  const changed = await git.changed([projectFilePath, "tenants"]);
  if (changed.length === 0) return [];
  const prefix = (await git.run("rev-parse", "--show-prefix")).replace(/\n$/, "");
  const inputs = new Set([projectFilePath, ...specialConfigPaths(config)].map((path) => prefix + path));
  return changed.filter((path) => inputs.has(path));
}
