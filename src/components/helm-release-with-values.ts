import * as pulumi from "@pulumi/pulumi";
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
  /** The ConfigMap's name, if there is special config. */
  readonly valuesName: pulumi.Output<string | undefined>;
  /** The HelmRelease. Its outputs resolve when the release runs, and reject if it fails. */
  readonly release: pulumi.CustomResource;

  constructor(name: string, args: HelmReleaseWithValuesArgs, opts?: pulumi.ComponentResourceOptions) {
    const objects = helmReleaseObjects(name, args);
    super("HelmReleaseWithValues", name, objects, opts);
    const release = objects.at(-1);
    this.release = this.child(release?.object);
    this.valuesName = pulumi.output(release?.dependsOn?.metadata.name);
    this.registerOutputs({ valuesName: this.valuesName });
  }
}
