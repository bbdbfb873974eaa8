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

/** Flux's controllers and its operator, whose accounts `flux install` binds to rights over the whole cluster. */
const fluxAccounts: readonly string[] = [
  "flux-operator",
  "helm-controller",
  "image-automation-controller",
  "image-reflector-controller",
  "kustomize-controller",
  "notification-controller",
  "source-controller",
  "source-watcher",
];

/**
 * Whether the platform uses the name in the authority namespace: an account of Flux, the source that `flux bootstrap`
 * creates (`flux-system`), or an object of this program. A tenant's account, sources and release have the tenant's name
 * there, so under one of these names its chart would run with rights over the cluster.
 */
export function isPlatformName(name: string): boolean {
  return (
    fluxAccounts.includes(name) || ["default", "flux-system"].includes(name) || name.startsWith("shared-authority")
  );
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
