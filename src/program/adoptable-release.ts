/** A HelmRelease of a cluster that a tenant is to take over, with its source and its values. Read only. */
import type { KubernetesObject, KubernetesObjectApi } from "@kubernetes/client-node";
import { parse } from "yaml";
import { isMapping, textAt, valueAt } from "../config/report";
import { type ClusterAccess, clusterError, openCluster, statusOf } from "./cluster-client";

/** Where an object is. */
export interface ObjectPlace {
  readonly namespace: string;
  readonly name: string;
}

/** What runs, and where its parts come from. */
export interface AdoptableRelease {
  readonly place: ObjectPlace;
  /** As the API server returns it. */
  readonly spec: Readonly<Record<string, unknown>>;
  readonly labels: Readonly<Record<string, string>>;
  /** Helm's name of the release. */
  readonly releaseName: string;
  /** The namespace of the workload, and of Helm's record of it. */
  readonly namespace: string;
  /** Of the release that runs. */
  readonly chartVersion: string;
  readonly appVersion?: string;
  readonly source: AdoptableSource;
  /** All values that are not secret, merged as Flux merges them. */
  readonly values: Readonly<Record<string, unknown>>;
  readonly secrets: readonly { readonly name: string; readonly key: string }[];
}

/** The source of the chart. */
export interface AdoptableSource {
  readonly kind: "GitRepository" | "OCIRepository";
  readonly place: ObjectPlace;
  readonly url: string;
  /** The path in the repository. */
  readonly chart?: string;
  readonly branch?: string;
  readonly secret?: string;
}

/** Why a release cannot be taken over. */
export class NotAdoptableError extends Error {}

type Live = KubernetesObject & { readonly spec?: unknown; readonly status?: unknown; readonly data?: unknown };

/** How to remove the old HelmRelease: Flux uninstalls nothing for one that is suspended. */
export function removalCommands({ namespace, name }: ObjectPlace): string {
  return (
    `\`flux suspend helmrelease ${name} --namespace ${namespace}\`, then ` +
    `\`kubectl delete helmrelease ${name} --namespace ${namespace}\``
  );
}

/**
 * Reads a HelmRelease with its source and its values.
 *
 * @throws NotAdoptableError with the reason why no tenant can take it over
 * @throws ClusterError if the cluster does not answer
 */
export async function readAdoptable(cluster: ClusterAccess, place: ObjectPlace): Promise<AdoptableRelease> {
  const { client, configuration } = await openCluster(cluster);
  const reader = new Reader(new client.KubernetesObjectApi(configuration));
  const live = await reader.read("helm.toolkit.fluxcd.io/v2", "HelmRelease", place);
  const spec = isMapping(live.spec) ? live.spec : {};
  const text = (...path: string[]): string | undefined => textAt(spec, ...path);
  if (spec.kubeConfig !== undefined) throw new NotAdoptableError("`spec.kubeConfig` deploys it to another cluster");
  const target = text("targetNamespace") ?? place.namespace;
  const storage = text("storageNamespace") ?? place.namespace;
  if (target !== storage) {
    throw new NotAdoptableError(
      `Helm keeps its record in the namespace ${storage} and the workload in ${target}, and a tenant has one namespace for both`,
    );
  }
  const [running] = asList(valueAt(live.status, ["history"]));
  const chartVersion = textAt(running, "chartVersion");
  if (textAt(running, "status") !== "deployed" || chartVersion === undefined) {
    throw new NotAdoptableError("Helm's last release of it is not deployed; repair it first");
  }
  const prefix = text("targetNamespace") === undefined ? "" : `${target}-`;
  const { values, secrets } = await reader.valuesOf(spec, place.namespace);
  return {
    place,
    spec,
    labels: live.metadata?.labels ?? {},
    releaseName: text("releaseName") ?? prefix + place.name,
    namespace: target,
    chartVersion,
    appVersion: textAt(running, "appVersion"),
    source: await reader.sourceOf(spec, place.namespace),
    values,
    secrets,
  };
}

class Reader {
  constructor(readonly api: KubernetesObjectApi) {}

  async find(apiVersion: string, kind: string, place: ObjectPlace): Promise<Live | undefined> {
    try {
      return await this.api.read<Live>({ apiVersion, kind, metadata: { ...place } });
    } catch (error) {
      if (statusOf(error) === 404) return undefined;
      throw clusterError(error);
    }
  }

  async read(apiVersion: string, kind: string, place: ObjectPlace): Promise<Live> {
    const found = await this.find(apiVersion, kind, place);
    if (found !== undefined) return found;
    throw new NotAdoptableError(`there is no ${kind} ${place.name} in the namespace ${place.namespace}`);
  }

  async sourceOf(spec: unknown, namespace: string): Promise<AdoptableSource> {
    const chartRef = valueAt(spec, ["chartRef"]);
    if (textAt(chartRef, "kind") === "HelmChart") {
      const place = placeOf(chartRef, namespace);
      const chart = await this.read("source.toolkit.fluxcd.io/v1", "HelmChart", place);
      return this.#sourceOfChart(chart.spec, place.namespace);
    }
    if (chartRef !== undefined) return this.#source(chartRef, namespace);
    return this.#sourceOfChart(valueAt(spec, ["chart", "spec"]), namespace);
  }

  #sourceOfChart(chart: unknown, namespace: string): Promise<AdoptableSource> {
    if (valueAt(chart, ["valuesFiles"]) !== undefined) {
      throw new NotAdoptableError(
        "`valuesFiles` of its chart names other defaults than the chart's own `values.yaml`; put them into `values` first",
      );
    }
    return this.#source(valueAt(chart, ["sourceRef"]), namespace, textAt(chart, "chart"));
  }

  async #source(reference: unknown, namespace: string, chart?: string): Promise<AdoptableSource> {
    const kind = textAt(reference, "kind");
    if (kind !== "GitRepository" && kind !== "OCIRepository") {
      throw new NotAdoptableError(
        `its chart comes from a ${String(kind)}; a tenant's chart is in a Git repository, or in a registry (an OCIRepository)`,
      );
    }
    const place = placeOf(reference, namespace);
    const { spec } = await this.read("source.toolkit.fluxcd.io/v1", kind, place);
    return {
      kind,
      place,
      url: textAt(spec, "url") ?? "",
      chart,
      branch: textAt(spec, "ref", "branch"),
      secret: textAt(spec, "secretRef", "name"),
    };
  }

  /** Secrets are named, and never read. */
  async valuesOf(spec: unknown, namespace: string): Promise<Pick<AdoptableRelease, "values" | "secrets">> {
    let values: Record<string, unknown> = {};
    const secrets: { name: string; key: string }[] = [];
    for (const from of asList(valueAt(spec, ["valuesFrom"]))) {
      const name = textAt(from, "name") ?? "";
      const key = textAt(from, "valuesKey") ?? "values.yaml";
      const kind = textAt(from, "kind");
      if (valueAt(from, ["targetPath"]) !== undefined) {
        throw new NotAdoptableError(
          `\`valuesFrom\` puts one value of the ${String(kind)} ${name} at a path (\`targetPath\`); put it into values in YAML first`,
        );
      }
      if (kind === "Secret") {
        secrets.push({ name, key });
        continue;
      }
      const map = await this.find("v1", "ConfigMap", { namespace, name });
      const text = textAt(map?.data, key);
      if (text !== undefined) values = merged(values, parsed(text, name));
      else if (valueAt(from, ["optional"]) !== true) {
        throw new NotAdoptableError(`the ConfigMap ${name} of \`valuesFrom\` has no key ${key}`);
      }
    }
    const inline = valueAt(spec, ["values"]);
    return { values: isMapping(inline) ? merged(values, inline) : values, secrets };
  }
}

function parsed(text: string, name: string): Readonly<Record<string, unknown>> {
  let values: unknown;
  try {
    values = parse(text) ?? {};
  } catch {
    values = undefined;
  }
  if (isMapping(values)) return values;
  throw new NotAdoptableError(`the ConfigMap ${name} of \`valuesFrom\` holds no mapping of values`);
}

/** As Flux merges values: mappings key by key, everything else as a whole. */
export function merged(
  below: Readonly<Record<string, unknown>>,
  above: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const entries = Object.entries(above).map(([key, value]) => {
    const before = Object.hasOwn(below, key) ? below[key] : undefined;
    return [key, isMapping(before) && isMapping(value) ? merged(before, value) : value] as const;
  });
  return { ...below, ...Object.fromEntries(entries) };
}

function placeOf(reference: unknown, namespace: string): ObjectPlace {
  return { namespace: textAt(reference, "namespace") ?? namespace, name: textAt(reference, "name") ?? "" };
}

function asList(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
