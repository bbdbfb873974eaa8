import type * as pulumi from "@pulumi/pulumi";
import { imageAdmissionObjects, type ImageAdmissionArgs } from "../manifests/image-admission";
import { KubernetesComponent } from "./kubernetes-component";

export type { ImageAdmissionArgs } from "../manifests/image-admission";

/**
 * A stack's admission policy: a tenant's namespace admits only images of the repositories that its Namespace names, with
 * one binding for each mode in use. Needs Kubernetes 1.30. The component's name is the stack's name.
 */
export class ImageAdmission extends KubernetesComponent {
  constructor(name: string, args: ImageAdmissionArgs = {}, opts?: pulumi.ComponentResourceOptions) {
    super("ImageAdmission", name, imageAdmissionObjects(name, args), opts);
    this.registerOutputs({});
  }
}
