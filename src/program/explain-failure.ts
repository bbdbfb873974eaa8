import * as pulumi from "@pulumi/pulumi";
import { annotation } from "../manifests/annotation";
import type { KubernetesObject } from "../manifests/object";
import {
  type ClusterAccess,
  type FluxCondition,
  type FluxObject,
  hasConditions,
  readConditions,
} from "./flux-conditions";

/**
 * Adds to the message of every failed operation on a Kubernetes object what the raw message omits: the tenant, the
 * reason, and the fix. To be called once, before the first object is registered.
 *
 * The program does this, not the components: Pulumi's mocks do not support hooks, so tests of programs with our
 * components would hang.
 *
 * @param cluster the cluster of the objects
 */
export function explainFailures(cluster: ClusterAccess<pulumi.Output<string>>): void {
  const explain = new pulumi.ErrorHook("explain-failure", async (args) => {
    const { context } = cluster;
    const explanation = await explainFailure(args, context, async (object) =>
      readConditions({ kubeconfig: await known(cluster.kubeconfig), context }, object),
    );
    if (explanation !== undefined) await pulumi.log.error(explanation);
    // Somebody has to fix the reason first, so the engine must not retry.
    return false;
  });
  pulumi.runtime.registerStackTransformation(({ type, props, opts }) =>
    type.startsWith("kubernetes:") ? { props, opts: { ...opts, hooks: { onError: [explain] } } } : undefined,
  );
}

function known<T>(output: pulumi.Output<T> | undefined): Promise<T> | undefined {
  return output === undefined ? undefined : new Promise((resolve) => output.apply(resolve));
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
 */
export async function explainFailure(
  failure: Failure,
  context: string | undefined,
  read: (object: FluxObject) => Promise<readonly FluxCondition[]>,
): Promise<string | undefined> {
  const { urn, name, type, failedOperation, newInputs, oldInputs } = failure;
  const [error = ""] = failure.errors;
  const object = (newInputs ?? oldInputs) as KubernetesObject | undefined;
  const kind = type.slice(type.lastIndexOf(":") + 1);
  const tenant = object?.metadata.annotations?.[annotation.tenant];
  const title = `${tenant === undefined ? "" : `${tenant}: `}${kind} ${name}`;
  const argument = kubectlArguments(kind, name, context);
  const stack = urn.split(":")[2] ?? "";
  const again = `run \`npx authority up --stack ${stack}\` again to deploy the rest`;
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
      `the object with ${show}, then either delete it, or take it over with ` +
      `\`PULUMI_K8S_UPSERT_EXISTING_OBJECTS=true pulumi up --stack ${stack} --target '${urn}'\`. Then run \`pulumi up\` again.`
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
      const ready = `kubectl get --raw /readyz${context === undefined ? "" : ` --context ${context}`}`;
      return (
        `${title} failed because the API server failed or the connection to it was lost. Everything that was created ` +
        `before is in the state. When \`${ready}\` prints \`ok\`, ${again}.`
      );
    }
  }
  if (!/timed out|timeout|condition .*Ready|not ready/i.test(error)) return undefined;
  if (failedOperation === "delete") {
    return (
      `${title} was not deleted in time. A finalizer may block it until its controller runs: look at it with ${show}. ` +
      "When it is gone, run `pulumi up` again."
    );
  }
  const why = object !== undefined && isFlux(object) ? ` ${await reason(read(object))}` : "";
  return (
    `${title} did not become ready in time; what ran before keeps running.${why} See \`kubectl describe ${argument}\` ` +
    "for more, then fix it with a commit: a better release, other values, or a revert of the promotion together with a " +
    "`deny` of its version."
  );
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

async function reason(reading: Promise<readonly FluxCondition[]>): Promise<string> {
  let conditions: readonly FluxCondition[];
  try {
    conditions = await reading;
  } catch (error) {
    return `Cannot read the reason (${error instanceof Error ? error.message : String(error)}).`;
  }
  const reasons = conditionsWithReason
    .flatMap(({ type, good }) => conditions.filter((condition) => condition.type === type && condition.status !== good))
    .map(({ reason = "", message = "" }) => `${reason}: ${message.trim().replace(/\s+/g, " ")}`);
  if (reasons.length === 0) return "Flux has not processed it yet: check that its controllers run.";
  return `Flux reports: ${[...new Set(reasons)].join("; ")}.`.replace(/\.\.$/, ".");
}
