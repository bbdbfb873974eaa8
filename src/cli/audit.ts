import { existsSync } from "node:fs";
import { withoutCredentials } from "../config/address";
import { printable } from "../config/printable";
import type { Prefix } from "../config/stack-config";
import { suggestion } from "../config/suggestion";
import { gitPrefix, prefix as prefixSchema } from "../config/schema-kinds";
import { audit as judgeTags, type Audit, describeSuggestion, suggestPrefixes } from "../release/audit";
import { GitError, isRemoteUrl } from "../release/git";
import { isRegistryFailure } from "../release/registry";
import { type ExitCode, exitCode } from "./exit-code";
import { countOf } from "../config/count";
import { InputError } from "./input-error";
import type { Session } from "./session";
import { table } from "./table";
import type { Colors } from "./terminal";

/** Options of `authority audit`. */
export interface AuditOptions {
  readonly repository: string;
  readonly chart: string;
  readonly insecureRegistry?: boolean;
  /** `git=v,chart=,image=v`. */
  readonly prefix?: string;
  readonly releasedFrom?: readonly string[];
  readonly json?: boolean;
}

/** @throws InputError unless both the repository and the chart are named */
export async function auditTags(options: Partial<AuditOptions>, session: Session): Promise<ExitCode> {
  const { repository, chart } = options;
  if (repository === undefined || chart === undefined) {
    const missing = repository === undefined ? "--repository" : "--chart";
    throw new InputError(`\`${missing}\` is missing. \`--here\` checks the chart of this repository instead.`);
  }
  return audit({ ...options, repository, chart }, session);
}

/** Checks every SemVer tag of an application's repository: can the application become a tenant? */
async function audit(options: AuditOptions, session: Session): Promise<ExitCode> {
  const { terminal } = session;
  const audited = await auditRepository(options, session);
  terminal.done();
  if (options.json === true) terminal.printJson(audited);
  else terminal.print(describeAudit(audited, terminal.colors));
  const problem = inputProblem(audited);
  if (problem !== undefined) throw new InputError(problem);
  return audited.tags.every(({ valid }) => valid) ? exitCode.fine : exitCode.blocked;
}

/**
 * Judges the tags of the repository.
 *
 * @throws InputError if the repository or the chart's registry cannot be read
 */
export async function auditRepository(options: AuditOptions, session: Session): Promise<Audit> {
  const { repository, chart, prefix, releasedFrom, insecureRegistry: insecure } = options;
  const local = session.path(repository);
  try {
    const audited = await judgeTags({
      repository: !isRemoteUrl(repository) && existsSync(local) ? local : repository,
      chart,
      insecure,
      prefix: parsePrefix(prefix ?? ""),
      releasedFrom,
      onProgress: (step) => session.terminal.step(withoutCredentials(step)),
    });
    return { ...audited, repository: withoutCredentials(repository) };
  } catch (error) {
    if (isRegistryFailure(error)) {
      throw new InputError(`${chart}: ${error.message}`);
    }
    if (error instanceof GitError) throw new InputError(`${withoutCredentials(repository)}: ${error.message}`);
    throw error;
  }
}

const artifacts = ["git", "chart", "image"] as const;

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
    const { error } = (artifact === "git" ? gitPrefix() : prefixSchema()).safeParse(value);
    if (error !== undefined) {
      throw new InputError(`\`--prefix\` has "${part}"; expected ${error.issues[0]?.message ?? "a prefix"}.`);
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

const mostOthers = 10;

/** Which tags are not judged, and how to judge them. */
function describeOthers({ prefix, others, nearly }: Audit): string[] {
  const places = artifacts.filter((place) => place !== "git" && prefix[place] !== "");
  const kept = places.map((place) => `,${place}=${prefix[place]}`).join("");
  const lines = others.slice(0, mostOthers).map(({ prefix: git, count, example }) => {
    const tags = `${countOf(count, "tag")} such as "${example}" ${count === 1 ? "is" : "are"} not judged`;
    return gitPrefix().safeParse(git).success
      ? `${tags}: if ${count === 1 ? "it belongs" : "they belong"} to this application, pass \`--prefix git=${git}${kept}\`.`
      : `${tags}: "${git}" cannot be a prefix.`;
  });
  const more = others.length - lines.length;
  if (more > 0) lines.push(`Tags with ${more} more prefixes are not judged either.`);
  const [example] = nearly;
  if (example !== undefined) {
    lines.push(
      `${countOf(nearly.length, "tag")} such as "${example}" cannot become a version with any prefix: a SemVer version has exactly three numbers, without leading zeros, such as 1.2.0.`,
    );
  }
  return lines;
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
    ...describeOthers(audited).map(printable),
    ...suggestPrefixes(audited).map((found) => printable(`Prefixes: ${describeSuggestion(found)}.`)),
  ].join("\n");
}
