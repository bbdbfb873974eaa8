/** What the promotion branches of a stack are called, what they propose, and which of them `authority promotions` made. */
import { posix } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { isScalar } from "yaml";
import { ProblemsError } from "../config/problem";
import { isMapping, projectPrefix, valueAt } from "../config/report";
import type { ConfigRepository, Tenant } from "../config/stack-config";
import { entryAt, parseStackFile, type StackFile } from "../config/stack-file";
import { allows } from "../version/range";
import { compareVersions, versionOfTag } from "../version/version";
import { InputError } from "./input-error";
import type { Tip } from "./promotion-repository";

/** The trailer by which a branch's commit is recognized. */
export const branchTrailer = "Branch";

/**
 * The folder of a stack's branches: `promote/prod` for `promote/prod/podinfo`. In a repository of several projects, their
 * folders come first.
 *
 * @param folder the project's folder in the repository
 * @throws InputError if Flux's branch conflicts with it
 */
export function branchFolder(
  stack: string,
  folder: string,
  { branch, promotionBranch }: Pick<ConfigRepository, "branch" | "promotionBranch">,
): string {
  const own = posix.join("promote", folder.replace(/[^\w./-]/g, "-"), stack);
  for (const [key, other] of Object.entries({ branch, promotionBranch })) {
    if (!`${own}/`.startsWith(`${other}/`) && !other.startsWith(`${own}/`)) continue;
    throw new InputError(
      `The branch ${other} (\`configRepository.${key}\`) conflicts with the tenants' branches ${own}/<tenant>. ` +
        `Give it another name, such as promotions/${stack}.`,
    );
  }
  return own;
}

/** Whether `authority promotions` made the commit, and nobody has changed it since. */
export function isOwn({ author, committer, parents, trailers }: Tip, branch: string, automation: string): boolean {
  const isByUs = author === automation && committer === automation;
  return isByUs && parents.length === 1 && trailers[branchTrailer] === branch;
}

/** As Git writes a person. */
export function personText({ name, email }: ConfigRepository["author"]): string {
  return `${name} <${email}>`;
}

/** The stack file of Flux's branch. Nothing where it is not a stack file: whoever may push can write anything there. */
export function fluxFileOf(stack: string, text: string | undefined): StackFile | undefined {
  try {
    return text === undefined ? undefined : parseStackFile(stack, text);
  } catch (error) {
    if (error instanceof ProblemsError) return undefined;
    throw error;
  }
}

/** The tag that a stack file has for a tenant. */
export function tagIn(file: StackFile | undefined, tenant: string): string | undefined {
  const node = file === undefined ? undefined : entryAt(file, ["tenants", tenant, "tag"])?.value;
  return isScalar(node) && typeof node.value === "string" ? node.value : undefined;
}

/**
 * Whether Flux works on another stack file than the main branch has, apart from versions: Flux neither merges the main
 * branch into its own, nor sees there a tenant that is new.
 */
export function isStale(main: StackFile, flux: StackFile | undefined): boolean {
  if (flux === undefined) return true;
  try {
    return !isDeepStrictEqual(withoutVersions(flux), withoutVersions(main));
  } catch (error) {
    // The library throws a ReferenceError for an alias that leads nowhere.
    if (error instanceof ReferenceError) return true;
    throw error;
  }
}

function withoutVersions({ document }: StackFile): unknown {
  const content: unknown = document.toJS();
  const tenants = valueAt(content, ["config", `${projectPrefix}:tenants`]);
  for (const entry of Object.values(isMapping(tenants) ? tenants : {})) {
    if (isMapping(entry)) for (const field of ["tag", "digest"]) Reflect.deleteProperty(entry, field);
  }
  return content;
}

/** Why a tenant gets no branch, as a sentence; nothing where Flux may propose its versions. */
export function notProposed({ name, policy }: Tenant): string | undefined {
  if (policy.pin !== undefined) return `${name} is pinned`;
  if (policy.hold !== undefined) return `${name} is held`;
  return policy.automation === "pull-request" ? undefined : `the automation of ${name} is \`${policy.automation}\``;
}

/**
 * The versions among these tags that could replace the tenant's own, the newest first. An older one could only if the
 * policy does not allow the own any more: otherwise the main branch has moved on.
 */
export function candidates({ tag = "", prefix, policy }: Tenant, tags: readonly (string | undefined)[]): string[] {
  const current = versionOfTag(tag, prefix.image);
  const versions = tags.flatMap((one) => versionOfTag(one ?? "", prefix.image) ?? []);
  return [...new Set(versions)]
    .filter((version) => version !== current)
    .filter((version) => current === undefined || compareVersions(version, current) > 0 || !allows(policy, current))
    .sort((one, other) => compareVersions(other, one));
}
