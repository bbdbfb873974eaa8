import type * as pulumi from "@pulumi/pulumi";
import { automationObjects, type UpdateAutomationArgs as Args } from "../manifests/automation";
import { KubernetesComponent } from "./kubernetes-component";

/** Where Flux commits the versions that it moves, and in which modes. */
export type UpdateAutomationArgs = Args<pulumi.Input<string>>;

/**
 * A stack's automations: one ImageUpdateAutomation for each mode in use, and the source of the shared repository that
 * they commit to. The component's name is the stack's name.
 */
export class UpdateAutomation extends KubernetesComponent {
  constructor(name: string, args: UpdateAutomationArgs, opts?: pulumi.ComponentResourceOptions) {
    super("UpdateAutomation", name, automationObjects(name, args), opts);
    this.registerOutputs({});
  }
}
