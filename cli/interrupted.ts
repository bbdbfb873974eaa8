import type { ExportedState, StateResource } from "./engine-state";

/**
 * The objects that an `up` was making when it was interrupted. Each of them is in the cluster or is not: the engine
 * writes down that it will make an object, then asks for it, then writes down that it is there.
 */
export function interrupted(state: ExportedState): readonly StateResource[] {
  return pendingCreates(state).filter(
    ({ urn, type, custom }) =>
      custom &&
      type.startsWith("kubernetes:") &&
      !resourcesOf(state).some((known) => known.urn === urn && isThere(known)),
  );
}

/** Whether an `up` was interrupted while it was making anything. */
export function wasInterrupted(state: ExportedState): boolean {
  return pendingCreates(state).length > 0;
}

/**
 * The state as if these objects had been made, and without a mark of the interruption. To be refreshed at once: what is
 * not in the cluster leaves the state by that.
 */
export function asIfMade(state: ExportedState, objects: readonly StateResource[]): ExportedState {
  const made = objects.map((resource): StateResource => ({
    ...resource,
    id: idOf(resource),
    // Until the refresh has looked, no `up` takes the object for a finished one.
    initErrors: ["interrupted while it was made"],
  }));
  const { resources = [], pending_operations: pending = [], ...deployment } = state.deployment;
  // What depends on an object stands after it, so one that was being replaced keeps its place.
  const inPlace = resources.map((known) =>
    known.pendingReplacement === true ? (made.find(({ urn }) => urn === known.urn) ?? known) : known,
  );
  return {
    ...state,
    deployment: {
      ...deployment,
      resources: [...inPlace, ...made.filter((resource) => !inPlace.includes(resource))],
      pending_operations: pending.filter(({ type }) => type !== creating),
    },
  };
}

/**
 * Whether the object was made by the engine's Kubernetes provider, which the API server has written down in the object.
 * Another one of that name may stand in the place of what was never made.
 */
export function isOurs({ outputs }: StateResource): boolean {
  return (outputs?.metadata?.managedFields ?? []).some(({ manager = "" }) => manager.startsWith("pulumi-kubernetes"));
}

/** The engine's word. */
const creating = "creating";

function pendingCreates({ deployment }: ExportedState): readonly StateResource[] {
  return (deployment.pending_operations ?? []).filter(({ type }) => type === creating).map(({ resource }) => resource);
}

function resourcesOf({ deployment }: ExportedState): readonly StateResource[] {
  return deployment.resources ?? [];
}

function isThere(resource: StateResource): boolean {
  return resource.delete !== true && resource.pendingReplacement !== true;
}

/** The provider's own way to name an object: `flux-system/podinfo`, or `podinfo` for a Namespace. */
function idOf({ inputs }: StateResource): string {
  const { namespace, name = "" } = inputs?.metadata ?? {};
  return namespace === undefined ? name : `${namespace}/${name}`;
}
