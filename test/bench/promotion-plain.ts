/** The plain Flux pattern: a source whose tag changes, and a HelmRelease that does not change. */
import type { HelmRevision } from "../lab/helm-history";
import type { Cluster } from "../lab/cluster";
import type { Lab } from "../lab/lab";
import { reconcile } from "../lab/reconcile";
import type { ScratchApplication } from "../../demo/scratch-application";
import type { KubernetesObject } from "../../src/manifests/object";
import { observe, revisionsSince, type Target, upgraded } from "./observation";
import { intervals, valuesText } from "./promotion-project";

/**
 * How the HelmRelease gets its values: from a ConfigMap with a fixed name, the same with the label that makes Flux watch
 * it, or one whose name has a content hash, as kustomize generates it.
 */
export type PlainValues = "fixed" | "watched" | "hashed";

/** The result of a change. */
export interface Applied {
  /** From the start of the apply to the end of the upgrade. */
  readonly seconds: number;
  /** The Helm revisions since the previous change. */
  readonly revisions: readonly HelmRevision[];
}

/** A tenant with the plain pattern, in a separate namespace. */
export class PlainTenant {
  private readonly name: string;
  private lastRevision = 0;

  constructor(
    private readonly cluster: Cluster,
    private readonly lab: Lab,
    private readonly application: ScratchApplication,
    private readonly values: PlainValues,
  ) {
    this.name = `plain-${values}`;
  }

  async install(first: Target): Promise<void> {
    await this.cluster.create({ apiVersion: "v1", kind: "Namespace", metadata: { name: this.name } });
    // Without this, the lab's Flux uses the namespace's default account, which has no rights.
    await this.cluster.create({
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "RoleBinding",
      metadata: { name: "flux", namespace: this.name },
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "admin" },
      subjects: [{ kind: "ServiceAccount", name: "default", namespace: this.name }],
    });
    await this.change(first);
  }

  /** Applies all objects in the order of kustomize-controller. */
  async change(target: Target): Promise<Applied> {
    const objects = this.objects(target);
    const { begin, done } = await observe(this.cluster, { done: upgraded(this.name, target) }, async () => {
      for (const object of objects) await this.cluster.apply(object);
    });
    await reconcile(this.cluster, this.release(target));
    const revisions = await revisionsSince(this.cluster, this.name, this.lastRevision);
    this.lastRevision = revisions.at(-1)?.revision ?? this.lastRevision;
    return { seconds: done - begin, revisions };
  }

  private objects(target: Target): readonly KubernetesObject[] {
    return [this.configMap(target), this.source(target), this.release(target)];
  }

  private configMap(target: Target): KubernetesObject {
    const labels = { "reconcile.fluxcd.io/watch": "Enabled" };
    return {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: {
        name: this.configMapName(target),
        namespace: this.name,
        ...(this.values === "watched" && { labels }),
      },
      data: { "values.yaml": valuesText(this.application, target) },
    };
  }

  /** Gives different messages for different content. */
  private configMapName({ message }: Target): string {
    return this.values === "hashed" ? `values-${message.toLowerCase().replace(/[^a-z0-9]+/g, "-")}` : "values";
  }

  private source({ chartVersion }: Target): KubernetesObject {
    return {
      apiVersion: "source.toolkit.fluxcd.io/v1",
      kind: "GitRepository",
      metadata: { name: this.name, namespace: this.name },
      spec: {
        url: `${this.lab.gitUrl}/${this.application.name}.git`,
        interval: intervals.source,
        ref: { tag: chartVersion },
      },
    };
  }

  private release(target: Target): KubernetesObject {
    return {
      apiVersion: "helm.toolkit.fluxcd.io/v2",
      kind: "HelmRelease",
      metadata: { name: this.name, namespace: this.name },
      spec: {
        releaseName: this.name,
        interval: intervals.release,
        chart: {
          spec: {
            chart: this.application.chartPath,
            sourceRef: { kind: "GitRepository", name: this.name },
            reconcileStrategy: "ChartVersion",
          },
        },
        valuesFrom: [{ kind: "ConfigMap", name: this.configMapName(target), valuesKey: "values.yaml" }],
      },
    };
  }
}
