import { objectName } from "../config/object-name";
import { type Receiver, type StackConfig, standstillOf, type Tenant, type ValuesFile } from "../config/stack-config";
import type { Evidence } from "../release/evidence";
import type { ResolvedStack } from "../release/resolve";
import { label, labelOf } from "./annotation";
import { automationObjects, stackObjectName, type CommittingAutomation, type UpdateAutomationArgs } from "./automation";
import {
  type EnforcedAdmission,
  imageAdmissionObjects,
  type ImageAdmissionArgs,
  namespaceImages,
} from "./image-admission";
import { helmReleaseObjects, type HelmReleaseWithValuesArgs } from "./helm-release";
import { notificationObjects, type NotificationsArgs, type ReceiverArgs, type ReceiverResource } from "./notifications";
import type { ComponentObject } from "./object";
import { pinnedImagesOf } from "./pinned-image";
import { type ImageArgs, releasePolicyObjects, type ReleasePolicyArgs } from "./release-policy";
import { isFixed, sourceKind } from "./source";
import { tenantObjects, type TenantArgs } from "./tenant";

/** One component of a stack. */
export type StackComponent =
  | { readonly component: "UpdateAutomation"; readonly name: string; readonly args: UpdateAutomationArgs }
  | { readonly component: "Notifications"; readonly name: string; readonly args: NotificationsArgs }
  | { readonly component: "ImageAdmission"; readonly name: string; readonly args: Required<ImageAdmissionArgs> }
  | { readonly component: "Tenant"; readonly name: string; readonly args: TenantArgs }
  | { readonly component: "ReleasePolicy"; readonly name: string; readonly args: ReleasePolicyArgs }
  /** Depends on the tenant's other two components. */
  | { readonly component: "HelmReleaseWithValues"; readonly name: string; readonly args: HelmReleaseWithValuesArgs };

/** One object of a stack, with the component that owns it. */
export interface StackObject extends ComponentObject {
  readonly owner: Pick<StackComponent, "component" | "name">;
}

/** Whether a component is one of a tenant's, and not of the stack as a whole. */
export function isOfTenant({ component }: StackObject["owner"]): boolean {
  return component === "Tenant" || component === "ReleasePolicy" || component === "HelmReleaseWithValues";
}

/** What an `up` adds to what the files decide: from the `up` before, and from its environment. */
export interface CarriedOver {
  /** The release that ran before, by tenant: its source stays for a rollback. Default: none. */
  readonly previous?: ReadonlyMap<string, Evidence>;
  /** Tenants that are skipped, of which only the image policy is updated. Default: none. */
  readonly skipped?: readonly Tenant[];
  /** The reason of the emergency in which this `up` runs, as `emergencyReason` reads it. Default: there is none. */
  readonly emergency?: string;
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
        : component === "Notifications"
          ? notificationObjects(name, args)
          : component === "ImageAdmission"
            ? imageAdmissionObjects(name, args)
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
  { previous, skipped = [], emergency }: CarriedOver = {},
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
  const notifications = notificationArgs(config);
  if (notifications !== undefined) yield { component: "Notifications", name: config.stack, args: notifications };
  const enforced = enforcedModes(config);
  // Rendered manifests are applied with fewer rights: an administrator applies what is for the whole cluster.
  if (config.delivery.kind === "cluster" && enforced.length > 0) {
    yield { component: "ImageAdmission", name: config.stack, args: { authorityNamespace, modes: enforced } };
  }
  for (const tenant of skipped) {
    const { insecureRegistry } = tenant;
    const name = objectName(tenant);
    const images = imageArgs(config, tenant);
    if (images !== undefined) {
      yield { component: "ReleasePolicy", name, args: { authorityNamespace, insecureRegistry, images } };
    }
  }
  for (const { tenant, evidence } of tenants) {
    if (evidence === undefined) continue;
    const { namespace, insecureRegistry } = tenant;
    const name = objectName(tenant);
    const images = imageArgs(config, tenant);
    yield {
      component: "Tenant",
      name,
      args: {
        stack: config.stack,
        namespace,
        authorityNamespace,
        team: tenant.team,
        quota: tenant.quota,
        limits: tenant.limits,
        network: tenant.network,
        podSecurity: tenant.podSecurity,
        images: namespaceImages(config.stack, tenant),
      },
    };
    yield {
      component: "ReleasePolicy",
      name,
      args: {
        authorityNamespace,
        insecureRegistry,
        source: {
          stack: config.stack,
          evidence,
          branchChart: tenant.branchChart,
          suspended: tenant.policy.hold !== undefined && !isFixed(evidence),
          interval: isFixed(evidence) ? undefined : intervals.source,
          timeout: timeouts.source,
          secretName: sourceKind(evidence) === "OCIRepository" ? tenant.registrySecret : tenant.repositorySecret,
        },
        previous: previous?.get(tenant.name),
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
        stack: config.stack,
        evidence,
        files: specialConfig(tenant),
        pinned: pinnedImagesOf(tenant, evidence),
        secrets: tenant.secrets,
        ignoredDrift: tenant.driftDetection.ignore,
        emergency,
        interval: intervals.release,
        timeout: timeouts.release,
        // An upgrade, the rollback of a failed one, and a minute for Flux to report.
        waitFor: `${timeouts.release}${timeouts.release}1m`,
        isAwaited: true,
      },
    };
  }
}

/** The modes of image admission that the stack's tenants use, apart from `off`. */
export function enforcedModes({ tenants }: StackConfig): EnforcedAdmission[] {
  return (["deny", "audit"] as const).filter((mode) => tenants.some(({ admission }) => admission === mode));
}

/** Whether Flux scans images of the tenant: the stack file names the tag that runs. */
export function hasImagePolicy({ follow }: StackConfig, { branchImage }: Tenant): boolean {
  return follow === "tags" || branchImage !== undefined;
}

/** The special config as if the tenant's folder had its first name, so that a rename changes no key of the ConfigMap. */
function specialConfig({ name, formerly, values }: Tenant): readonly ValuesFile[] {
  const folder = `tenants/${name}/`;
  return formerly === undefined
    ? values
    : values.map(({ path, content }) => ({
        path: path.startsWith(folder) ? `tenants/${formerly}/${path.slice(folder.length)}` : path,
        content,
      }));
}

function modesInUse(config: StackConfig): CommittingAutomation[] {
  const moved = config.tenants.filter((tenant) => hasImagePolicy(config, tenant));
  const modes = ["auto", "pull-request"] as const;
  return modes.filter((mode) => moved.some(({ policy }) => policy.automation === mode));
}

/** The webhooks that make Flux look at something, and the alerts. `undefined` if there are none. */
function notificationArgs(config: StackConfig): NotificationsArgs | undefined {
  const { authorityNamespace, receivers = {}, alerts } = config;
  const { registry, configRepository } = receivers;
  const all: Record<string, ReceiverArgs> = {
    ...receiverArgs("registry", registry, registryResources(config)),
    ...receiverArgs("config-repository", configRepository, repositoryResources(config)),
  };
  if (Object.keys(all).length === 0 && alerts === undefined) return undefined;
  return { authorityNamespace, receivers: all, ...(alerts && { alerts }) };
}

/** A webhook that makes Flux look at nothing has no Receiver. */
function receiverArgs(
  part: string,
  receiver: Receiver | undefined,
  resources: readonly ReceiverResource[],
): Record<string, ReceiverArgs> {
  return receiver === undefined || resources.length === 0 ? {} : { [part]: { ...receiver, resources } };
}

/** What Flux finds in registries: new images and, where a branch is followed, new charts. A release's chart cannot change. */
function registryResources(config: StackConfig): ReceiverResource[] {
  const matchLabels = { [label.stack]: labelOf(config.stack) };
  const hasImages = config.tenants.some((tenant) => hasImagePolicy(config, tenant));
  const hasCharts = config.follow === "branch" && config.tenants.some(({ chart }) => chart.kind === "oci");
  return [
    ...(hasImages ? [{ apiVersion: "image.toolkit.fluxcd.io/v1", kind: "ImageRepository", matchLabels }] : []),
    ...(hasCharts ? [{ apiVersion: "source.toolkit.fluxcd.io/v1", kind: "OCIRepository", matchLabels }] : []),
  ];
}

/** What Flux reads of the shared repository. The root's source is an administrator's, so it is found by its label. */
function repositoryResources(config: StackConfig): ReceiverResource[] {
  const { stack, delivery, configRepository } = config;
  const modes = configRepository === undefined ? [] : modesInUse(config);
  const matchLabels = { [label.root]: labelOf(stack) };
  return [
    ...modes.map((mode) => ({
      apiVersion: "image.toolkit.fluxcd.io/v1",
      kind: "ImageUpdateAutomation",
      name: stackObjectName(stack, mode),
    })),
    ...(delivery.kind === "manifests"
      ? [{ apiVersion: "source.toolkit.fluxcd.io/v1", kind: "GitRepository", matchLabels }]
      : []),
  ];
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
    pinned: standstillOf(policy) !== undefined,
    interval: config.intervals.image,
    secretName: tenant.registrySecret,
  };
}
