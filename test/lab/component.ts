import { join } from "node:path";
import { credentialFiles, controllerKubeconfig } from "./credentials";
import { fluxControllers, fluxNamespace, type FluxController } from "./flux-install";
import type { Layout } from "./lab-directory";
import type { Toolbox } from "./toolbox";

/** One process of the lab. */
export interface Component {
  readonly name: string;
  /** Absolute path of the program. */
  readonly program: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** An address that answers 200 once the component works. Absent: it is taken to work as soon as it runs. */
  readonly ready?: string;
}

/** Every port that the lab listens on, all on 127.0.0.1. */
export interface LabPorts {
  readonly etcd: number;
  readonly etcdPeer: number;
  readonly api: number;
  readonly registry: number;
  readonly git: number;
  readonly kwok: number;
  readonly artifacts: number;
  readonly events: number;
  readonly receiver: number;
  readonly health: Readonly<Record<FluxController, number>>;
}

const namedPorts = ["etcd", "etcdPeer", "api", "registry", "git", "kwok", "artifacts", "events", "receiver"] as const;

/** How many ports a lab needs. */
export const portCount = namedPorts.length + fluxControllers.length;

/** Gives each use its port. @param ports `portCount` of them */
export function assignPorts(ports: readonly number[]): LabPorts {
  const [named, health] = [ports.slice(0, namedPorts.length), ports.slice(namedPorts.length)];
  const assign = (names: readonly string[], values: readonly number[]) =>
    Object.fromEntries(names.map((name, index) => [name, values[index]]));
  return { ...assign(namedPorts, named), health: assign(fluxControllers, health) } as unknown as LabPorts;
}

/** What the components are made from. */
export interface LabPlan {
  readonly layout: Layout;
  readonly toolbox: Toolbox;
  readonly ports: LabPorts;
  /** The project's folder, with `bin/lab.js` in it. */
  readonly root: string;
}

/** The components, in the order in which they can start; those in one stage start at once. */
export interface Stages {
  readonly etcd: Component;
  /** The registry and Git, which need nothing. */
  readonly hosts: readonly Component[];
  /** The API server, which needs etcd. */
  readonly api: Component;
  /** What makes a cluster of an API server. */
  readonly cluster: readonly Component[];
  readonly flux: readonly Component[];
}

/** Describes every process of the lab. */
export function describeComponents(plan: LabPlan): Stages {
  return {
    etcd: etcd(plan),
    hosts: [registry(plan), gitServer(plan)],
    api: apiServer(plan),
    cluster: [controllerManager(plan), scheduler(plan), kwok(plan)],
    flux: fluxControllers.map((name) => fluxController(plan, name)),
  };
}

function etcd({ layout, toolbox, ports }: LabPlan): Component {
  const clients = `http://127.0.0.1:${ports.etcd}`;
  const peers = `http://127.0.0.1:${ports.etcdPeer}`;
  return {
    name: "etcd",
    program: join(toolbox.bin, "etcd"),
    args: [
      `--data-dir=${join(layout.data, "etcd")}`,
      // A lab that outlives a power cut is of no use; a quick one is.
      "--unsafe-no-fsync",
      `--listen-client-urls=${clients}`,
      `--advertise-client-urls=${clients}`,
      `--listen-peer-urls=${peers}`,
      `--initial-advertise-peer-urls=${peers}`,
      `--initial-cluster=default=${peers}`,
    ],
    ready: `${clients}/health`,
  };
}

function registry({ layout, toolbox, ports }: LabPlan): Component {
  return {
    name: "registry",
    program: join(toolbox.bin, "registry"),
    args: ["serve", layout.registryConfig],
    env: { OTEL_TRACES_EXPORTER: "none" },
    ready: `http://127.0.0.1:${ports.registry}/v2/`,
  };
}

/** The registry's configuration file. */
export function registryConfig({ layout, ports }: LabPlan): object {
  return {
    version: "0.1",
    log: { level: "info" },
    storage: {
      filesystem: { rootdirectory: join(layout.data, "registry") },
      // So that a test can make a tag vanish.
      delete: { enabled: true },
    },
    http: { addr: `127.0.0.1:${ports.registry}` },
  };
}

function gitServer({ layout, ports, root }: LabPlan): Component {
  return {
    name: "git",
    program: process.execPath,
    args: [join(root, "bin", "lab.js"), "serve-git", layout.git, String(ports.git)],
    ready: `http://127.0.0.1:${ports.git}/${readinessRepository}/HEAD`,
  };
}

/** An empty repository, by which the Git server shows that it serves. */
export const readinessRepository = "lab-readiness.git";

function apiServer({ layout, toolbox, ports }: LabPlan): Component {
  const files = credentialFiles(layout);
  return {
    name: "kube-apiserver",
    program: join(toolbox.bin, "kube-apiserver"),
    args: [
      `--etcd-servers=http://127.0.0.1:${ports.etcd}`,
      `--cert-dir=${layout.certificates}`,
      "--bind-address=127.0.0.1",
      "--advertise-address=127.0.0.1",
      `--secure-port=${ports.api}`,
      "--endpoint-reconciler-type=none",
      "--authorization-mode=RBAC",
      `--token-auth-file=${files.tokens}`,
      "--service-account-issuer=https://kubernetes.default.svc",
      `--service-account-key-file=${files.serviceAccountKey}`,
      `--service-account-signing-key-file=${files.serviceAccountKey}`,
      "--service-cluster-ip-range=10.96.0.0/16",
      // As in every real cluster: a privileged pod is refused by Pod Security, not by a flag of the lab.
      "--allow-privileged=true",
    ],
    ready: `https://127.0.0.1:${ports.api}/readyz`,
  };
}

function controllerManager({ layout, toolbox }: LabPlan): Component {
  const files = credentialFiles(layout);
  return {
    name: "kube-controller-manager",
    program: join(toolbox.bin, "kube-controller-manager"),
    args: [
      `--kubeconfig=${layout.kubeconfig}`,
      `--service-account-private-key-file=${files.serviceAccountKey}`,
      `--root-ca-file=${files.apiCertificate}`,
      "--use-service-account-credentials=true",
      "--leader-elect=false",
      "--secure-port=0",
      // Nobody sends heartbeats for KWOK's nodes. After the usual grace of 50 s all of them would count as lost, and every
      // pod as unready for good.
      "--node-monitor-grace-period=24h",
      ...generousLimits,
    ],
  };
}

function scheduler({ layout, toolbox }: LabPlan): Component {
  return {
    name: "kube-scheduler",
    program: join(toolbox.bin, "kube-scheduler"),
    args: [`--kubeconfig=${layout.kubeconfig}`, "--leader-elect=false", "--secure-port=0", ...generousLimits],
  };
}

/** A hundred tenants come up at once on one machine: the clients' own brakes would be what is measured. */
const generousLimits = ["--kube-api-qps=200", "--kube-api-burst=400"];

function kwok({ layout, toolbox, ports }: LabPlan): Component {
  const server = `127.0.0.1:${ports.kwok}`;
  return {
    name: "kwok",
    program: join(toolbox.bin, "kwok"),
    args: [
      `--kubeconfig=${layout.kubeconfig}`,
      `--config=${layout.stages}`,
      "--manage-all-nodes=true",
      `--server-address=${server}`,
    ],
    ready: `http://${server}/healthz`,
  };
}

function fluxController(plan: LabPlan, name: FluxController): Component {
  const { layout, toolbox, ports } = plan;
  const health = `127.0.0.1:${ports.health[name]}`;
  return {
    name,
    program: join(toolbox.bin, name),
    args: [
      "--watch-all-namespaces=true",
      `--health-addr=${health}`,
      "--metrics-addr=0",
      // Failures are what is tested: a retry comes at once and after at most 5 s, not after up to 15 min.
      "--min-retry-delay=200ms",
      "--max-retry-delay=5s",
      ...fluxFlags(plan)[name],
    ],
    env: { RUNTIME_NAMESPACE: fluxNamespace, KUBECONFIG: controllerKubeconfig(layout, name) },
    ready: `http://${health}/readyz`,
  };
}

/**
 * The flags that each controller has of its own. Those of the tenants' lockdown are the ones that Flux's documentation
 * on multi-tenancy gives: no references across namespaces, no remote bases, and a powerless account by default.
 */
function fluxFlags({ layout, ports }: LabPlan): Readonly<Record<FluxController, readonly string[]>> {
  const artifacts = `127.0.0.1:${ports.artifacts}`;
  const events = `127.0.0.1:${ports.events}`;
  const sendEvents = `--events-addr=http://${events}/`;
  const noCrossReferences = "--no-cross-namespace-refs=true";
  const powerlessByDefault = "--default-service-account=default";
  const quickDependencies = "--requeue-dependency=1s";
  return {
    "source-controller": [
      sendEvents,
      quickDependencies,
      `--storage-path=${join(layout.data, "source")}`,
      `--storage-addr=${artifacts}`,
      `--storage-adv-addr=${artifacts}`,
    ],
    "helm-controller": [sendEvents, quickDependencies, noCrossReferences, powerlessByDefault],
    "kustomize-controller": [
      sendEvents,
      quickDependencies,
      noCrossReferences,
      powerlessByDefault,
      "--no-remote-bases=true",
    ],
    "image-reflector-controller": [
      sendEvents,
      quickDependencies,
      noCrossReferences,
      `--storage-path=${join(layout.data, "image")}`,
    ],
    "image-automation-controller": [sendEvents, noCrossReferences],
    "notification-controller": [
      noCrossReferences,
      `--events-addr=${events}`,
      `--receiverAddr=127.0.0.1:${ports.receiver}`,
    ],
  };
}
