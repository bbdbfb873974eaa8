/** The newest release that a tenant may run: allowed by its policy, and keeping the promise. */
import type { Tenant } from "../config/stack-config";
import type { Evidence } from "./evidence";
import type { EvidenceReader } from "./evidence-reader";
import type { Lock } from "./lock";
import { isRegistryFailure } from "./registry";
import { resolveRelease, type ResolvedTenant } from "./resolve";

/** What the registry has for a tenant. */
export interface NewestRelease {
  /** A version, or with an image for each commit a tag. Absent if none was found among the newest, or one is unread. */
  readonly newest?: string;
  /** The newer ones that the policy allows, but that may not run; the newest first. The last one may be unread. */
  readonly broken: readonly BrokenRelease[];
}

/** A version whose release does not keep the promise, or cannot be verified. */
export interface BrokenRelease {
  readonly version: string;
  /** Whether a fact cannot be read, which may be different the next time. */
  readonly isUnread: boolean;
  readonly reasons: readonly string[];
}

/** Old tags cannot be fixed: whoever broke this many in a row has not begun to keep the promise. */
const mostBroken = 3;

/** @returns nothing if the tenant has no tag, or if the registry does not answer: nothing depends on it */
export async function newestRelease(
  tenant: Tenant,
  lock: Lock,
  reader: EvidenceReader,
): Promise<NewestRelease | undefined> {
  if (tenant.tag === undefined) return undefined;
  try {
    return await readNewestRelease(tenant, lock, reader);
  } catch (error) {
    if (isRegistryFailure(error)) return undefined;
    throw error;
  }
}

/** @throws RegistryError, CredentialsError if the registry's tags cannot be read */
export async function readNewestRelease(tenant: Tenant, lock: Lock, reader: EvidenceReader): Promise<NewestRelease> {
  const allowed = await reader.readAllowed(tenant);
  if (tenant.branchImage !== undefined) return { newest: allowed[0], broken: [] };
  return firstRelease(allowed, (version) => {
    const tag = tenant.prefix.image + version;
    const digest = tag === tenant.tag ? tenant.digest : undefined;
    return resolveRelease({ ...tenant, tag, digest }, lock, reader);
  });
}

/**
 * The first of the versions whose release may run. What cannot be read is not passed over for an older one.
 *
 * @param versions the newest first
 */
export async function firstRelease(
  versions: readonly string[],
  resolve: (version: string) => Promise<ResolvedTenant<Evidence>>,
): Promise<NewestRelease & { readonly release?: ResolvedTenant<Evidence> }> {
  const broken: BrokenRelease[] = [];
  for (const version of versions.slice(0, mostBroken)) {
    const release = await resolve(version);
    const { source, reasons } = release;
    if (reasons.length === 0) return { newest: version, release, broken };
    const isUnread = source === "none";
    broken.push({ version, isUnread, reasons });
    if (isUnread) break;
  }
  return { broken };
}

/** The version that ended the search, because its release cannot be read. */
export function unreadOf({ broken }: NewestRelease): BrokenRelease | undefined {
  return broken.find(({ isUnread }) => isUnread);
}

/** A clause that its reasons follow. */
export function brokenText({ version, isUnread }: BrokenRelease): string {
  return `${version} ${isUnread ? "cannot be verified" : "may not run"}`;
}

/** What to say of the newer releases if an older one is taken, with the first reason of each. */
export function passedOver(broken: readonly BrokenRelease[]): string[] {
  return broken.map(({ version, reasons: [first = ""] }) => `Passed over ${version}: ${first}.`);
}
