/** The newest release that a tenant may run: allowed by its policy, and keeping the promise. */
import type { Tenant } from "../config/stack-config";
import type { EvidenceReader } from "./evidence-reader";
import type { Lock } from "./lock";
import { isRegistryFailure } from "./registry";
import { resolveRelease } from "./resolve";

/** What the registry has for a tenant. */
export interface NewestRelease {
  /** A version, or with an image for each commit a tag. Absent if there is none, or none was found among the newest. */
  readonly newest?: string;
  /** The newer ones that the policy allows, but that do not keep the promise; the newest first. */
  readonly broken: readonly BrokenRelease[];
}

/** A version whose release does not keep the promise, or cannot be verified. */
export interface BrokenRelease {
  readonly version: string;
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
  const broken: BrokenRelease[] = [];
  for (const version of allowed) {
    const tag = tenant.prefix.image + version;
    const digest = tag === tenant.tag ? tenant.digest : undefined;
    const { reasons } = await resolveRelease({ ...tenant, tag, digest }, lock, reader);
    if (reasons.length === 0) return { newest: version, broken };
    broken.push({ version, reasons });
    if (broken.length === mostBroken) break;
  }
  return { broken };
}
