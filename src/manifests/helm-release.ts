import {
  builtInDefaults,
  defaultAuthorityNamespace,
  defaultIntervals,
  defaultTimeouts,
} from "../config/built-in-defaults";
import type { SecretValues, ValuesFile } from "../config/stack-config";
import { pinnedImageKey, valuesKey } from "../config/values-key";
import { type BranchEvidence, type Evidence, isRelease } from "../release/evidence";
import { annotation, tenantMarks } from "./annotation";
import { contentHash } from "./content-hash";
import { type ComponentObject, defined, type KubernetesObject } from "./object";
import { imagePostRenderers, pinnedImageYaml, type PinnedImages } from "./pinned-image";
import { type ResolvedSource, resolvedSource, waitForAnnotation } from "./source";

/** A tenant's Helm release and its special config. */
export interface HelmReleaseWithValuesArgs<Text = string> {
  /** The namespace of the chart's objects and of Helm's record of the release. */
  readonly namespace: string;
  /** The namespace of the HelmRelease and of its source. Default: `flux-system`. */
  readonly authorityNamespace?: string;
  /** The stack, as a label by which its alerts find the release and its HelmChart. Default: no label. */
  readonly stack?: string;
  /** The facts of the release, as `readRelease` reads them, or of a branch: the same as of the source. */
  readonly evidence: Evidence | BranchEvidence;
  /**
   * Special config, in the order in which it is merged over the chart's defaults. Plain: its hash is part of a name.
   * Default: none.
   */
  readonly files?: readonly ValuesFile[];
  /** The images whose digests are set, so that pods run the images that were judged. Default: none. */
  readonly pinned?: PinnedImages;
  /** Secrets in the authority namespace with further values; merged after the special config. Default: none. */
  readonly secrets?: readonly SecretValues<Text>[];
  /** The fields that Flux does not restore when something else changes them. Default: `/spec/replicas`, for autoscalers. */
  readonly ignoredDrift?: readonly IgnoredDrift[];
  /** The reason of the emergency in which it is deployed, as an annotation. Default: there is none. */
  readonly emergency?: string;
  /** How often Flux compares the cluster with the chart, a Go duration. Default: `10m0s`. */
  readonly interval?: Text;
  /**
   * How long Helm waits for the workload to be ready before the upgrade counts as failed, a Go duration. Default:
   * `5m0s`.
   */
  readonly timeout?: Text;
  /** How long `up` waits until the release runs, a Go duration. Default: Pulumi's own, ten minutes. */
  readonly waitFor?: string;
  /** Whether the program waits until the release runs, so that Pulumi need not. Default: Pulumi waits. */
  readonly isAwaited?: boolean;
}

/** Fields that Flux does not restore. */
export interface IgnoredDrift {
  /** JSON pointers, such as `/spec/replicas`. */
  readonly paths: readonly string[];
  /** The objects of the chart, as Flux selects them. Default: all. */
  readonly target?: {
    readonly group?: string;
    readonly version?: string;
    readonly kind?: string;
    readonly name?: string;
    readonly namespace?: string;
    readonly labelSelector?: string;
    readonly annotationSelector?: string;
  };
}

/** The ConfigMap of special config, if there is any, and the HelmRelease, which is always the last one. */
export function helmReleaseObjects<Text = string>(
  tenant: string,
  args: HelmReleaseWithValuesArgs<Text>,
): ComponentObject[] {
  const values = valuesConfigMap(tenant, args);
  const release = helmRelease(tenant, args, values);
  return values === undefined
    ? [{ object: release, waitFor: args.waitFor }]
    : [{ object: values }, { object: release, waitFor: args.waitFor, dependsOn: values }];
}

/** The prefix of the hash in the name of a tenant's ConfigMap: `podinfo-values-857mh2h2h8`. */
export function valuesNamePrefix(tenant: string): string {
  return `${tenant}-values-`;
}

type ValuesConfigMap = KubernetesObject & { readonly data: Readonly<Record<string, string>> };

/** Immutable, and named by the hash of its content: a changed value is a changed name, which causes an upgrade. */
function valuesConfigMap<Text>(
  tenant: string,
  { authorityNamespace = defaultAuthorityNamespace, files = [], pinned }: HelmReleaseWithValuesArgs<Text>,
): ValuesConfigMap | undefined {
  const data = Object.fromEntries(files.map((file) => [valuesKey(tenant, file.path), file.content]));
  const [image] = pinned?.images ?? [];
  if (pinned?.values !== undefined && image !== undefined) data[pinnedImageKey] = pinnedImageYaml(pinned.values, image);
  if (Object.keys(data).length === 0) return undefined;
  return {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: {
      name: valuesNamePrefix(tenant) + contentHash({ data }),
      namespace: authorityNamespace,
      ...tenantMarks(tenant),
    },
    immutable: true,
    data,
  };
}

/**
 * The HelmRelease is in the authority namespace, where the tenant cannot change it. One patch moves the source and the
 * values together, so that one promotion is one upgrade.
 */
function helmRelease<Text>(
  tenant: string,
  args: HelmReleaseWithValuesArgs<Text>,
  values: ValuesConfigMap | undefined,
): KubernetesObject {
  const { namespace, stack, evidence, secrets = [], pinned, emergency, isAwaited = false } = args;
  const { ignoredDrift = builtInDefaults.driftDetection.ignore } = args;
  const resolved = resolvedSource(tenant, evidence);
  const { labels } = tenantMarks(tenant, stack);
  const valuesFrom = [
    ...Object.keys(values?.data ?? {}).map((valuesKey) => ({
      kind: "ConfigMap",
      name: values?.metadata.name,
      valuesKey,
    })),
    ...secrets.map(({ name, key }) => ({ kind: "Secret", name, valuesKey: key })),
  ];
  return {
    apiVersion: "helm.toolkit.fluxcd.io/v2",
    kind: "HelmRelease",
    metadata: {
      name: tenant,
      namespace: args.authorityNamespace ?? defaultAuthorityNamespace,
      labels,
      annotations: defined({
        ...resolved.annotations,
        ...(isAwaited && { [waitForAnnotation]: undefined }),
        [annotation.emergency]: emergency,
      }),
    },
    spec: {
      ...chart(resolved, stack === undefined ? undefined : labels),
      releaseName: tenant,
      targetNamespace: namespace,
      storageNamespace: namespace,
      serviceAccountName: tenant,
      interval: args.interval ?? defaultIntervals.release,
      timeout: args.timeout ?? defaultTimeouts.release,
      // Definitions are cluster-wide: the platform installs them, and the tenant's account may not.
      install: { crds: "Skip", remediation: { retries: 0 } },
      // A failed upgrade leaves the old release serving. People decide by a commit what comes next.
      upgrade: { crds: "Skip", remediation: { retries: 0, remediateLastFailure: true, strategy: "rollback" } },
      driftDetection: { mode: "enabled", ...(ignoredDrift.length > 0 && { ignore: ignoredDrift }) },
      ...(valuesFrom.length === 0 ? {} : { valuesFrom }),
      ...(pinned === undefined ? {} : { postRenderers: imagePostRenderers(pinned.images) }),
    },
  };
}

/** @param labels of the HelmChart that Flux creates for a chart in Git, which alone knows why a chart cannot be packaged */
function chart(
  { kind, name, evidence }: ResolvedSource,
  labels: Readonly<Record<string, string>> | undefined,
): Record<string, unknown> {
  const sourceRef = { kind, name };
  if (kind === "OCIRepository") return { chartRef: sourceRef };
  // A branch moves without a new chart version; a release does not.
  const reconcileStrategy = isRelease(evidence) ? "ChartVersion" : "Revision";
  const spec = { chart: evidence.chart, sourceRef, reconcileStrategy };
  return { chart: { ...(labels && { metadata: { labels } }), spec } };
}
