import { existsSync } from "node:fs";
import { join } from "node:path";
import { defaultConfigRepository } from "../config/built-in-defaults";
import { printable, printableLines } from "../config/printable";
import type { StackConfig } from "../config/stack-config";
import { projectFilePath } from "../config/stack-file";
import type { PackConfig } from "../policy-pack/judge";
import { lockFile, readLock } from "../release/lock";
import { checkStack, describeStack, readPackConfig } from "./check";
import { type ExitCode, exitCode } from "./exit-code";
import { InputError } from "./input-error";
import { lock } from "./lock";
import { OwnGit } from "./own-git";
import { readStacks } from "./project";
import { prepareRender } from "./render";
import type { Session } from "./session";
import { committedFolders } from "./unchanged-head";
import { skippedOf } from "./up";

/** Options of `authority complete`. */
export interface CompleteOptions {
  readonly push?: boolean;
  readonly policyPackConfig?: string;
}

/**
 * Adds what Flux's automation leaves out: the evidence of each release to the lock, and the render of each stack that
 * delivers manifests, in one commit. A tenant that is blocked keeps what it has; the others are completed.
 */
export async function complete({ push, policyPackConfig }: CompleteOptions, session: Session): Promise<ExitCode> {
  const { root, terminal } = session;
  session.requireOneVersion();
  const git = new OwnGit(root);
  const configs = readStacks(root, undefined);
  const packConfig = readPackConfig(policyPackConfig, session);
  const folders = await Promise.all(configs.map((config) => committedFolders(git, config)));
  const paths = [lockFile, ...folders.flat()];
  const branch = push === true ? await pushedBranch(git) : undefined;
  const decided = [projectFilePath, ...configs.map(({ file }) => file), "tenants"];
  const changed = await git.changed([...decided, ...paths]);
  if (changed.length > 0) {
    throw new InputError(
      `Changed since the last commit: ${changed.slice(0, 3).join(", ")}. Commit or discard it first.`,
    );
  }
  let code = await lock({}, session);
  for (const config of configs) {
    if (
      config.delivery.kind === "manifests" &&
      !(await renderStack(config, config.delivery.directory, packConfig, session))
    )
      code = exitCode.blocked;
  }
  terminal.done();
  const committed = await commit(git, configs, paths);
  terminal.print(
    committed === undefined ? "Nothing to commit: lock and render are complete." : `Committed ${committed}: ${title}`,
  );
  if (branch === undefined || (committed === undefined && !(await isUnpushed(git, branch)))) return code;
  return (await pushCommit(git, branch, terminal.print.bind(terminal))) ? code : exitCode.blocked;
}

const title = "Add lock and render of what is decided";

/** @throws InputError on a commit without a branch, as some CI services check it out */
async function pushedBranch(git: OwnGit): Promise<string> {
  const branch = await git.branch();
  if (branch !== undefined) return branch;
  throw new InputError(
    "This is a commit without a branch, and `--push` needs one: `git checkout -B <branch>` with the branch of that name at `origin`.",
  );
}

/** Whether an earlier run has made the last commit and could not push it. */
async function isUnpushed(git: OwnGit, branch: string): Promise<boolean> {
  if ((await git.run("log", "-1", "--format=%s")).trim() !== title) return false;
  return !(await git.isAncestor("HEAD", `refs/remotes/origin/${branch}`));
}

/** @returns whether nothing is blocked */
async function renderStack(
  config: StackConfig,
  directory: string,
  packConfig: PackConfig,
  session: Session,
): Promise<boolean> {
  const { root, terminal } = session;
  const [known, reader] = [readLock(root), session.reader()];
  const checked = await checkStack(config, known, reader, packConfig);
  const blocked = skippedOf(checked);
  if (blocked === undefined || blocked.length > 0) {
    for (const line of describeStack(checked, terminal.messageColors)) terminal.log(line);
  }
  if (blocked === undefined) return false;
  const folder = join(root, directory);
  if (blocked.length > 0 && !existsSync(folder)) return false;
  const prepared = await prepareRender(config, known, folder, session, { blocked });
  if ("reasons" in prepared) {
    terminal.log(prepared.reasons.map(printable).join("\n"));
    return false;
  }
  await prepared.write();
  if (blocked.length > 0) terminal.log(`${directory}: ${blocked.join(", ")} stays as it is`);
  return blocked.length === 0;
}

/** @returns the commit; nothing if nothing has changed */
async function commit(
  git: OwnGit,
  configs: readonly StackConfig[],
  paths: readonly string[],
): Promise<string | undefined> {
  // Git refuses a path that it knows nothing of, such as the empty folder of a stack without tenants.
  const areChanged = await Promise.all(paths.map(async (path) => (await git.changed([path])).length > 0));
  const changed = paths.filter((_, index) => areChanged[index]);
  if (changed.length === 0) return undefined;
  const author = configs.flatMap(({ configRepository }) => configRepository?.author ?? [])[0];
  const { name, email } = author ?? defaultConfigRepository.author;
  // A pipeline has no person. On a person's machine, it is theirs.
  const isPerson = (await git.try("-c", "user.useConfigOnly=true", "var", "GIT_COMMITTER_IDENT")).exitCode === 0;
  const identity = isPerson ? [] : ["-c", `user.name=${name}`, "-c", `user.email=${email}`];
  await git.run("add", "--all", "--", ...changed);
  const after = (await git.run("log", "-1", "--format=%h %s")).trim();
  const message = `${title}\n\nAfter ${printable(after)}\n`;
  await git.run(...identity, "commit", "--quiet", "--only", "--message", message, "--", ...changed);
  return (await git.run("rev-parse", "--short", "HEAD")).trim();
}

/** @returns whether the main branch is complete now, or another run completes it */
async function pushCommit(git: OwnGit, branch: string, print: (text: string) => void): Promise<boolean> {
  const { exitCode: code, said } = await git.try("push", "--quiet", "origin", `HEAD:refs/heads/${branch}`);
  if (code === 0) {
    print("Pushed.");
    return true;
  }
  const listed = await git.try("ls-remote", "--quiet", "--exit-code", "origin", `refs/heads/${branch}`);
  const [tip = ""] = listed.stdout.split("\t");
  if (listed.exitCode === 0 && !(await git.isAncestor(tip, "HEAD"))) {
    print(`Not pushed: ${branch} has moved on. The run of its newest commit completes it.`);
    return true;
  }
  print(printableLines(`The commit is made, but not pushed: ${said}`));
  return false;
}
