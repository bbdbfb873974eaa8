/** Notes when objects of a cluster become as they should be, and what Helm has recorded of it. */
import { setTimeout as delay } from "node:timers/promises";
import type { Cluster, LiveObject, Selection } from "../lab/cluster";
import { helmHistory, helmRecords, helmRevision, type HelmRevision } from "../lab/helm-history";

/** An object that is waited for. */
export interface Sight {
  readonly selection: Selection;
  isSo(object: LiveObject): boolean;
}

/** Something that no watch tells of, and that is cheap to ask for. */
export interface Probe {
  isSo(): Promise<boolean>;
}

/** When something happened, in seconds of this process's own clock. */
export type Moments<Name extends string> = Readonly<Record<Name | "begin" | "end", number>>;

const pollMs = 50;
const patienceMs = 300_000;

/**
 * Acts, and notes when each of the sights is first seen. What is there before counts as seen at once.
 *
 * @returns `begin` and `end` are those of the act
 * @throws Error where the act fails, or where something is not seen within five minutes
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

/** Everything that takes time before the act is done here: the look itself misses nothing since. */
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

/** A moment of the machine's clock, such as one in Helm's own record, in seconds of this process's own clock. */
export function secondsOf(date: Date): number {
  return (date.getTime() - performance.timeOrigin) / 1000;
}

/** What Helm should run. */
export interface Target {
  readonly chartVersion: string;
  readonly message: string;
}

/** Helm has upgraded: the revision is deployed, after its pods have become ready. The release is named as its namespace. */
export function upgraded(name: string, { chartVersion, message }: Target): Sight {
  return {
    selection: helmRecords(name, name),
    isSo: (secret) => {
      const { status, chartVersion: deployed, values } = helmRevision(secret);
      return status === "deployed" && deployed === chartVersion && values.message === message;
    },
  };
}

/** The revisions after one, the oldest first. It is Helm's own record: a state that ran for a moment is in it, too. */
export async function revisionsSince(cluster: Cluster, name: string, last: number): Promise<readonly HelmRevision[]> {
  return (await helmHistory(cluster, name, name)).filter(({ revision }) => revision > last);
}
