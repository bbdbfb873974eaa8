import * as pulumi from "@pulumi/pulumi";
import type { StackConfig, Tenant } from "../config/stack-config";
import type { Evidence } from "../release/evidence";
import { expectationsOf, promiseReasons } from "../release/promise";
import { allows } from "../version/range";
import { refusal } from "./refusal";

/** One tenant in the stack's outputs of the last `up`. */
export interface LastOutput {
  /** The version, or the branch that it follows. */
  readonly version?: string;
  /** The evidence of the release that it deployed. */
  readonly evidence?: Evidence;
  /** The evidence of the release before, whose source stayed. */
  readonly previous?: Evidence;
  /** The namespace of its workload. Earlier versions did not write it. */
  readonly namespace?: string;
  /** Its name in the cluster, if it has been renamed. */
  readonly formerly?: string;
}

/** By the tenants' names in the cluster. */
export type LastOutputs = Readonly<Record<string, LastOutput>>;

/**
 * Reads the outputs of the stack's last `up`, by the tenants' names in the cluster; empty before the first one.
 *
 * @throws pulumi.RunError if the engine cannot read them, for example because the disk is full
 */
export async function readLastOutputs(config: StackConfig): Promise<LastOutputs> {
  const tenants = (await readLastOutput(config, "tenants")) ?? {};
  return withPrevious(tenants as Readonly<Record<string, LastOutput & OldOutput>>);
}

/**
 * Reads an output of the stack's last `up`; `undefined` if there is none.
 *
 * @throws pulumi.RunError if the engine cannot read it, for example because the disk is full
 */
export async function readLastOutput(config: StackConfig, name: string): Promise<unknown> {
  self ??= new pulumi.StackReference(`${pulumi.getOrganization()}/${pulumi.getProject()}/${config.stack}`);
  const output = await self.getOutputDetails(name).catch(() => {
    // The engine has reported the cause; the SDK does not know it.
    throw refusal("Cannot read the outputs of the last `up` of this stack. The engine reports the cause above.");
  });
  return output.value;
}

/** A process runs one stack's program, once. */
let self: pulumi.StackReference | undefined;

/** Version 0.1 named the output `kept`. */
interface OldOutput {
  readonly kept?: Evidence;
}

/** The outputs in today's form, also if version 0.1 wrote them: without it the next `up` would delete a source. */
export function withPrevious(outputs: Readonly<Record<string, LastOutput & OldOutput>>): LastOutputs {
  return Object.fromEntries(
    Object.entries(outputs).map(([name, { kept, ...output }]) => [
      output.formerly ?? name,
      kept === undefined ? output : { previous: kept, ...output },
    ]),
  );
}

/**
 * The release whose source stays beside the current one until the next promotion: the one that ran before. Flux has its
 * artifact, so a rollback needs neither the Git host nor the registry.
 *
 * A release that the policy no longer allows, or that breaks the promise by what the tenant declares now (another
 * repository, chart, prefix, image or branch), does not stay: nobody can roll back to it, and the policy pack would
 * block its source.
 *
 * @param current the release that runs from now on
 * @param last the tenant's output of the last `up`
 */
export function previousRelease(tenant: Tenant, current: Evidence, last: LastOutput | undefined): Evidence | undefined {
  const previous = last?.evidence?.version === current.version ? last.previous : last?.evidence;
  if (previous === undefined || previous.version === current.version) return undefined;
  const broken = promiseReasons(previous, expectationsOf(tenant, tenant.prefix.image + previous.version));
  return broken.length === 0 && allows(tenant.policy, previous.version) ? previous : undefined;
}
