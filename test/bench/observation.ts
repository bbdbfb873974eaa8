/** Records when objects in a cluster reach a state, and the Helm revisions in between. */
import { setTimeout as delay } from "node:timers/promises";
import type { Cluster, LiveObject, Selection } from "../lab/cluster";
import { helmHistory, helmRecords, helmRevision, type HelmRevision } from "../lab/helm-history";

/** An object to wait for. */
export interface Sight {
  readonly selection: Selection;
  isSo(object: LiveObject): boolean;
}

/** A state that has no watch and is polled. */
export interface Probe {
  isSo(): Promise<boolean>;
}

/** Points in time, in seconds of this process's clock. */
export type Moments<Name extends string> = Readonly<Record<Name | "begin" | "end", number>>;

const pollMs = 50;
const patienceMs = 300_000;

/**
 * Runs an action and records when each state is reached. States that exist before count as reached immediately.
 *
 * @returns also `begin` and `end` of the action
 * @throws Error if the action fails, or a state is not reached within five minutes
 */
export async function observe<Name extends string>(
  cluster: Cluster,
  sights: Readonly<Record<Name, Sight | Probe>>,
  act: () => Promise<unknown>,
): Promise<Moments<Name>> {
  const done = new AbortController();
  const signal = AbortSignal.any([done.signal, AbortSignal.timeout(patienceMs)]);
  try {
    const entries = Object.entries<Sight | Probe>(sights);
    const opened = await Promise.all(entries.map(([name, sight]) => open(cluster, name, sight, signal)));
    const begin = now();
    const [end, ...seen] = await Promise.all([act().then(now), ...opened.map((look) => look())]);
    const moments = entries.map(([name], index) => [name, seen[index]]);
    return { begin, end, ...(Object.fromEntries(moments) as Record<Name, number>) };
  } finally {
    done.abort();
  }
}

type Look = () => Promise<number>;

/** Takes the snapshot before the action, so that the watch afterwards misses no change. */
async function open(cluster: Cluster, name: string, sight: Sight | Probe, signal: AbortSignal): Promise<Look> {
  if (!("selection" in sight)) return () => poll(name, sight, signal);
  const { items, resourceVersion } = await cluster.snapshot(sight.selection);
  if (items.some((item) => sight.isSo(item))) return () => Promise.resolve(now());
  return async () => {
    for await (const { type, object } of cluster.watch(sight.selection, resourceVersion, signal)) {
      if (type === "ERROR") break;
      if (type !== "DELETED" && sight.isSo(object)) return now();
    }
    throw unseen(name);
  };
}

async function poll(name: string, probe: Probe, signal: AbortSignal): Promise<number> {
  while (!signal.aborted) {
    if (await probe.isSo()) return now();
    await delay(pollMs);
  }
  throw unseen(name);
}

function unseen(name: string): Error {
  return new Error(`not seen: ${name}`);
}

function now(): number {
  return performance.now() / 1000;
}

/** Converts a wall-clock time, such as one from Helm, to seconds of this process's clock. */
export function secondsOf(date: Date): number {
  return (date.getTime() - performance.timeOrigin) / 1000;
}

/** The expected release. */
export interface Target {
  readonly chartVersion: string;
  readonly message: string;
}

/** The revision is deployed, and its pods are ready. The release has the name of its namespace. */
export function upgraded(name: string, { chartVersion, message }: Target): Sight {
  return {
    selection: helmRecords(name, name),
    isSo: (secret) => {
      const { status, chartVersion: deployed, values } = helmRevision(secret);
      return status === "deployed" && deployed === chartVersion && values.message === message;
    },
  };
}

/** The revisions after a given one, oldest first. Includes short-lived states. */
export async function revisionsSince(cluster: Cluster, name: string, last: number): Promise<readonly HelmRevision[]> {
  return (await helmHistory(cluster, name, name)).filter(({ revision }) => revision > last);
}
