import type { StackConfig, Tenant } from "../config/stack-config";
import type { BranchEvidence, Evidence } from "../release/evidence";
import { type AutomationSpec, automationObjects, type CommittingAutomation } from "./automation";
import { helmRelease, type HelmReleaseSpec } from "./helm-release";
import { imagePolicyObjects, type ImagePolicySpec } from "./image-policy";
import type { KubernetesObject } from "./object";
import { type ResolvedSource, sourceInterval, sourceObject, type SourceSpec } from "./source";
import { tenantObjects, type TenantSpec } from "./tenant";
import { valuesConfigMap, type ValuesSpec } from "./values";

/** What one tenant of a fleet gives to the functions that make its objects. */
export interface TenantSpecs {
  readonly tenant: TenantSpec;
  readonly source: SourceSpec;
  /** Only where the stack file names what runs. */
  readonly imagePolicy?: ImagePolicySpec;
  readonly values: ValuesSpec;
  readonly release: Omit<HelmReleaseSpec, "values">;
}

/** The specs of a tenant, with what was read of its release or of the branch that it follows. */
export function tenantSpecs(config: StackConfig, tenant: Tenant, resolved: ResolvedSource): TenantSpecs {
  const { authorityNamespace } = config;
  const common = { tenant: tenant.name, authorityNamespace, insecureRegistry: tenant.insecureRegistry };
  return {
    tenant: {
      name: tenant.name,
      namespace: tenant.namespace,
      authorityNamespace,
      team: tenant.team,
      quota: tenant.quota,
      limits: tenant.limits,
      network: tenant.network,
      podSecurity: tenant.podSecurity,
    },
    source: {
      ...common,
      resolved,
      branchChart: tenant.branchChart,
      interval: sourceInterval(resolved, config.intervals),
      timeout: config.timeouts.source,
      secretName: tenant.chart.kind === "oci" ? tenant.registrySecret : tenant.repositorySecret,
    },
    imagePolicy: imagePolicySpec(config, tenant),
    values: {
      tenant: tenant.name,
      authorityNamespace,
      files: tenant.values,
      pinnedImage: pinnedImage(tenant, resolved),
    },
    release: {
      tenant: tenant.name,
      namespace: tenant.namespace,
      authorityNamespace,
      resolved,
      secrets: tenant.secrets,
      interval: config.intervals.release,
      timeout: config.timeouts.release,
    },
  };
}

/**
 * What the stack file decides about a tenant's images. It needs no evidence: Flux can be told of it where the release
 * itself may not run. Nothing where the stack file names nothing that runs.
 */
export function imagePolicySpec(config: StackConfig, tenant: Tenant): ImagePolicySpec | undefined {
  const choice = choiceOf(config, tenant);
  if (choice === undefined) return undefined;
  return {
    tenant: tenant.name,
    stack: config.stack,
    authorityNamespace: config.authorityNamespace,
    image: tenant.images[0],
    choice,
    automation: tenant.policy.automation,
    pinned: tenant.policy.pin !== undefined,
    insecureRegistry: tenant.insecureRegistry,
    interval: config.intervals.image,
    secretName: tenant.registrySecret,
  };
}

/** Every object of one tenant, in the order in which they are registered. */
export function tenantManifests(specs: TenantSpecs): KubernetesObject[] {
  const values = valuesConfigMap(specs.values);
  return [
    ...tenantObjects(specs.tenant),
    sourceObject(specs.source),
    ...(specs.imagePolicy === undefined ? [] : imagePolicyObjects(specs.imagePolicy)),
    ...(values === undefined ? [] : [values]),
    helmRelease({ ...specs.release, values }),
  ];
}

/** What the stack itself gives to the functions that make its automations; nothing where no tenant is automated. */
export function automationSpec(config: StackConfig): AutomationSpec | undefined {
  const { configRepository } = config;
  if (configRepository === undefined) return undefined;
  return {
    stack: config.stack,
    authorityNamespace: config.authorityNamespace,
    configRepository,
    modes: modesInUse(config),
    interval: config.intervals.automation,
    timeout: config.timeouts.source,
  };
}

/** The objects of a stack that belong to no tenant. */
export function stackManifests(config: StackConfig): KubernetesObject[] {
  const spec = automationSpec(config);
  return spec === undefined ? [] : automationObjects(spec);
}

/** Where a branch is followed there is nothing to move but the images that are made for its commits. */
function modesInUse(config: StackConfig): CommittingAutomation[] {
  const modes = ["auto", "pull-request"] as const;
  const moved = config.tenants.filter(({ branchImage }) => config.follow === "tags" || branchImage !== undefined);
  return modes.filter((mode) => moved.some((tenant) => tenant.policy.automation === mode));
}

/** Which image tags may run: releases, or where a branch is followed, those that are made for its commits. */
function choiceOf(
  { follow }: StackConfig,
  { branchImage, prefix, policy }: Tenant,
): ImagePolicySpec["choice"] | undefined {
  if (follow === "tags") {
    return { kind: "version", prefix: prefix.image, range: policy.range, deny: policy.deny };
  }
  return branchImage === undefined ? undefined : { kind: "commit", pattern: branchImage.pattern };
}

/** The evidence of what a tenant follows, as the manifests want it. */
export function resolvedSource(evidence: Evidence | BranchEvidence): ResolvedSource {
  return "version" in evidence ? { kind: "tags", evidence } : { kind: "branch", evidence };
}

function pinnedImage(
  { tag, pinDigest, branchImage }: Tenant,
  { kind, evidence: { images } }: ResolvedSource,
): ValuesSpec["pinnedImage"] {
  const path = kind === "tags" ? pinDigest : branchImage?.value;
  const digest = images?.[0]?.digest;
  return path === undefined || tag === undefined || digest === undefined ? undefined : { path, tag, digest };
}
