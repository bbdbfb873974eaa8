/** What the verbs that decide have in common: each changes a tenant's entry, shows it, and makes it one commit. */
import { existsSync, mkdirSync, readFileSync, rmdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { printable, printableLines } from "../config/printable";
import { stackConfigOf } from "../config/read-stack-config";
import type { StackConfig, Tenant } from "../config/stack-config";
import {
  type ConfigFile,
  type ConfigFiles,
  projectFilePath,
  readConfigFiles,
  type StackFile,
} from "../config/stack-file";
import { suggestion } from "../config/suggestion";
import { type Lock, readLock, writeLock } from "../release/lock";
import { type ExitCode, exitCode } from "./exit-code";
import { InputError } from "./input-error";
import { OwnGit, unifiedDiff } from "./own-git";
import { requireStack } from "./project";
import { type Ask, Questions } from "./questions";
import { refuseToWrite } from "./releases";
import { type PreparedRender, prepareRender } from "./render";
import type { Session } from "./session";
import type { Terminal } from "./terminal";
import { committedPaths, unchangedHead } from "./unchanged-head";

/** Options of all verbs that decide. */
export interface DecisionOptions {
  readonly stack?: string;
  /** Whether to write without a question. */
  readonly yes?: boolean;
  /** False with `--no-commit`. */
  readonly commit?: boolean;
  /** False: whoever calls the verb pushes. Default: a person does, and is told to. */
  readonly push?: boolean;
  readonly reason?: string;
}

/** The stack that a verb decides on, and its files. */
export interface StackSubject {
  readonly files: ConfigFiles;
  readonly config: StackConfig;
  /** The commit that it was read from. Absent if none is to be made. */
  readonly head?: string;
}

/** The tenant that a verb decides on, and its stack. */
export interface Subject extends StackSubject {
  readonly tenant: Tenant;
}

/** A file of a decision besides the stack file, whole. */
export interface FileChange {
  readonly path: string;
  /** Absent: there is none yet. */
  readonly before?: string;
  /** Absent: it is removed. */
  readonly after?: string;
  /** Whether its content comes from another file or goes to one, so that nobody has to read it. */
  readonly isMoved?: boolean;
}

/** What a verb has decided. */
export interface Decision {
  /** The first line of the commit. */
  readonly title: string;
  /** The names of the tenants. */
  readonly tenants: readonly string[];
  /** What the commit says between title and trailers. */
  readonly body?: readonly string[];
  /** Further trailers of the commit. Tenant, stack and reason are always there. */
  readonly trailers?: Readonly<Record<string, string | undefined>>;
  readonly file: StackFile;
  /** `Pulumi.yaml`, if it changes. */
  readonly project?: ConfigFile;
  /** Values files that change. */
  readonly values?: readonly FileChange[];
  /** With the release that is decided. */
  readonly lock?: Lock;
  /** Whether the tenant's version may run from now on, although it was taken back. The commit may change no file. */
  readonly accepts?: boolean;
  /** What else a person should know, one sentence each. */
  readonly notes?: readonly string[];
}

/** The stack's files as a decision leaves them. */
export function decidedFiles(
  files: ConfigFiles,
  { file, project = files.project, values = [] }: Pick<Decision, "file" | "project" | "values">,
): ConfigFiles {
  return { ...files, stack: file, project, values: new Map(values.map(({ path, after }) => [path, after])) };
}

/**
 * Finds the stack.
 *
 * @throws InputError if there is none, a file that the commit would hold is changed already, or an option makes no sense
 */
export async function stackSubjectOf(verb: string, options: DecisionOptions, session: Session): Promise<StackSubject> {
  const { root } = session;
  if (options.commit === false && options.push === true) {
    throw new InputError("`--push` pushes the commit, and `--no-commit` makes none. Leave one of them out.");
  }
  refuseUnprintable("--reason", options.reason);
  const files = readConfigFiles(root, requireStack(root, verb, options.stack));
  const config = stackConfigOf(files);
  const head = options.commit === false ? undefined : await unchangedHead(config);
  return { files, config, head };
}

/**
 * Finds the tenant.
 *
 * @throws InputError if there is none, a file that the commit would hold is changed already, or an option makes no sense
 */
export async function subjectOf(
  verb: string,
  name: string,
  options: DecisionOptions,
  session: Session,
): Promise<Subject> {
  const subject = await stackSubjectOf(verb, options, session);
  return { ...subject, tenant: tenantOf(subject.config, name, `The stack ${subject.config.stack}`) };
}

/**
 * A stack's tenant.
 *
 * @param subject the stack, as a message begins with it
 * @throws InputError if there is none of this name
 */
export function tenantOf({ tenants }: StackConfig, name: string, subject: string): Tenant {
  const found = tenants.find((tenant) => tenant.name === name);
  if (found !== undefined) return found;
  const names = tenants.map((tenant) => tenant.name);
  throw new InputError(`${subject} has no tenant ${JSON.stringify(name)}. ${suggestion(name, names)}`);
}

/** @throws InputError if a person has decided that nothing of the tenant changes */
export function refuseHeld({ config, tenant: { name, policy } }: Subject): void {
  if (policy.hold === undefined) return;
  const { by, reason } = policy.hold;
  throw new InputError(
    `${name} is held by ${by}: ${reason}. \`authority resume ${name} --stack ${config.stack}\` ends the hold first.`,
  );
}

/** @throws InputError if a text for the stack file or the commit is empty, or not one line that can be read */
export function refuseUnprintable(option: string, text: string | undefined): void {
  if (text === undefined || (/\S/.test(text) && printable(text) === text && text.length <= longest)) return;
  throw new InputError(`Expected one line of text after \`${option}\`, of at most ${longest} characters.`);
}

const longest = 1000;

/**
 * Judges the changed files, shows them, asks, writes, commits and pushes. Nothing is written unless all of it may be.
 *
 * @param ask asks on a terminal that the verb has opened already
 */
export async function decide(
  { files, config, head }: StackSubject,
  decision: Decision,
  options: DecisionOptions,
  session: Session,
  ask?: Ask,
): Promise<ExitCode> {
  const { root, terminal } = session;
  const { file, project, values = [] } = decision;
  const further: FileChange[] = [
    ...(project === undefined ? [] : [{ path: projectFilePath, before: files.project?.text, after: project.text }]),
    ...values,
  ];
  const changes: readonly FileChange[] = [{ path: file.path, before: files.stack.text, after: file.text }, ...further];
  const furtherPaths = further.map(({ path }) => path);
  const next = stackConfigOf(decidedFiles(files, decision));
  if (head !== undefined) await unchangedHead(next, furtherPaths);
  const lock = decision.lock ?? readLock(root);
  const { delivery } = next;
  let render: PreparedRender | undefined;
  if (delivery.kind === "manifests") {
    session.requireOneVersion();
    const accepted = decision.accepts === true ? decision.tenants[0] : undefined;
    const only = decision.tenants.filter((name) => name === accepted || needsRender(name, config, next));
    const prepared = await prepareRender(next, lock, join(root, delivery.directory), session, { accepted, only });
    if ("reasons" in prepared) return refuseToWrite(terminal, prepared.reasons);
    render = prepared;
  }
  terminal.done();
  const message = messageOf(config.stack, decision, options.reason);
  for (const { path, before = "", after = "", isMoved } of changes) {
    if (isMoved !== true && before !== after) terminal.print(printableLines(await unifiedDiff(path, before, after)));
  }
  for (const note of decision.notes ?? []) terminal.log(printable(note));
  if (delivery.kind === "manifests") terminal.log(`${delivery.directory}: rendered with this decision`);
  if (!(await isConfirmed(terminal, options, ask))) {
    return refuseToWrite(terminal, []);
  }
  // Resolving and the question take time, and somebody may pull or edit meanwhile.
  const isOutdated =
    (head !== undefined && (await unchangedHead(next, furtherPaths)) !== head) ||
    changes.some(({ path, before }) => textOf(root, path) !== before);
  if (isOutdated) {
    throw new InputError("The repository was changed meanwhile. Nothing was written; run the command again.");
  }
  const write = async () => {
    if (decision.lock !== undefined) await writeLock(root, decision.lock);
    if (render !== undefined) await render.write();
    for (const { path, after } of changes) await writeText(root, path, after);
  };
  if (options.commit === false) {
    await write();
    terminal.print(`Written, not committed. A message for the commit:\n\n${message.trimEnd()}`);
    return exitCode.fine;
  }
  const git = new OwnGit(root);
  await commitOrRestore(git, config, furtherPaths, message, write);
  const id = (await git.run("rev-parse", "--short", "HEAD")).trim();
  terminal.print(`Committed ${id}: ${printable(decision.title)}`);
  if (options.push === true) return push(git, terminal);
  if (options.push === undefined && (await git.try("remote")).stdout !== "")
    terminal.log("Not pushed yet: run `git push`.");
  return exitCode.fine;
}

/** Whether a decision is about what the tenant runs, not only about who moves its version, as its image policy says. */
function needsRender(name: string, before: StackConfig, next: StackConfig): boolean {
  const [was, is] = [before, next].map(({ tenants }) => tenants.find((tenant) => tenant.name === name));
  return next.follow === "branch" || was === undefined || was.tag !== is?.tag;
}

function textOf(root: string, path: string): string | undefined {
  const absolute = join(root, path);
  return existsSync(absolute) ? readFileSync(absolute, "utf8") : undefined;
}

/** Writes a file with its folder, or removes it, with its folder if that is empty then. */
export async function writeText(root: string, path: string, text: string | undefined): Promise<void> {
  const absolute = join(root, path);
  if (text !== undefined) {
    const { default: writeFileAtomic } = await import("write-file-atomic");
    mkdirSync(dirname(absolute), { recursive: true });
    await writeFileAtomic(absolute, text);
    return;
  }
  rmSync(absolute, { force: true });
  try {
    rmdirSync(dirname(absolute));
  } catch {
    // It holds other files.
  }
}

/**
 * Writes and commits the files. If either fails, they are as before.
 *
 * @param further paths of the decision besides those that each one has
 */
async function commitOrRestore(
  git: OwnGit,
  config: StackConfig,
  further: readonly string[],
  message: string,
  write: () => Promise<void>,
): Promise<void> {
  const { root } = config;
  const [file = "", lock = "", folder] = await committedPaths(git, config);
  const before = [file, lock, ...further].map((path) => ({ path, text: textOf(root, path) }));
  const paths = [...before.map(({ path }) => path), ...(folder === undefined ? [] : [folder])];
  try {
    await write();
    const present = paths.filter((path) => existsSync(join(root, path)));
    const removed = before.filter(({ path, text }) => text !== undefined && !present.includes(path));
    await git.run("add", "--intent-to-add", "--", ...present);
    await git.run(
      ...["commit", "--quiet", "--only", "--allow-empty", "--message", message],
      ...["--", ...present, ...removed.map(({ path }) => path)],
    );
  } catch (error) {
    await git.try("reset", "--quiet", "--", ...paths);
    for (const { path, text } of before) await writeText(root, path, text);
    if (folder !== undefined) {
      await git.try("checkout", "--quiet", "HEAD", "--", folder);
      await git.try("clean", "--quiet", "--force", "-d", "--", folder);
    }
    if (!(error instanceof InputError)) throw error;
    throw new InputError(`${error.message}\nThe files are as before.`);
  }
}

async function push(git: OwnGit, terminal: Terminal): Promise<ExitCode> {
  terminal.step("pushing");
  const { exitCode: code, said } = await git.try("-c", "advice.pushUpdateRejected=false", "push", "--quiet");
  if (code === 0) {
    terminal.print("Pushed.");
    return exitCode.fine;
  }
  terminal.log(printableLines(`The commit is made, but not pushed: ${said}`));
  const advice = said.includes("[rejected]")
    ? "Others have pushed meanwhile. Run `git pull --rebase`, then `git push`."
    : await pullRequestAdvice(git);
  if (advice !== undefined) terminal.log(printable(advice));
  return exitCode.blocked;
}

/** How the commit comes into a pull request, with all others that are only here; nothing without an upstream branch. */
async function pullRequestAdvice(git: OwnGit): Promise<string | undefined> {
  const upstream = (await git.try("rev-parse", "--abbrev-ref", "@{upstream}")).stdout.trim();
  const branch = await git.branch();
  if (upstream === "" || branch === undefined) return undefined;
  const remote = (await git.run("config", `branch.${branch}.remote`)).trim();
  const own = `decision-${(await git.run("rev-parse", "--short", "HEAD")).trim()}`;
  return (
    `If the branch ${branch} takes pull requests only: \`git switch --create ${own}\`, ` +
    `\`git push --set-upstream ${remote} ${own}\`, \`git branch --force ${branch} ${upstream}\`, and open one.`
  );
}

/**
 * Asks if a person is watching.
 *
 * @param what what is done then; default: the commit
 */
export async function isConfirmed(
  terminal: Terminal,
  { yes, commit }: Pick<DecisionOptions, "yes" | "commit">,
  ask?: Ask,
  what = commit === false ? "Write this" : "Commit this",
): Promise<boolean> {
  const { input } = terminal;
  if (yes === true || input === undefined) return true;
  const isYes = async (question: Ask): Promise<boolean> => {
    const text = `${what} (y or n)?`;
    const problem = (typed: string) => (/^(?:y(?:es)?|no?)$/i.test(typed) ? undefined : "y or n");
    return /^y/i.test(await question({ text, fallback: "n", problem }));
  };
  if (ask !== undefined) return isYes(ask);
  const questions = new Questions(terminal, input);
  try {
    return await isYes((question) => questions.ask(question));
  } finally {
    questions.close();
  }
}

/** The commit's message. */
export function messageOf(
  stack: string,
  { title, tenants, trailers, body = [] }: Pick<Decision, "title" | "tenants" | "trailers" | "body">,
  reason?: string,
): string {
  const names = tenants.map((name) => ["Tenant", name] as const);
  const all = [...names, ...Object.entries({ Stack: stack, ...trailers, Reason: reason })];
  const lines = all.flatMap(([name, value]) => (value === undefined ? [] : [`${name}: ${value}`]));
  const paragraphs = [title, ...(body.length === 0 ? [] : [body.join("\n")]), lines.join("\n")];
  return `${paragraphs.join("\n\n")}\n`;
}
