import * as pulumi from "@pulumi/pulumi";
import { type TenantArgs, tenantObjects } from "../manifests/tenant";
import { KubernetesComponent } from "./kubernetes-component";

export type { TenantArgs } from "../manifests/tenant";

/**
 * One tenant's namespace setup: a Namespace with Pod Security labels, the ServiceAccount that Flux impersonates, the
 * roles of that account and of the team, ResourceQuota, LimitRange, and NetworkPolicies that deny by default. The
 * component's name is the tenant's name.
 */
export class Tenant extends KubernetesComponent {
  /** The namespace in which the tenant's workload runs. */
  readonly namespace: pulumi.Output<string>;
  /** The ServiceAccount in the authority namespace that Flux impersonates for this tenant. */
  readonly serviceAccountName: pulumi.Output<string>;

  constructor(name: string, args: TenantArgs, opts?: pulumi.ComponentResourceOptions) {
    super("Tenant", name, tenantObjects(name, args), opts);
    this.namespace = pulumi.output(args.namespace);
    this.serviceAccountName = pulumi.output(name);
    this.registerOutputs({ namespace: this.namespace, serviceAccountName: this.serviceAccountName });
  }
}
