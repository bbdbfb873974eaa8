import type * as pulumi from "@pulumi/pulumi";
import { notificationObjects, type NotificationsArgs as Args } from "../manifests/notifications";
import { KubernetesComponent } from "./kubernetes-component";

/** By which webhooks Flux looks at once, and where it reports failures. */
export type NotificationsArgs = Args<pulumi.Input<string>>;

/**
 * A stack's webhooks and alerts: a Receiver for each webhook; a Provider, and an Alert for all objects of Flux that have the
 * stack's label. The component's name is the stack's name.
 */
export class Notifications extends KubernetesComponent {
  constructor(name: string, args: NotificationsArgs, opts?: pulumi.ComponentResourceOptions) {
    super("Notifications", name, notificationObjects(name, args), opts);
    this.registerOutputs({});
  }
}
