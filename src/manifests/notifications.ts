import { defaultAuthorityNamespace } from "../config/built-in-defaults";
import { label, labelOf } from "./annotation";
import { stackObjectName } from "./automation";
import { type ComponentObject, type KubernetesObject, secretRef } from "./object";

/** By which webhooks Flux looks at once, and where it reports failures. */
export interface NotificationsArgs<Text = string> {
  /** The namespace of the objects, and of what they are about. Default: `flux-system`. */
  readonly authorityNamespace?: string;
  /** The webhooks, by the last part of the Receiver's name. Default: none. */
  readonly receivers?: Readonly<Record<string, ReceiverArgs<Text>>>;
  /** Where Flux reports what fails. Default: nowhere. */
  readonly alerts?: AlertsArgs<Text>;
}

/** A webhook. */
export interface ReceiverArgs<Text = string> {
  /** Who calls, one of Flux's types, such as `github` or `harbor`. */
  readonly type: string;
  /** A Secret in the authority namespace with the key `token`. */
  readonly secretName: Text;
  /** A CEL expression: only objects for which it is true are looked at. Default: all. */
  readonly resourceFilter?: string;
  /** What Flux looks at. */
  readonly resources: readonly ReceiverResource[];
}

/** Objects that a webhook makes Flux look at: one by name, or all that have these labels. */
export interface ReceiverResource {
  /** As in `image.toolkit.fluxcd.io/v1`. */
  readonly apiVersion: string;
  /** As in `ImageRepository`. */
  readonly kind: string;
  /** Default: all that have the labels. */
  readonly name?: string;
  /** Default: none. Required without a name. */
  readonly matchLabels?: Readonly<Record<string, string>>;
}

/** Where Flux reports what fails. */
export interface AlertsArgs<Text = string> {
  /** One of Flux's types of providers, such as `slack`. */
  readonly type: string;
  /** A Secret in the authority namespace with the keys `address` and, as the type needs it, `token` and others. */
  readonly secretName: Text;
  /** The channel, where the type has channels. Default: that of the address. */
  readonly channel?: string;
  /** A Secret in the authority namespace with the key `ca.crt`. Default: none. */
  readonly certSecretName?: Text;
  /** The least severity that is reported. Default: `error`. */
  readonly eventSeverity?: "error" | "info";
  /** Texts that each message carries besides the stack. Default: none. */
  readonly eventMetadata?: Readonly<Record<string, string>>;
}

/**
 * What can fail. A HelmRelease says nothing about a chart that cannot be packaged: only its HelmChart does. ImagePolicies
 * are left out: a range that allows no tag yet is not a failure.
 */
const alerted = [
  ["helm.toolkit.fluxcd.io/v2", "HelmRelease"],
  ["source.toolkit.fluxcd.io/v1", "GitRepository"],
  ["source.toolkit.fluxcd.io/v1", "OCIRepository"],
  ["source.toolkit.fluxcd.io/v1", "HelmChart"],
  ["image.toolkit.fluxcd.io/v1", "ImageRepository"],
  ["image.toolkit.fluxcd.io/v1", "ImageUpdateAutomation"],
] as const;

/** A Receiver for each webhook, then the Provider and the Alert. */
export function notificationObjects<Text = string>(
  stack: string,
  { authorityNamespace = defaultAuthorityNamespace, receivers = {}, alerts }: NotificationsArgs<Text>,
): ComponentObject[] {
  const metadata = (part?: string) => ({
    name: stackObjectName(labelOf(stack), part),
    namespace: authorityNamespace,
    labels: { [label.stack]: labelOf(stack) },
  });
  const webhooks = Object.entries(receivers).map(([part, { secretName, resources, ...rest }]): KubernetesObject => ({
    apiVersion: "notification.toolkit.fluxcd.io/v1",
    kind: "Receiver",
    metadata: metadata(part),
    spec: { ...rest, ...secretRef(secretName), resources: resources.map((one) => ({ name: "*", ...one })) },
  }));
  return [...webhooks.map((object) => ({ object })), ...(alerts ? alertObjects(stack, metadata(), alerts) : [])];
}

/** Flux finds what the Alert is about by its label, so that a promotion changes nothing here. */
function alertObjects<Text>(
  stack: string,
  metadata: KubernetesObject["metadata"],
  { secretName, certSecretName, eventSeverity = "error", eventMetadata, ...provider }: AlertsArgs<Text>,
): ComponentObject[] {
  const apiVersion = "notification.toolkit.fluxcd.io/v1beta3";
  const to = {
    apiVersion,
    kind: "Provider",
    metadata,
    spec: {
      ...provider,
      ...secretRef(secretName),
      ...(certSecretName !== undefined && { certSecretRef: { name: certSecretName } }),
    },
  };
  const alert = {
    apiVersion,
    kind: "Alert",
    metadata,
    spec: {
      providerRef: { name: metadata.name },
      eventSeverity,
      eventMetadata: { ...eventMetadata, stack },
      eventSources: alerted.map(([apiVersion, kind]) => ({
        apiVersion,
        kind,
        name: "*",
        matchLabels: { [label.stack]: labelOf(stack) },
      })),
    },
  };
  return [{ object: to }, { object: alert, dependsOn: to }];
}
