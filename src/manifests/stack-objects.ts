import type { StackConfig, Tenant } from "../config/stack-config";
import { type BranchEvidence, type Evidence, isRelease } from "../release/evidence";
import type { ResolvedStack } from "../release/resolve";
import { automationObjects, type CommittingAutomation, type UpdateAutomationArgs } from "./automation";
import { helmReleaseObjects, type HelmReleaseWithValuesArgs, type PinnedImage } from "./helm-release";
import type { ComponentObject } from "./object";
import { type ImageArgs, releasePolicyObjects, type ReleasePolicyArgs } from "./release-policy";
import { isFixed, resolvedSource } from "./source";
import { tenantObjects, type TenantArgs } from "./tenant";

/** One component of a stack. */
export type StackComponent =
  | { readonly component: "UpdateAutomation"; readonly name: string; readonly args: UpdateAutomationArgs }
  | { readonly component: "Tenant"; readonly name: string; readonly args: TenantArgs }
  | { readonly component: "ReleasePolicy"; readonly name: string; readonly args: ReleasePolicyArgs }
  /** Depends on the tenant's other two components. */
  | { readonly component: "HelmReleaseWithValues"; readonly name: string; readonly args: HelmReleaseWithValuesArgs };

/** One object of a stack, with the component that owns it. */
export interface StackObject extends ComponentObject {
  readonly owner: Pick<StackComponent, "component" | "name">;
}

/** What an `up` carries over from the one before. */
export interface CarriedOver {
  /** The release that ran before, by tenant: its source stays for a rollback. Default: none. */
  readonly previous?: ReadonlyMap<string, Evidence>;
  /** Tenants that are skipped, of which only the image policy is updated. Default: none. */
  readonly skipped?: readonly Tenant[];
}

/**
 * All objects of a stack, in the order in which the program registers them. They are generated one by one, so that the
 * objects of a large stack are never all in memory. A tenant without evidence has none.
 */
export function* stackObjects(stack: ResolvedStack, carriedOver: CarriedOver = {}): Generator<StackObject> {
  for (const { component, name, args } of stackComponents(stack, carriedOver)) {
    const objects =
      component === "UpdateAutomation"
        ? automationObjects(name, args)
        : component === "Tenant"
          ? tenantObjects(name, args)
          : component === "ReleasePolicy"
            ? releasePolicyObjects(name, args)
            : helmReleaseObjects(name, args);
    for (const object of objects) yield { ...object, owner: { component, name } };
  }
}

/** The components of a stack with their arguments, in the order in which the program registers them. */
export function* stackComponents(
  { config, tenants }: ResolvedStack,
  { previous, skipped = [] }: CarriedOver = {},
): Generator<StackComponent> {
  const { authorityNamespace, configRepository, intervals, timeouts } = config;
  if (configRepository !== undefined) {
    const args = {
      authorityNamespace,
      configRepository,
      modes: modesInUse(config),
      interval: intervals.automation,
      timeout: timeouts.source,
    };
    yield { component: "UpdateAutomation", name: config.stack, args };
  }
  for (const tenant of skipped) {
    const { name, insecureRegistry } = tenant;
    const images = imageArgs(config, tenant);
    if (images !== undefined) {
      yield { component: "ReleasePolicy", name, args: { authorityNamespace, insecureRegistry, images } };
    }
  }
  for (const { tenant, evidence } of tenants) {
    if (evidence === undefined) continue;
    const { name, namespace, insecureRegistry } = tenant;
    const images = imageArgs(config, tenant);
    const pinnedImage = pinnedImageOf(tenant, evidence);
    const before = previous?.get(name);
    const resolved = resolvedSource(name, evidence);
    yield {
      component: "Tenant",
      name,
      args: {
        namespace,
        authorityNamespace,
        team: tenant.team,
        quota: tenant.quota,
        limits: tenant.limits,
        network: tenant.network,
        podSecurity: tenant.podSecurity,
      },
    };
    yield {
      component: "ReleasePolicy",
      name,
      args: {
        authorityNamespace,
        insecureRegistry,
        source: {
          resolved,
          branchChart: tenant.branchChart,
          interval: isFixed(evidence) ? fixedSourceInterval : intervals.source,
          timeout: timeouts.source,
          secretName: resolved.kind === "OCIRepository" ? tenant.registrySecret : tenant.repositorySecret,
        },
        previous: before && resolvedSource(name, before),
        images,
        // Two fetches, of which one may fail by chance, and a minute for Flux to start. Go adds the parts up.
        waitFor: `${timeouts.source}${timeouts.source}1m`,
      },
    };
    yield {
      component: "HelmReleaseWithValues",
      name,
      args: {
        namespace,
        authorityNamespace,
        resolved,
        files: tenant.values,
        pinnedImage,
        secrets: tenant.secrets,
        interval: intervals.release,
        timeout: timeouts.release,
        // An upgrade, the rollback of a failed one, and a minute for Flux to report.
        waitFor: `${timeouts.release}${timeouts.release}1m`,
      },
    };
  }
}

/** Whether Flux scans images of the tenant: the stack file names the tag that runs. */
export function hasImagePolicy({ follow }: StackConfig, { branchImage }: Tenant): boolean {
  return follow === "tags" || branchImage !== undefined;
}

/**
 * How often Flux checks a source with a commit or a digest. It cannot change, but source-controller clones its whole
 * history each time (two of podinfo's at 2 s took 28 % of a core). Flux retries a failed fetch earlier.
 */
const fixedSourceInterval = "1h0m0s";

function modesInUse(config: StackConfig): CommittingAutomation[] {
  const moved = config.tenants.filter((tenant) => hasImagePolicy(config, tenant));
  const modes = ["auto", "pull-request"] as const;
  return modes.filter((mode) => moved.some(({ policy }) => policy.automation === mode));
}

/** What the stack file decides about a tenant's images. It needs no evidence, so it also holds for skipped tenants. */
function imageArgs(config: StackConfig, tenant: Tenant): ImageArgs | undefined {
  if (!hasImagePolicy(config, tenant)) return undefined;
  const { prefix, policy, branchImage } = tenant;
  return {
    stack: config.stack,
    image: tenant.images[0],
    choice:
      config.follow === "branch" && branchImage !== undefined
        ? { kind: "commit", pattern: branchImage.pattern }
        : { kind: "version", prefix: prefix.image, range: policy.range, deny: policy.deny },
    automation: policy.automation,
    pinned: policy.pin !== undefined,
    interval: config.intervals.image,
    secretName: tenant.registrySecret,
  };
}

function pinnedImageOf(
  { tag, pinDigest, branchImage }: Tenant,
  evidence: Evidence | BranchEvidence,
): PinnedImage | undefined {
  const path = isRelease(evidence) ? pinDigest : branchImage?.value;
  const digest = evidence.images?.[0]?.digest;
  return path === undefined || tag === undefined || digest === undefined ? undefined : { path, tag, digest };
}
