/** The keys by which a stack hears of others, and others of it: Flux's notification-controller. */
import * as z from "zod";
import { key, keys, oneOf, secretName, text } from "./schema-kinds";

/** Flux's types of receivers that a token authenticates. `generic-oidc` has none. */
export const receiverTypes = [
  "generic",
  "generic-hmac",
  "github",
  "gitlab",
  "bitbucket",
  "harbor",
  "dockerhub",
  "quay",
  "gcr",
  "nexus",
  "acr",
  "cdevents",
] as const;

/** Flux's types of providers, without those for commit statuses and pull requests: no release has such an event. */
export const providerTypes = [
  "generic",
  "generic-hmac",
  "slack",
  "msteams",
  "discord",
  "googlechat",
  "rocket",
  "matrix",
  "telegram",
  "webex",
  "lark",
  "zulip",
  "pagerduty",
  "opsgenie",
  "alertmanager",
  "grafana",
  "sentry",
  "datadog",
  "githubdispatch",
  "azureeventhub",
  "googlepubsub",
  "nats",
  "otel",
] as const;

const line = (expected: string) => text(expected, /^(?=.*\S)[^\n\r]{1,2048}$/);

function receiver() {
  return keys({
    type: oneOf(...receiverTypes).meta({
      description: "Who calls, in Flux's words. It decides how Flux checks a call.",
    }),
    secret: secretName().meta({
      description: "The name of a Secret in the authority namespace with the key `token`, which the caller knows too.",
    }),
    resourceFilter: key(
      text("a CEL expression", /^[^]*\S[^]*$/),
      "A CEL expression over the call (`req`) and an object (`res`). Only objects for which it is true are looked at. Flux checks it.",
      {
        fallback: "none: all of them",
        examples: ["req.docker_url == res.metadata.annotations['shared-authority/image']"],
      },
    ),
  });
}

/** What `receivers` holds. */
export const receiversSchema = () =>
  keys({
    registry: key(
      receiver(),
      "A webhook for the registry: Flux scans the stack's images at once; in a stack that follows a branch, its charts in a registry too.",
      { fallback: "none" },
    ),
    configRepository: key(
      receiver(),
      "A webhook for the host of this repository: Flux's automation runs at once and, with `delivery: {manifests: ...}`, the GitRepository with the label `shared-authority/root: <stack>` is fetched.",
      { fallback: "none" },
    ),
  });

/** What `alerts` holds. */
export const alertsSchema = () =>
  keys({
    type: oneOf(...providerTypes).meta({ description: "Where the messages go, in Flux's words." }),
    secret: secretName().meta({
      description:
        "The name of a Secret in the authority namespace with the key `address` and, as the type needs it, `token` and others.",
    }),
    channel: key(line("the name of a channel, on one line"), "The channel, where the type has channels.", {
      fallback: "the one of the address",
      examples: ["releases"],
    }),
    certSecret: key(
      secretName(),
      "The name of a Secret in the authority namespace with the key `ca.crt`, for an address with a private certificate authority.",
      { fallback: "none" },
    ),
    eventSeverity: oneOf("error", "info")
      .default("error")
      .meta({ description: "`error`: failures. `info`: each event, also each success." }),
    eventMetadata: key(
      z.record(
        text("a name of letters, digits, `.`, `_`, `-`, `/`, other than `stack`", /^(?!stack$)[A-Za-z0-9._/-]{1,63}$/),
        line("a text on one line"),
        { error: "a mapping from name to text" },
      ),
      "Texts that each message carries, besides `stack`, such as the name of the cluster. Not for secrets: they are readable in this repository.",
      { fallback: "none", examples: [{ cluster: "eu-1" }] },
    ),
  });
