/** Names that Kubernetes accepts. */

/** RFC 1123 label: what a namespace is called. */
export const dnsLabel = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

/** A DNS label that is no longer than Helm lets the name of a release be: 53 characters. */
export const releaseName = /^[a-z0-9](?:[a-z0-9-]{0,51}[a-z0-9])?$/;

/** RFC 1123 subdomain, up to 253 characters: what a Secret is called. */
export const dnsSubdomain = /^(?=.{1,253}$)[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*$/;

/** A key of a Secret or a ConfigMap. It must not be `.` or begin with `..`. */
export const dataKey = /^(?!\.\.|\.$)[-._a-zA-Z0-9]{1,253}$/;

/** Whether a namespace belongs to the cluster itself or to Flux's controllers; no tenant may use it. */
export function isClusterNamespace(name: string): boolean {
  return name === "default" || name === "flux-system" || name.startsWith("kube-");
}

/**
 * Accounts that have rights over the whole cluster: of Flux's controllers and its operator, and those that Kubernetes gives
 * its own controllers in `kube-system` (bootstrappolicy/controller_policy.go, and the bootstrap controllers).
 */
const controllerAccounts: ReadonlySet<string> = new Set([
  "flux-operator",
  "helm-controller",
  "image-automation-controller",
  "image-reflector-controller",
  "kustomize-controller",
  "notification-controller",
  "source-controller",
  "source-watcher",
  "attachdetach-controller",
  "bootstrap-signer",
  "certificate-controller",
  "clusterrole-aggregation-controller",
  "cronjob-controller",
  "daemon-set-controller",
  "deployment-controller",
  "device-taint-eviction-controller",
  "disruption-controller",
  "endpoint-controller",
  "endpointslice-controller",
  "endpointslicemirroring-controller",
  "ephemeral-volume-controller",
  "expand-controller",
  "generic-garbage-collector",
  "horizontal-pod-autoscaler",
  "job-controller",
  "kube-apiserver-serving-clustertrustbundle-publisher",
  "legacy-service-account-token-cleaner",
  "namespace-controller",
  "node-controller",
  "persistent-volume-binder",
  "pod-garbage-collector",
  "pv-protection-controller",
  "pvc-protection-controller",
  "replicaset-controller",
  "replication-controller",
  "resource-claim-controller",
  "resourcequota-controller",
  "root-ca-cert-publisher",
  "route-controller",
  "selinux-warning-controller",
  "service-account-controller",
  "service-cidrs-controller",
  "service-controller",
  "statefulset-controller",
  "storage-version-migrator-controller",
  "taint-eviction-controller",
  "token-cleaner",
  "ttl-after-finished-controller",
  "ttl-controller",
  "validatingadmissionpolicy-status-controller",
  "volumeattributesclass-protection-controller",
]);

/**
 * Whether the platform uses the name in the authority namespace: an account of a controller, the source that `flux bootstrap`
 * creates (`flux-system`), or an object of this program. A tenant's account, sources and release have the tenant's name
 * there, so under one of these names its chart would run with rights over the cluster.
 */
export function isPlatformName(name: string): boolean {
  return (
    controllerAccounts.has(name) || ["default", "flux-system"].includes(name) || name.startsWith("shared-authority")
  );
}

/** Whether a Secret is one of `flux bootstrap` (`flux-system`) or of this program: a host that gets it may write here. */
export function isPlatformSecret(name: string): boolean {
  return /^(?:flux-system(?![a-z0-9])|shared-authority)/.test(name);
}

/** Whether it is the namespace of Flux's objects alone. The accounts in a cluster namespace have rights of their own. */
export function isAuthorityNamespace(name: string): boolean {
  return name === "flux-system" || !isClusterNamespace(name);
}

/** What a ResourceQuota may limit without a domain before the name. */
const quotaResources: readonly string[] = [
  "cpu",
  "memory",
  "ephemeral-storage",
  "pods",
  "services",
  "services.loadbalancers",
  "services.nodeports",
  "replicationcontrollers",
  "resourcequotas",
  "secrets",
  "configmaps",
  "persistentvolumeclaims",
  "requests.cpu",
  "requests.memory",
  "requests.storage",
  "requests.ephemeral-storage",
  "limits.cpu",
  "limits.memory",
  "limits.ephemeral-storage",
];

const domain = "[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*";

/** Whether a ResourceQuota can limit it: `requests.cpu`, `pods`, `count/deployments.apps`, `requests.nvidia.com/gpu`. */
export const quotaResource = new RegExp(
  `^(?:${quotaResources.map((name) => name.replaceAll(".", "\\.")).join("|")}` +
    `|(?:requests\\.)?hugepages-[0-9]+[KMG]i|count/${domain}|(?:requests\\.)?${domain}/[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)$`,
);

/** Whether a container can ask for it: `cpu`, `memory`, `ephemeral-storage`, `hugepages-2Mi`, `nvidia.com/gpu`. */
export const containerResource = new RegExp(
  `^(?:cpu|memory|ephemeral-storage|hugepages-[0-9]+[KMG]i|${domain}/[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)$`,
);
