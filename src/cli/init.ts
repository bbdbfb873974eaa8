import { existsSync, readdirSync, readFileSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { printable } from "../config/printable";
import { type Lock, withEvidence, writeLock } from "../release/lock";
import { GitError } from "../release/git";
import { runGit } from "../release/git-command";
import { packageFolder } from "../package-version";
import { countOf } from "../config/count";
import { workTreeOf } from "../config/work-tree";
import { type ExitCode, exitCode } from "./exit-code";
import { type Answers, answersOf, type InitOptions } from "./init-answers";
import { type ReadApplication, readApplication } from "./init-application";
import { type Files, type NewApplication, newStacks, type NewRepository, repositoryFiles } from "./init-files";
import { InputError } from "./input-error";
import { refuseOccupied, writeFolder } from "./new-folder";
import { type PackageSource, packageSource } from "./package-source";
import { Questions } from "./questions";
import type { Session } from "./session";

export type { InitOptions } from "./init-answers";

/** Git commands of `init` read no network. */
const timeoutMs = 30_000;

/** The branch of a Git repository that `init` starts. */
const firstBranch = "main";

/** Writes a new repository for decisions, with the first application, or nothing. */
export async function init(folder: string, options: InitOptions, session: Session): Promise<ExitCode> {
  const { terminal } = session;
  const target = session.path(folder);
  refuseOccupied(target);
  const source = packageSource(options.package, (path) => session.path(path));
  const workTree = workTreeOf(target);
  const answers = await ask(options, target, pathIn(workTree, target).path !== undefined, session);
  const template = readTemplate();
  const branch = (workTree && (await gitLine(workTree, "symbolic-ref", "--short", "HEAD"))) ?? firstBranch;
  const newRepository = (application?: NewApplication): NewRepository => ({
    ...{ project: answers.project, delivery: answers.delivery, ci: answers.ci, branch },
    ...{ packageSpec: source.spec, application },
    ...(answers.configRepository !== undefined && {
      configRepository: { url: answers.configRepository, branch, ...pathIn(workTree, target) },
    }),
  });
  const draft = (application: NewApplication) => ({
    files: repositoryFiles(template, newRepository(application)),
    folder: templateFolder,
  });
  const { application: answered } = answers;
  const read = answered && (await readApplication(answered, draft, session));
  const files = repositoryFiles(template, newRepository(read?.application));
  if (source.add !== undefined) terminal.step(`packing shared-authority into ${folder}`);
  await writeFolder(target, (place) => writeRepository(place, files, read, source, workTree === undefined));
  terminal.done();
  for (const text of read?.missing ?? []) terminal.log(text);
  terminal.print(
    describe(target, Object.keys(files).length + (source.add === undefined ? 0 : 1), answers, read, session)
      .map(printable)
      .join("\n"),
  );
  return (read?.missing ?? []).length === 0 ? exitCode.fine : exitCode.blocked;
}

/** The folder of the project in the repository that it is written into, if that is not its top. */
function pathIn(workTree: string | undefined, target: string): { path?: string } {
  const path = workTree === undefined ? "" : relative(workTree, target);
  return path === "" ? {} : { path: path.replaceAll("\\", "/") };
}

async function ask(options: InitOptions, target: string, isInner: boolean, { terminal }: Session): Promise<Answers> {
  const { input } = terminal;
  const questions = input === undefined || options.yes === true ? undefined : new Questions(terminal, input);
  try {
    const origin = existsSync(join(target, ".git")) && (await gitLine(target, "config", "--get", "remote.origin.url"));
    const facts = { folder: target, isInner, ...(origin && { origin }) };
    return await answersOf(options, facts, questions && ((question) => questions.ask(question)));
  } finally {
    questions?.close();
  }
}

/** What Git says of a work tree. Nothing where it knows nothing, as of the branch of a detached HEAD. */
async function gitLine(folder: string, ...args: readonly string[]): Promise<string | undefined> {
  try {
    const output = await runGit(args, { folder, timeoutMs });
    return output.toString("utf8").trim();
  } catch (error) {
    if (error instanceof GitError) return undefined;
    throw error;
  }
}

const templateFolder = join(packageFolder, "template");

/** npm packs no file named `.gitignore`, so the build keeps a copy. */
const packedGitignore = join(packageFolder, "dist", "gitignore");

/** The template's files by path. */
export function readTemplate(): Files {
  const entries = readdirSync(templateFolder, { recursive: true, withFileTypes: true });
  const paths = entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(templateFolder, join(entry.parentPath, entry.name)).replaceAll("\\", "/"))
    .sort();
  const files = Object.fromEntries(paths.map((path) => [path, readFileSync(join(templateFolder, path), "utf8")]));
  return { ".gitignore": files[".gitignore"] ?? readFileSync(packedGitignore, "utf8"), ...files };
}

async function writeRepository(
  place: string,
  files: Files,
  read: ReadApplication | undefined,
  source: PackageSource,
  isAlone: boolean,
): Promise<void> {
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(place, path)), { recursive: true });
    await writeFile(join(place, path), content);
  }
  if (read?.evidence !== undefined) {
    const empty: Lock = { releases: new Map() };
    await writeLock(place, withEvidence(empty, read.application.name, read.evidence));
  }
  await source.add?.(place);
  if (!isAlone) return;
  try {
    await runGit(["init", "--quiet", `--initial-branch=${firstBranch}`, "--", place], { folder: place, timeoutMs });
  } catch (error) {
    if (error instanceof GitError) throw new InputError(`${error.message}. Nothing was written.`);
    throw error;
  }
}

function describe(
  target: string,
  count: number,
  { delivery }: Answers,
  read: ReadApplication | undefined,
  { directory }: Session,
): string[] {
  const below = relative(directory, target);
  const path = below.startsWith("..") ? target : below;
  return [
    ...(read?.found ?? []),
    ...(read === undefined ? [] : describeStacks(read.application)),
    `Wrote ${countOf(count, "file")} to ${target}.`,
    "",
    "Next:",
    ...(path === "" ? [] : [`  cd ${shellWord(path)}`]),
    "  npm install",
    "  npx authority check",
    '  git add --all && git commit --message "Decide here which releases run"',
    "",
    read === undefined
      ? "README.md says how to add an application, and how to deploy."
      : `README.md says how to deploy${delivery === "manifests" ? " with Flux" : ""}.`,
  ];
}

function describeStacks({ name, branch, inDev, release }: NewApplication): string[] {
  const [, ...others] = newStacks;
  return [
    ...(inDev ? [`${name} in dev: the latest commit of ${branch}.`] : []),
    ...(release === undefined ? [] : [`${name} in ${others.join(" and ")}: release ${release.version}.`]),
  ];
}

function shellWord(text: string): string {
  return /^[\w./-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
