import type { StackConfig, Tenant } from "../config/stack-config";
import { stackConfigOf } from "../config/read-stack-config";
import { withoutKey } from "../config/tenant-edit";
import type { StackFile } from "../config/stack-file";
import { readLock } from "../release/lock";
import { brokenText, newestRelease, unreadOf } from "../release/newest-release";
import { type DecisionOptions, decide, refuseHeld, refuseUnprintable, type Subject, subjectOf } from "./decision";
import type { ExitCode } from "./exit-code";
import { InputError } from "./input-error";
import { rolledBackFrom } from "./rollback-pin";
import type { Session } from "./session";
import { refuseDay, type StandstillOptions, withOwnMarkers, withStandstill } from "./standstill";

/** Keeps a tenant at its version: records the pin, and takes out the markers by which Flux would write another one. */
export async function pin(name: string, options: StandstillOptions, session: Session): Promise<ExitCode> {
  const { reason, by, until } = options;
  refuseUnprintable("--by", by);
  refuseDay(until);
  const subject = await subjectOf("pin", name, options, session);
  refuseHeld(subject);
  const { tag, policy } = subject.tenant;
  if (policy.pin !== undefined) {
    throw new InputError(`${name} is pinned already: ${pinText(policy.pin)}. \`authority unpin\` ends that pin first.`);
  }
  if (tag === undefined) {
    throw new InputError(`${name} follows a branch and has no \`tag\`, so there is no version to keep.`);
  }
  const file = withPin(subject.files.stack, name, { reason, by, until });
  const title = `Pin ${name} at ${tag} in ${subject.config.stack}`;
  return decide(
    subject,
    { title, tenants: [name], trailers: { To: tag, By: by, Until: until }, file },
    options,
    session,
  );
}

/** Ends a tenant's pin, restores the markers, and says which version the policy would take. */
export async function unpin(name: string, options: DecisionOptions, session: Session): Promise<ExitCode> {
  const subject = await subjectOf("unpin", name, options, session);
  const { files, config, tenant } = subject;
  refuseHeld(subject);
  if (tenant.policy.pin === undefined) throw new InputError(`${name} is not pinned in the stack ${config.stack}.`);
  const file = withoutPin(files.stack, subject);
  const next = stackConfigOf({ ...files, stack: file }).tenants.find((one) => one.name === name) ?? tenant;
  const newest = await newestRelease(next, readLock(session.root), session.reader());
  const undenied = rolledBackFrom(tenant.policy.pin);
  const notes = [
    nextVersionText(next, newest),
    ...promotionNotes(config, [next]),
    ...(undenied === undefined ? [] : [rollbackNote(config, undenied)]),
  ];
  const title = `Unpin ${name} in ${config.stack}`;
  return decide(subject, { title, tenants: [name], trailers: { From: tenant.tag }, file, notes }, options, session);
}

/** The stack file with the pin, and without the tenant's markers. */
export function withPin(file: StackFile, tenant: string, pin: Parameters<typeof withStandstill>[3]): StackFile {
  return withStandstill(file, tenant, "pin", pin);
}

/** The stack file without the pin, and with the tenant's markers if Flux writes its version. */
export function withoutPin(file: StackFile, { config, tenant }: Pick<Subject, "config" | "tenant">): StackFile {
  return withOwnMarkers(withoutKey(file, ["tenants", tenant.name, "policy", "pin"]), { config, tenant });
}

/** When Flux promotes again. With `delivery: cluster`, it has learned of a pin or a hold from an `up`. */
export function promotionNotes({ stack, delivery }: StackConfig, tenants: readonly Tenant[]): string[] {
  if (tenants.every(({ policy }) => policy.automation === "manual")) return [];
  const when = delivery.kind === "cluster" ? `next \`authority up --stack ${stack}\`` : "push";
  return [`Flux promotes again after the ${when}.`];
}

/** Git alone does not say whether the cluster has the denial. */
function rollbackNote({ delivery }: StackConfig, version: string): string {
  const applied = delivery.kind === "cluster" ? "an `up` has applied" : "Flux has applied";
  return `The pin is of the rollback from ${version}. Push this only after ${applied} the denial, or Flux writes ${version} again.`;
}

function nextVersionText(
  { name, tag, prefix, policy }: Tenant,
  found: Awaited<ReturnType<typeof newestRelease>>,
): string {
  if (found === undefined) return `The registry does not say which version the policy would take for ${name}.`;
  const unread = unreadOf(found);
  if (unread !== undefined) return `Which version the policy would take for ${name} is unknown: ${brokenText(unread)}.`;
  const { newest } = found;
  if (newest === undefined) return `The registry has no release that the policy of ${name} would take.`;
  if (newest === tag || prefix.image + newest === tag) return `The policy keeps ${newest}: nothing newer may run.`;
  if (policy.automation === "manual") return `The newest that may run is ${newest}; \`authority promote\` takes it.`;
  return `The policy takes ${newest}.`;
}

function pinText({ by, reason, until }: NonNullable<Tenant["policy"]["pin"]>): string {
  return `by ${by}${until === undefined ? "" : ` until ${until}`}: ${reason}`;
}
