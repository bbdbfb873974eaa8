/** What an `up` would overwrite while a tenant takes a release over, and HelmReleases that still manage such a release. */
import type {
  KubernetesListObject,
  KubernetesObject as LiveObject,
  KubernetesObjectApi,
} from "@kubernetes/client-node";
import { label } from "../manifests/annotation";
import type { KubernetesObject } from "../manifests/object";
import { type CarriedOver, stackObjects } from "../manifests/stack-objects";
import type { ResolvedStack } from "../release/resolve";
import { removalCommands } from "./adoptable-release";
import { type OpenCluster, statusOf } from "./cluster-client";

/**
 * While a tenant `adopts`, the provider overwrites what exists, so this refuses what the API server refuses otherwise. It
 * accepts the namespaces of these tenants, and what has this program's labels.
 */
export async function adoptionProblems(
  { client, configuration }: OpenCluster,
  stack: ResolvedStack,
  carriedOver: CarriedOver,
): Promise<string[]> {
  const adopting = stack.config.tenants.filter(({ adopts }) => adopts !== undefined);
  if (adopting.length === 0) return [];
  const api = new client.KubernetesObjectApi(configuration);
  const accepted = new Set([
    ...adopting.map(({ namespace }) => keyOf("Namespace", undefined, namespace)),
    // These have a sentence of their own.
    ...adopting.map(({ adopts }) => keyOf("HelmRelease", adopts?.namespace, adopts?.name)),
  ]);
  const kinds = [...placesByKind(stack, carriedOver).values()];
  const taken = kinds.map(async (places) => {
    const problems: string[] = [];
    for (const objects of places.values()) problems.push(...(await foreignObjects(api, objects, accepted)));
    return problems;
  });
  const managed = adopting.map(({ name, adopts = { namespace: "", name: "" } }) => managedProblems(api, name, adopts));
  return (await Promise.all([...taken, ...managed])).flat();
}

/** The stack's objects by kind, and then by namespace. */
function placesByKind(
  stack: ResolvedStack,
  carriedOver: CarriedOver,
): ReadonlyMap<string, ReadonlyMap<string, KubernetesObject[]>> {
  const kinds = new Map<string, Map<string, KubernetesObject[]>>();
  for (const { object, owner } of stackObjects(stack, carriedOver)) {
    // Older clusters lack these kinds, and nobody else has their names.
    if (owner.component === "ImageAdmission") continue;
    const kind = `${object.apiVersion} ${object.kind}`;
    const places = kinds.get(kind) ?? new Map<string, KubernetesObject[]>();
    const namespace = object.metadata.namespace ?? "";
    places.set(namespace, [...(places.get(namespace) ?? []), object]);
    kinds.set(kind, places);
  }
  return kinds;
}

/** Those of the objects, of one kind and namespace, that somebody else has created. */
async function foreignObjects(
  api: KubernetesObjectApi,
  objects: readonly KubernetesObject[],
  accepted: ReadonlySet<string>,
): Promise<string[]> {
  const [first] = objects;
  if (first === undefined) return [];
  const { apiVersion, kind } = first;
  const { namespace } = first.metadata;
  let live: KubernetesListObject<LiveObject>;
  try {
    live = await api.list(apiVersion, kind, namespace);
  } catch (error) {
    // A kind that the cluster does not serve is reported as missing.
    if (error instanceof Error && error.message.startsWith("Unrecognized API version")) return [];
    return [mayNot("list", kind, namespace, error)];
  }
  const existing = new Map(live.items.map(({ metadata }) => [metadata?.name, metadata?.labels]));
  return objects.flatMap(({ metadata: { name, labels } }) => {
    if (!existing.has(name) || accepted.has(keyOf(kind, namespace, name))) return [];
    if (hasSameMarks(labels, existing.get(name))) return [];
    const place = namespace === undefined ? "" : ` in the namespace ${namespace}`;
    return [
      `The ${kind} ${name}${place} exists already, and this program has not created it. ` +
        "Delete it, or give the tenant another name or namespace.",
    ];
  });
}

type Labels = Readonly<Record<string, string>>;

/** Every object of a stack has one of these labels. */
function hasSameMarks(ours: Labels = {}, theirs: Labels = {}): boolean {
  return [label.tenant, label.stack].every((name) => ours[name] === undefined || ours[name] === theirs[name]);
}

/** Two HelmReleases that manage one release undo each other's work. */
async function managedProblems(
  api: KubernetesObjectApi,
  tenant: string,
  place: { readonly namespace: string; readonly name: string },
): Promise<string[]> {
  let old: LiveObject & { readonly spec?: { readonly suspend?: boolean } };
  try {
    old = await api.read({ apiVersion: "helm.toolkit.fluxcd.io/v2", kind: "HelmRelease", metadata: { ...place } });
  } catch (error) {
    return statusOf(error) === 404 ? [] : [mayNot("get", "HelmRelease", place.namespace, error)];
  }
  if (old.metadata?.labels?.[label.tenant] !== undefined) return [];
  const steps = old.spec?.suspend === true ? "It is suspended. Delete it" : "Suspend it, then delete it";
  return [
    `The HelmRelease ${place.name} in the namespace ${place.namespace}, whose release ${tenant} takes over, still exists. ` +
      `${steps}: ${removalCommands(place)}. Flux does not uninstall the release of a suspended one.`,
  ];
}

/** @throws the error, if it is another one */
function mayNot(verb: string, kind: string, namespace: string | undefined, error: unknown): string {
  if (statusOf(error) !== 403) throw error;
  const place = namespace === undefined ? "" : ` in the namespace ${namespace}`;
  return (
    `These credentials may not ${verb} ${kind} objects${place}. While a tenant \`adopts\` a release, an \`up\` overwrites ` +
    "what exists, so it must see that nothing else does. Grant their user this."
  );
}

function keyOf(...parts: readonly (string | undefined)[]): string {
  return JSON.stringify(parts);
}
