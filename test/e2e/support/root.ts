import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { parseAllDocuments } from "yaml";
import type { KubernetesObject } from "../../../src/manifests/object";
import type { LiveObject, ObjectReference } from "../../lab/cluster";
import { conditionOf, waitForGone, waitForObject } from "../../lab/wait";
import { projectRoot } from "../../support/project";
import type { Application } from "./application";
import type { Fixture } from "./fixture";
import { freshName, type OpenedLab } from "./lab";

/** The folder that docs/root-kustomization.yaml names. */
export const rendered = "rendered/prod";

/**
 * Declares a root Kustomization for a suite, and ends it afterwards with the tenants that it has deployed. Call it in a
 * `describe` before `useFixture`, which removes the namespace with the accounts that Flux needs to uninstall.
 *
 * @param tenants those that the suite has made
 */
export function useRoot(
  opened: () => OpenedLab,
  fixture: () => Fixture,
  tenants: () => readonly (Application | undefined)[],
): RootKustomization {
  const root = new RootKustomization(opened, fixture);
  after(() => root.remove(tenants().flatMap((tenant) => tenant ?? [])));
  return root;
}

/** The content of docs/root-kustomization.yaml with names of its own: Flux deploys what the shared repository has rendered. */
export class RootKustomization {
  readonly name = freshName("root");
  private objects: readonly KubernetesObject[] = [];

  constructor(
    private readonly opened: () => OpenedLab,
    private readonly fixture: () => Fixture,
  ) {}

  get kustomization(): ObjectReference {
    return {
      apiVersion: "kustomize.toolkit.fluxcd.io/v1",
      kind: "Kustomization",
      metadata: { name: this.name, namespace: this.fixture().authorityNamespace },
    };
  }

  /** Deploys it, as an administrator does once. */
  async apply(): Promise<void> {
    const { authorityNamespace, project } = this.fixture();
    const text = (await readFile(join(projectRoot, "docs/root-kustomization.yaml"), "utf8"))
      .replaceAll("https://github.com/example/shared-authority.git", await project.git("remote", "get-url", "origin"))
      .replaceAll("shared-authority-root", this.name)
      .replaceAll("flux-system", authorityNamespace);
    this.objects = parseAllDocuments(text).map((document) => document.toJS() as KubernetesObject);
    for (const object of this.objects) await this.opened().cluster.apply(object);
  }

  /** Has Flux fetch the main branch and look at it. */
  async reconcile(): Promise<void> {
    await this.fixture().reconcile(this.fixture().flux("GitRepository", this.name));
    await this.fixture().reconcile(this.kustomization);
  }

  /** The same, and waits until Flux has applied the main branch. */
  async enforce(): Promise<LiveObject> {
    const { cluster, lab } = this.opened();
    const commit = await this.fixture().remoteHead();
    await this.reconcile();
    const isApplied = (object: LiveObject) =>
      String(object.status?.lastAppliedRevision).endsWith(commit!) && conditionOf(object, "Ready")?.status === "True";
    return waitForObject(cluster, this.kustomization, "the root Kustomization has applied the main branch", isApplied, {
      lab,
    });
  }

  /** Waits until a tenant runs one of these versions. */
  runs(tenant: Application, ...versions: readonly string[]): Promise<LiveObject> {
    return this.fixture().waitForRelease(tenant, `${tenant.name} runs ${versions.join(" or ")}`, (release) => {
      const { spec, status, metadata } = release;
      const [latest] = (status?.history ?? []) as { chartVersion: string; status: string }[];
      const ready = conditionOf(release, "Ready");
      return (
        metadata.deletionTimestamp === undefined &&
        spec?.suspend !== true &&
        ready?.status === "True" &&
        ready.observedGeneration === metadata.generation &&
        latest?.status === "deployed" &&
        versions.includes(latest.chartVersion)
      );
    });
  }

  /** Removes it, and these tenants. Without it they would run on. */
  async remove(tenants: readonly Application[]): Promise<void> {
    const { cluster } = this.opened();
    if (this.objects.length === 0) return;
    for (const object of [...this.objects].reverse()) if (await cluster.find(object)) await cluster.delete(object);
    for (const { name } of tenants) {
      const namespace = { apiVersion: "v1", kind: "Namespace", metadata: { name } };
      const release = this.fixture().flux("HelmRelease", name);
      if (await cluster.find(release)) {
        await cluster.delete(release);
        await waitForGone(cluster, release);
      }
      if (await cluster.find(namespace)) await cluster.delete(namespace);
      await waitForGone(cluster, namespace);
    }
  }
}
