import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { parseAllDocuments, stringify } from "yaml";
import type { KubernetesObject } from "../../src/manifests/object";
import { Cluster, type LiveObject } from "./cluster";
import { describeComponents, readinessRepository, registryConfig, type Component, type LabPlan } from "./component";
import { makeCredentials, writeControllerKubeconfig, writeKubeconfig } from "./credentials";
import { fluxControllers, fluxInstall, fluxNamespace } from "./flux-install";
import { holdBack } from "./pod-stages";

/** The nodes that KWOK plays. */
const nodeNames = ["lab-node-1", "lab-node-2"] as const;

/**
 * Brings everything up in the order in which it can start.
 *
 * @param start starts one component and returns once it works
 * @param report takes one line on what happens
 */
export async function boot(
  plan: LabPlan,
  start: (component: Component) => Promise<void>,
  report: (line: string) => void,
): Promise<void> {
  const { layout, toolbox, ports } = plan;
  const stages = describeComponents(plan);
  const apiUrl = `https://127.0.0.1:${ports.api}`;

  for (const folder of [
    layout.credentials,
    layout.certificates,
    layout.logs,
    layout.data,
    layout.git,
    layout.temporary,
  ])
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  for (const folder of ["source", "image"]) mkdirSync(join(layout.data, folder), { recursive: true });
  const { adminToken } = makeCredentials(layout);
  writeFileSync(layout.registryConfig, stringify(registryConfig(plan)));
  writeFileSync(layout.stages, holdBack(toolbox.stages, []));
  execFileSync("git", ["init", "--quiet", "--bare", join(layout.git, readinessRepository)]);

  report("starting etcd, the registry and Git");
  const api = start(stages.etcd).then(() => {
    report("starting the API server");
    return start(stages.api);
  });
  const started = Promise.all([api, ...stages.hosts.map(start)]);
  const definitions = toolbox.definitions.flatMap(readObjects);
  await started;
  writeKubeconfig(layout, layout.kubeconfig, apiUrl, "lab-admin", adminToken);

  report("starting the rest of the cluster, and installing Flux");
  const cluster = Cluster.fromKubeconfig(layout.kubeconfig);
  const rest = Promise.all(stages.cluster.map(start));
  const flux = installFlux(plan, cluster, definitions).then(() => {
    report("starting Flux");
    return Promise.all(stages.flux.map(start));
  });
  await Promise.all([rest, flux, makeNodes(cluster)]);
  report("waiting for the nodes");
  await waitForCluster(cluster);
}

function readObjects(file: string): KubernetesObject[] {
  const documents = parseAllDocuments(readFileSync(file, "utf8"));
  return documents.filter(({ contents }) => contents !== null).map((document) => document.toJS() as KubernetesObject);
}

async function installFlux(plan: LabPlan, cluster: Cluster, definitions: readonly KubernetesObject[]): Promise<void> {
  const applied = Promise.all(definitions.map((definition) => cluster.apply(definition)));
  // The namespace comes first; what lives in it cannot be applied before.
  for (const object of fluxInstall()) await cluster.apply(object);
  await Promise.all(fluxControllers.map((controller) => writeControllerKubeconfig(plan.layout, cluster, controller)));
  await applied;
  await Promise.all(definitions.map((definition) => until(cluster, definition, "Established")));
}

async function makeNodes(cluster: Cluster): Promise<void> {
  for (const name of nodeNames) {
    const labels = { "kubernetes.io/hostname": name, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64" };
    await cluster.apply({ apiVersion: "v1", kind: "Node", metadata: { name, labels } });
  }
}

/** Until pods can be made and can become ready: nodes, and the account that a pod has where it names none. */
async function waitForCluster(cluster: Cluster): Promise<void> {
  const nodes = nodeNames.map((name) => ({ apiVersion: "v1", kind: "Node", metadata: { name } }));
  await Promise.all(nodes.map((node) => until(cluster, node, "Ready")));
  const account = { apiVersion: "v1", kind: "ServiceAccount", metadata: { name: "default", namespace: fluxNamespace } };
  while ((await cluster.find(account)) === undefined) await delay(50);
}

async function until(cluster: Cluster, object: KubernetesObject, condition: string): Promise<void> {
  while (!holds(await cluster.find(object), condition)) await delay(50);
}

function holds(object: LiveObject | undefined, condition: string): boolean {
  return object?.status?.conditions?.some(({ type, status }) => type === condition && status === "True") ?? false;
}
