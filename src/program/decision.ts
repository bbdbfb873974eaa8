import * as pulumi from "@pulumi/pulumi";
import { emergencyReason, emergencyVariable } from "../config/emergency";
import { engineConfigProblems } from "../config/engine-config";
import { describeProblem, ProblemsError } from "../config/problem";
import { printable } from "../config/printable";
import { readConfigFiles, stackConfigOf } from "../config/read-stack-config";
import { objectName } from "../config/object-name";
import type { StackConfig, Tenant } from "../config/stack-config";
import { keepsPreviousSources } from "../manifests/source";
import type { CarriedOver } from "../manifests/stack-objects";
import { type Evidence, isRelease } from "../release/evidence";
import { createEvidenceReader } from "../release/evidence-reader";
import { type Lock, lockFile, readLock } from "../release/lock";
import { reasonsWithHint, type ResolvedStack, resolveStack } from "../release/resolve";
import { takenBackReasons } from "../release/taken-back";
import { decidedVerdict, decideFirst, forwardReasons } from "./before-deploy";
import { type LastOutputs, previousRelease, readLastOutputs } from "./previous-release";
import { refusal } from "./refusal";
import { removalReasons } from "./removal-before-deploy";
import { skippedTenants } from "./skipped-tenants";

/** What the stack's files decide, with the evidence for it. */
export interface Decision {
  /** Without the tenants that this `up` skips; its config has them. Every tenant has evidence. */
  readonly stack: ResolvedStack;
  readonly carriedOver: CarriedOver;
  /** Why this `up` deploys although its decision cannot be found on the Git host. Absent: it can, or it is a preview. */
  readonly emergency?: string;
  /** The outputs of the last `up`. */
  readonly last: LastOutputs;
  /** The outputs of the skipped tenants, which do not change. */
  readonly skipped: LastOutputs;
}

/**
 * Reads the stack's files and the evidence of every release, and refuses what must not be deployed.
 *
 * @param root the folder of `Pulumi.yaml`
 * @throws pulumi.RunError with all reasons: bad input, uncommitted files, facts that cannot be read, and, in an `up`, a
 *   broken promise. In a preview the policy pack blocks a broken promise, so that its message is shown.
 */
export async function decide(root: string, stack: string): Promise<Decision> {
  try {
    const files = readConfigFiles(root, stack);
    const config = stackConfigOf(files);
    refuse("The stack's config", engineConfigProblems(files, pulumi.runtime.allConfig()).map(describeProblem));
    const unreachable = await refuseUndecided(config);
    const skips = new Map((await skippedTenants(stack)).map((skipped) => [skipped.name, skipped]));
    const deployed = { ...config, tenants: config.tenants.filter(({ name }) => !skips.has(name)) };
    const { tenants } = await resolveStack(deployed, lockOf(config), createEvidenceReader());
    const resolved = { config, tenants };
    refuseUnverified(resolved);
    await refuseTakenBack(resolved);
    const keeps = keepsPreviousSources(config);
    const last = await readLastOutputs(config);
    await refuseRemovals(config, last);
    if (unreachable !== undefined) await refuseForward(resolved, last, unreachable);
    const emergency = emergencyReason();
    return {
      stack: resolved,
      emergency: emergency ?? (unreachable && printable(unreachable)),
      carriedOver: {
        previous: keeps ? previousReleases(resolved, last) : undefined,
        skipped: config.tenants.filter(({ name }) => skips.get(name)?.isNew === false),
        emergency,
      },
      last,
      skipped: skippedOutputs(
        config.tenants.filter(({ name }) => skips.has(name)),
        last,
      ),
    };
  } catch (error) {
    if (error instanceof ProblemsError) throw refusal(error.message);
    throw error;
  }
}

/** What was deployed last of the tenants that this `up` skips. */
function skippedOutputs(tenants: readonly Tenant[], last: LastOutputs): LastOutputs {
  return Object.fromEntries(
    tenants.map((tenant) => {
      const { name, formerly } = tenant;
      return [name, { ...last[objectName(tenant)], ...(formerly && { formerly }) }];
    }),
  );
}

/** A stack that follows a branch does not fail because of a lock that it does not use. */
function lockOf({ follow, root }: StackConfig): Lock {
  return follow === "tags" ? readLock(root) : { releases: new Map() };
}

function previousReleases({ tenants }: ResolvedStack, last: LastOutputs): ReadonlyMap<string, Evidence> {
  const previous = new Map<string, Evidence>();
  for (const { tenant, evidence } of tenants) {
    if (evidence === undefined || !isRelease(evidence)) continue;
    const before = previousRelease(tenant, evidence, last[objectName(tenant)]);
    if (before !== undefined) previous.set(tenant.name, before);
  }
  return previous;
}

/**
 * Refuses an `up` of what is not committed and pushed, except in an emergency, which is logged.
 *
 * @returns why the Git host could not be asked, if it could not
 */
async function refuseUndecided(config: StackConfig): Promise<string | undefined> {
  if (pulumi.runtime.isDryRun()) return undefined;
  const { title, reasons, unreachable } = await decidedVerdict(config);
  const emergency = emergencyReason();
  if (emergency === undefined) {
    if (reasons.length > 0) refuse(title, [...reasons, decideFirst]);
    return unreachable;
  }
  const overridden = [...reasons, ...[unreachable ?? []].flat()];
  const what = overridden.length === 0 ? "nothing is overridden" : `overridden: ${overridden.join("; ")}`;
  await pulumi.log.warn(printable(`EMERGENCY: ${emergency} (${what})`));
  return undefined;
}

async function refuseRemovals(config: StackConfig, last: LastOutputs): Promise<void> {
  const { title, reasons } = await removalReasons(config, last);
  refuse(title, reasons);
}

async function refuseForward(stack: ResolvedStack, last: LastOutputs, unreachable: string): Promise<void> {
  const reasons = forwardReasons(stack, last);
  if (reasons.length === 0) {
    const allowed = `Every tenant stays at its release or moves back to one in ${lockFile}.`;
    await pulumi.log.warn(printable(`${unreachable}. ${allowed}`));
    return;
  }
  refuse("Only a step back is deployed while the Git host cannot be asked", [
    unreachable,
    ...reasons,
    "Run `up` again when it answers. If it has another address here, set `git config url.<address>.insteadOf <url>`. " +
      `In an emergency set ${emergencyVariable} to the reason.`,
  ]);
}

function refuseUnverified({ config: { stack }, tenants }: ResolvedStack): void {
  const unread = tenants.filter(({ evidence }) => evidence === undefined);
  if (unread.length > 0) {
    refuse("What cannot be verified is not deployed", [
      ...reasonsOf(stack, unread),
      "Nothing was changed. Run this again when everything can be read. Until then, " +
        `\`npx authority up --stack ${stack}\` deploys the other tenants.`,
    ]);
  }
  if (!pulumi.runtime.isDryRun()) refuse("The promise is broken", reasonsOf(stack, tenants));
}

/** In a preview the policy pack says so. */
async function refuseTakenBack({ config, tenants }: ResolvedStack): Promise<void> {
  if (pulumi.runtime.isDryRun()) return;
  const reasons = await takenBackReasons(config);
  const refused = tenants.flatMap(({ tenant: { name } }) => reasons.get(name) ?? []);
  if (refused.length === 0) return;
  refuse("What was taken back is not deployed", [
    ...refused,
    `\`npx authority up --stack ${config.stack}\` deploys the other tenants.`,
  ]);
}

function reasonsOf(stack: string, tenants: ResolvedStack["tenants"]): string[] {
  return tenants.flatMap((resolved) =>
    reasonsWithHint(stack, resolved).map((reason) => `${resolved.tenant.name}: ${reason}`),
  );
}

function refuse(title: string, reasons: readonly string[]): void {
  if (reasons.length > 0) throw refusal([`${title}:`, ...reasons.map((reason) => `  ${printable(reason)}`)].join("\n"));
}
