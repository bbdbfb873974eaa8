import * as pulumi from "@pulumi/pulumi";
import { resolvedSource } from "../src/manifests/stack-objects";
import { imagePolicyObjects, type ImagePolicySpec } from "../src/manifests/image-policy";
import { resolvedSourceName, sourceObject, type SourceSpec } from "../src/manifests/source";
import type { Evidence } from "../src/release/evidence";
import { registerObject, timeouts } from "./register";

/** Where the chart comes from, which versions may run and who moves them; the component's name is the tenant's name. */
export interface ReleasePolicyArgs {
  /** The source: a release, or a branch. Default: none, where only Flux's automation is to learn of the decision. */
  readonly source?: Omit<SourceSpec<pulumi.Input<string>>, "tenant">;
  /** The release that ran before: its source stays, so that a rollback needs no network. Default: none. */
  readonly previous?: Evidence;
  /** Which tags are scanned and may be chosen. Only where releases are followed. */
  readonly images?: Omit<ImagePolicySpec<pulumi.Input<string>>, "tenant">;
  /** How long `up` waits until a source is fetched, a Go duration. Default: Pulumi's own, ten minutes. */
  readonly waitFor?: string;
}

/**
 * The platform team's decision about one tenant: the source, named after the version where releases are followed, and
 * Flux's ImageRepository and ImagePolicy, which find the newest release that the decision allows.
 */
export class ReleasePolicy extends pulumi.ComponentResource {
  /** The name of the GitRepository or OCIRepository, `podinfo-6.14.1`, where there is a source. */
  readonly sourceName: pulumi.Output<string | undefined>;

  constructor(name: string, args: ReleasePolicyArgs, opts?: pulumi.ComponentResourceOptions) {
    super("shared-authority:index:ReleasePolicy", name, {}, opts);
    const { source, previous, images, waitFor } = args;
    if (source !== undefined) {
      for (const resolved of previous === undefined ? [source.resolved] : [source.resolved, resolvedSource(previous)]) {
        const object = sourceObject({ ...source, resolved, tenant: name });
        registerObject(object, { parent: this, customTimeouts: timeouts(waitFor) });
      }
    }
    if (images !== undefined) {
      for (const object of imagePolicyObjects({ ...images, tenant: name })) registerObject(object, { parent: this });
    }
    this.sourceName = pulumi.output(source && resolvedSourceName(name, source.resolved));
    this.registerOutputs({ sourceName: this.sourceName });
  }
}
