import * as pulumi from "@pulumi/pulumi";
import { engineConfigProblems } from "../config/engine-config";
import { describeProblem, ProblemsError } from "../config/problem";
import { readConfigFiles, stackConfigOf } from "../config/read-stack-config";
import type { StackConfig } from "../config/stack-config";
import type { CarriedOver } from "../manifests/stack-objects";
import { type Evidence, isRelease } from "../release/evidence";
import { createEvidenceReader } from "../release/evidence-reader";
import { type Lock, readLock } from "../release/lock";
import { reasonsWithHint, type ResolvedStack, resolveStack } from "../release/resolve";
import { emergencyVariable, uncommittedReasons } from "./commit-before-deploy";
import { keepsPreviousSources, type LastOutputs, previousRelease, readLastOutputs } from "./previous-release";
import { refusal } from "./refusal";
import { skippedTenants } from "./skipped-tenants";

/** What the stack's files decide, with the evidence for it. */
export interface Decision {
  /** Without the tenants that this `up` skips; its config has them. Every tenant has evidence. */
  readonly stack: ResolvedStack;
  readonly carriedOver: CarriedOver;
  /** The outputs of the last `up`. Absent if the stack keeps no previous sources. */
  readonly last?: LastOutputs;
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
    if (!pulumi.runtime.isDryRun()) await refuseUncommitted(config);
    const skips = new Map(skippedTenants(stack).map((skipped) => [skipped.name, skipped]));
    const deployed = { ...config, tenants: config.tenants.filter(({ name }) => !skips.has(name)) };
    const { tenants } = await resolveStack(deployed, lockOf(config), createEvidenceReader());
    const resolved = { config, tenants };
    refuseUnverified(resolved);
    const keeps = keepsPreviousSources(config);
    const last = keeps || skips.size > 0 ? await readLastOutputs(config) : {};
    return {
      stack: resolved,
      carriedOver: {
        previous: keeps ? previousReleases(resolved, last) : undefined,
        skipped: config.tenants.filter(({ name }) => skips.get(name)?.isNew === false),
      },
      last: keeps ? last : undefined,
      skipped: Object.fromEntries([...skips.keys()].map((name) => [name, last[name] ?? {}])),
    };
  } catch (error) {
    if (error instanceof ProblemsError) throw refusal(error.message);
    throw error;
  }
}

/** A stack that follows a branch does not fail because of a lock that it does not use. */
function lockOf({ follow, root }: StackConfig): Lock {
  return follow === "tags" ? readLock(root) : { releases: new Map() };
}

function previousReleases({ tenants }: ResolvedStack, last: LastOutputs): ReadonlyMap<string, Evidence> {
  const previous = new Map<string, Evidence>();
  for (const { tenant, evidence } of tenants) {
    if (evidence === undefined || !isRelease(evidence)) continue;
    const before = previousRelease(tenant, evidence, last[tenant.name]);
    if (before !== undefined) previous.set(tenant.name, before);
  }
  return previous;
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
  await pulumi.log.warn(`EMERGENCY: deploying uncommitted files (${reasons.join("; ")}). Reason: ${String(emergency)}`);
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

function reasonsOf(stack: string, tenants: ResolvedStack["tenants"]): string[] {
  return tenants.flatMap((resolved) =>
    reasonsWithHint(stack, resolved).map((reason) => `${resolved.tenant.name}: ${reason}`),
  );
}

function refuse(title: string, reasons: readonly string[]): void {
  if (reasons.length > 0) throw refusal([`${title}:`, ...reasons.map((reason) => `  ${reason}`)].join("\n"));
}
