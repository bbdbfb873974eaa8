import type { SkippedTenant } from "../program/announce-skipped";
import { type StackConfig, standstillOf, type Tenant } from "../config/stack-config";
import { objectName } from "../config/object-name";
import { annotation } from "../manifests/annotation";
import { hasImagePolicy } from "../manifests/stack-objects";
import { allows } from "../version/range";
import { versionOfTag } from "../version/version";
import type { StateResource } from "./engine-state";

/** Tenants that an `up` does not change. */
export interface Skip {
  readonly tenants: readonly SkippedTenant[];
  /** The URNs of the resources that the engine must not change. */
  readonly excluded: readonly string[];
}

/**
 * Finds in the state the resources of skipped tenants that must not change: all but ImageRepository and ImagePolicy.
 * These two carry the platform team's decision and need no evidence: until Flux knows that a version is denied, it keeps
 * writing it.
 *
 * @param names the skipped tenants
 * @param resources those of the stack's state
 */
export function skip(config: StackConfig, names: readonly string[], resources: readonly StateResource[]): Skip {
  const owned = resources.map((resource) => ({ ...resource, tenant: tenantOf(resource) }));
  const skipped = config.tenants.filter(({ name }) => names.includes(name));
  const objects = skipped.map(objectName);
  const updated = skipped.filter((tenant) => hasImagePolicy(config, tenant)).map(objectName);
  return {
    tenants: skipped.map((one) => ({ name: one.name, isNew: !owned.some(({ tenant }) => tenant === objectName(one)) })),
    excluded: owned
      .filter(
        ({ tenant = "", type }) => objects.includes(tenant) && !(updated.includes(tenant) && isDecision.test(type)),
      )
      .map(({ urn }) => urn),
  };
}

/** What happens to the skipped tenants whose version Flux corrects, one sentence each. */
export function outlook(config: StackConfig, { tenants }: Skip): string[] {
  return config.tenants
    .filter(({ name }) => tenants.some((skipped) => skipped.name === name && !skipped.isNew))
    .filter(isCorrectedByFlux)
    .map(({ name, tag, policy }) => {
      const branch = policy.automation === "auto" ? "the main branch" : "the promotion branch";
      return (
        `${name}: its policy does not allow ${tag ?? ""}. This run updates the policy in the cluster; Flux then commits ` +
        `the newest version that it allows to ${branch}, and \`authority up\` deploys that commit.`
      );
    });
}

/** The component that carries the decision, and the two objects by which Flux gets it. */
const isDecision =
  /^(?:shared-authority:index:ReleasePolicy|kubernetes:image\.toolkit\.fluxcd\.io\/\w+:Image(?:Repository|Policy))$/;

function isCorrectedByFlux({ tag = "", prefix, policy }: Tenant): boolean {
  const version = versionOfTag(tag, prefix.image);
  const isCommitted = policy.automation !== "manual" && standstillOf(policy) === undefined;
  return isCommitted && version !== undefined && !allows(policy, version);
}

/** The name of a resource's tenant in the cluster. An object has its tenant's name in an annotation; a component has it as its own name. */
export function tenantOf({ urn, inputs }: StateResource): string | undefined {
  return inputs?.metadata?.annotations?.[annotation.tenant] ?? componentName.exec(urn)?.[1];
}

const componentName = /::shared-authority:index:(?:Tenant|ReleasePolicy|HelmReleaseWithValues)::(.+)$/;
