/** The values of settings that no file sets. The components of `shared-authority/components` have the same defaults. */

/** The namespace in which `flux install` puts the controllers. */
export const defaultAuthorityNamespace = "flux-system";

/** How often Flux looks, each a Go duration. */
export const defaultIntervals = { source: "1m0s", image: "5m0s", release: "10m0s", automation: "5m0s" } as const;

/** How long Flux waits, each a Go duration. */
export const defaultTimeouts = { source: "1m0s", release: "5m0s" } as const;

/** The shared repository, as Flux's automation commits to it. */
export const defaultConfigRepository = {
  branch: "main",
  path: ".",
  author: { name: "Shared Authority", email: "shared-authority@localhost" },
} as const;

/** The promotion branch of a stack. */
export function defaultPromotionBranch(stack: string): string {
  return `promotions/${stack}`;
}

/** Which charts of a branch run: also pre-releases. */
export const defaultBranchRange = ">=0.0.0-0";

/**
 * What a namespace may use: enough for a small service, and no way into the cluster from outside. The counts are far above
 * what a service needs; they keep a chart from filling etcd or the storage.
 */
const defaultQuota: Readonly<Record<string, string>> = {
  "requests.cpu": "1",
  "requests.memory": "1Gi",
  "requests.storage": "100Gi",
  "limits.cpu": "4",
  "limits.memory": "2Gi",
  pods: "20",
  "services.loadbalancers": "0",
  "services.nodeports": "0",
  "count/configmaps": "200",
  "count/cronjobs.batch": "50",
  "count/daemonsets.apps": "20",
  "count/deployments.apps": "50",
  "count/horizontalpodautoscalers.autoscaling": "50",
  "count/ingresses.networking.k8s.io": "50",
  "count/jobs.batch": "200",
  "count/persistentvolumeclaims": "50",
  "count/poddisruptionbudgets.policy": "50",
  "count/replicasets.apps": "500",
  "count/secrets": "200",
  "count/serviceaccounts": "50",
  "count/services": "50",
  "count/statefulsets.apps": "50",
};

/** The values of keys that no entry sets. */
export const builtInDefaults = {
  branch: "master",
  releasedFrom: ["master"],
  prefix: { git: "", chart: "", image: "" },
  team: [],
  insecureRegistry: false,
  policy: { automation: "manual", deny: [] },
  images: { admission: "audit", also: [] },
  quota: defaultQuota,
  limits: { default: { cpu: "500m", memory: "256Mi" }, defaultRequest: { cpu: "50m", memory: "64Mi" } },
  network: { ingress: [], egress: [] },
  podSecurity: "restricted",
  driftDetection: { ignore: [{ paths: ["/spec/replicas"] }] },
  secrets: [],
} as const;
