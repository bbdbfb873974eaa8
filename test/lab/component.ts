import { join } from "node:path";
import { credentialFiles, controllerKubeconfig } from "./credentials";
import { fluxControllers, fluxNamespace, type FluxController } from "./flux-install";
import type { Layout } from "./lab-directory";
import type { Tools } from "./tools";

/** The command line of one process of the lab. */
export interface Component {
  readonly name: string;
  /** Absolute path of the program. */
  readonly program: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** A URL that responds with 200 when the component is ready. Without it, a running component counts as ready. */
  readonly ready?: string;
}

/** The ports of the lab, on 127.0.0.1. */
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

/** The number of ports that a lab needs. */
export const portCount = namedPorts.length + fluxControllers.length;

/** Assigns `portCount` ports to their uses. */
export function assignPorts(ports: readonly number[]): LabPorts {
  const [named, health] = [ports.slice(0, namedPorts.length), ports.slice(namedPorts.length)];
  const assign = (names: readonly string[], values: readonly number[]) =>
    Object.fromEntries(names.map((name, index) => [name, values[index]]));
  return { ...assign(namedPorts, named), health: assign(fluxControllers, health) } as unknown as LabPorts;
}

/** What Node needs on its command line to run the lab's commands. The last one is the file. */
export function labProgram(root: string): string[] {
  return ["--require", require.resolve("tsx/cjs"), join(root, "test", "lab", "main.ts")];
}

/** The input for the components' command lines. */
export interface LabPlan {
  readonly layout: Layout;
  readonly tools: Tools;
  readonly ports: LabPorts;
  /** The project's folder, which has `test/lab/main.ts`. */
  readonly root: string;
}

/** Describes all processes of the lab, grouped in their start order. The processes of a group can start in parallel. */
export function describeComponents(plan: LabPlan) {
  return {
    etcd: etcd(plan),
    /** Have no dependencies. */
    hosts: [registry(plan), gitServer(plan)],
    /** Needs etcd. */
    api: apiServer(plan),
    cluster: [controllerManager(plan), scheduler(plan), kwok(plan)],
    flux: fluxControllers.map((name) => fluxController(plan, name)),
  };
}

function etcd({ layout, tools, ports }: LabPlan): Component {
  const clients = `http://127.0.0.1:${ports.etcd}`;
  const peers = `http://127.0.0.1:${ports.etcdPeer}`;
  return {
    name: "etcd",
    program: join(tools.bin, "etcd"),
    args: [
      `--data-dir=${join(layout.data, "etcd")}`,
      // The lab's data does not need to survive a crash.
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

function registry({ layout, tools, ports }: LabPlan): Component {
  return {
    name: "registry",
    program: join(tools.bin, "registry"),
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
      // Some tests delete tags.
      delete: { enabled: true },
    },
    http: { addr: `127.0.0.1:${ports.registry}` },
  };
}

function gitServer({ layout, ports, root }: LabPlan): Component {
  return {
    name: "git",
    program: process.execPath,
    args: [...labProgram(root), "serve-git", layout.git, String(ports.git)],
    ready: `http://127.0.0.1:${ports.git}/${readinessRepository}/HEAD`,
  };
}

/** An empty repository for the Git server's readiness check. */
export const readinessRepository = "lab-readiness.git";

function apiServer({ layout, tools, ports }: LabPlan): Component {
  const files = credentialFiles(layout);
  return {
    name: "kube-apiserver",
    program: join(tools.bin, "kube-apiserver"),
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
      // As in real clusters: Pod Security, not this flag, rejects privileged pods.
      "--allow-privileged=true",
    ],
    ready: `https://127.0.0.1:${ports.api}/readyz`,
  };
}

function controllerManager({ layout, tools }: LabPlan): Component {
  const files = credentialFiles(layout);
  return {
    name: "kube-controller-manager",
    program: join(tools.bin, "kube-controller-manager"),
    args: [
      `--kubeconfig=${layout.kubeconfig}`,
      `--service-account-private-key-file=${files.serviceAccountKey}`,
      `--root-ca-file=${files.apiCertificate}`,
      "--use-service-account-credentials=true",
      "--leader-elect=false",
      "--secure-port=0",
      // KWOK's nodes send no heartbeats. After the default of 50 s, they and their pods would become unready.
      "--node-monitor-grace-period=24h",
      ...generousLimits,
    ],
  };
}

function scheduler({ layout, tools }: LabPlan): Component {
  return {
    name: "kube-scheduler",
    program: join(tools.bin, "kube-scheduler"),
    args: [`--kubeconfig=${layout.kubeconfig}`, "--leader-elect=false", "--secure-port=0", ...generousLimits],
  };
}

/** With a hundred tenants, the default client-side rate limits would dominate the benchmarks. */
const generousLimits = ["--kube-api-qps=200", "--kube-api-burst=400"];

function kwok({ layout, tools, ports }: LabPlan): Component {
  const server = `127.0.0.1:${ports.kwok}`;
  return {
    name: "kwok",
    program: join(tools.bin, "kwok"),
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
  const { layout, tools, ports } = plan;
  const health = `127.0.0.1:${ports.health[name]}`;
  return {
    name,
    program: join(tools.bin, name),
    args: [
      "--watch-all-namespaces=true",
      `--health-addr=${health}`,
      "--metrics-addr=0",
      // Tests provoke failures: retry after at most 5 s, not 15 min.
      "--min-retry-delay=200ms",
      "--max-retry-delay=5s",
      ...fluxFlags(plan)[name],
    ],
    env: { RUNTIME_NAMESPACE: fluxNamespace, KUBECONFIG: controllerKubeconfig(layout, name) },
    ready: `http://${health}/readyz`,
  };
}

/**
 * The flags of each controller. Those for isolation are from Flux's multi-tenancy lockdown: no references across
 * namespaces, no remote bases, and an account without rights as the default.
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
