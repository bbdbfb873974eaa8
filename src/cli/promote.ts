import { readStackConfig } from "../config/read-stack-config";
import type { StackConfig, Tenant } from "../config/stack-config";
import type { StackFile } from "../config/stack-file";
import { withValue } from "../config/tenant-edit";
import type { Evidence } from "../release/evidence";
import type { EvidenceReader } from "../release/evidence-reader";
import { type Lock, readLock } from "../release/lock";
import { type ResolvedTenant, resolveRelease } from "../release/resolve";
import { isUnknown, takenBackReasons } from "../release/taken-back";
import { notAllowed } from "../version/range";
import { compareVersions, versionOfTag } from "../version/version";
import { lockedRelease, newestOf, versionFor } from "./chosen-release";
import { type Decision, type DecisionOptions, decide, refuseHeld, type Subject, subjectOf, tenantOf } from "./decision";
import type { ExitCode } from "./exit-code";
import { InputError } from "./input-error";
import { describeEvidence, readTagStacks } from "./lock";
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
  const found =
    wanted === undefined
      ? await newestOf(tenant, lock, reader, `npx authority promote ${name} <version> --stack ${config.stack}`)
      : { version: versionFor(tenant, wanted), notes: [] };
  if ("reasons" in found) return refuse(`${config.stack}/${name}: no release to promote`, ...found.reasons);
  const tag = tenant.prefix.image + found.version;
  const takenBack = tag === tenant.tag ? (await takenBackReasons(config)).get(name) : undefined;
  const accepts = takenBack !== undefined && !isUnknown(takenBack);
  if (tag === tenant.tag && !accepts) {
    const which = wanted === undefined ? ", the newest that may run" : "";
    const doubt = takenBack === undefined ? "" : `, and ${takenBack}`;
    const already = `${name} is at ${tag} in the stack ${config.stack} already${which}${doubt}.`;
    throw new InputError([already, ...found.notes].join(" "));
  }
  const fault = notAllowed(tenant.policy, found.version);
  if (fault !== undefined)
    return refuse(`${config.stack}/${name}: not allowed`, `  - the version ${found.version} ${fault}`);
  const judged = await judgeRelease(subject, tag, lock, reader, session);
  if ("reasons" in judged) return refuse(...judged.reasons);
  const title = accepts
    ? `Promote ${name} to ${tag} again in ${config.stack}`
    : promotionTitle(config.stack, tenant, tag);
  const trailers = { From: tenant.tag, To: tag, "From-Stack": options.from };
  const notes = [
    ...found.notes,
    ...judged.notes,
    ...(accepts ? [`${tag} is decided already, and was taken back before: the commit says that it may run.`] : []),
    ...regressionNote(tenant, found.version),
  ];
  return decide(subject, { ...judged, title, tenants: [name], trailers, accepts, notes }, options, session);
}

/** What a release is judged by. */
export interface PromotionSources {
  readonly lock: Lock;
  readonly reader: EvidenceReader;
  /** All stacks that follow tags, because they share the entries of the lock. */
  readonly stacks: () => readonly StackConfig[];
}

/** A release that keeps the promise, with the tenant as its stack file will have it. */
export type PromotedRelease = ResolvedTenant<Evidence> & { readonly evidence: Evidence };

/** The decision for a release that may run, or why it may not. */
export type JudgedRelease =
  | (Required<Pick<Decision, "file" | "notes">> & Pick<Decision, "lock"> & { readonly release: PromotedRelease })
  /** `isUnread`: a fact cannot be read, which may be different the next time. */
  | { readonly reasons: readonly string[]; readonly isUnread: boolean };

/** The decision for a release that keeps the promise: the stack file, and the lock if it lacks the release. */
export async function judgeRelease(
  subject: Subject,
  tag: string,
  lock: Lock,
  reader: EvidenceReader,
  session: Session,
): Promise<JudgedRelease> {
  return judgeReleaseBy(subject, tag, { lock, reader, stacks: () => readTagStacks(subject.config.stack, session) });
}

/** The same for many tenants, which share what is read. */
export async function judgeReleaseBy(
  { files, config, tenant }: Omit<Subject, "head">,
  tag: string,
  sources: PromotionSources,
): Promise<JudgedRelease> {
  const { name } = tenant;
  const resolved = await resolveRelease({ ...tenant, tag, digest: undefined }, sources.lock, sources.reader);
  const { evidence, source } = resolved;
  const reasons = describeReasons(config.stack, name, resolved);
  if (reasons.length > 0 || evidence === undefined) return { reasons, isUnread: source === "none" };
  const promoted = { ...tenant, tag, digest: tenant.digest && (evidence.images[0]?.digest ?? tenant.digest) };
  const release = { ...resolved, tenant: promoted, evidence };
  const tenants = config.tenants.map((one) => (one.name === name ? promoted : one));
  const { nextLock, conflicts } = lockedRelease({ ...config, tenants }, name, release, sources.lock, sources.stacks);
  if (conflicts.length > 0) return { reasons: conflicts, isUnread: false };
  const file = withRelease(files.stack, tenant, tag, evidence);
  const notes = nextLock === undefined ? [] : [`releases.lock.yaml: ${describeEvidence("added", name, evidence)}`];
  return { file, lock: nextLock, notes, release };
}

/** The subject of a promotion's commit. */
export function promotionTitle(stack: string, { name, tag }: Tenant, to: string): string {
  return `Promote ${name} from ${String(tag)} to ${to} in ${stack}`;
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
  if (policy.automation === "manual" || current === undefined || compareVersions(version, current) >= 0) return [];
  const action = policy.automation === "auto" ? "promotes" : "proposes";
  return [`Flux ${action} ${current} again at its next run, unless ${name} is pinned or ${current} is denied.`];
}
