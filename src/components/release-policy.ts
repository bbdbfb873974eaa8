import type * as pulumi from "@pulumi/pulumi";
import { type ReleasePolicyArgs as Args, releasePolicyObjects } from "../manifests/release-policy";
import { resolvedSourceName } from "../manifests/source";
import { KubernetesComponent } from "./kubernetes-component";

/** Where the chart comes from, which versions may run and who moves them. */
export type ReleasePolicyArgs = Args<pulumi.Input<string>>;

/**
 * The platform team's decision about one tenant: the source, named after the version if the stack follows tags, and
 * Flux's ImageRepository and ImagePolicy, which find the newest release that the policy allows. The component's name is
 * the tenant's name.
 */
export class ReleasePolicy extends KubernetesComponent {
  private readonly names: { readonly sourceName: string | undefined };

  constructor(name: string, args: ReleasePolicyArgs, opts?: pulumi.ComponentResourceOptions) {
    super("ReleasePolicy", name, releasePolicyObjects(name, args), opts);
    this.names = { sourceName: args.source && resolvedSourceName(name, args.source.evidence) };
    this.registerOutputs(this.names);
  }

  /** The GitRepository or OCIRepository of the release, if there is a source. Its outputs resolve when it is fetched. */
  get source(): pulumi.CustomResource | undefined {
    return this.child("GitRepository", "OCIRepository");
  }

  /** The name of the source: `podinfo-6.14.1`. What uses it waits until the source is fetched. */
  get sourceName(): pulumi.Output<string | undefined> {
    return this.after(this.source, this.names.sourceName);
  }
}
