import type { Network, NetworkRule } from "../config/stack-config";
import type { KubernetesObject, ObjectMeta } from "./object";

/** The label that every namespace has with its own name, set by Kubernetes itself. */
const namespaceNameLabel = "kubernetes.io/metadata.name";

const everyPod = {};

/** A NetworkPolicy over every pod of the namespace. */
function networkPolicy(metadata: ObjectMeta, spec: Readonly<Record<string, unknown>>): KubernetesObject {
  return {
    apiVersion: "networking.k8s.io/v1",
    kind: "NetworkPolicy",
    metadata,
    spec: { podSelector: everyPod, ...spec },
  };
}

/**
 * Nothing comes in and nothing goes out, save within the namespace, to the cluster's DNS, and as the tenant's entry
 * opens it. Network policies only ever add openings, so the tenant's chart may bring none of its own.
 *
 * @param meta gives each policy its metadata
 */
export function networkPolicies(meta: (name: string) => ObjectMeta, network: Network): KubernetesObject[] {
  const policies = [
    networkPolicy(meta("default-deny"), { policyTypes: ["Ingress", "Egress"] }),
    networkPolicy(meta("allow-same-namespace"), {
      policyTypes: ["Ingress", "Egress"],
      ingress: [{ from: [{ podSelector: everyPod }] }],
      egress: [{ to: [{ podSelector: everyPod }] }],
    }),
    networkPolicy(meta("allow-dns"), {
      policyTypes: ["Egress"],
      egress: [
        {
          to: [{ namespaceSelector: { matchLabels: { [namespaceNameLabel]: "kube-system" } } }],
          ports: [
            { port: 53, protocol: "UDP" },
            { port: 53, protocol: "TCP" },
          ],
        },
      ],
    }),
  ];
  if (network.ingress.length > 0) {
    const ingress = network.ingress.map((rule) => ({ from: peers(rule), ...ports(rule) }));
    policies.push(networkPolicy(meta("allow-declared-ingress"), { policyTypes: ["Ingress"], ingress }));
  }
  if (network.egress.length > 0) {
    const egress = network.egress.map((rule) => ({ to: peers(rule), ...ports(rule) }));
    policies.push(networkPolicy(meta("allow-declared-egress"), { policyTypes: ["Egress"], egress }));
  }
  return policies;
}

function peers(rule: NetworkRule): unknown[] {
  return [
    ...rule.namespaces.map((namespace) => ({
      namespaceSelector: { matchLabels: { [namespaceNameLabel]: namespace } },
    })),
    ...rule.cidrs.map((cidr) => ({ ipBlock: { cidr } })),
  ];
}

/** No `ports` means all ports; an empty list would be a diff for ever. */
function ports(rule: NetworkRule): { ports?: unknown[] } {
  return rule.ports.length === 0 ? {} : { ports: rule.ports.map(({ port, protocol }) => ({ port, protocol })) };
}
