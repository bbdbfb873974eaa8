import { readStackConfig, stackConfigOf } from "../config/read-stack-config";
import type { Tenant } from "../config/stack-config";
import type { StackFile } from "../config/stack-file";
import { withValue } from "../config/tenant-edit";
import type { Evidence } from "../release/evidence";
import type { EvidenceReader } from "../release/evidence-reader";
import { type Lock, readLock } from "../release/lock";
import { resolveRelease } from "../release/resolve";
import { takenBackReasons } from "../release/taken-back";
import { notAllowed } from "../version/range";
import { compareVersions, versionOfTag } from "../version/version";
import { lockedRelease, newestOf, versionFor } from "./chosen-release";
import { type Decision, type DecisionOptions, decide, refuseHeld, type Subject, subjectOf, tenantOf } from "./decision";
import type { ExitCode } from "./exit-code";
import { InputError } from "./input-error";
import { describeEvidence } from "./lock";
import { describeReasons, refuseToWrite } from "./releases";
import type { Session } from "./session";

/** Options of `authority promote`. */
export interface PromoteOptions extends DecisionOptions {
  readonly from?: string;
}

/** Decides a release for a tenant: the newest that the policy takes, the named one, or the one of another stack. */
export async function promote(
  name: string,
  version: string | undefined,
  options: PromoteOptions,
  session: Session,
): Promise<ExitCode> {
  const { root, terminal } = session;
  if (version !== undefined && options.from !== undefined) {
    throw new InputError(`Name a version or a stack: \`--from ${options.from}\` promotes the version of that stack.`);
  }
  const subject = await subjectOf("promote", name, options, session);
  const { config, tenant } = subject;
  refuseHeld(subject);
  refusePromotion(subject);
  const lock = readLock(root);
  const reader = session.reader();
  const refuse = (...reasons: readonly string[]): ExitCode => refuseToWrite(terminal, reasons);
  const wanted = version ?? (options.from === undefined ? undefined : versionIn(options.from, name, session));
  const found = wanted === undefined ? await newestOf(tenant, lock, reader) : { version: versionFor(tenant, wanted) };
  if ("reasons" in found) return refuse(`${config.stack}/${name}: no release to promote`, ...found.reasons);
  const tag = tenant.prefix.image + found.version;
  const accepts = tag === tenant.tag && (await takenBackReasons(config)).has(name);
  if (tag === tenant.tag && !accepts) {
    const which = wanted === undefined ? ", the newest that may run" : "";
    throw new InputError(`${name} is at ${tag} in the stack ${config.stack} already${which}.`);
  }
  const fault = notAllowed(tenant.policy, found.version);
  if (fault !== undefined)
    return refuse(`${config.stack}/${name}: not allowed`, `  - the version ${found.version} ${fault}`);
  const judged = await judgeRelease(subject, tag, lock, reader, session);
  if ("reasons" in judged) return refuse(...judged.reasons);
  const title = accepts
    ? `Promote ${name} to ${tag} again in ${config.stack}`
    : `Promote ${name} from ${String(tenant.tag)} to ${tag} in ${config.stack}`;
  const trailers = { From: tenant.tag, To: tag, "From-Stack": options.from };
  const notes = [
    ...judged.notes,
    ...(accepts ? [`${tag} is decided already, and was taken back before: the commit says that it may run.`] : []),
    ...regressionNote(tenant, found.version),
  ];
  return decide(subject, { ...judged, title, tenants: [name], trailers, accepts, notes }, options, session);
}

/** The decision for a release that keeps the promise: the stack file, and the lock if it lacks the release. */
export async function judgeRelease(
  subject: Subject,
  tag: string,
  lock: Lock,
  reader: EvidenceReader,
  session: Session,
): Promise<
  (Required<Pick<Decision, "file" | "notes">> & Pick<Decision, "lock">) | { readonly reasons: readonly string[] }
> {
  const { config, tenant } = subject;
  const release = await resolveRelease({ ...tenant, tag, digest: undefined }, lock, reader);
  const { evidence } = release;
  const reasons = describeReasons(config.stack, tenant.name, release);
  if (reasons.length > 0 || evidence === undefined) return { reasons };
  const file = withRelease(subject.files.stack, tenant, tag, evidence);
  const { nextLock, conflicts } = lockedRelease(
    stackConfigOf({ ...subject.files, stack: file }),
    tenant.name,
    release,
    lock,
    session,
  );
  if (conflicts.length > 0) return { reasons: conflicts };
  const added =
    nextLock === undefined ? [] : [`releases.lock.yaml: ${describeEvidence("added", tenant.name, evidence)}`];
  return { file, lock: nextLock, notes: added };
}

/** The stack file that decides a release. */
export function withRelease(
  file: StackFile,
  { name, digest }: Pick<Tenant, "name" | "digest">,
  tag: string,
  { images }: Pick<Evidence, "images">,
): StackFile {
  const tagged = withValue(file, ["tenants", name, "tag"], tag);
  const [image] = images;
  // Without one, the release would not keep the promise.
  if (digest === undefined || image?.digest === undefined) return tagged;
  return withValue(tagged, ["tenants", name, "digest"], image.digest);
}

function refusePromotion({ config, tenant: { name, tag, policy } }: Subject): void {
  if (config.follow !== "tags" || tag === undefined) {
    throw new InputError(`The stack ${config.stack} follows branches, so it has no release to promote.`);
  }
  if (policy.pin === undefined) return;
  const { by, reason } = policy.pin;
  throw new InputError(
    `${name} is pinned at ${tag} by ${by}: ${reason}. \`authority unpin ${name} --stack ${config.stack}\` ends the pin first.`,
  );
}

/** The version that another stack's file decides. */
function versionIn(from: string, name: string, session: Session): string {
  const config = readStackConfig({ root: session.root, stack: session.stack(from) });
  const { stack, follow } = config;
  const other = tenantOf(config, name, `The stack ${stack} of \`--from\``);
  const version = follow === "tags" ? versionOfTag(other.tag ?? "", other.prefix.image) : undefined;
  if (version !== undefined) return version;
  throw new InputError(`The stack ${stack} of \`--from\` follows branches, so it decides no release.`);
}

function regressionNote({ name, tag = "", prefix, policy }: Tenant, version: string): string[] {
  const current = versionOfTag(tag, prefix.image);
  if (policy.automation === "manual" || current === undefined || compareVersions(version, current) > 0) return [];
  return [`Flux promotes ${current} again at its next run, unless ${name} is pinned or ${current} is denied.`];
}
