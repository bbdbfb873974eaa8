import * as pulumi from "@pulumi/pulumi";
import type { StackConfig, Tenant } from "../config/stack-config";
import type { Evidence } from "../release/evidence";
import { expectationsOf, promiseReasons } from "../release/promise";
import { allows } from "../version/range";
import { refusal } from "./refusal";

/** What the last `up` of the stack said of one tenant, in the stack's outputs. */
export interface LastOutput {
  /** The evidence of the release that it deployed. */
  readonly evidence?: Evidence;
  /** The evidence of the release whose source it kept. */
  readonly previous?: Evidence;
}

/**
 * Whether the stack keeps the source of the release that ran before: not where objects are rendered and no source runs,
 * nor where a branch is followed and there is no release to go back to.
 */
export function keepsPreviousSources(config: StackConfig): boolean {
  return config.follow === "tags" && config.delivery.kind === "cluster";
}

/**
 * Reads what the last `up` of this very stack put out for each tenant; nothing before the first one.
 *
 * @throws pulumi.RunError where the engine cannot read it, as without room for its state
 */
export async function readLastOutputs(config: StackConfig): Promise<Readonly<Record<string, LastOutput>>> {
  const self = new pulumi.StackReference(`${pulumi.getOrganization()}/${pulumi.getProject()}/${config.stack}`);
  const output = await self.getOutputDetails("tenants").catch(() => {
    // The SDK only finds that there are no outputs at all; why, the engine has said before.
    throw refusal("What the last `up` of this stack put out cannot be read. The engine says why, above.");
  });
  return (output.value ?? {}) as Readonly<Record<string, LastOutput>>;
}

/**
 * The release whose source stays beside the current one: the one that ran before, until the next promotion. Flux has its
 * artifact, so a rollback needs neither the Git host nor the registry.
 *
 * A release that the policy no longer allows, or that is none by what the tenant declares now (another repository, chart,
 * prefix, image or branch), is not kept: nobody will go back to it, and the policy pack would block its source.
 *
 * @param current the release that runs from now on
 * @param last what the last `up` said of the tenant
 */
export function previousRelease(tenant: Tenant, current: Evidence, last: LastOutput | undefined): Evidence | undefined {
  const previous = last?.evidence?.version === current.version ? last.previous : last?.evidence;
  if (previous === undefined || previous.version === current.version) return undefined;
  const broken = promiseReasons(previous, expectationsOf(tenant, tenant.prefix.image + previous.version));
  return broken.length === 0 && allows(tenant.policy, previous.version) ? previous : undefined;
}
