import type { KubernetesObject } from "../../src/manifests/object";
import type { Program } from "./tools";

/** The namespace that Flux runs in. */
export const fluxNamespace = "flux-system";

/** Flux's controllers, each with a service account of the same name. */
export const fluxControllers = [
  "source-controller",
  "helm-controller",
  "kustomize-controller",
  "image-reflector-controller",
  "image-automation-controller",
  "notification-controller",
] as const satisfies readonly Program[];

/** One of Flux's controllers. */
export type FluxController = (typeof fluxControllers)[number];

/** The controllers that impersonate other accounts, and so are cluster administrators themselves. */
const reconcilers: readonly FluxController[] = ["helm-controller", "kustomize-controller"];

const apiGroups = ["source", "helm", "kustomize", "image", "notification"].map((name) => `${name}.toolkit.fluxcd.io`);

const readVerbs = ["get", "list", "watch"];
const writeVerbs = ["create", "delete", "deletecollection", "patch", "update"];

/**
 * The objects that `flux install` creates, without the definitions and Deployments: namespace, service accounts and roles
 * with the same names. Its roles are aggregated into `edit`, `admin` and `view`: a team that is bound to `edit` can
 * change its own release, which is what the isolation tests check.
 */
export function fluxInstall(): readonly KubernetesObject[] {
  return [
    {
      apiVersion: "v1",
      kind: "Namespace",
      metadata: {
        name: fluxNamespace,
        labels: { "app.kubernetes.io/part-of": "flux", "pod-security.kubernetes.io/warn": "restricted" },
      },
    },
    ...fluxControllers.map((name) => ({
      apiVersion: "v1",
      kind: "ServiceAccount",
      metadata: { name, namespace: fluxNamespace },
    })),
    clusterRole("crd-controller", {}, [
      { apiGroups, resources: ["*"], verbs: ["*"] },
      { apiGroups: [""], resources: ["namespaces", "secrets", "configmaps", "serviceaccounts"], verbs: readVerbs },
      { apiGroups: [""], resources: ["events"], verbs: ["create", "patch"] },
      { apiGroups: [""], resources: ["configmaps"], verbs: ["create", "update", "patch", "delete"] },
      { apiGroups: [""], resources: ["configmaps/status"], verbs: ["get", "update", "patch"] },
      {
        apiGroups: ["coordination.k8s.io"],
        resources: ["leases"],
        verbs: [...readVerbs, "create", "update", "patch", "delete"],
      },
      { apiGroups: [""], resources: ["serviceaccounts/token"], verbs: ["create"] },
      { nonResourceURLs: ["/livez/ping"], verbs: ["head"] },
    ]),
    clusterRole("flux-edit", aggregatedTo("admin", "edit"), [{ apiGroups, resources: ["*"], verbs: writeVerbs }]),
    clusterRole("flux-view", aggregatedTo("admin", "edit", "view"), [
      { apiGroups, resources: ["*"], verbs: readVerbs },
    ]),
    clusterRoleBinding("crd-controller", `crd-controller-${fluxNamespace}`, fluxControllers),
    clusterRoleBinding("cluster-reconciler", "cluster-admin", reconcilers),
  ];
}

function clusterRole(
  name: string,
  labels: Readonly<Record<string, string>>,
  rules: readonly object[],
): KubernetesObject {
  return {
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind: "ClusterRole",
    metadata: { name: `${name}-${fluxNamespace}`, labels },
    rules,
  };
}

function clusterRoleBinding(name: string, role: string, accounts: readonly FluxController[]): KubernetesObject {
  return {
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind: "ClusterRoleBinding",
    metadata: { name: `${name}-${fluxNamespace}` },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: role },
    subjects: accounts.map((account) => ({ kind: "ServiceAccount", name: account, namespace: fluxNamespace })),
  };
}

function aggregatedTo(...roles: readonly string[]): Record<string, string> {
  return Object.fromEntries(roles.map((role) => [`rbac.authorization.k8s.io/aggregate-to-${role}`, "true"]));
}
