/**
 * Our own roles. Kubernetes' `edit` and `admin` are not safe: Flux's ClusterRole `flux-edit` is aggregated into both, so
 * anyone bound to one of them can move a release.
 */

/** One rule of a Kubernetes Role. */
export interface RoleRule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
}

const read = ["get", "list", "watch"];
const write = [...read, "create", "update", "patch", "delete", "deletecollection"];

/**
 * What Flux may do in a tenant's namespace on behalf of the tenant's chart: it may manage the workload, but none of the
 * guardrails. Quota, limits, network policies, roles and Flux's objects belong to the platform.
 */
export const deployerRules: readonly RoleRule[] = [
  {
    apiGroups: [""],
    resources: ["configmaps", "persistentvolumeclaims", "pods", "secrets", "serviceaccounts", "services"],
    verbs: write,
  },
  // Writing endpoints can route an ingress to any pod of the cluster, bypassing network policies (CVE-2021-25740).
  { apiGroups: [""], resources: ["endpoints", "events", "pods/log", "replicationcontrollers"], verbs: read },
  {
    apiGroups: ["apps"],
    resources: ["daemonsets", "deployments", "deployments/scale", "replicasets", "statefulsets", "statefulsets/scale"],
    verbs: write,
  },
  { apiGroups: ["autoscaling"], resources: ["horizontalpodautoscalers"], verbs: write },
  { apiGroups: ["batch"], resources: ["cronjobs", "jobs"], verbs: write },
  { apiGroups: ["networking.k8s.io"], resources: ["ingresses"], verbs: write },
  { apiGroups: ["gateway.networking.k8s.io"], resources: ["grpcroutes", "httproutes"], verbs: write },
  { apiGroups: ["monitoring.coreos.com"], resources: ["podmonitors", "servicemonitors"], verbs: write },
  { apiGroups: ["policy"], resources: ["poddisruptionbudgets"], verbs: write },
];

/**
 * What the application team may do in its namespace: see everything that its chart created, including Helm's record of
 * the release, and restart pods by deleting them. It may not patch a Deployment, which could run an image that was not
 * released.
 */
export const teamRules: readonly RoleRule[] = [
  {
    apiGroups: [""],
    resources: [
      "configmaps",
      "endpoints",
      "events",
      "limitranges",
      "persistentvolumeclaims",
      "pods",
      "pods/log",
      "pods/status",
      "resourcequotas",
      "secrets",
      "serviceaccounts",
      "services",
    ],
    verbs: read,
  },
  { apiGroups: [""], resources: ["pods"], verbs: ["delete", "deletecollection"] },
  // Clients forward through WebSockets, which need `get`, or through SPDY, which needs `create`.
  { apiGroups: [""], resources: ["pods/portforward"], verbs: ["get", "create"] },
  { apiGroups: ["apps"], resources: ["daemonsets", "deployments", "replicasets", "statefulsets"], verbs: read },
  { apiGroups: ["autoscaling"], resources: ["horizontalpodautoscalers"], verbs: read },
  { apiGroups: ["batch"], resources: ["cronjobs", "jobs"], verbs: read },
  { apiGroups: ["discovery.k8s.io"], resources: ["endpointslices"], verbs: read },
  { apiGroups: ["events.k8s.io"], resources: ["events"], verbs: read },
  { apiGroups: ["metrics.k8s.io"], resources: ["pods"], verbs: read },
  { apiGroups: ["networking.k8s.io"], resources: ["ingresses", "networkpolicies"], verbs: read },
  { apiGroups: ["gateway.networking.k8s.io"], resources: ["grpcroutes", "httproutes"], verbs: read },
  { apiGroups: ["monitoring.coreos.com"], resources: ["podmonitors", "servicemonitors"], verbs: read },
  { apiGroups: ["policy"], resources: ["poddisruptionbudgets"], verbs: read },
];
