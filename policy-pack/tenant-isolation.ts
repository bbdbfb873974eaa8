import type { Tenant } from "../src/config/stack-config";
import { isClusterNamespace, isPlatformName } from "../src/config/kubernetes-name";
import type { StackConfig } from "../src/config/stack-config";
import { isMap, isSet, listAt, mapAt, textAt, textsAt, valueAt } from "./field";
import { definePolicy, type PolicyContext } from "./define-policy";
import type { JudgedObject } from "./judged-object";
import { mustBe, tenantOf } from "./release-evidence";
import type { Run } from "./run";
import { connectingKinds, credentialFaults } from "./source-credentials";
import { tenantIn } from "./tenants";

const rbacGroup = "rbac.authorization.k8s.io";
const enforceLabel = "pod-security.kubernetes.io/enforce";

/** A tenant stays in its namespace, and the namespace has its guardrails. */
export const tenantIsolation = definePolicy(
  {
    name: "tenant-isolation",
    displayName: "A tenant stays in its namespace",
    description:
      "Every object is in a tenant's or the authority namespace, and each tenant's namespace has its guardrails: roles " +
      "without Flux verbs, quota, limits, default-deny network policy, Pod Security labels.",
    severity: "critical",
    enforcementLevel: "mandatory",
    remediationSteps:
      "let the component Tenant create the tenant's namespace and guardrails, declare what else it needs under its entry " +
      "in the stack file, and register the platform's own objects in another stack.",
  },
  {
    applies: () => true,
    judge: (object, context) => [
      ...(object.contradiction === undefined ? [] : [object.contradiction]),
      ...namespaceOfObjectFaults(object, context.config),
      ...kindFaults(object, context),
    ],
    judgeStack: ({ config, run }) =>
      config.tenants
        .filter((tenant) => run.find("HelmRelease", config.authorityNamespace, tenant.name) === undefined)
        .filter((tenant) => run.find("Namespace", undefined, tenant.namespace) !== undefined)
        .flatMap((tenant) => missingGuardrails(tenant, run)),
  },
);

/** Checks the namespace of an object. A custom resource of unknown scope counts as cluster-scoped. */
function namespaceOfObjectFaults(object: JudgedObject, config: StackConfig): string[] {
  const { namespace } = object;
  if (object.isCoreKind("Namespace")) {
    return object.name === config.authorityNamespace || tenantIn(config, object.name) !== undefined
      ? []
      : [`no tenant of the stack has the namespace "${object.name}"`];
  }
  if (object.group === "helm.sh") return ["it installs a chart with the rights of whoever runs the program"];
  if (namespace === undefined) {
    return ["it names no namespace, so it is for the whole cluster, or lands wherever the provider points"];
  }
  if (namespace === config.authorityNamespace) return authorityFaults(object);
  if (tenantIn(config, namespace) === undefined) {
    return [`the namespace "${namespace}" is neither a tenant's nor the authority namespace`];
  }
  return object.isFlux
    ? [`a ${object.kind} in a tenant's namespace lets the tenant move it; it belongs in "${config.authorityNamespace}"`]
    : [];
}

/** Flux kinds that run workloads only with the rights of the tenant's account. */
const boundFluxKinds = [
  ...["GitRepository", "OCIRepository", "HelmRelease"],
  ...["ImageRepository", "ImagePolicy", "ImageUpdateAutomation", "Alert", "Provider", "Receiver"],
];

/** Anything that runs in the authority namespace can obtain the cluster-wide rights of Flux's controllers. */
function authorityFaults(object: JudgedObject): string[] {
  if (object.isFlux) {
    return boundFluxKinds.includes(object.kind)
      ? []
      : [`a ${object.kind} runs with the rights of Flux's controller; declare a tenant with a chart instead`];
  }
  const isPlatforms = object.group === rbacGroup || ["ConfigMap", "Secret", "ServiceAccount"].includes(object.kind);
  return isPlatforms ? [] : [`a ${object.kind} has no place in the authority namespace, beside Flux's own rights`];
}

function kindFaults(object: JudgedObject, context: PolicyContext): string[] {
  const { config } = context;
  if (object.isFluxKind("HelmRelease")) return helmReleaseFaults(object, context);
  if (object.isFluxKind(...connectingKinds)) return credentialFaults(object, config);
  if (object.isCoreKind("Namespace")) return namespaceFaults(object, config);
  if (object.isCoreKind("ServiceAccount")) return serviceAccountFaults(object, config);
  if (object.isCoreKind("ResourceQuota") && !isSet(object.content, "spec", "hard")) return ["spec.hard sets no bound"];
  if (object.isCoreKind("LimitRange") && !isSet(object.content, "spec", "limits")) return ["spec.limits sets no limit"];
  if (object.group === "networking.k8s.io" && object.kind === "NetworkPolicy") return networkPolicyFaults(object);
  if (object.group !== rbacGroup) return [];
  switch (object.kind) {
    case "Role":
      return roleFaults(object, config);
    case "RoleBinding":
      return roleBindingFaults(object, config);
    default:
      return [`a ${object.kind} reaches beyond the tenant's namespace; use a Role and a RoleBinding in it`];
  }
}

function namespaceFaults(object: JudgedObject, config: StackConfig): string[] {
  const tenant = tenantIn(config, object.name);
  if (tenant === undefined) return [];
  return [
    ...(isClusterNamespace(object.name)
      ? [`the namespace "${object.name}" is the cluster's own, and no tenant's`]
      : []),
    ...mustBe(`the label \`${enforceLabel}\``, object.labels[enforceLabel], tenant.podSecurity),
  ];
}

function serviceAccountFaults(object: JudgedObject, { authorityNamespace }: StackConfig): string[] {
  return [
    ...(object.namespace === authorityNamespace ? platformNameFaults(object.name) : []),
    ...(valueAt(object.content, "automountServiceAccountToken") === false
      ? []
      : ["`automountServiceAccountToken` must be false: nobody but Flux acts as this account"]),
  ];
}

/** Flux's own service accounts have cluster-wide rights and are in the same namespace as the tenants' accounts. */
function platformNameFaults(account: string): string[] {
  return isPlatformName(account)
    ? [`the account "${account}" is the platform's: a tenant's chart would run with its rights`]
    : [];
}

const dangerousVerbs = ["*", "escalate", "bind", "impersonate"];
const readingVerbs = ["get", "list", "watch"];

/** Resources, by API group, that only the platform may change. */
const guardrails: Readonly<Record<string, readonly string[]>> = {
  "": ["resourcequotas", "limitranges", "namespaces", "serviceaccounts/token"],
  "networking.k8s.io": ["networkpolicies"],
  [rbacGroup]: ["roles", "rolebindings"],
};

function roleFaults(object: JudgedObject, { authorityNamespace }: StackConfig): string[] {
  const faults =
    object.namespace === authorityNamespace ? ["a role in the authority namespace is a right that no tenant has"] : [];
  for (const rule of listAt(object.content, "rules")) {
    const groups = textsAt(rule, "apiGroups");
    const verbs = textsAt(rule, "verbs");
    const resources = textsAt(rule, "resources");
    const writes = verbs.some((verb) => !readingVerbs.includes(verb));
    if (groups.some((group) => group.includes("*")))
      faults.push('a rule is over every API group ("*"), Flux\'s among them');
    for (const group of groups.filter((name) => /(?:^|\.)fluxcd\./.test(name))) {
      faults.push(`a rule is over Flux's own objects ("${group}"), so a tenant could move its release`);
    }
    for (const verb of verbs.filter((name) => dangerousVerbs.includes(name))) {
      faults.push(`a rule has the verb "${verb}", by which a tenant gets more rights than it was given`);
    }
    for (const group of writes ? groups : []) {
      const open = resources.filter((name) => name.startsWith("*") || (guardrails[group] ?? []).includes(name));
      if (open.length > 0 && guardrails[group] !== undefined) {
        faults.push(`a rule lets a tenant change "${open.join('", "')}" of "${group}", which are its guardrails`);
      }
    }
  }
  return faults;
}

function roleBindingFaults(object: JudgedObject, config: StackConfig): string[] {
  const { authorityNamespace } = config;
  if (object.namespace === authorityNamespace)
    return ["a role binding in the authority namespace gives rights that no tenant has"];
  const tenant = tenantIn(config, object.namespace ?? "");
  const role = textAt(object.content, "roleRef", "name") ?? "";
  const faults = mustBe("roleRef.kind", textAt(object.content, "roleRef", "kind"), "Role").map(
    (fault) =>
      `${fault}: "${role}" may hold Flux verbs, now or by aggregation (\`flux-edit\` is in \`edit\` and \`admin\`)`,
  );
  for (const subject of listAt(object.content, "subjects")) {
    const kind = textAt(subject, "kind") ?? "";
    const name = textAt(subject, "name") ?? "";
    const isDeployer =
      kind === "ServiceAccount" && name === tenant?.name && textAt(subject, "namespace") === authorityNamespace;
    const isTeam = kind === "Group" && tenant?.team.includes(name) === true;
    if (!isDeployer && !isTeam)
      faults.push(`the subject ${kind} "${name}" is neither the tenant's account nor its team`);
  }
  return faults;
}

/** Network policies are additive: one that is open to all cancels the default-deny policy. */
function networkPolicyFaults(object: JudgedObject): string[] {
  return (["ingress", "egress"] as const).flatMap((direction) => {
    const peersKey = direction === "ingress" ? "from" : "to";
    const isOpen = listAt(object.content, "spec", direction).some(
      (rule) => !isSet(rule, peersKey) || listAt(rule, peersKey).some(isEveryNamespace),
    );
    return isOpen ? [`spec.${direction} is open to everybody; name the namespaces or address blocks`] : [];
  });
}

function isEveryNamespace(peer: unknown): boolean {
  const selector = valueAt(peer, "namespaceSelector");
  return isMap(peer) && Object.keys(peer).length === 0 ? true : isMap(selector) && Object.keys(selector).length === 0;
}

/**
 * Also checks the guardrails of the tenant's namespace: the HelmRelease is the tenant's last object, and stack
 * validation runs too late to block.
 */
function helmReleaseFaults(object: JudgedObject, { config, run }: PolicyContext): string[] {
  const tenant = tenantOf(object, config);
  if (tenant === undefined) return ["no tenant of the stack declares it"];
  const { content } = object;
  const { authorityNamespace } = config;
  const account = run.find("ServiceAccount", authorityNamespace, tenant.name);
  return [
    ...mustBe("its namespace", object.namespace, authorityNamespace),
    ...mustBe("spec.serviceAccountName", textAt(content, "spec", "serviceAccountName"), tenant.name),
    ...platformNameFaults(tenant.name),
    ...mustBe("spec.targetNamespace", textAt(content, "spec", "targetNamespace"), tenant.namespace),
    ...mustBe("spec.storageNamespace", textAt(content, "spec", "storageNamespace"), tenant.namespace),
    ...(isSet(content, "spec", "kubeConfig") ? ["spec.kubeConfig is set, which deploys to another cluster"] : []),
    ...(isSet(content, "spec", "install", "createNamespace")
      ? ["spec.install.createNamespace is set, which creates a namespace without guardrails"]
      : []),
    ...(account === undefined ? [notSeen(`the ServiceAccount "${tenant.name}"`)] : []),
    ...missingGuardrails(tenant, run),
  ];
}

/** The guardrails of a tenant's namespace that have not been judged so far in this run. */
function missingGuardrails(tenant: Tenant, run: Run): string[] {
  const { namespace } = tenant;
  const faults: string[] = [];
  if (run.find("Namespace", undefined, namespace) === undefined) faults.push(notSeen(`the Namespace "${namespace}"`));
  for (const kind of ["ResourceQuota", "LimitRange", "RoleBinding"]) {
    if (run.all(kind, namespace).length === 0) faults.push(notSeen(`a ${kind} in "${namespace}"`));
  }
  if (!run.all("NetworkPolicy", namespace).some(isDefaultDeny)) {
    faults.push(notSeen(`a NetworkPolicy in "${namespace}" over every pod that denies by default, both ways,`));
  }
  for (const binding of run.all("RoleBinding", namespace)) {
    const role = textAt(binding.content, "roleRef", "name") ?? "";
    if (run.find("Role", namespace, role) === undefined) faults.push(notSeen(`the Role "${role}" in "${namespace}"`));
  }
  return faults;
}

function notSeen(what: string): string {
  return `${what} was not judged before it; it must be there, and registered first`;
}

function isDefaultDeny(object: JudgedObject): boolean {
  const spec = mapAt(object.content, "spec");
  const types = textsAt(spec, "policyTypes");
  return (
    isMap(spec.podSelector) &&
    !isSet(spec, "podSelector") &&
    types.includes("Ingress") &&
    types.includes("Egress") &&
    !isSet(spec, "ingress") &&
    !isSet(spec, "egress")
  );
}
