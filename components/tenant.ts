import * as pulumi from "@pulumi/pulumi";
import { tenantObjects, type TenantSpec } from "../src/manifests/tenant";
import { registerObject } from "./register";

/**
 * What decides a tenant's place in the cluster; the component's name is the tenant's name. All arguments are plain: each
 * of them decides a name or is judged by a policy, so it must be known in a preview.
 */
export type TenantArgs = Omit<TenantSpec, "name">;

/**
 * One application team's place in a cluster: a Namespace with Pod Security labels, the ServiceAccount that Flux
 * impersonates, the roles of that account and of the team, ResourceQuota, LimitRange, and NetworkPolicies that deny by
 * default.
 */
export class Tenant extends pulumi.ComponentResource {
  /** The namespace in which the tenant's workload runs. */
  readonly namespace: pulumi.Output<string>;
  /** The ServiceAccount in the authority namespace that Flux impersonates for this tenant. */
  readonly serviceAccountName: pulumi.Output<string>;

  constructor(name: string, args: TenantArgs, opts?: pulumi.ComponentResourceOptions) {
    super("shared-authority:index:Tenant", name, {}, opts);
    const [namespace, ...guardrails] = tenantObjects({ ...args, name });
    const place = registerObject(namespace, { parent: this });
    for (const fence of guardrails) registerObject(fence, { parent: this, dependsOn: place });
    this.namespace = pulumi.output(args.namespace);
    this.serviceAccountName = pulumi.output(name);
    this.registerOutputs({ namespace: this.namespace, serviceAccountName: this.serviceAccountName });
  }
}
