/** The release that a verb decides, and its entry in the lock. */
import type { StackConfig, Tenant } from "../config/stack-config";
import type { EvidenceReader } from "../release/evidence-reader";
import { type Lock, withEvidence } from "../release/lock";
import { brokenText, type NewestRelease, passedOver, readNewestRelease, unreadOf } from "../release/newest-release";
import type { Evidence } from "../release/evidence";
import { isRegistryFailure } from "../release/registry";
import type { ResolvedTenant } from "../release/resolve";
import { isVersion, versionOfTag } from "../version/version";
import { InputError } from "./input-error";
import { describeConflicts, refuseDifferentDeclarations } from "./lock";

/**
 * The newest release that the tenant may run, with the newer ones that are passed over for it, or why there is none.
 *
 * @param command decides a version that is named
 */
export async function newestOf(
  tenant: Tenant,
  lock: Lock,
  reader: EvidenceReader,
  command: string,
): Promise<{ version: string; notes: string[] } | { reasons: string[] }> {
  let found: NewestRelease;
  try {
    found = await readNewestRelease(tenant, lock, reader);
  } catch (error) {
    if (!isRegistryFailure(error)) throw error;
    return { reasons: [`  - the versions of ${tenant.images[0]} cannot be read: ${error.message}`] };
  }
  if (found.newest !== undefined) return { version: found.newest, notes: passedOver(found.broken) };
  const broken = found.broken.flatMap((one) => [
    `  - ${brokenText(one)}`,
    ...one.reasons.map((reason) => `    - ${reason}`),
  ]);
  if (unreadOf(found) !== undefined) broken.push(`  - \`${command}\` decides the version that you name`);
  return { reasons: broken.length > 0 ? broken : [`  - the registry has no version in "${tenant.policy.range}"`] };
}

/** @throws InputError if a text is neither a version nor an image tag of the tenant */
export function versionFor({ prefix }: Pick<Tenant, "prefix">, text: string): string {
  const version = isVersion(text) ? text : versionOfTag(text, prefix.image);
  if (version !== undefined) return version;
  throw new InputError(`Expected a SemVer version such as 6.15.0, got ${JSON.stringify(text)}.`);
}

/**
 * The lock with the release, unless it has it. Other stacks share its entry.
 *
 * @param next the stack as it is decided
 * @param stacks reads all stacks that follow tags, because they share the entries of the lock
 */
export function lockedRelease(
  next: StackConfig,
  tenant: string,
  { source, evidence }: ResolvedTenant<Evidence>,
  lock: Lock,
  stacks: () => readonly StackConfig[],
): { nextLock?: Lock; conflicts: readonly string[] } {
  if (source !== "read" || evidence === undefined) return { conflicts: [] };
  const configs = stacks().map((one) => (one.stack === next.stack ? next : one));
  refuseDifferentDeclarations(configs);
  const nextLock = withEvidence(lock, tenant, evidence);
  return { nextLock, conflicts: describeConflicts(next, tenant, configs, lock, nextLock) };
}
