import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { StackConfig } from "../../../src/config/stack-config";
import { readStackConfig } from "../../../src/config/read-stack-config";
import type { Cluster, LiveObject, ObjectReference } from "../../lab/cluster";
import type { Lab } from "../../lab/lab";
import { exampleChart } from "../../../demo/example-chart";
import { pushImage } from "../../../demo/push";
import { stackObjects } from "../../../src/manifests/stack-objects";
import type { KubernetesObject } from "../../../src/manifests/object";
import type { Evidence } from "../../../src/release/evidence";
import { podinfoTags } from "../../support/podinfo-repository";
import { projectRoot } from "../../support/project";
import { freshName, type OpenedLab } from "./lab";
import { Repository } from "./repository";
import { waitForCondition, waitForGone } from "../../lab/wait";

/** The authority namespace of the pair: the default, which also has the accounts of Flux's controllers. */
export const authorityNamespace = "flux-system";

/** One of the two tenants, with its application team. */
export class PairedTenant {
  constructor(
    private readonly cluster: Cluster,
    /** The name of the tenant, its namespace and its Deployment. */
    readonly name: string,
    readonly repository: Repository,
    /** The chart's folder in the repository. */
    readonly chart: string,
    /** The image repository. */
    readonly image: string,
  ) {}

  /** The Kubernetes group of the application team. */
  get group(): string {
    return `${this.name}-developers`;
  }

  /** The cluster as a member of the application team. */
  get team(): Cluster {
    return this.cluster.as({ user: `${this.name}-developer`, groups: [this.group, "system:authenticated"] });
  }

  get release(): ObjectReference {
    const metadata = { name: this.name, namespace: authorityNamespace };
    return { apiVersion: "helm.toolkit.fluxcd.io/v2", kind: "HelmRelease", metadata };
  }

  get deployment(): ObjectReference {
    return { apiVersion: "apps/v1", kind: "Deployment", metadata: { name: this.name, namespace: this.name } };
  }

  /** An object in the tenant's namespace. */
  own(apiVersion: string, kind: string, name: string): ObjectReference {
    return { apiVersion, kind, metadata: { name, namespace: this.name } };
  }

  /** The ready pods with their versions. */
  async serving(): Promise<string[]> {
    const pods = await this.cluster.list({ apiVersion: "v1", kind: "Pod", namespace: this.name });
    return pods.filter(isReady).map(({ metadata, spec }) => {
      const { containers } = spec as { containers: { image: string }[] };
      return `${metadata.name} runs ${containers.map(({ image }) => image.replace(/^.*:/, "")).join(" ")}`;
    });
  }

  /** Commits files as a release of the chart, with its Git tag. */
  async publish(version: string, files: Readonly<Record<string, string>> = {}): Promise<void> {
    const path = join(this.repository.path, this.chart, "Chart.yaml");
    const chart = (await readFile(path, "utf8"))
      .replace(/^version: .*$/m, `version: ${version}`)
      .replace(/^appVersion: .*$/m, `appVersion: ${version}`);
    const inChart = Object.entries({ "Chart.yaml": chart, ...files }).map(([file, content]) => [
      join(this.chart, file),
      content,
    ]);
    await this.repository.commit(`Release ${version}`, Object.fromEntries(inChart) as Record<string, string>);
    await this.repository.git("tag", version);
    await this.repository.push("HEAD", `refs/tags/${version}`);
  }

  /** The evidence of a release, read from the repository. */
  async evidence(version: string): Promise<Evidence> {
    return {
      version,
      repository: this.repository.url,
      gitTag: version,
      commit: await this.repository.git("rev-parse", `${version}^{commit}`),
      branch: "master",
      chart: `./${this.chart}`,
      chartVersion: version,
      appVersion: version,
      images: [{ reference: `${this.image}:${version}` }],
    };
  }
}

/**
 * Two tenants on one cluster, podinfo and a neighbour, with exactly the objects that the program creates for their stack
 * file: guardrails, roles, sources and releases. Their application teams have no other rights.
 */
export class TenantPair {
  private readonly applied = new Map<string, KubernetesObject>();
  /** A name of its own, because the stack's admission policy is not in a namespace. */
  private readonly stack = freshName("isolation");

  private constructor(
    private readonly cluster: Cluster,
    private readonly lab: Lab,
    private readonly directory: string,
    readonly podinfo: PairedTenant,
    readonly neighbour: PairedTenant,
    private readonly remove: (() => Promise<void>)[],
  ) {}

  /**
   * Creates both tenants and waits until they run: podinfo 6.14.1 and the example chart. Removes everything if this
   * fails.
   */
  static async open({ lab, cluster }: OpenedLab): Promise<TenantPair> {
    const remove: (() => Promise<void>)[] = [];
    try {
      const podinfo = await podinfoTenant(lab, cluster, remove);
      const neighbour = await neighbourTenant(lab, cluster, remove);
      const directory = await mkdtemp(join(tmpdir(), "shared-authority-isolation-"));
      remove.push(() => rm(directory, { recursive: true, force: true }));
      const pair = new TenantPair(cluster, lab, directory, podinfo, neighbour, remove);
      remove.push(() => pair.removeObjects());
      await pair.writeProject();
      await pair.deploy(podinfo, "6.14.1");
      await pair.deploy(neighbour, "1.0.0");
      await Promise.all([podinfo, neighbour].map(({ release }) => waitForCondition(cluster, release, { lab })));
      return pair;
    } catch (error) {
      await removeAll(remove);
      throw error;
    }
  }

  /** The validated stack. @throws ProblemsError if the stack file is rejected */
  readStackConfig(): StackConfig {
    return readStackConfig({ root: this.directory, stack: this.stack });
  }

  /** Writes the stack file with additional lines in podinfo's entry. */
  async declare(...lines: readonly string[]): Promise<void> {
    const entry = ({ name, repository, chart, image, group }: PairedTenant, tag: string) => [
      `    ${name}:`,
      `      repository: ${repository.url}`,
      `      chart: ./${chart}`,
      `      image: ${image}`,
      `      insecureRegistry: ${this.lab.registryUrl.startsWith("http:")}`,
      `      tag: "${tag}"`,
      '      policy: { range: "*", automation: manual }',
      `      team: [${group}]`,
    ];
    const content = [
      "config:",
      "  shared-authority:follow: tags",
      "  shared-authority:intervals: { source: 10m, image: 10m, release: 10m }",
      "  shared-authority:timeouts: { source: 30s, release: 2m }",
      "  shared-authority:tenants:",
      ...entry(this.podinfo, "6.14.1"),
      ...lines.map((line) => `      ${line}`),
      ...entry(this.neighbour, "1.0.0"),
      "",
    ];
    await writeFile(join(this.directory, `Pulumi.${this.stack}.yaml`), content.join("\n"));
  }

  /**
   * Applies the objects of a release of a tenant.
   *
   * @param timeout Helm's timeout, for releases that do not become ready
   * @returns the HelmRelease, which is the last object
   */
  async deploy(tenant: PairedTenant, version: string, timeout?: string): Promise<LiveObject> {
    const read = this.readStackConfig();
    const config = timeout === undefined ? read : { ...read, timeouts: { ...read.timeouts, release: timeout } };
    const declared = config.tenants.find(({ name }) => name === tenant.name);
    if (declared === undefined) throw new Error(`The stack file declares no tenant ${tenant.name}.`);
    const evidence = await tenant.evidence(version);
    const resolved = { tenant: { ...declared, tag: version }, source: "read" as const, evidence, reasons: [] };
    let last: LiveObject | undefined;
    for (const { object } of stackObjects({ config, tenants: [resolved] })) {
      this.applied.set(`${object.kind}/${object.metadata.name}`, object);
      last = await this.cluster.apply(object);
    }
    if (last === undefined) throw new Error(`The tenant ${tenant.name} has no objects.`);
    return last;
  }

  /** All objects of both tenants, from the cluster. */
  async objects(): Promise<LiveObject[]> {
    return Promise.all([...this.applied.values()].map((object) => this.cluster.get(object)));
  }

  /** Removes both tenants. */
  async close(): Promise<void> {
    await removeAll(this.remove);
  }

  /** Releases are first, because Flux needs the other objects to uninstall them. */
  private async removeObjects(): Promise<void> {
    const objects = [...this.applied.values()].reverse();
    const releases = objects.filter(({ kind }) => kind === "HelmRelease");
    const spaces = objects.filter(({ kind }) => kind === "Namespace");
    const others = objects.filter(
      ({ kind, metadata: { namespace } }) =>
        namespace === authorityNamespace || (namespace === undefined && kind !== "Namespace"),
    );
    for (const group of [releases, others, spaces]) {
      for (const object of group) if (await this.cluster.find(object)) await this.cluster.delete(object);
      for (const object of group) await waitForGone(this.cluster, object, { lab: this.lab });
    }
  }

  private async writeProject(): Promise<void> {
    const values = await readFile(join(projectRoot, "tenants/podinfo/values.yaml"), "utf8");
    const files = {
      "Pulumi.yaml": "name: shared-authority\nruntime: nodejs\n",
      [`tenants/${this.podinfo.name}/values.yaml`]: `${values}\nimage:\n  repository: ${this.podinfo.image}\n`,
    };
    for (const [path, content] of Object.entries(files)) {
      await mkdir(dirname(join(this.directory, path)), { recursive: true });
      await writeFile(join(this.directory, path), content);
    }
    await this.declare();
  }
}

/** Removes in reverse order, and continues after failures. @throws the first failure */
async function removeAll(remove: (() => Promise<void>)[]): Promise<void> {
  const failures: unknown[] = [];
  for (const one of remove.splice(0).reverse()) await one().catch((error: unknown) => failures.push(error));
  if (failures.length > 0) throw failures[0];
}

/** @param remove receives the clean-up functions, even if this fails */
async function podinfoTenant(lab: Lab, cluster: Cluster, remove: (() => Promise<void>)[]): Promise<PairedTenant> {
  const name = freshName("podinfo");
  const repository = await Repository.create(lab, name, podinfoTags);
  remove.push(() => repository.remove());
  await repository.git("checkout", "--quiet", "-B", "master", "6.14.1");
  await repository.push("--force", "master");
  await pushImage(lab.registryUrl, name, "6.14.1");
  return new PairedTenant(cluster, name, repository, "charts/podinfo", `${lab.registryHost}/${name}`);
}

/** @param remove receives the clean-up functions, even if this fails */
async function neighbourTenant(lab: Lab, cluster: Cluster, remove: (() => Promise<void>)[]): Promise<PairedTenant> {
  const name = freshName("neighbour");
  const repository = await Repository.create(lab, name);
  remove.push(() => repository.remove());
  const image = `${lab.registryHost}/${name}`;
  const chart = exampleChart({ name: "neighbour", version: "1.0.0", appVersion: "1.0.0", image });
  const tenant = new PairedTenant(cluster, name, repository, "chart", image);
  await pushImage(lab.registryUrl, name, "1.0.0");
  await repository.commit(
    "Start",
    Object.fromEntries(Object.entries(chart).map(([path, content]) => [`chart/${path}`, content])),
  );
  await repository.git("tag", "1.0.0");
  await repository.push("HEAD", "refs/tags/1.0.0");
  return tenant;
}

function isReady({ status, metadata }: LiveObject): boolean {
  if (metadata.deletionTimestamp !== undefined) return false;
  return status?.conditions?.some((condition) => condition.type === "Ready" && condition.status === "True") === true;
}
