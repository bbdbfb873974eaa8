import { existsSync } from "node:fs";
import { withoutCredentials } from "../config/address";
import type { Prefix } from "../config/stack-config";
import { suggestion } from "../config/suggestion";
import { audit as judgeTags, type Audit, describeSuggestion, suggestPrefixes } from "../release/audit";
import { GitError, isRemoteUrl } from "../release/git";
import { type ExitCode, exitCode } from "./exit-code";
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

/** Judges every SemVer tag of an application's repository: is it ready to be a tenant? */
export async function audit(options: AuditOptions, session: Session): Promise<ExitCode> {
  const { terminal } = session;
  const audited = await judge(options, session);
  terminal.done();
  if (options.json === true) terminal.printJson(audited);
  else terminal.print(describeAudit(audited, terminal.colors));
  const fault = faultOfInput(audited);
  if (fault !== undefined) throw new InputError(fault);
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
      onProgress: (step) => {
        session.terminal.step(withoutCredentials(step));
      },
    });
    return { ...audited, repository: withoutCredentials(repository) };
  } catch (error) {
    if (error instanceof GitError) throw new InputError(`${withoutCredentials(repository)}: ${error.message}`);
    throw error;
  }
}

const places = ["git", "chart", "image"] as const;

/** What `fleet/` takes as a prefix as well. */
const prefixText = /^(?:[A-Za-z0-9_][A-Za-z0-9._/-]*)?(?<![0-9])$/;

/**
 * Reads `git=v,chart=,image=v`; a place that is left out has no prefix.
 *
 * @throws InputError where it is something else
 */
export function parsePrefix(text: string): Prefix {
  const prefix = { git: "", chart: "", image: "" };
  const seen = new Set<string>();
  for (const part of text === "" ? [] : text.split(",")) {
    const equals = part.indexOf("=");
    const name = (equals === -1 ? part : part.slice(0, equals)).trim();
    const place = places.find((known) => known === name);
    if (place === undefined || equals === -1) {
      const fix = place === undefined ? suggestion(name, places) : `Write \`${name}=v\`.`;
      throw new InputError(`\`--prefix\` has "${part}"; expected \`git=v,chart=,image=v\`. ${fix}`);
    }
    if (seen.has(place)) throw new InputError(`\`--prefix\` has \`${place}=\` twice.`);
    seen.add(place);
    const value = part.slice(equals + 1).trim();
    if (!prefixText.test(value)) {
      throw new InputError(
        `\`--prefix\` has "${part}"; expected letters, digits, \`.\`, \`_\`, \`-\` and no digit at the end.`,
      );
    }
    prefix[place] = value;
  }
  return prefix;
}

/** Where nothing could be judged, the question was most likely a wrong one. */
function faultOfInput({ repository, chart, tags }: Audit): string | undefined {
  if (tags.length === 0)
    return `${repository} has no Git tag that is a version (SemVer), so there is nothing to judge.`;
  const isReadable = tags.some(({ chartVersion, appVersion }) => chartVersion !== null || appVersion !== null);
  return isReadable
    ? undefined
    : `At none of the ${tags.length} tags of ${repository} is there a chart at ${chart} that can be read. Is \`--chart\` right?`;
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
    `${valid} of ${tags.length} ${tags.length === 1 ? "tag" : "tags"} keep the promise.`,
    ...suggestPrefixes(audited).map((found) => printable(`Prefixes: ${describeSuggestion(found)}.`)),
  ].join("\n");
}
