import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { execaSync } from "execa";
import { parseAllDocuments, stringify } from "yaml";
import type { KubernetesObject } from "../../src/manifests/object";
import { Cluster } from "./cluster";
import { describeComponents, readinessRepository, registryConfig, type Component, type LabPlan } from "./component";
import { makeCredentials, writeControllerKubeconfig, writeKubeconfig } from "./credentials";
import { fluxControllers, fluxInstall, fluxNamespace } from "./flux-install";
import { holdPodsUnready } from "./pod-stages";
import { waitFor, waitForCondition } from "./wait";

/** The nodes that KWOK simulates. */
const nodes = ["lab-node-1", "lab-node-2"].map((name) => ({ apiVersion: "v1", kind: "Node", metadata: { name } }));

/**
 * Starts all components in the order of their dependencies, and installs Flux.
 *
 * @param start starts one component and waits until it is ready
 * @param report receives lines about the progress
 */
export async function startControlPlane(
  plan: LabPlan,
  start: (component: Component) => Promise<void>,
  report: (line: string) => void,
): Promise<void> {
  const { layout, tools, ports } = plan;
  const components = describeComponents(plan);
  const adminToken = prepareDirectory(plan);

  report("starting etcd, the registry and Git");
  const api = start(components.etcd).then(() => {
    report("starting the API server");
    return start(components.api);
  });
  const started = Promise.all([api, ...components.hosts.map(start)]);
  const definitions = tools.definitions.flatMap(readObjects);
  await started;
  writeKubeconfig(layout, layout.kubeconfig, `https://127.0.0.1:${ports.api}`, "lab-admin", adminToken);

  report("starting the rest of the cluster, and installing Flux");
  const cluster = Cluster.fromKubeconfig(layout.kubeconfig);
  const rest = Promise.all(components.cluster.map(start));
  const flux = installFlux(plan, cluster, definitions).then(() => {
    report("starting Flux");
    return Promise.all(components.flux.map(start));
  });
  await Promise.all([rest, flux, ...nodes.map((node) => cluster.apply(labelled(node)))]);
  report("waiting for the nodes");
  await Promise.all(nodes.map((node) => waitForCondition(cluster, node)));
  // Pods without an account of their own need this one.
  const account = { apiVersion: "v1", kind: "ServiceAccount", metadata: { name: "default", namespace: fluxNamespace } };
  await waitFor("the default service account exists", () => cluster.find(account));
}

/** Writes all files that the components read. @returns the administrator's token */
function prepareDirectory(plan: LabPlan): string {
  const { layout, tools } = plan;
  const data = ["source", "image"].map((folder) => join(layout.data, folder));
  const folders = [layout.credentials, layout.certificates, layout.logs, layout.git, layout.temporary, ...data];
  for (const folder of folders) mkdirSync(folder, { recursive: true, mode: 0o700 });
  writeFileSync(layout.registryConfig, stringify(registryConfig(plan)));
  writeFileSync(layout.stages, holdPodsUnready(tools.stages, []));
  execaSync("git", ["init", "--quiet", "--bare", join(layout.git, readinessRepository)]);
  return makeCredentials(layout);
}

function readObjects(file: string): KubernetesObject[] {
  const documents = parseAllDocuments(readFileSync(file, "utf8"));
  return documents.filter(({ contents }) => contents !== null).map((document) => document.toJS() as KubernetesObject);
}

async function installFlux(plan: LabPlan, cluster: Cluster, definitions: readonly KubernetesObject[]): Promise<void> {
  const applied = Promise.all(definitions.map((definition) => cluster.apply(definition)));
  // In this order: the namespace is the first object.
  for (const object of fluxInstall()) await cluster.apply(object);
  await Promise.all(fluxControllers.map((controller) => writeControllerKubeconfig(plan.layout, cluster, controller)));
  await applied;
  await Promise.all(definitions.map((definition) => waitForCondition(cluster, definition, { type: "Established" })));
}

function labelled(node: (typeof nodes)[number]): KubernetesObject {
  const { name } = node.metadata;
  const labels = { "kubernetes.io/hostname": name, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64" };
  return { ...node, metadata: { name, labels } };
}
