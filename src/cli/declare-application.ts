/** What `Pulumi.yaml` says about a new application: only what has been read. */
import { printable } from "../config/printable";
import { branchName } from "../config/schema-kinds";
import type { Prefix } from "../config/stack-config";
import { type Audit, bestPrefix, validVersions } from "../release/audit";
import { withRepository } from "../release/git";
import type { AnsweredApplication } from "./application-answers";
import { auditRepository } from "./audit";
import { countOf } from "../config/count";
import type { NewApplication } from "./init-files";
import { InputError } from "./input-error";
import type { Session } from "./session";

/**
 * Audits an application that is about to be declared: its prefixes and its branch are those of its repository.
 *
 * @throws InputError or GitError if it cannot be read
 */
export async function declareApplication(
  answered: AnsweredApplication,
  session: Session,
): Promise<{ readonly audited: Audit; readonly declared: NewApplication }> {
  const { repository, chart, insecureRegistry } = answered;
  const audited = await auditRepository(
    { repository, chart, insecureRegistry, prefix: flagOf(answered.prefix) },
    session,
  );
  const prefix = answered.prefix ?? bestPrefix(audited);
  const branch = answered.branch ?? (await headOf(repository));
  const releasedFrom = answered.releasedFrom ?? [branch];
  return { audited, declared: { ...answered, branch, prefix, releasedFrom, inDev: !chart.startsWith("oci://") } };
}

/** What the audit has found, one sentence each. */
export function describeDeclared(
  audited: Audit,
  { prefix, repository }: NewApplication,
  answered: AnsweredApplication,
): string[] {
  const valid = validVersions(audited, prefix).length;
  const keep = valid === 1 ? "keeps" : "keep";
  return [
    `${countOf(valid, "version")} of ${countOf(audited.tags.length, "Git tag")} of ${repository} ${keep} the promise.`,
    ...(answered.prefix === undefined ? describePrefix(prefix) : []),
  ];
}

function flagOf(prefix: Prefix | undefined): string | undefined {
  return prefix && `git=${prefix.git},chart=${prefix.chart},image=${prefix.image}`;
}

function describePrefix(prefix: Prefix): string[] {
  const used = Object.entries(prefix).filter(([, text]) => text !== "");
  if (used.length === 0) return [];
  return [`With the prefixes ${used.map(([place, text]) => `${place}=${text}`).join(", ")}, its newest tag keeps it.`];
}

/**
 * The branch of the remote's HEAD. It is written into the file: a default that moves with the remote would let the
 * application's team redirect production.
 */
async function headOf(repository: string): Promise<string> {
  const head = await withRepository(repository, {}, (git) => git.readHead());
  if (head !== undefined && branchName().safeParse(head).success && printable(head) === head) return head;
  const what = head === undefined ? "no branch" : `${JSON.stringify(head)}, which is not the name of a branch`;
  throw new InputError(
    `The HEAD of ${repository} names ${what}. Name the branch with \`--branch\`. Nothing was written.`,
  );
}
