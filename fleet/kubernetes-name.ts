/** Names that Kubernetes takes. */

/** RFC 1123 label: what a namespace is called. */
export const dnsLabel = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

/** A DNS label that is no longer than Helm lets the name of a release be: 53 characters. */
export const releaseName = /^[a-z0-9](?:[a-z0-9-]{0,51}[a-z0-9])?$/;

/** RFC 1123 subdomain, up to 253 characters: what a Secret is called. */
export const dnsSubdomain = /^(?=.{1,253}$)[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*$/;

/** A key of a Secret or a ConfigMap; Kubernetes takes none that begins with two points. */
export const dataKey = /^(?!\.\.|\.$)[-._a-zA-Z0-9]{1,253}$/;

/** Namespaces that belong to the cluster itself; no tenant may be put there. */
export const clusterNamespaces: readonly string[] = ["kube-system", "kube-public", "kube-node-lease", "default"];

/** What a ResourceQuota may bound without a domain before the name. */
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

/** Whether a ResourceQuota can bound it: `requests.cpu`, `pods`, `count/deployments.apps`, `requests.nvidia.com/gpu`. */
export const quotaResource = new RegExp(
  `^(?:${quotaResources.map((name) => name.replaceAll(".", "\\.")).join("|")}` +
    `|(?:requests\\.)?hugepages-[0-9]+[KMG]i|count/${domain}|(?:requests\\.)?${domain}/[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)$`,
);

/** Whether a container can ask for it: `cpu`, `memory`, `ephemeral-storage`, `hugepages-2Mi`, `nvidia.com/gpu`. */
export const containerResource = new RegExp(
  `^(?:cpu|memory|ephemeral-storage|hugepages-[0-9]+[KMG]i|${domain}/[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)$`,
);
