import type { ResourceValidationArgs } from "@pulumi/policy";
import { objectName } from "../config/object-name";
import type { StackConfig } from "../config/stack-config";
import { isProtected, type KubernetesObject } from "../manifests/object";
import { annotation } from "../manifests/annotation";
import type { Policy } from "./define-policy";
import { expectedProvider } from "./expected-provider";
import { JudgedObject } from "./judged-object";
import { type Resource, typeOf } from "./resource";
import { startRun } from "./run";

/** One violation of one policy. */
export interface Violation {
  /** The policy's name. */
  readonly policy: string;
  readonly enforcement: "mandatory" | "advisory";
  /** The object, such as `HelmRelease flux-system/podinfo`, or `stack` for the stack as a whole. */
  readonly object: string;
  /** The tenant that owns the object. */
  readonly tenant?: string;
  /** What is wrong and how to fix it. */
  readonly message: string;
}

/** Config in the form of `--policy-pack-config`: policy name, or `all` -> level, or settings with an optional level. */
export type PackConfig = Readonly<Record<string, Level | ({ readonly enforcementLevel?: Level } & Settings)>>;

export type Level = "advisory" | "mandatory" | "disabled";
type Settings = Readonly<Record<string, unknown>>;

const providerType = "pulumi:providers:kubernetes";

let runs = 0;

/**
 * Runs policies over objects as the engine does, but without an engine: first each object in the program's order of
 * registration, then the stack as a whole.
 *
 * @param stack the stack's config, with its values files
 * @param config enforcement levels and settings by policy name
 */
export async function judgeObjects(
  objects: readonly KubernetesObject[],
  policies: readonly Policy[],
  stack: StackConfig,
  config: PackConfig = {},
): Promise<Violation[]> {
  runs += 1;
  const run = `urn:pulumi:${stack.stack}::check-${runs}`;
  const props = expectedProvider(stack, {}, {});
  startRun(run, { config: stack, provider: props });
  const provider = { type: providerType, name: "check", urn: `${run}::${providerType}::check`, props };
  const inForce = policies.map((policy) => ({ policy, ...policySettings(policy, config) }));
  const enforced = inForce.filter(({ level }) => level !== "disabled");
  const names = new Map(stack.tenants.map((tenant) => [objectName(tenant), tenant.name]));
  const violations: Violation[] = [];
  const urns: Pick<Resource, "urn">[] = [];
  for (const object of objects) {
    const resource = { ...resourceOf(object, `${run}::${urns.length}`), provider };
    urns.push(resource);
    const named = object.metadata.annotations?.[annotation.tenant];
    const tenant = names.get(named ?? "") ?? named;
    for (const { policy, level, getConfig } of enforced) {
      const violation = { policy: policy.name, enforcement: enforcementOf(level), object: resource.name, tenant };
      await policy.validateResource({ ...resource, getConfig }, (message) =>
        violations.push({ ...violation, message }),
      );
    }
  }
  for (const { policy, level } of enforced) {
    policy.validateStack?.({ resources: urns }, (message) =>
      violations.push({ policy: policy.name, enforcement: enforcementOf(level), object: "stack", message }),
    );
  }
  return violations;
}

function enforcementOf(level: string): Violation["enforcement"] {
  return level === "advisory" ? "advisory" : "mandatory";
}

function resourceOf(object: KubernetesObject, urn: string): Resource {
  const { apiVersion, kind } = object;
  const type = typeOf(apiVersion, kind);
  const name = new JudgedObject(object).title;
  const props = object as Readonly<Record<string, unknown>>;
  const opts = { ignoreChanges: [], aliases: [], protect: isProtected(object) };
  return { type, props, urn: `${urn}::${type}::${name}`, name, opts };
}

function policySettings({ name, enforcementLevel = "mandatory" }: Policy, config: PackConfig) {
  const given = config[name] ?? config.all ?? {};
  const { enforcementLevel: level = enforcementLevel, ...settings } =
    typeof given === "string" ? { enforcementLevel: given } : given;
  // In `@pulumi/policy` the caller of `getConfig` chooses its type, so a cast is needed.
  return { level, getConfig: (() => settings) as ResourceValidationArgs["getConfig"] };
}
