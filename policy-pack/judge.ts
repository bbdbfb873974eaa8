import type { PolicyResource, ResourceValidationArgs } from "@pulumi/policy";
import type { KubernetesObject } from "../src/manifests/object";
import { annotation } from "../src/manifests/annotation";
import type { Policy } from "./define-policy";

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

/** Config in the form of `--policy-pack-config`: policy name -> level, or settings with an optional level. */
export type PackConfig = Readonly<Record<string, Level | ({ readonly enforcementLevel?: Level } & Settings)>>;

type Level = "advisory" | "mandatory" | "disabled" | "remediate";
type Settings = Readonly<Record<string, unknown>>;

let runs = 0;

/**
 * Runs policies over objects as the engine does, but without an engine: first each object in the program's order of
 * registration, then the stack as a whole.
 *
 * The policies read the stack's config from the Pulumi runtime. The caller sets it first with
 * `pulumi.runtime.setAllConfig`.
 *
 * @param config enforcement levels and settings by policy name
 * @param stack the stack's name; some config defaults contain it
 */
export async function judgeObjects(
  objects: readonly KubernetesObject[],
  policies: readonly Policy[],
  config: PackConfig = {},
  stack = "check",
): Promise<Violation[]> {
  runs += 1;
  const project = `check-${runs}`;
  const inForce = policies
    .map((policy) => ({ policy, ...policySettings(policy, config[policy.name]) }))
    .filter(({ level }) => level !== "disabled")
    .map(({ policy, level, settings }) => ({ policy, level, getConfig: settingsGetter(settings) }));
  const violations: Violation[] = [];
  const resources: ResourceValidationArgs[] = [];
  for (const object of objects) {
    const resource = resourceOf(object, `urn:pulumi:${stack}::${project}`);
    resources.push(resource);
    const tenant = object.metadata.annotations?.[annotation.tenant];
    for (const { policy, level, getConfig } of inForce) {
      await judgeResource(policy, { ...resource, getConfig }, (message) =>
        violations.push({
          policy: policy.name,
          enforcement: enforcementOf(level),
          object: resource.name,
          tenant,
          message,
        }),
      );
    }
  }
  for (const { policy, level, getConfig } of inForce) {
    const stack = { resources: resources as unknown as PolicyResource[], stackTags, notApplicable };
    await policy.validateStack?.({ ...stack, getConfig }, (message) =>
      violations.push({ policy: policy.name, enforcement: enforcementOf(level), object: "stack", message }),
    );
  }
  return violations;
}

function enforcementOf(level: string): Violation["enforcement"] {
  return level === "advisory" ? "advisory" : "mandatory";
}

const stackTags: ReadonlyMap<string, string> = new Map();

/** Thrown by a policy that does not apply to a resource. */
class NotApplicable extends Error {}

function notApplicable(reason?: string): never {
  throw new NotApplicable(reason);
}

async function judgeResource(
  policy: Policy,
  args: ResourceValidationArgs,
  report: (message: string) => void,
): Promise<void> {
  try {
    for (const validate of [policy.validateResource ?? []].flat()) await validate(args, report);
  } catch (error) {
    if (!(error instanceof NotApplicable)) throw error;
  }
}

function resourceOf(object: KubernetesObject, run: string): ResourceValidationArgs {
  const { apiVersion, kind, metadata } = object;
  const type = `kubernetes:${apiVersion.includes("/") ? apiVersion : `core/${apiVersion}`}:${kind}`;
  const name = `${kind} ${metadata.namespace === undefined ? "" : `${metadata.namespace}/`}${metadata.name}`;
  return {
    type,
    props: object as Readonly<Record<string, unknown>>,
    urn: `${run}::${type}::${name}`,
    name,
    opts: {
      protect: false,
      ignoreChanges: [],
      aliases: [],
      customTimeouts: { createSeconds: 0, updateSeconds: 0, deleteSeconds: 0 },
      additionalSecretOutputs: [],
    },
    stackTags,
    isType: () => false,
    asType: () => undefined,
    getConfig: settingsGetter({}),
    notApplicable,
  };
}

/** In `@pulumi/policy` the caller of `getConfig` chooses its type, so a cast is needed. */
function settingsGetter(settings: Settings): ResourceValidationArgs["getConfig"] {
  return (() => settings) as ResourceValidationArgs["getConfig"];
}

function policySettings(policy: Policy, given: PackConfig[string] | undefined): { level: string; settings: Settings } {
  const byDefault = policy.enforcementLevel ?? "mandatory";
  const properties = Object.entries(policy.configSchema?.properties ?? {});
  const defaults = Object.fromEntries(properties.map(([key, schema]) => [key, schema.default]));
  if (given === undefined) return { level: byDefault, settings: defaults };
  if (typeof given === "string") return { level: given, settings: defaults };
  const { enforcementLevel, ...settings } = given;
  return { level: enforcementLevel ?? byDefault, settings: { ...defaults, ...settings } };
}
