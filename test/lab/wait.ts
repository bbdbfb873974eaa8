import { inspect } from "node:util";
import { setTimeout as delay } from "node:timers/promises";
import { ApiError } from "./api-connection";
import { type Cluster, type Condition, type LiveObject, type ObjectReference, selectionOf } from "./cluster";
import { tailOf } from "./component-process";
import type { Lab } from "./lab";

/** How one waits. */
export interface WaitOptions {
  /** Default: 60,000. */
  readonly timeoutMs?: number;
  /** How long `waitFor` pauses before it asks again; milliseconds. Default: 100. */
  readonly pauseMs?: number;
  /** Whose logs go into the message when the wait fails. */
  readonly lab?: Lab;
  /** Which logs, such as `helm-controller`. Default: those of the controllers for the object's kind, if any. */
  readonly logs?: readonly string[];
}

/** What was waited for did not come. Its message says what was seen last, with the ends of the logs. */
export class WaitError extends Error {
  override readonly name = "WaitError";
}

const defaultPauseMs = 100;
const defaultTimeoutMs = 60_000;

/**
 * Asks again and again until there is an answer.
 *
 * @param description what is waited for, as a statement: "production runs 6.14.1"
 * @param probe gives the answer, or `undefined` (or throws) where it is not so yet
 * @throws WaitError
 */
export async function waitFor<T>(
  description: string,
  probe: (see: (seen: unknown) => void) => Promise<T | undefined> | T | undefined,
  options: WaitOptions = {},
): Promise<T> {
  const { timeoutMs = defaultTimeoutMs, pauseMs = defaultPauseMs } = options;
  const deadline = Date.now() + timeoutMs;
  let last: unknown = "nothing";
  const see = (seen: unknown) => (last = seen);
  for (;;) {
    try {
      const answer = await probe(see);
      if (answer !== undefined) return answer;
    } catch (error) {
      last = error instanceof Error ? error.message : error;
    }
    if (Date.now() > deadline) throw failure(description, last, options);
    await delay(pauseMs);
  }
}

/**
 * Watches one object until it is as it should be.
 *
 * @throws WaitError with the conditions that were seen last
 */
export async function waitForObject(
  cluster: Cluster,
  reference: ObjectReference,
  description: string,
  isSo: (object: LiveObject) => boolean,
  options: WaitOptions = {},
): Promise<LiveObject> {
  return watchUntil(cluster, reference, description, options, (object) =>
    object !== undefined && isSo(object) ? object : undefined,
  );
}

/**
 * Watches one object until a condition holds for its newest generation. By default `Ready` is `True`.
 *
 * @throws WaitError
 */
export function waitForCondition(
  cluster: Cluster,
  reference: ObjectReference,
  options: WaitOptions & Partial<Pick<Condition, "type" | "status" | "reason">> = {},
): Promise<LiveObject> {
  const { type = "Ready", status = "True", reason } = options;
  const description = `${nameOf(reference)} has ${type}=${status}${reason === undefined ? "" : ` (${reason})`}`;
  return waitForObject(cluster, reference, description, (object) => hasCondition(object, options), options);
}

/** Watches one object until it is gone. @throws WaitError */
export async function waitForGone(
  cluster: Cluster,
  reference: ObjectReference,
  options: WaitOptions = {},
): Promise<void> {
  await watchUntil(
    cluster,
    reference,
    `${nameOf(reference)} is gone`,
    options,
    (object) => object === undefined || undefined,
  );
}

/** Whether a condition holds for an object's newest generation. By default `Ready` is `True`. */
export function hasCondition(
  object: LiveObject,
  { type = "Ready", status = "True", reason }: Partial<Pick<Condition, "type" | "status" | "reason">> = {},
): boolean {
  const condition = conditionOf(object, type);
  const current = (condition?.observedGeneration ?? object.metadata.generation) === object.metadata.generation;
  return current && condition?.status === status && (reason === undefined || condition.reason === reason);
}

/** One of an object's conditions. */
export function conditionOf(object: LiveObject, type: string): Condition | undefined {
  return object.status?.conditions?.find((condition) => condition.type === type);
}

/** `HelmRelease flux-system/podinfo`, for messages. */
export function nameOf({ kind, metadata: { namespace, name } }: ObjectReference): string {
  return `${kind} ${namespace === undefined ? name : `${namespace}/${name}`}`;
}

/**
 * A watch costs the API server less than polling and misses no state in between. Where the stream ends (the API server
 * may be down for a while in a test) it is opened again.
 */
async function watchUntil<T>(
  cluster: Cluster,
  reference: ObjectReference,
  description: string,
  options: WaitOptions,
  check: (object: LiveObject | undefined) => T | undefined,
): Promise<T> {
  const { timeoutMs = defaultTimeoutMs, logs = logsFor(reference.kind) } = options;
  const signal = AbortSignal.timeout(timeoutMs);
  const selection = selectionOf(reference);
  let last: unknown = "nothing";
  const look = (object: LiveObject | undefined) => {
    last = object === undefined ? "there is no such object" : summaryOf(object);
    return check(object);
  };
  while (!signal.aborted) {
    try {
      const { items, resourceVersion } = await cluster.snapshot(selection);
      const answer = look(items[0]);
      if (answer !== undefined) return answer;
      for await (const { type, object } of cluster.watch(selection, resourceVersion, signal)) {
        if (type === "ERROR") break;
        const later = look(type === "DELETED" ? undefined : object);
        if (later !== undefined) return later;
      }
    } catch (error) {
      if (error instanceof ApiError && error.status === 403) throw error;
      last = error instanceof Error ? error.message : error;
    }
    await delay(defaultPauseMs);
  }
  throw failure(description, last, { ...options, timeoutMs, logs });
}

function summaryOf(object: LiveObject): unknown {
  const { metadata, status } = object;
  return { generation: metadata.generation, deletionTimestamp: metadata.deletionTimestamp, status };
}

function logsFor(kind: string): readonly string[] {
  switch (kind) {
    case "GitRepository":
    case "OCIRepository":
    case "HelmChart":
    case "HelmRepository":
      return ["source-controller"];
    case "HelmRelease":
      return ["helm-controller", "source-controller"];
    case "Kustomization":
      return ["kustomize-controller"];
    case "ImageRepository":
    case "ImagePolicy":
      return ["image-reflector-controller"];
    case "ImageUpdateAutomation":
      return ["image-automation-controller", "source-controller"];
    default:
      return ["kube-controller-manager"];
  }
}

function failure(
  description: string,
  last: unknown,
  { timeoutMs = defaultTimeoutMs, lab, logs = [] }: WaitOptions,
): WaitError {
  const seen = typeof last === "string" ? last : inspect(last, { depth: 6, breakLength: 110 });
  const { control } = lab ?? {};
  const tails = logs.map((name) => {
    const file = `${name}.log`;
    return control === undefined ? `${file} is in the cluster` : `${file}:\n${tailOf(`${control.logs}/${file}`, 8)}`;
  });
  return new WaitError([`Not so after ${timeoutMs / 1000} s: ${description}. Last seen: ${seen}`, ...tails].join("\n"));
}
