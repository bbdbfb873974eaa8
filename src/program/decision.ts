import * as pulumi from "@pulumi/pulumi";
import { engineConfigProblems } from "../config/engine-config";
import type { StackConfig, Tenant } from "../config/stack-config";
import { describeProblem, ProblemsError } from "../config/problem";
import { readConfigFiles, stackConfigOf } from "../config/read-stack-config";
import { resolvedSource, imagePolicySpec } from "../manifests/stack-objects";
import type { ImagePolicySpec } from "../manifests/image-policy";
import type { ResolvedSource } from "../manifests/source";
import type { BranchEvidence, Evidence } from "../release/evidence";
import { createEvidenceReader, type EvidenceReader } from "../release/evidence-reader";
import { readLock } from "../release/lock";
import { type Resolution, resolveBranches, resolveReleases, hint } from "../release/resolve";
import { emergencyVariable, uncommittedReasons } from "./commit-before-deploy";
import { type SkippedTenant, skippedTenants } from "./skipped-tenants";
import { keepsPreviousSources, previousRelease, type LastOutput, readLastOutputs } from "./previous-release";
import { refusal } from "./refusal";

/** What the stack's files decide, with the evidence for it. */
export interface Decision {
  readonly config: StackConfig;
  /** Every tenant but those that are held. */
  readonly releases: readonly TenantRelease[];
  /** The tenants that this `up` leaves as they are. */
  readonly skipped: readonly SkippedRelease[];
}

/** One tenant whose release stays as it is. */
export interface SkippedRelease {
  readonly name: string;
  /** What the last `up` put out for it. */
  readonly last: LastOutput;
  /** What Flux's automation is told all the same: the platform team's decision. Nothing of a new tenant. */
  readonly images?: ImagePolicySpec;
}

/** One tenant and what it follows. */
export interface TenantRelease {
  readonly tenant: Tenant;
  readonly resolved: ResolvedSource;
  /** The release that ran before, whose source stays until the next promotion. */
  readonly previous?: Evidence;
  /**
   * What stays true of the tenant where its deploy fails, as far as the next `up` asks for it: the release that ran
   * before. Nothing where no source is kept.
   */
  readonly last?: LastOutput;
  /**
   * The newest version, or tag of a commit, in the registry that the policy allows; nothing where the registry does not
   * answer in time.
   */
  readonly newestAllowed?: Promise<string | undefined>;
}

/** How long the registry has to say which version is the newest allowed; it is for people, and nothing waits on it. */
const newestAllowedMs = 10_000;

/**
 * Reads the stack's files and the evidence of every release, and refuses what may not be deployed.
 *
 * @param root the folder that holds `Pulumi.yaml`
 * @throws pulumi.RunError with every reason: bad input, files that are not committed, facts that cannot be read, and, on
 *   an `up`, a broken promise. In a preview a broken promise is the policy pack's to block, so that its message is shown.
 */
export async function decide(root: string, stack: string): Promise<Decision> {
  try {
    const files = readConfigFiles(root, stack);
    const config = stackConfigOf(files);
    refuse("The stack's config", engineConfigProblems(files, pulumi.runtime.allConfig()).map(describeProblem));
    if (!pulumi.runtime.isDryRun()) await refuseUncommitted(config);
    const reader = createEvidenceReader();
    const skipped = skippedTenants(stack);
    const tenants = config.tenants.filter(({ name }) => !skipped.some((one) => one.name === name));
    const resolutions = await resolve({ ...config, tenants }, root, reader);
    refuseUnverified(stack, resolutions);
    const last = keepsPreviousSources(config) || skipped.length > 0 ? await readLastOutputs(config) : {};
    // Given up, and not only left behind: a request that hangs would keep the program's process from ending.
    const newest = createEvidenceReader({ registry: { signal: AbortSignal.timeout(newestAllowedMs) } });
    const releases = tenants.map((tenant) => {
      const resolved = resolvedSourceOf(tenant, resolutions);
      return {
        tenant,
        resolved,
        previous:
          resolved.kind === "tags" && keepsPreviousSources(config)
            ? previousRelease(tenant, resolved.evidence, last[tenant.name])
            : undefined,
        last: keepsPreviousSources(config) ? { evidence: last[tenant.name]?.evidence } : undefined,
        newestAllowed: tenant.tag === undefined ? undefined : newestAllowed(tenant, newest),
      };
    });
    return { config, releases, skipped: skipped.map((tenant) => skippedRelease(config, tenant, last)) };
  } catch (error) {
    if (error instanceof ProblemsError) throw refusal(error.message);
    throw error;
  }
}

function skippedRelease(config: StackConfig, { name, isNew }: SkippedTenant, last: LastOutputs): SkippedRelease {
  const tenant = isNew ? undefined : config.tenants.find((one) => one.name === name);
  return { name, last: last[name] ?? {}, images: tenant && imagePolicySpec(config, tenant) };
}

type LastOutputs = Readonly<Record<string, LastOutput>>;

type AnyResolution = Resolution<Evidence | BranchEvidence>;

function resolve(config: StackConfig, root: string, reader: EvidenceReader): Promise<AnyResolution[]> {
  return config.follow === "tags" ? resolveReleases(config, readLock(root), reader) : resolveBranches(config, reader);
}

async function refuseUncommitted(config: StackConfig): Promise<void> {
  if (config.follow !== "tags") return;
  const reasons = await uncommittedReasons(config);
  if (reasons.length === 0) return;
  const emergency = process.env[emergencyVariable];
  if (emergency === undefined || emergency.trim() === "") {
    refuse("Commit before deploy", [
      ...reasons,
      `Commit these files and run \`pulumi up\` again. In an emergency set ${emergencyVariable} to the reason.`,
    ]);
  }
  await pulumi.log.warn(
    `EMERGENCY: deploying what is not committed (${reasons.join("; ")}). Reason: ${String(emergency)}`,
  );
}

function refuseUnverified(stack: string, resolutions: readonly AnyResolution[]): void {
  const unread = resolutions.filter(({ evidence }) => evidence === undefined).flatMap((one) => reasonsOf(stack, one));
  const advice =
    `Nothing was changed. Run this again once all of it can be read; meanwhile \`npx authority up --stack ${stack}\` ` +
    "deploys the other tenants.";
  refuse("What cannot be verified is not deployed", unread.length === 0 ? [] : [...unread, advice]);
  const broken = resolutions.flatMap((one) => reasonsOf(stack, one));
  if (!pulumi.runtime.isDryRun()) refuse("The promise is broken", broken);
}

function reasonsOf(stack: string, resolution: AnyResolution): string[] {
  return [...resolution.reasons, hint(stack, resolution) ?? []].flat().map((line) => `${resolution.tenant}: ${line}`);
}

function refuse(title: string, reasons: readonly string[]): void {
  if (reasons.length > 0) throw refusal([`${title}:`, ...reasons.map((reason) => `  ${reason}`)].join("\n"));
}

function resolvedSourceOf(tenant: Tenant, resolutions: readonly AnyResolution[]): ResolvedSource {
  const evidence = resolutions.find((resolution) => resolution.tenant === tenant.name)?.evidence;
  if (evidence === undefined) throw new TypeError(`${tenant.name} was resolved without evidence`);
  return resolvedSource(evidence);
}

async function newestAllowed(tenant: Tenant, reader: EvidenceReader): Promise<string | undefined> {
  try {
    return await reader.newestAllowed(tenant);
  } catch {
    // The registry is not asked in order to decide anything here: an `up` from the lock needs no network.
    return undefined;
  }
}
