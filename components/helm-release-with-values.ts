import * as pulumi from "@pulumi/pulumi";
import { helmRelease, type HelmReleaseSpec } from "../src/manifests/helm-release";
import { valuesConfigMap, type ValuesSpec } from "../src/manifests/values";
import { registerObject, timeouts } from "./register";

/** One tenant's Helm release and its special config; the component's name is the tenant's name. */
export interface HelmReleaseWithValuesArgs extends Omit<HelmReleaseSpec<pulumi.Input<string>>, "tenant" | "values"> {
  /** Special config, in the order in which it is merged over the chart's defaults. Plain: its hash is a name. */
  readonly files: ValuesSpec["files"];
  /** Where in the chart's values the image tag goes, with the digest that was judged. Default: nowhere. */
  readonly pinnedImage?: ValuesSpec["pinnedImage"];
  /** How long `up` waits until the release runs, a Go duration. Default: Pulumi's own, ten minutes. */
  readonly waitFor?: string;
}

/**
 * An immutable ConfigMap of the special config, named by the hash of its content, and the HelmRelease that refers to
 * it. A changed value is a changed name, and so an upgrade at once; one patch moves the version and the values together.
 */
export class HelmReleaseWithValues extends pulumi.ComponentResource {
  /** The ConfigMap's name, or nothing where there is no special config. */
  readonly valuesName: pulumi.Output<string | undefined>;
  /** The HelmRelease itself. Its outputs are known once the release runs, and reject where it does not. */
  readonly release: pulumi.CustomResource;

  constructor(name: string, args: HelmReleaseWithValuesArgs, opts?: pulumi.ComponentResourceOptions) {
    super("shared-authority:index:HelmReleaseWithValues", name, {}, opts);
    const { files, pinnedImage, waitFor, ...release } = args;
    const values = valuesConfigMap({ tenant: name, authorityNamespace: args.authorityNamespace, files, pinnedImage });
    const configMap = values === undefined ? [] : [registerObject(values, { parent: this })];
    this.release = registerObject(helmRelease({ ...release, tenant: name, values }), {
      parent: this,
      dependsOn: configMap,
      customTimeouts: timeouts(waitFor),
    });
    this.valuesName = pulumi.output(values?.metadata.name);
    this.registerOutputs({ valuesName: this.valuesName });
  }
}
