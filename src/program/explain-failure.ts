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
 * Lets every Kubernetes object of the stack say, when an operation on it fails, what the raw message leaves out: whose
 * it is, why it failed, and what to do. To be called once, before the first object is registered.
 *
 * It is the program's business and not the components': Pulumi's mocks know no hooks, and whoever tests a program of
 * their own with our components would wait for ever.
 *
 * @param cluster the cluster that the objects are in
 */
export function explainFailures(cluster: ClusterAccess<pulumi.Output<string>>): void {
  const explain = new pulumi.ErrorHook("explain-failure", async (args) => {
    const { context } = cluster;
    const explanation = await explainFailure(args, context, async (object) =>
      readConditions({ kubeconfig: await known(cluster.kubeconfig), context }, object),
    );
    if (explanation !== undefined) await pulumi.log.error(explanation);
    // What failed here fails for a reason that somebody has to fix: no other try.
    return false;
  });
  pulumi.runtime.registerStackTransformation(({ type, props, opts }) =>
    type.startsWith("kubernetes:") ? { props, opts: { ...opts, hooks: { onError: [explain] } } } : undefined,
  );
}

function known<T>(output: pulumi.Output<T> | undefined): Promise<T> | undefined {
  return output === undefined ? undefined : new Promise((resolve) => output.apply(resolve));
}

/** What of the hook's arguments an explanation is made of. */
export type Failure = Pick<
  pulumi.ErrorHookArgs,
  "urn" | "name" | "type" | "failedOperation" | "errors" | "newInputs" | "oldInputs"
>;

/**
 * What to tell of a failed operation, in sentences; nothing where the raw message says it all.
 *
 * @param context the context of the kubeconfig, for the command that people are told
 * @param read gives what Flux says of an object; it may fail
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
  if (error.includes("cluster is unreachable")) return unreachable(title, urn);
  if (error.includes("already exists")) return existing(title, argument, urn);
  if (!isOthers.test(error)) {
    if (forbidden.test(error)) return refused(title, urn);
    if (serverFailed.test(error)) return failed(title, context, urn);
  }
  if (!/timed out|timeout|condition .*Ready|not ready/i.test(error)) return undefined;
  if (failedOperation === "delete") return notDeleted(title, argument);
  const why = object !== undefined && isFlux(object) ? ` ${await reason(read(object))}` : "";
  return (
    `${title} did not become ready in time; what ran before goes on running.${why} See more with ` +
    `\`kubectl describe ${argument}\`, then fix it with a commit: a better release, other values, or a revert of the ` +
    "promotion together with a `deny` of its version."
  );
}

/** The API server's rights, and not a quota or an admission plugin, whose messages begin alike. */
const forbidden = /is forbidden: User "[^"]*" cannot /;

function refused(title: string, urn: string): string {
  return (
    `${title} was refused: these credentials may not do this. Use those of the platform team ` +
    "(`kubernetes:kubeconfig`, `kubernetes:context`), or have their user given the right that the message names. Then " +
    `${again(urn)}, which does the rest.`
  );
}

/**
 * An answer 5xx, in the words of the API server, of etcd behind it, and of Kubernetes' client where the answer had none;
 * and a connection that was lost, or that there was none.
 */
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

/** What Flux says of its own requests in the message of a wait, and the API server of a webhook, in the same words. */
const isOthers = /become live|timed out waiting|failed calling webhook/;

function failed(title: string, context: string | undefined, urn: string): string {
  const ready = `kubectl get --raw /readyz${context === undefined ? "" : ` --context ${context}`}`;
  return (
    `${title} failed since the API server did, or since the connection to it was lost. What was made before is in the ` +
    `state. Once \`${ready}\` says \`ok\`, ${again(urn)}, which does the rest.`
  );
}

function again(urn: string): string {
  return `run \`npx authority up --stack ${stackOf(urn)}\` again`;
}

function stackOf(urn: string): string {
  const [, , stack = ""] = urn.split(":");
  return stack;
}

/** Said before anything is asked for, so nothing of this object is half done. */
function unreachable(title: string, urn: string): string {
  return (
    `${title} was not touched: the cluster does not answer, or does not know who asks. See whether it runs, and whether ` +
    "`kubernetes:kubeconfig` and `kubernetes:context` name the right file, context and credentials. What was " +
    `made before is in the state; ${again(urn)}, which does the rest.`
  );
}

function existing(title: string, argument: string, urn: string): string {
  const stack = stackOf(urn);
  return (
    `${title} exists already, and what this program did not make it does not overwrite. If an \`up\` was interrupted ` +
    `before, \`npx authority recover --stack ${stack}\` takes over what that one made. Otherwise look at it with ` +
    `\`kubectl get ${argument} --output yaml\`; then either delete it, or take it over with ` +
    `\`PULUMI_K8S_UPSERT_EXISTING_OBJECTS=true pulumi up --stack ${stack} --target '${urn}'\`. Then run \`pulumi up\` again.`
  );
}

function notDeleted(title: string, argument: string): string {
  return (
    `${title} was not gone in time. A finalizer may hold it until its controller runs; look at it with ` +
    `\`kubectl get ${argument} --output yaml\`, and run \`pulumi up\` again when it is gone.`
  );
}

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

/**
 * Ready says how it ended, such as by a rollback; the others say what came before. While Flux tries again, Ready says no
 * more than that.
 */
const tellingConditions = [
  { type: "FetchFailed", good: "False" },
  { type: "Released", good: "True" },
  { type: "Ready", good: "True" },
];

async function reason(reading: Promise<readonly FluxCondition[]>): Promise<string> {
  let conditions: readonly FluxCondition[];
  try {
    conditions = await reading;
  } catch (error) {
    return `Why could not be read (${error instanceof Error ? error.message : String(error)}).`;
  }
  const told = tellingConditions
    .flatMap(({ type, good }) => conditions.filter((condition) => condition.type === type && condition.status !== good))
    .map(({ reason = "", message = "" }) => `${reason}: ${message.trim().replace(/\s+/g, " ")}`);
  if (told.length === 0) return "Flux has not got to it; see whether its controllers run.";
  return `Flux says: ${[...new Set(told)].join("; ")}.`.replace(/\.\.$/, ".");
}
