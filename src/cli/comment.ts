import { pipelinePullRequest } from "../git-host/host-settings";
import { writeComment } from "../git-host/own-texts";
import { type ExitCode, exitCode } from "./exit-code";
import { gitHostOf, readTextFile } from "./git-host";
import { InputError } from "./input-error";
import type { Session } from "./session";

/** Options of `authority comment`. */
export interface CommentOptions {
  readonly bodyFile: string;
  readonly pullRequest?: string;
  readonly name: string;
}

/** Room for the marker. */
const markerLength = 500;

/** Writes one comment on a pull request, or edits the one that it has written before. */
export async function comment({ bodyFile, pullRequest, name }: CommentOptions, session: Session): Promise<ExitCode> {
  const number = pullRequest === undefined ? pipelinePullRequest() : numberOf(pullRequest);
  if (number === undefined) {
    throw new InputError(
      "The environment names no pull request (GITHUB_REF is not refs/pull/<number>/merge, CI_MERGE_REQUEST_IID is not " +
        "set). Name it with `--pull-request <number>`.",
    );
  }
  if (!/^[\w.-]{1,100}$/.test(name)) {
    throw new InputError(
      `\`--name\` is ${JSON.stringify(name.slice(0, 200))}, must be of letters, digits, \`.\`, \`_\` and \`-\`.`,
    );
  }
  const body = readTextFile("--body-file", bodyFile, session);
  if (body.trim() === "") throw new InputError(`The file ${bodyFile} of \`--body-file\` is empty.`);
  const host = gitHostOf(session);
  const longest = host.maxBody - markerLength;
  if (body.length > longest) {
    throw new InputError(`The file ${bodyFile} has ${body.length} characters. The Git host takes ${longest}.`);
  }
  const state = await writeComment(host, { kind: "pull-request", number }, name, body.replaceAll("\r\n", "\n"));
  session.terminal.print(`${host.reference(number)}: comment ${state}`);
  return exitCode.fine;
}

function numberOf(given: string): number {
  if (/^[1-9]\d{0,11}$/.test(given)) return Number(given);
  throw new InputError(`\`--pull-request\` is ${JSON.stringify(given.slice(0, 200))}, must be a number.`);
}
