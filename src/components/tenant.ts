import type * as pulumi from "@pulumi/pulumi";
import { printable } from "../config/printable";
import { type Network, type TenantArgs, tenantObjects } from "../manifests/tenant";
import { KubernetesComponent } from "./kubernetes-component";
import { refusal } from "./refusal";

/**
 * One tenant's namespace setup: a Namespace with Pod Security labels, the ServiceAccount that Flux impersonates, the
 * roles of that account and of the team, ResourceQuota, LimitRange, and NetworkPolicies that deny by default. The
 * component's name is the tenant's name.
 */
export class Tenant extends KubernetesComponent {
  private readonly names: { readonly namespace: string; readonly serviceAccountName: string };

  /** @throws pulumi.RunError if a network rule names no namespace and no address block, and so would be for all */
  constructor(name: string, args: TenantArgs, opts?: pulumi.ComponentResourceOptions) {
    checkNetwork(name, args.network);
    super("Tenant", name, tenantObjects(name, args), opts);
    this.names = { namespace: args.namespace, serviceAccountName: name };
    this.registerOutputs(this.names);
  }

  /** The namespace in which the tenant's workload runs. What uses it waits for the Namespace. */
  get namespace(): pulumi.Output<string> {
    return this.after(this.child("Namespace"), this.names.namespace);
  }

  /** The ServiceAccount in the authority namespace that Flux impersonates. What uses it waits for the ServiceAccount. */
  get serviceAccountName(): pulumi.Output<string> {
    return this.after(this.child("ServiceAccount"), this.names.serviceAccountName);
  }
}

/** Kubernetes reads a rule without peers as one for all of them. */
function checkNetwork(tenant: string, network: Network = {}): void {
  for (const direction of ["ingress", "egress"] as const) {
    for (const [index, { namespaces = [], cidrs = [] }] of (network[direction] ?? []).entries()) {
      if (namespaces.length + cidrs.length > 0) continue;
      throw refusal(
        `Tenant ${printable(tenant)}: network.${direction}[${index}] names no namespace and no address block, so it would open the tenant to everyone. Name at least one, such as \`cidrs: ["10.0.0.0/8"]\`.`,
      );
    }
  }
}
