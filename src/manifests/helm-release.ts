import type { SecretValues, ValuesFile } from "../config/stack-config";
import { pinnedImageKey, valuesKey } from "../config/values-key";
import { isRelease } from "../release/evidence";
import { tenantMarks } from "./annotation";
import { contentHash } from "./content-hash";
import type { ComponentObject, KubernetesObject } from "./object";
import type { ResolvedSource } from "./source";
import { yamlText } from "./yaml-text";

/** A tenant's Helm release and its special config. */
export interface HelmReleaseWithValuesArgs<Text = string> {
  /** The namespace of the chart's objects and of Helm's record of the release. */
  readonly namespace: string;
  readonly authorityNamespace: string;
  readonly resolved: ResolvedSource;
  /** Special config, in the order in which it is merged over the chart's defaults. Plain: its hash is part of a name. */
  readonly files: readonly ValuesFile[];
  /** The value that gets the image tag with the judged digest, so that pods run that image. Default: none. */
  readonly pinnedImage?: PinnedImage;
  /** Secrets in the authority namespace with further values; merged after the special config. */
  readonly secrets: readonly SecretValues<Text>[];
  /** How often Flux compares the cluster with the chart. */
  readonly interval: Text;
  /** How long Helm waits for the workload to be ready before the upgrade counts as failed. */
  readonly timeout: Text;
  /** How long `up` waits until the release runs, a Go duration. Default: Pulumi's own, ten minutes. */
  readonly waitFor?: string;
}

/** An image tag with its digest, and the path in the chart's values that it is set at, such as `image.tag`. */
export interface PinnedImage {
  readonly path: string;
  readonly tag: string;
  readonly digest: string;
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

/**
 * The values that set the pinned image. They are safe for readers of YAML 1.1, such as Flux, for which a key such as
 * `on` is a boolean.
 */
export function pinnedImageYaml({ path, tag, digest }: PinnedImage): string {
  return yamlText(
    path.split(".").reduceRight<unknown>((inner, key) => ({ [key]: inner }), `${tag}@${digest}`) as object,
  );
}

type ValuesConfigMap = KubernetesObject & { readonly data: Readonly<Record<string, string>> };

/** Immutable, and named by the hash of its content: a changed value is a changed name, which causes an upgrade. */
function valuesConfigMap<Text>(
  tenant: string,
  { authorityNamespace, files, pinnedImage }: HelmReleaseWithValuesArgs<Text>,
): ValuesConfigMap | undefined {
  const data = Object.fromEntries(files.map((file) => [valuesKey(tenant, file.path), file.content]));
  if (pinnedImage !== undefined) data[pinnedImageKey] = pinnedImageYaml(pinnedImage);
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
  const { resolved, namespace } = args;
  const valuesFrom = [
    ...Object.keys(values?.data ?? {}).map((valuesKey) => ({
      kind: "ConfigMap",
      name: values?.metadata.name,
      valuesKey,
    })),
    ...args.secrets.map(({ name, key }) => ({ kind: "Secret", name, valuesKey: key })),
  ];
  return {
    apiVersion: "helm.toolkit.fluxcd.io/v2",
    kind: "HelmRelease",
    metadata: {
      name: tenant,
      namespace: args.authorityNamespace,
      labels: tenantMarks(tenant).labels,
      annotations: resolved.annotations,
    },
    spec: {
      ...chart(resolved),
      releaseName: tenant,
      targetNamespace: namespace,
      storageNamespace: namespace,
      serviceAccountName: tenant,
      interval: args.interval,
      timeout: args.timeout,
      // Definitions are cluster-wide: the platform installs them, and the tenant's account may not.
      install: { crds: "Skip", remediation: { retries: 0 } },
      // A failed upgrade leaves the old release serving. People decide by a commit what comes next.
      upgrade: { crds: "Skip", remediation: { retries: 0, remediateLastFailure: true, strategy: "rollback" } },
      driftDetection: { mode: "enabled" },
      ...(valuesFrom.length === 0 ? {} : { valuesFrom }),
    },
  };
}

function chart({ kind, name, evidence }: ResolvedSource): Record<string, unknown> {
  const sourceRef = { kind, name };
  if (kind === "OCIRepository") return { chartRef: sourceRef };
  // A branch moves without a new chart version; a release does not.
  const reconcileStrategy = isRelease(evidence) ? "ChartVersion" : "Revision";
  return { chart: { spec: { chart: evidence.chart, sourceRef, reconcileStrategy } } };
}
