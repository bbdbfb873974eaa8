import * as pulumi from "@pulumi/pulumi";
import { automationObjects, type AutomationSpec } from "../src/manifests/automation";
import { registerObject } from "./register";

/** Where Flux commits the versions that it moves, and in which modes. */
export type UpdateAutomationArgs = AutomationSpec<pulumi.Input<string>>;

/**
 * The stack's automations: one ImageUpdateAutomation for each mode in use, and the source of the shared repository that
 * they commit to.
 */
export class UpdateAutomation extends pulumi.ComponentResource {
  constructor(name: string, args: UpdateAutomationArgs, opts?: pulumi.ComponentResourceOptions) {
    super("shared-authority:index:UpdateAutomation", name, {}, opts);
    for (const object of automationObjects(args)) registerObject(object, { parent: this });
    this.registerOutputs({});
  }
}
