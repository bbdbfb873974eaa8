import type { Fleet, Tenant } from "../fleet/fleet";
import type { Evidence } from "../release/evidence";
import { type Lock, lockFile, readLock, withEvidence, writeLock } from "../release/lock";
import { resolveFleet } from "../release/resolve";
import { type ExitCode, exitCode } from "./exit-code";
import { InputError } from "./input-error";
import { readStacks } from "./project";
import { describeReasons } from "./releases";
import type { Session } from "./session";
import { printable } from "./terminal";

/** Options of `authority lock`. */
export interface LockOptions {
  readonly stack?: string;
}

/**
 * Adds the evidence of every release that the stacks name and the lock does not hold. What breaks the promise, or
 * cannot be read, is not locked; what is in order is locked all the same.
 */
export async function lock(options: LockOptions, session: Session): Promise<ExitCode> {
  const { root, terminal } = session;
  const fleets = readStacks(root, options.stack).filter(({ follow }) => follow === "tags");
  refuseTwoMeanings(fleets);
  const before = readLock(root);
  const reader = session.reader();
  let after = before;
  const added: string[] = [];
  const reasons: string[] = [];
  for (const fleet of fleets) {
    for (const release of await resolveFleet(fleet, after, reader)) {
      reasons.push(...describeReasons(fleet.stack, release));
      if (release.source !== "read" || release.evidence === undefined || release.reasons.length > 0) continue;
      added.push(describeAdded(before, release.tenant, release.evidence));
      after = withEvidence(after, release.tenant, release.evidence);
    }
  }
  if (after !== before) await writeLock(root, after);
  if (added.length > 0) terminal.print(added.map(printable).join("\n"));
  else if (reasons.length === 0) terminal.print(`${lockFile} holds every release that the stacks name.`);
  if (reasons.length === 0) return exitCode.fine;
  terminal.tell(["Not locked:", ...reasons.map(printable)].join("\n"));
  return exitCode.blocked;
}

/** The lock has one place for a tenant's version: two stacks that mean different things by it cannot both be locked. */
function refuseTwoMeanings(fleets: readonly Fleet[]): void {
  const known = new Map<string, { stack: string; meaning: string }>();
  for (const { stack, tenants } of fleets) {
    for (const tenant of tenants) {
      const release = `${tenant.name} ${String(tenant.tag)}`;
      const meaning = meaningOf(tenant);
      const other = known.get(release);
      if (other !== undefined && other.meaning !== meaning) {
        throw new InputError(
          `The stacks ${other.stack} and ${stack} both run ${release}, but declare another repository, chart, prefix or image for it. ` +
            "Give the tenant another name in one of the two.",
        );
      }
      known.set(release, { stack, meaning });
    }
  }
}

function meaningOf({ repository, chart, prefix, images }: Tenant): string {
  return JSON.stringify([repository, chart, prefix, images]);
}

function describeAdded(before: Lock, tenant: string, { version, commit, chartDigest, images }: Evidence): string {
  const verb = before.releases.get(tenant)?.has(version) === true ? "replaced" : "added";
  const facts = [
    ...(commit === undefined ? [] : [`commit ${commit}`]),
    ...(chartDigest === undefined ? [] : [`chart ${chartDigest}`]),
    ...images.map(({ reference, digest = "" }) => `${reference}@${digest}`),
  ];
  return `${verb} ${tenant} ${version}: ${facts.join(", ")}`;
}
