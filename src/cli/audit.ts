import { existsSync } from "node:fs";
import { withoutCredentials } from "../config/address";
import type { Prefix } from "../config/stack-config";
import { suggestion } from "../config/suggestion";
import { audit as judgeTags, type Audit, describeSuggestion, suggestPrefixes } from "../release/audit";
import { GitError, isRemoteUrl } from "../release/git";
import { type ExitCode, exitCode } from "./exit-code";
import { countOf } from "./count";
import { InputError } from "./input-error";
import type { Session } from "./session";
import { table } from "./table";
import { type Colors, printable } from "./terminal";

/** Options of `authority audit`. */
export interface AuditOptions {
  readonly repository: string;
  readonly chart: string;
  /** `git=v,chart=,image=v`. */
  readonly prefix?: string;
  readonly releasedFrom?: readonly string[];
  readonly json?: boolean;
}

/** Checks every SemVer tag of an application's repository: can the application become a tenant? */
export async function audit(options: AuditOptions, session: Session): Promise<ExitCode> {
  const { terminal } = session;
  const audited = await judge(options, session);
  terminal.done();
  if (options.json === true) terminal.printJson(audited);
  else terminal.print(describeAudit(audited, terminal.colors));
  const problem = inputProblem(audited);
  if (problem !== undefined) throw new InputError(problem);
  return audited.tags.every(({ valid }) => valid) ? exitCode.fine : exitCode.blocked;
}

async function judge(options: AuditOptions, session: Session): Promise<Audit> {
  const { repository, chart, prefix, releasedFrom } = options;
  const local = session.path(repository);
  try {
    const audited = await judgeTags({
      repository: !isRemoteUrl(repository) && existsSync(local) ? local : repository,
      chart,
      prefix: parsePrefix(prefix ?? ""),
      releasedFrom,
      onProgress: (step) => session.terminal.step(withoutCredentials(step)),
    });
    return { ...audited, repository: withoutCredentials(repository) };
  } catch (error) {
    if (error instanceof GitError) throw new InputError(`${withoutCredentials(repository)}: ${error.message}`);
    throw error;
  }
}

const artifacts = ["git", "chart", "image"] as const;

/** The same as in a stack file. */
const prefixPattern = /^(?:[A-Za-z0-9_][A-Za-z0-9._/-]*)?(?<![0-9])$/;

/**
 * Parses prefixes such as `git=v,chart=,image=v`. Default of each: none.
 *
 * @throws InputError if the text is not valid
 */
export function parsePrefix(text: string): Prefix {
  const prefix: Partial<Record<keyof Prefix, string>> = {};
  for (const part of text.split(",").filter((item) => item !== "")) {
    const [, name = "", value] = /^\s*([^=]*?)\s*(?:=\s*(.*?)\s*)?$/.exec(part) ?? [];
    const artifact = artifacts.find((known) => known === name);
    if (artifact === undefined || value === undefined) {
      const fix = artifact === undefined ? suggestion(name, artifacts) : `Write \`${name}=v\`.`;
      throw new InputError(`\`--prefix\` has "${part}"; expected \`git=v,chart=,image=v\`. ${fix}`);
    }
    if (prefix[artifact] !== undefined) throw new InputError(`\`--prefix\` has \`${artifact}=\` twice.`);
    if (!prefixPattern.test(value)) {
      throw new InputError(
        `\`--prefix\` has "${part}"; expected letters, digits, \`.\`, \`_\`, \`-\` and no digit at the end.`,
      );
    }
    prefix[artifact] = value;
  }
  return { git: "", chart: "", image: "", ...prefix };
}

/** If no tag could be judged, the command line is probably wrong. */
function inputProblem({ repository, chart, tags }: Audit): string | undefined {
  if (tags.length === 0) return `${repository} has no Git tag that is a SemVer version.`;
  const isReadable = tags.some(({ chartVersion, appVersion }) => chartVersion !== null || appVersion !== null);
  return isReadable
    ? undefined
    : `No readable chart found at ${chart} in ${repository}, at any of ${countOf(tags.length, "tag")}. Check \`--chart\`.`;
}

function describeAudit(audited: Audit, colors: Colors): string {
  const { tags } = audited;
  const rows = tags.map(({ tag, version, chartVersion, appVersion, valid, reasons }) => [
    tag,
    version,
    chartVersion ?? "-",
    appVersion ?? "-",
    valid ? { text: "kept", paint: colors.green } : { text: "broken", paint: colors.red },
    reasons.join("; "),
  ]);
  const valid = tags.filter((tag) => tag.valid).length;
  return [
    ...(rows.length === 0
      ? []
      : [table(["TAG", "VERSION", "CHART", "APPVERSION", "PROMISE", "WHY"], rows, colors), ""]),
    `${valid} of ${countOf(tags.length, "tag")} ${tags.length === 1 ? "keeps" : "keep"} the promise.`,
    ...suggestPrefixes(audited).map((found) => printable(`Prefixes: ${describeSuggestion(found)}.`)),
  ].join("\n");
}
