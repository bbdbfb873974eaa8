import type { Limits, Network } from "../config/stack-config";
import { annotation } from "./annotation";
import { label } from "./name";
import { networkPolicies } from "./network-policy";
import type { KubernetesObject, ObjectMeta } from "./object";
import { deployerRules, type RoleRule, teamRules } from "./role";

/** What decides a tenant's place in the cluster. All of it is plain: it decides names or is judged by a policy. */
export interface TenantSpec {
  /** The tenant's name: a DNS label of at most 53 characters, since Helm's release bears it. */
  readonly name: string;
  /** The namespace in which the tenant's workload runs. */
  readonly namespace: string;
  /** The namespace of the platform's Flux objects, in which the tenant has no rights. */
  readonly authorityNamespace: string;
  /** Kubernetes groups of the application team. None: nobody but the platform sees the namespace. */
  readonly team: readonly string[];
  /** `spec.hard` of the ResourceQuota. */
  readonly quota: Readonly<Record<string, string>>;
  /** Defaults and bounds of one container. */
  readonly limits: Limits;
  /** What is open beyond the same namespace and DNS. */
  readonly network: Network;
  /** The Pod Security level that the namespace enforces. */
  readonly podSecurity: "restricted" | "baseline" | "privileged";
}

const rbacGroup = "rbac.authorization.k8s.io";
const rbacVersion = `${rbacGroup}/v1`;

/** The Namespace first, then account, roles, quota, limits and network policies, each of which needs it. */
export function tenantObjects(spec: TenantSpec): [KubernetesObject, ...KubernetesObject[]] {
  const marks = { labels: { [label.tenant]: spec.name }, annotations: { [annotation.tenant]: spec.name } };
  const meta = (name: string): ObjectMeta => ({ name, namespace: spec.namespace, ...marks });
  return [
    namespace(spec, marks),
    {
      apiVersion: "v1",
      kind: "ServiceAccount",
      metadata: { name: spec.name, namespace: spec.authorityNamespace, ...marks },
      automountServiceAccountToken: false,
    },
    role(meta("deployer"), deployerRules),
    roleBinding(meta("deployer"), [{ kind: "ServiceAccount", name: spec.name, namespace: spec.authorityNamespace }]),
    ...teamAccess(meta, spec.team),
    { apiVersion: "v1", kind: "ResourceQuota", metadata: meta("tenant"), spec: { hard: { ...spec.quota } } },
    {
      apiVersion: "v1",
      kind: "LimitRange",
      metadata: meta("tenant"),
      spec: { limits: [containerLimits(spec.limits)] },
    },
    ...networkPolicies(meta, spec.network),
  ];
}

function namespace(spec: TenantSpec, marks: Pick<ObjectMeta, "labels" | "annotations">): KubernetesObject {
  const level = spec.podSecurity;
  return {
    apiVersion: "v1",
    kind: "Namespace",
    metadata: {
      name: spec.namespace,
      labels: {
        ...marks.labels,
        "pod-security.kubernetes.io/audit": level,
        "pod-security.kubernetes.io/enforce": level,
        "pod-security.kubernetes.io/warn": level,
      },
      annotations: marks.annotations,
    },
  };
}

function role(metadata: ObjectMeta, rules: readonly RoleRule[]): KubernetesObject {
  return { apiVersion: rbacVersion, kind: "Role", metadata, rules };
}

/** Binds the role of the same name. */
function roleBinding(metadata: ObjectMeta, subjects: readonly Readonly<Record<string, string>>[]): KubernetesObject {
  return {
    apiVersion: rbacVersion,
    kind: "RoleBinding",
    metadata,
    roleRef: { apiGroup: rbacGroup, kind: "Role", name: metadata.name },
    subjects,
  };
}

function teamAccess(meta: (name: string) => ObjectMeta, team: readonly string[]): KubernetesObject[] {
  if (team.length === 0) return [];
  const subjects = team.map((group) => ({ kind: "Group", name: group, apiGroup: rbacGroup }));
  return [role(meta("team"), teamRules), roleBinding(meta("team"), subjects)];
}

function containerLimits(limits: Limits): Record<string, unknown> {
  return {
    type: "Container",
    default: { ...limits.default },
    defaultRequest: { ...limits.defaultRequest },
    ...(limits.max === undefined ? {} : { max: { ...limits.max } }),
  };
}
