import { inspect } from "node:util";
import { setTimeout as delay } from "node:timers/promises";
import { ApiError, type Cluster, type Condition, type LiveObject, type ObjectReference, selectionOf } from "./cluster";
import { lastLines } from "./component-process";
import type { Lab } from "./lab";

/** Options of a wait. */
export interface WaitOptions {
  /** Default: 60,000. */
  readonly timeoutMs?: number;
  /** The pause between two probes of `waitFor`, in milliseconds. Default: 100. */
  readonly pauseMs?: number;
  /** The lab whose logs the error message quotes. */
  readonly lab?: Lab;
  /** The logs to quote, such as `helm-controller`. Default: those of the controllers for the object's kind. */
  readonly logs?: readonly string[];
}

/** A wait timed out. The message has the last observed state and the ends of the logs. */
export class WaitError extends Error {
  override readonly name = "WaitError";
}

const defaultPauseMs = 100;
const defaultTimeoutMs = 150_000;

/**
 * Calls a probe until it returns a value.
 *
 * @param description the expected state, as a statement: "production runs 6.14.1"
 * @param probe returns `undefined` or throws while the state is not reached; `see` records what it observes
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
  for (;;) {
    try {
      const answer = await probe((seen) => (last = seen));
      if (answer !== undefined) return answer;
    } catch (error) {
      last = error instanceof Error ? error.message : error;
    }
    if (Date.now() > deadline) throw timeoutError(description, last, options);
    await delay(pauseMs);
  }
}

/** Watches an object until it matches. @throws WaitError with the last status */
export async function waitForObject(
  cluster: Cluster,
  reference: ObjectReference,
  description: string,
  matches: (object: LiveObject) => boolean,
  options: WaitOptions = {},
): Promise<LiveObject> {
  return watchUntil(cluster, reference, description, options, (object) =>
    object !== undefined && matches(object) ? object : undefined,
  );
}

type ExpectedCondition = Partial<Pick<Condition, "type" | "status" | "reason">>;

/** Watches an object until a condition holds for its latest generation. Default: `Ready` is `True`. @throws WaitError */
export function waitForCondition(
  cluster: Cluster,
  reference: ObjectReference,
  options: WaitOptions & ExpectedCondition = {},
): Promise<LiveObject> {
  const { type = "Ready", status = "True", reason } = options;
  const description = `${nameOf(reference)} has ${type}=${status}${reason === undefined ? "" : ` (${reason})`}`;
  return waitForObject(cluster, reference, description, (object) => hasCondition(object, options), options);
}

/** Watches an object until it is deleted. @throws WaitError */
export async function waitForGone(
  cluster: Cluster,
  reference: ObjectReference,
  options: WaitOptions = {},
): Promise<void> {
  const isGone = (object: LiveObject | undefined) => object === undefined || undefined;
  await watchUntil(cluster, reference, `${nameOf(reference)} is deleted`, options, isGone);
}

/** Whether a condition holds for an object's latest generation. Default: `Ready` is `True`. */
export function hasCondition(object: LiveObject, expected: ExpectedCondition = {}): boolean {
  const { type = "Ready", status = "True", reason } = expected;
  const condition = conditionOf(object, type);
  const current = (condition?.observedGeneration ?? object.metadata.generation) === object.metadata.generation;
  return current && condition?.status === status && (reason === undefined || condition.reason === reason);
}

/** The condition of this type. */
export function conditionOf(object: LiveObject, type: string): Condition | undefined {
  return object.status?.conditions?.find((condition) => condition.type === type);
}

/** `HelmRelease flux-system/podinfo`, for messages. */
export function nameOf({ kind, metadata: { namespace, name } }: ObjectReference): string {
  return `${kind} ${namespace === undefined ? name : `${namespace}/${name}`}`;
}

/**
 * A watch is cheaper for the API server than polling and misses no state. A closed stream is opened again, because some
 * tests stop the API server.
 */
async function watchUntil<T>(
  cluster: Cluster,
  reference: ObjectReference,
  description: string,
  options: WaitOptions,
  check: (object: LiveObject | undefined) => T | undefined,
): Promise<T> {
  const { timeoutMs = defaultTimeoutMs, logs = logsByKind[reference.kind] ?? ["kube-controller-manager"] } = options;
  const signal = AbortSignal.timeout(timeoutMs);
  const selection = selectionOf(reference);
  let last: unknown = "nothing";
  const look = (object: LiveObject | undefined) => {
    const { generation, deletionTimestamp } = object?.metadata ?? {};
    last = object === undefined ? "no such object" : { generation, deletionTimestamp, status: object.status };
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
  throw timeoutError(description, last, { ...options, timeoutMs, logs });
}

/** The controllers whose logs explain the state of an object. */
const logsByKind: Readonly<Record<string, readonly string[]>> = {
  GitRepository: ["source-controller"],
  OCIRepository: ["source-controller"],
  HelmChart: ["source-controller"],
  HelmRepository: ["source-controller"],
  HelmRelease: ["helm-controller", "source-controller"],
  Kustomization: ["kustomize-controller"],
  ImageRepository: ["image-reflector-controller"],
  ImagePolicy: ["image-reflector-controller"],
  Receiver: ["notification-controller"],
  ImageUpdateAutomation: ["image-automation-controller", "source-controller"],
};

function timeoutError(description: string, last: unknown, options: WaitOptions): WaitError {
  const { timeoutMs = defaultTimeoutMs, lab, logs = [] } = options;
  const seen = typeof last === "string" ? last : inspect(last, { depth: 6, breakLength: 110 });
  const ends = logs.map((name) => {
    const file = `${name}.log`;
    const folder = lab?.control?.logs;
    return folder === undefined ? `${file} is in the cluster` : `${file}:\n${lastLines(`${folder}/${file}`, 8)}`;
  });
  return new WaitError(
    [`Timed out after ${timeoutMs / 1000} s: ${description}. Last seen: ${seen}`, ...ends].join("\n"),
  );
}
