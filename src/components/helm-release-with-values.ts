import type * as pulumi from "@pulumi/pulumi";
import { type HelmReleaseWithValuesArgs as Args, helmReleaseObjects } from "../manifests/helm-release";
import { KubernetesComponent } from "./kubernetes-component";

/** A tenant's Helm release and its special config. */
export type HelmReleaseWithValuesArgs = Args<pulumi.Input<string>>;

/**
 * An immutable ConfigMap of the special config, named by the hash of its content, and the HelmRelease that refers to
 * it. A changed value is a changed name, so one patch of the HelmRelease moves the version and the values together. The
 * component's name is the tenant's name.
 */
export class HelmReleaseWithValues extends KubernetesComponent {
  /** The HelmRelease. Its outputs resolve when the release runs, and reject if it fails. */
  readonly release: pulumi.CustomResource;
  private readonly names: { readonly valuesName: string | undefined };

  constructor(name: string, args: HelmReleaseWithValuesArgs, opts?: pulumi.ComponentResourceOptions) {
    const objects = helmReleaseObjects(name, args);
    super("HelmReleaseWithValues", name, objects, opts);
    const release = this.child("HelmRelease");
    if (release === undefined) throw new TypeError("expected a HelmRelease");
    this.release = release;
    this.names = { valuesName: objects.at(-1)?.dependsOn?.metadata.name };
    this.registerOutputs(this.names);
  }

  /** The name of the ConfigMap, if there is special config. What uses it waits for the ConfigMap. */
  get valuesName(): pulumi.Output<string | undefined> {
    return this.after(this.child("ConfigMap"), this.names.valuesName);
  }
}
