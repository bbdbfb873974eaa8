import { builtInDefaults, defaultAuthorityNamespace } from "../config/built-in-defaults";
import { label, labelOf, tenantMarks } from "./annotation";
import { admissionMarks, type NamespaceImages } from "./image-admission";
import { type ComponentObject, defined, type KubernetesObject, type ObjectMeta } from "./object";
import { deployerRules, type RoleRule, teamRules } from "./role";

/** A tenant's namespace setup. All arguments are plain: they are parts of names, or a policy judges them. */
export interface TenantArgs {
  /** The stack, as a label of the namespace: no other stack may take the namespace over. Default: no label. */
  readonly stack?: string;
  /** The namespace in which the tenant's workload runs. */
  readonly namespace: string;
  /** The namespace of the platform's Flux objects, in which the tenant has no rights. Default: `flux-system`. */
  readonly authorityNamespace?: string;
  /** Kubernetes groups of the application team. Default: only the platform team has access to the namespace. */
  readonly team?: readonly string[];
  /** `spec.hard` of the ResourceQuota, as a whole. Default: enough for a small service, without NodePort and LoadBalancer. */
  readonly quota?: Readonly<Record<string, string>>;
  /** What one container gets, for the LimitRange. Default: 50m to 500m CPU, 64Mi to 256Mi memory. */
  readonly limits?: Limits;
  /** Connections that are allowed besides those within the namespace and to the cluster's DNS. Default: none. */
  readonly network?: Network;
  /** The Pod Security level that the namespace enforces. Default: `restricted`. */
  readonly podSecurity?: "restricted" | "baseline" | "privileged";
  /** Which images may run in the namespace. Default: all. */
  readonly images?: NamespaceImages;
}

/** What one container gets, each a mapping such as `{ cpu: "500m", memory: "256Mi" }`. */
export interface Limits {
  /** The limits of a container that names none. Default: `cpu: 500m`, `memory: 256Mi`. */
  readonly default?: Readonly<Record<string, string>>;
  /** The requests of a container that names none. Default: `cpu: 50m`, `memory: 64Mi`. */
  readonly defaultRequest?: Readonly<Record<string, string>>;
  /** The highest limits that a container may name. Default: only the quota applies. */
  readonly max?: Readonly<Record<string, string>>;
}

/** Connections that are allowed besides those within the namespace and to the cluster's DNS. */
export interface Network {
  /** Who may reach the tenant's pods. Default: nobody. */
  readonly ingress?: readonly NetworkRule[];
  /** What the tenant's pods may reach. Default: nothing. */
  readonly egress?: readonly NetworkRule[];
}

/** One opening. It names at least one namespace or address block. */
export interface NetworkRule {
  /** Namespaces of the cluster, by name. Default: none. */
  readonly namespaces?: readonly string[];
  /** Address blocks in CIDR notation, such as `10.0.0.0/8`. Default: none. */
  readonly cidrs?: readonly string[];
  /** The ports. Default: all. */
  readonly ports?: readonly NetworkPort[];
}

/** A port of a connection. */
export interface NetworkPort {
  /** 1 to 65535. */
  readonly port: number;
  /** Default: `TCP`. */
  readonly protocol?: "TCP" | "UDP" | "SCTP";
}

const rbacGroup = "rbac.authorization.k8s.io";
const rbacVersion = `${rbacGroup}/v1`;

/** The label that Kubernetes sets on every namespace, with its name. */
const namespaceNameLabel = "kubernetes.io/metadata.name";

/** The Namespace first, then account, roles, quota, limits and network policies, which depend on it. */
export function tenantObjects(tenant: string, args: TenantArgs): ComponentObject[] {
  const {
    authorityNamespace = defaultAuthorityNamespace,
    team = builtInDefaults.team,
    quota = builtInDefaults.quota,
    limits,
    network,
    podSecurity: level = builtInDefaults.podSecurity,
  } = args;
  const { labels, annotations } = tenantMarks(tenant);
  const meta = (name: string): ObjectMeta => ({ name, namespace: args.namespace, labels, annotations });
  const admission = admissionMarks(args.images);
  const namespace = {
    apiVersion: "v1",
    kind: "Namespace",
    metadata: {
      name: args.namespace,
      labels: {
        ...labels,
        "pod-security.kubernetes.io/audit": level,
        "pod-security.kubernetes.io/enforce": level,
        "pod-security.kubernetes.io/warn": level,
        ...(args.stack !== undefined && { [label.stack]: labelOf(args.stack) }),
        ...admission.labels,
      },
      annotations: { ...annotations, ...admission.annotations },
    },
  };
  const account = { name: tenant, namespace: authorityNamespace };
  const guardrails = [
    {
      apiVersion: "v1",
      kind: "ServiceAccount",
      metadata: { ...account, labels, annotations },
      automountServiceAccountToken: false,
    },
    ...access(meta("deployer"), deployerRules, [{ kind: "ServiceAccount", ...account }]),
    ...(team.length === 0 ? [] : access(meta("team"), teamRules, team.map(groupSubject))),
    { apiVersion: "v1", kind: "ResourceQuota", metadata: meta("tenant"), spec: { hard: { ...quota } } },
    {
      apiVersion: "v1",
      kind: "LimitRange",
      metadata: meta("tenant"),
      spec: { limits: [{ type: "Container", ...defined({ ...builtInDefaults.limits, ...limits }) }] },
    },
    ...networkPolicies(meta, network),
  ];
  return [{ object: namespace }, ...guardrails.map((object) => ({ object, dependsOn: namespace }))];
}

type Subject = Readonly<Record<string, string>>;

function groupSubject(group: string): Subject {
  return { kind: "Group", name: group, apiGroup: rbacGroup };
}

/** A Role, and the RoleBinding of the same name. */
function access(metadata: ObjectMeta, rules: readonly RoleRule[], subjects: readonly Subject[]): KubernetesObject[] {
  return [
    { apiVersion: rbacVersion, kind: "Role", metadata, rules },
    {
      apiVersion: rbacVersion,
      kind: "RoleBinding",
      metadata,
      roleRef: { apiGroup: rbacGroup, kind: "Role", name: metadata.name },
      subjects,
    },
  ];
}

/**
 * All traffic is denied except within the namespace, to the cluster's DNS, and as the tenant's entry declares. Network
 * policies only add permissions, so the tenant's role does not let its chart create any.
 */
function networkPolicies(
  meta: (name: string) => ObjectMeta,
  { ingress = [], egress = [] }: Network = {},
): KubernetesObject[] {
  const everyPod = {};
  const policy = (name: string, policyTypes: readonly string[], rules: Readonly<Record<string, unknown>> = {}) => ({
    apiVersion: "networking.k8s.io/v1",
    kind: "NetworkPolicy",
    metadata: meta(name),
    spec: { podSelector: everyPod, policyTypes, ...rules },
  });
  const dns = {
    to: [{ namespaceSelector: { matchLabels: { [namespaceNameLabel]: "kube-system" } } }],
    ports: ["UDP", "TCP"].map((protocol) => ({ port: 53, protocol })),
  };
  return [
    policy("default-deny", ["Ingress", "Egress"]),
    policy("allow-same-namespace", ["Ingress", "Egress"], {
      ingress: [{ from: [{ podSelector: everyPod }] }],
      egress: [{ to: [{ podSelector: everyPod }] }],
    }),
    policy("allow-dns", ["Egress"], { egress: [dns] }),
    ...(ingress.length === 0
      ? []
      : [
          policy("allow-declared-ingress", ["Ingress"], {
            ingress: ingress.map((rule) => ({ from: peers(rule), ...ports(rule) })),
          }),
        ]),
    ...(egress.length === 0
      ? []
      : [
          policy("allow-declared-egress", ["Egress"], {
            egress: egress.map((rule) => ({ to: peers(rule), ...ports(rule) })),
          }),
        ]),
  ];
}

function peers({ namespaces = [], cidrs = [] }: NetworkRule): unknown[] {
  return [
    ...namespaces.map((namespace) => ({ namespaceSelector: { matchLabels: { [namespaceNameLabel]: namespace } } })),
    ...cidrs.map((cidr) => ({ ipBlock: { cidr } })),
  ];
}

/** A missing `ports` means all ports; an empty list would be a permanent diff. */
function ports({ ports = [] }: NetworkRule): { ports?: unknown[] } {
  return ports.length === 0 ? {} : { ports: ports.map(({ port, protocol = "TCP" }) => ({ port, protocol })) };
}
