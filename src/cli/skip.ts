import type { SkippedTenant } from "../program/skipped-tenants";
import type { StackConfig, Tenant } from "../config/stack-config";
import { annotation } from "../manifests/annotation";
import { imagePolicySpec } from "../manifests/stack-objects";
import { allows } from "../version/range";
import { versionOfTag } from "../version/version";
import { exportState, type StateResource } from "./engine-state";

/** Tenants that an `up` leaves as they are. */
export interface Skip {
  readonly tenants: readonly SkippedTenant[];
  /** The URNs of all that the engine must not touch. */
  readonly excluded: readonly string[];
}

/**
 * Looks up in the state what is to stay as it is: all that these tenants have, but the ImageRepository and the
 * ImagePolicy. Those hold the platform team's decision and need no evidence; while Flux does not know of a denied
 * version, it writes that version again and again.
 *
 * @param names the held tenants
 */
export async function skip(config: StackConfig, names: readonly string[]): Promise<Skip> {
  if (names.length === 0) return { tenants: [], excluded: [] };
  const { resources = [] } = (await exportState(config.root, config.stack)).deployment;
  const owned = resources.map((resource) => ({ ...resource, tenant: tenantOf(resource) }));
  const told = config.tenants.filter((tenant) => imagePolicySpec(config, tenant) !== undefined).map(({ name }) => name);
  return {
    tenants: names.map((name) => ({ name, isNew: !owned.some(({ tenant }) => tenant === name) })),
    excluded: owned
      .filter(({ tenant = "", type }) => names.includes(tenant) && !(told.includes(tenant) && isDecision.test(type)))
      .map(({ urn }) => urn),
  };
}

/** What will become of the held tenants whose version Flux itself corrects, one sentence each. */
export function outlook(config: StackConfig, { tenants }: Skip): string[] {
  return config.tenants
    .filter(({ name }) => tenants.some((skipped) => skipped.name === name && !skipped.isNew))
    .filter(isCorrectedByFlux)
    .map(({ name, tag, policy }) => {
      const branch = policy.automation === "auto" ? "the main branch" : "the promotion branch";
      return (
        `${name}: its policy does not allow ${tag ?? ""}. Flux learns of the policy by this run and commits the newest ` +
        `version that it allows to ${branch}; \`authority up\` deploys that commit.`
      );
    });
}

/** The component that holds the decision, and the two objects that tell Flux of it. */
const isDecision =
  /^(?:shared-authority:index:ReleasePolicy|kubernetes:image\.toolkit\.fluxcd\.io\/\w+:Image(?:Repository|Policy))$/;

function isCorrectedByFlux({ tag = "", prefix, policy }: Tenant): boolean {
  const version = versionOfTag(tag, prefix.image);
  const isCommitted = policy.automation !== "manual" && policy.pin === undefined;
  return isCommitted && version !== undefined && !allows(policy, version);
}

/** An object names its tenant by its annotation, a component by its own name. */
function tenantOf({ urn, inputs }: StateResource): string | undefined {
  return inputs?.metadata?.annotations?.[annotation.tenant] ?? componentName.exec(urn)?.[1];
}

const componentName = /::shared-authority:index:(?:Tenant|ReleasePolicy|HelmReleaseWithValues)::(.+)$/;
