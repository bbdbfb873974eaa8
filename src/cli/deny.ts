import { valueAt } from "../config/report";
import type { StackFile } from "../config/stack-file";
import { settingsOf } from "../config/structure";
import { withElement, withoutElement } from "../config/tenant-edit";
import { isDenied } from "../version/range";
import { isVersion, versionOfTag } from "../version/version";
import { type DecisionOptions, decide, type Subject, subjectOf } from "./decision";
import type { ExitCode } from "./exit-code";
import { InputError } from "./input-error";
import type { Session } from "./session";

/** Options of `authority deny`. */
export interface DenyOptions extends DecisionOptions {
  readonly reason: string;
}

/** Adds a version to those that a tenant never runs. */
export async function deny(name: string, version: string, options: DenyOptions, session: Session): Promise<ExitCode> {
  const subject = await subjectOf("deny", name, options, session);
  const { files, config, tenant } = subject;
  refuseOther(subject, version);
  if (isDenied(tenant.policy.deny, version)) throw new InputError(`${name} ${version} is denied already.`);
  const decided = versionOfTag(tenant.tag ?? "", tenant.prefix.image);
  if (decided !== undefined && isDenied([version], decided)) {
    throw new InputError(
      `${version} is the version that ${config.stack} decides for ${name}. To deny it and go back to the release before, run ` +
        `\`authority rollback ${name} --stack ${config.stack}\` with the reason.`,
    );
  }
  const file = withDenied(files.stack, name, version);
  const title = `Deny ${name} ${version} in ${config.stack}`;
  return decide(subject, { title, tenants: [name], trailers: { Denied: version }, file }, options, session);
}

/** Removes a version from those that a tenant never runs. */
export async function allow(
  name: string,
  version: string,
  options: DecisionOptions,
  session: Session,
): Promise<ExitCode> {
  const subject = await subjectOf("allow", name, options, session);
  const { files, config, tenant } = subject;
  refuseOther(subject, version);
  const { deny: denied } = tenant.policy;
  if (!isDenied(denied, version)) {
    const known = denied.length === 0 ? "No version is" : `Denied: ${denied.join(", ")}`;
    throw new InputError(`${name} ${version} is not denied in the stack ${config.stack}. ${known}.`);
  }
  const file = withoutDenied(files.stack, name, version);
  const title = `Allow ${name} ${version} in ${config.stack}`;
  return decide(subject, { title, tenants: [name], trailers: { Allowed: version }, file }, options, session);
}

/** The stack file in which a version of a tenant is denied. */
export function withDenied(file: StackFile, tenant: string, version: string): StackFile {
  return withElement(file, denyPath(tenant), version);
}

/** The stack file in which a version of a tenant is not denied. */
export function withoutDenied(file: StackFile, tenant: string, version: string): StackFile {
  const list = (valueAt(settingsOf(file), denyPath(tenant)) ?? []) as readonly string[];
  const index = list.findIndex((one) => isDenied([one], version));
  return index < 0 ? file : withoutDenied(withoutElement(file, denyPath(tenant), index), tenant, version);
}

/** Where a tenant's denied versions are, below our settings. */
function denyPath(tenant: string): string[] {
  return ["tenants", tenant, "policy", "deny"];
}

function refuseOther({ config, tenant: { prefix } }: Subject, version: string): void {
  if (config.follow !== "tags") {
    throw new InputError(`The stack ${config.stack} follows branches, so it has no versions that could be denied.`);
  }
  if (!isVersion(version)) {
    const meant =
      versionOfTag(version, prefix.image) ?? versionOfTag(version, prefix.git) ?? versionOfTag(version, "v");
    const hint = meant === undefined ? "such as 6.15.0" : `such as ${meant}`;
    throw new InputError(`Expected a SemVer version without prefix, ${hint}, got ${JSON.stringify(version)}.`);
  }
}
