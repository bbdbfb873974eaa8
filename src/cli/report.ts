import { join } from "node:path";
import { printableLines } from "../config/printable";
import type { StackConfig } from "../config/stack-config";
import { BaseFolder, changedPaths } from "../report/base-folder";
import { htmlReport } from "../report/html";
import { markdownReport } from "../report/markdown";
import type { Report, Revision } from "../report/model";
import { type Judgement, makeReport } from "../report/report";
import { createFactReader } from "../release/fact-reader";
import { GitError } from "../release/git-command";
import { folderInClone, gitIn, textLines, wholeTreeMs } from "../release/git-objects";
import type { Lock } from "../release/lock";
import { branchOf, commitOf } from "../release/named-commit";
import { withScratchFolder } from "../release/scratch-folder";
import { checkStack, isReportedBy, readPackConfig } from "./check";
import { type ExitCode, exitCode } from "./exit-code";
import { InputError } from "./input-error";
import type { Session } from "./session";

/** Options of `authority report`. */
export interface ReportOptions {
  readonly base: string;
  readonly head?: string;
  readonly stack?: string;
  readonly format: "markdown" | "html" | "json";
  readonly output?: string;
  readonly policyPackConfig?: string;
}

/** Shows what a change of the shared repository changes, tenant by tenant, for the person who reviews it. */
export async function report(options: ReportOptions, session: Session): Promise<ExitCode> {
  const { root, terminal } = session;
  session.requireOneVersion();
  const made = await withScratchFolder("authority-report-", (scratch) => reportOf(options, session, root, scratch));
  terminal.done();
  const text =
    options.format === "json"
      ? printableLines(JSON.stringify(made, undefined, 2))
      : options.format === "html"
        ? htmlReport(made)
        : markdownReport(made);
  if (options.output === undefined) {
    terminal.print(text);
  } else {
    const { default: writeFileAtomic } = await import("write-file-atomic");
    await writeFileAtomic(session.path(options.output), `${text}\n`);
  }
  if (made.problems.length > 0) return exitCode.badInput;
  return made.verdict === "blocked" ? exitCode.blocked : exitCode.fine;
}

async function reportOf(options: ReportOptions, session: Session, root: string, scratch: string): Promise<Report> {
  const { terminal } = session;
  const { base, head, commit } = await revisions(options, root);
  const files = await BaseFolder.open(root, base.commit, join(scratch, "base"));
  const changed = await changedPaths(root, base.commit, commit);
  const headRoot = commit === undefined ? root : await checkOut(root, commit, join(scratch, "head"));
  const packConfig = readPackConfig(options.policyPackConfig, session);
  const reader = session.reader();
  const judge = async (config: StackConfig, lock: Lock): Promise<Judgement> => {
    const { violations, releases } = await checkStack(config, lock, reader, packConfig);
    const unreported = releases.filter((release) => !isReportedBy(violations, release));
    return { violations, reasons: new Map(unreported.map(({ tenant, reasons }) => [tenant, reasons])) };
  };
  return makeReport({
    root: headRoot,
    ...{ base, head, changed, files, judge, reader, stack: options.stack },
    facts: createFactReader(),
    onTenant: (done, all) => terminal.count(`comparing tenants: ${done} of ${all}`),
  });
}

/** @throws InputError where there is no such commit, or the two have none in common */
async function revisions(options: ReportOptions, root: string) {
  const git = gitIn(root, wholeTreeMs);
  const commitNamed = async (flag: string, name: string): Promise<string> => {
    try {
      return await commitOf(git, await branchOf(git, name));
    } catch (error) {
      if (!(error instanceof GitError)) throw error;
      const isRemote = await commitOf(git, `refs/remotes/origin/${name}`).then(Boolean, () => false);
      const fix = isRemote
        ? `did you mean \`origin/${name}\`?`
        : "Fetch it, or name another one; GitHub Actions need `fetch-depth: 0`.";
      throw new InputError(`\`--${flag} ${name}\` names no commit of this clone${isRemote ? ";" : "."} ${fix}`);
    }
  };
  const named = await commitNamed("base", options.base);
  const commit = options.head === undefined ? undefined : await commitNamed("head", options.head);
  const at = commit ?? (await commitNamed("head", "HEAD"));
  const [base] = textLines(await git(["merge-base", named, at]).catch(() => Buffer.alloc(0)));
  if (base === undefined) {
    throw new InputError(
      `${options.base} and ${options.head ?? "HEAD"} have no commit in common in this clone. If it is shallow, ` +
        "`git fetch --unshallow` completes it (`fetch-depth: 0` in GitHub Actions).",
    );
  }
  const revision = (name: string | null, id: string): Revision => ({ name, commit: id });
  return { base: revision(options.base, base), head: revision(options.head ?? null, at), commit };
}

/**
 * The project's folder at a commit, in a clone of its own that shares the objects, so that the history is there too.
 *
 * @returns the folder of `Pulumi.yaml` in it
 */
async function checkOut(root: string, commit: string, folder: string): Promise<string> {
  const git = gitIn(root, wholeTreeMs);
  const [top = root] = textLines(await git(["rev-parse", "--show-toplevel"]));
  await git(["clone", "--quiet", "--shared", "--no-checkout", "--template=", "--", top, folder]);
  await gitIn(folder, wholeTreeMs)(["checkout", "--quiet", "--detach", commit]);
  return join(folder, await folderInClone(git));
}
