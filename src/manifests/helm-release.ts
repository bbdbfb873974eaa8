import type { SecretValues } from "../config/stack-config";
import type { HelmRelease, ValuesReference } from "./flux";
import { label } from "./name";
import { type ResolvedSource, sourceAnnotations, resolvedSourceName, isOci } from "./source";
import type { ValuesConfigMap } from "./values";

/** One tenant's Helm release. */
export interface HelmReleaseSpec<Text = string> {
  /** The tenant's name. */
  readonly tenant: string;
  /** Where the chart is installed, and where Helm keeps its record of the release. */
  readonly namespace: string;
  readonly authorityNamespace: string;
  readonly resolved: ResolvedSource;
  /** The special config; nothing where there is none. */
  readonly values?: ValuesConfigMap;
  /** Secrets in the authority namespace that values are taken from; merged after the special config. */
  readonly secrets: readonly SecretValues<Text>[];
  /** How often Flux compares the cluster with the chart. */
  readonly interval: Text;
  /** How long Helm waits for the workload to be ready, before the upgrade counts as failed. */
  readonly timeout: Text;
}

/**
 * The HelmRelease, in the authority namespace, where the tenant cannot move it. One patch of it moves the source and
 * the values together, so that one promotion is one upgrade.
 */
export function helmRelease<Text = string>(spec: HelmReleaseSpec<Text>): HelmRelease<Text> {
  return {
    apiVersion: "helm.toolkit.fluxcd.io/v2",
    kind: "HelmRelease",
    metadata: {
      name: spec.tenant,
      namespace: spec.authorityNamespace,
      labels: { [label.tenant]: spec.tenant },
      annotations: sourceAnnotations(spec.tenant, spec.resolved),
    },
    spec: {
      ...chart(spec),
      releaseName: spec.tenant,
      targetNamespace: spec.namespace,
      storageNamespace: spec.namespace,
      serviceAccountName: spec.tenant,
      interval: spec.interval,
      timeout: spec.timeout,
      // Definitions are cluster-wide: the platform's to install, and the tenant's account may not.
      install: { crds: "Skip", remediation: { retries: 0 } },
      // A failed upgrade leaves the old release serving; people decide what comes next, by a commit.
      upgrade: { crds: "Skip", remediation: { retries: 0, remediateLastFailure: true, strategy: "rollback" } },
      driftDetection: { mode: "enabled" },
      ...valuesFrom(spec),
    },
  };
}

function chart<Text>(spec: HelmReleaseSpec<Text>): Pick<HelmRelease<Text>["spec"], "chart" | "chartRef"> {
  const name = resolvedSourceName(spec.tenant, spec.resolved);
  if (isOci(spec.resolved.evidence.chart)) return { chartRef: { kind: "OCIRepository", name } };
  return {
    chart: {
      spec: {
        chart: spec.resolved.evidence.chart,
        sourceRef: { kind: "GitRepository", name },
        // A branch moves without its chart's version moving; a release never does.
        reconcileStrategy: spec.resolved.kind === "branch" ? "Revision" : "ChartVersion",
      },
    },
  };
}

function valuesFrom<Text>(spec: HelmReleaseSpec<Text>): { valuesFrom?: ValuesReference<Text>[] } {
  const { values } = spec;
  const references: ValuesReference<Text>[] = [
    ...(values === undefined
      ? []
      : Object.keys(values.data).map((valuesKey) => ({
          kind: "ConfigMap" as const,
          name: values.metadata.name as Text,
          valuesKey: valuesKey as Text,
        }))),
    ...spec.secrets.map((secret) => ({ kind: "Secret" as const, name: secret.name, valuesKey: secret.key })),
  ];
  return references.length === 0 ? {} : { valuesFrom: references };
}
