import * as pulumi from "@pulumi/pulumi";
import { printable } from "../config/printable";
import { annotation } from "../manifests/annotation";
import type { KubernetesObject } from "../manifests/object";
import type { ClusterAccess } from "./cluster-client";
import {
  currentConditions,
  type FluxCondition,
  type FluxObject,
  hasConditions,
  readConditions,
} from "./flux-conditions";
import { runningText, suspendedCondition } from "./helm-release-state";
import { valueOf } from "./output";
import type { NotRunning } from "./release-watch";

/**
 * Adds to the message of every failed operation on a Kubernetes object what the raw message omits: the tenant, the
 * reason, and the fix. To be called once, before the first object is registered.
 *
 * The program does this, not the components: Pulumi's mocks do not support hooks, so tests of programs with our
 * components would hang.
 *
 * @param cluster the cluster of the objects
 * @param runningOf what runs of a tenant, in a sentence
 */
export function explainFailures(
  cluster: ClusterAccess<pulumi.Output<string>>,
  runningOf: (tenant: string) => string | undefined,
): void {
  const explain = new pulumi.ErrorHook("explain-failure", async (args) => {
    const { context } = cluster;
    const read = async (object: FluxObject) =>
      readConditions({ kubeconfig: await valueOf(cluster.kubeconfig), context }, object);
    const explanation = await explainFailure(args, context, read, runningOf);
    if (explanation !== undefined) await pulumi.log.error(explanation);
    // Somebody has to fix the reason first, so the engine must not retry.
    return false;
  });
  pulumi.runtime.registerStackTransformation(({ type, props, opts }) =>
    type.startsWith("kubernetes:") ? { props, opts: { ...opts, hooks: { onError: [explain] } } } : undefined,
  );
}

/** The arguments of the hook that an explanation needs. */
export type Failure = Pick<
  pulumi.ErrorHookArgs,
  "urn" | "name" | "type" | "failedOperation" | "errors" | "newInputs" | "oldInputs"
>;

/**
 * Explains a failed operation, in sentences; `undefined` if the raw message is sufficient.
 *
 * @param context the context of the kubeconfig, for the commands in the explanation
 * @param read reads the conditions of an object; it may fail
 * @param runningOf what runs of a tenant, in a sentence
 */
export async function explainFailure(
  failure: Failure,
  context: string | undefined,
  read: (object: FluxObject) => Promise<readonly FluxCondition[]>,
  runningOf: (tenant: string) => string | undefined = () => undefined,
): Promise<string | undefined> {
  const { urn, name, type, failedOperation, newInputs, oldInputs } = failure;
  const [error = ""] = failure.errors;
  const object = (newInputs ?? oldInputs) as KubernetesObject | undefined;
  const kind = type.slice(type.lastIndexOf(":") + 1);
  const tenant = object?.metadata.annotations?.[annotation.tenant];
  const title = `${tenant === undefined ? "" : `${tenant}: `}${kind} ${name}`;
  const argument = kubectlArguments(kind, name, context);
  const stack = urn.split(":")[2] ?? "";
  const up = `npx authority up --stack ${stack}`;
  const again = `run \`${up}\` again to deploy the rest`;
  const show = `\`kubectl get ${argument} --output yaml\``;
  if (error.includes("cluster is unreachable")) {
    return (
      `${title} was not changed: the cluster does not answer, or does not accept the credentials. Check that it runs, ` +
      "and that `kubernetes:kubeconfig` and `kubernetes:context` name the right file, context and credentials. " +
      `Then ${again}.`
    );
  }
  if (error.includes("already exists")) {
    return (
      `${title} already exists, and this program does not overwrite objects that it did not create. If an \`up\` was ` +
      `interrupted, run \`npx authority recover --stack ${stack}\`, which takes over what it created. Otherwise look at ` +
      `the object with ${show}. If it is somebody else's, give the tenant another name or \`namespace\`. If it is yours, ` +
      `delete it and run \`${up}\` again, or run \`PULUMI_K8S_UPSERT_EXISTING_OBJECTS=true ${up}\`, which takes over ` +
      "every object of this stack that already exists: first make sure that none is somebody else's."
    );
  }
  if (!quotes.test(error)) {
    if (forbidden.test(error)) {
      return (
        `${title} was refused: these credentials do not have the permission. Use the platform team's credentials ` +
        "(`kubernetes:kubeconfig`, `kubernetes:context`), or grant their user the permission that the message names. " +
        `Then ${again}.`
      );
    }
    if (serverFailed.test(error)) {
      return (
        `${title} failed because the API server failed or the connection to it was lost. Everything that was created ` +
        `before is in the state. When \`${readyCommand(context)}\` prints \`ok\`, ${again}.`
      );
    }
  }
  if (!/timed out|timeout|condition .*Ready|not ready/i.test(error)) return undefined;
  if (failedOperation === "delete") {
    return (
      `${title} was not deleted in time. A finalizer may block it until its controller runs: look at it with ${show}. ` +
      `When it is gone, run \`${up}\` again.`
    );
  }
  const why = object !== undefined && isFlux(object) ? await reason(read(object)) : undefined;
  const running = tenant === undefined ? undefined : runningOf(tenant);
  return sentences(
    `${title} did not become ready in time.`,
    why,
    running,
    `See \`kubectl describe ${argument}\` for more, then ${correction}`,
  );
}

/** Explains a release that an `up` has written and that does not run, in sentences. */
export function explainNotRunning(
  tenant: string,
  { name, namespace }: { readonly name: string; readonly namespace: string },
  context: string | undefined,
  { live, hasGivenUp, error }: NotRunning,
): string {
  const conditions = live === undefined ? [] : [...currentConditions(live), ...suspendedCondition(live)];
  const argument = kubectlArguments("HelmRelease", `${namespace}/${name}`, context);
  if (error !== undefined) {
    return sentences(
      `${tenant}: HelmRelease ${namespace}/${name} was written, but whether it runs is unknown.`,
      `Cannot read what runs in the cluster (${messageOf(error)}).`,
      live === undefined ? undefined : runningText(live),
      `When \`${readyCommand(context)}\` prints \`ok\`, run \`up\` again.`,
    );
  }
  return sentences(
    `${tenant}: HelmRelease ${namespace}/${name} did not become ready${hasGivenUp ? ": Flux has given up" : " in time"}.`,
    reasonOf(conditions),
    runningText(live),
    `See \`kubectl describe ${argument}\` for more.`,
    "If the cause is outside of the release, such as a quota, a webhook or a registry, correct it and run `up` again, " +
      `which has Flux try again. Otherwise ${correction}`,
  );
}

const correction =
  "fix it with a commit: a better release, other values, or `authority rollback`, which denies this version.";

function sentences(...texts: readonly (string | undefined)[]): string {
  return texts.filter((text) => text !== undefined).join(" ");
}

/** Matches RBAC denials only: quota and admission errors start with the same words. */
const forbidden = /is forbidden: User "[^"]*" cannot /;

/** A response 5xx of the API server, an error of etcd or of Kubernetes' client, and a lost or missing connection. */
const serverFailed = new RegExp(
  [
    "Internal error occurred",
    "an error on the server",
    "the server is currently unable",
    "the server was unable to return a response",
    "request did not complete within",
    "etcdserver: ",
    "apiserver is shutting down",
    "connection (?:refused|reset|lost)",
    "broken pipe",
    "\\bEOF\\b",
    "TLS handshake timeout",
    "i/o timeout",
    "no route to host",
  ].join("|"),
  "i",
);

/** Messages that quote such an error of somebody else: of Flux in the message of a wait, or of a webhook. */
const quotes = /become live|timed out waiting|failed calling webhook/;

function isFlux(object: KubernetesObject): object is KubernetesObject & FluxObject {
  return hasConditions(object.kind) && object.metadata.namespace !== undefined;
}

/** `helmrelease/podinfo --namespace flux-system`, as `kubectl` takes it. */
function kubectlArguments(kind: string, name: string, context: string | undefined): string {
  const [own = name, namespace] = name.split("/", 2).reverse();
  return [
    `${kind.toLowerCase()}/${own}`,
    ...(namespace === undefined ? [] : [`--namespace ${namespace}`]),
    ...(context === undefined ? [] : [`--context ${context}`]),
  ].join(" ");
}

/** The conditions that name the reason, in the order of events. `Ready` reports the end, such as a rollback. */
const conditionsWithReason = [
  { type: "FetchFailed", good: "False" },
  { type: "Released", good: "True" },
  { type: "Ready", good: "True" },
];

function reason(reading: Promise<readonly FluxCondition[]>): Promise<string> {
  return reading.then(reasonOf, unreadable);
}

function unreadable(error: unknown): string {
  return `Cannot read the reason (${messageOf(error)}).`;
}

function messageOf(error: unknown): string {
  return printable(error instanceof Error ? error.message : String(error));
}

/** Prints `ok` if the API server runs. */
function readyCommand(context: string | undefined): string {
  return `kubectl get --raw /readyz${context === undefined ? "" : ` --context ${context}`}`;
}

function reasonOf(conditions: readonly FluxCondition[]): string {
  const reasons = conditionsWithReason
    .flatMap(({ type, good }) => conditions.filter((condition) => condition.type === type && condition.status !== good))
    .map(({ reason = "", message = "" }) => printable(`${reason}: ${message.trim().replace(/\s+/g, " ")}`));
  if (reasons.length === 0) return "Flux has not processed it yet: check that its controllers run.";
  return `Flux reports: ${[...new Set(reasons)].join("; ")}.`.replace(/\.\.$/, ".");
}
