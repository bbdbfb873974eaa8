import { printable, printableLines } from "../config/printable";
import { pipelineRun } from "../git-host/host-settings";
import { closeIssue, fenced, lastPart, writeIssue } from "../git-host/own-texts";
import { type ExitCode, exitCode } from "./exit-code";
import { gitHostOf, readTextFile } from "./git-host";
import { InputError } from "./input-error";
import type { Session } from "./session";

/** Options of `authority issue`. */
export interface IssueOptions {
  readonly title: string;
  readonly logFile?: string;
  readonly close?: boolean;
}

/** The longest part of a log that an issue has, in characters. GitHub takes 65,536 with all that is around it. */
const maxLog = 60_000;

/** Opens, updates or closes the one issue of a title. */
export async function issue({ title, logFile, close }: IssueOptions, session: Session): Promise<ExitCode> {
  if ((logFile === undefined) === (close !== true)) {
    throw new InputError(
      "Say what to do with the issue: `--log-file <file>` opens or updates it, `--close` closes it.",
    );
  }
  if (title.trim() === "" || title.length > 200 || printable(title) !== title) {
    throw new InputError("`--title` must be one line of at most 200 printable characters.");
  }
  const log = logFile === undefined ? "" : readTextFile("--log-file", logFile, session);
  const host = gitHostOf(session);
  const run = pipelineRun();
  const link = run === undefined ? "" : `\n\n[The run](${run})`;
  if (logFile === undefined) {
    const closed = await closeIssue(host, title, `Resolved.${link}`);
    session.terminal.print(closed === undefined ? "no such issue is open" : `closed ${printable(closed.url)}`);
    return exitCode.fine;
  }
  const { url, state } = await writeIssue(host, title, `${fenced(lastPart(printableLines(log), maxLog))}${link}`);
  session.terminal.print(`${state} ${printable(url)}`);
  return exitCode.fine;
}
