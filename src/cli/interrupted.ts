import type { ExportedState, StateResource } from "./engine-state";

/**
 * The objects that an interrupted `up` may have created. The engine records that it will create an object, creates it,
 * then records that it exists; so each of these exists in the cluster or not. Includes the marked objects of a recovery
 * that was itself interrupted.
 */
export function interruptedObjects(state: ExportedState): readonly StateResource[] {
  const resources = resourcesOf(state);
  const pending = pendingCreates(state).filter(
    ({ urn, type, custom }) =>
      custom && type.startsWith("kubernetes:") && !resources.some((known) => known.urn === urn && isCurrent(known)),
  );
  return [...pending, ...resources.filter((known) => isCurrent(known) && isMarked(known))];
}

/** Whether an `up` was interrupted while it created a resource, and no recovery has been completed since. */
export function wasInterrupted(state: ExportedState): boolean {
  return pendingCreates(state).length > 0 || interruptedObjects(state).length > 0;
}

/**
 * Adds objects to the state as if they had been created, each with a mark, because importing a state drops its pending
 * operations. The caller then refreshes them, which removes from the state what is not in the cluster.
 */
export function markAsCreated(state: ExportedState, objects: readonly StateResource[]): ExportedState {
  const created = objects.map((resource): StateResource => ({
    ...resource,
    id: resource.id ?? idOf(resource),
    // Until the refresh, no `up` treats the object as complete.
    initErrors: [mark],
    // The refresh clears `initErrors`, so the mark is needed in a second field.
    sourcePosition: mark,
  }));
  const { pending_operations: pending = [], ...deployment } = state.deployment;
  // Dependents come after an object in the state, so a replaced object keeps its position.
  const inPlace = resourcesOf(state).map((known) =>
    known.pendingReplacement === true || (isCurrent(known) && isMarked(known))
      ? (created.find(({ urn }) => urn === known.urn) ?? known)
      : known,
  );
  return {
    ...state,
    deployment: {
      ...deployment,
      resources: [...inPlace, ...created.filter((resource) => !inPlace.includes(resource))],
      pending_operations: pending.filter(({ type }) => type !== creating),
    },
  };
}

/** What became of the objects that an interrupted `up` may have created. */
export interface Recovery {
  /** In the cluster, and now in the state. */
  readonly recovered: readonly StateResource[];
  /** Not in the cluster. The next `up` creates them. */
  readonly missing: readonly StateResource[];
  /** In the cluster, but not created by the engine. */
  readonly foreign: readonly StateResource[];
}

/** Sorts the objects by what a refreshed state says about them. */
export function recoveryOf(state: ExportedState, objects: readonly StateResource[]): Recovery {
  const found = resourcesOf(state).filter((known) => isCurrent(known) && objects.some(({ urn }) => urn === known.urn));
  return {
    recovered: found.filter(isCreatedByEngine),
    missing: objects.filter(({ urn }) => !found.some((known) => known.urn === urn)),
    foreign: found.filter((resource) => !isCreatedByEngine(resource)),
  };
}

/** Completes a recovery: removes the marks of recovered objects, and the foreign objects with all references to them. */
export function completeRecovery(state: ExportedState, { recovered, foreign }: Recovery): ExportedState {
  const removed = new Set(foreign.map(({ urn }) => urn));
  return {
    ...state,
    deployment: {
      ...state.deployment,
      resources: resourcesOf(state)
        .filter((known) => !foreign.includes(known))
        .map((known) => withoutDependenciesOn(removed, recovered.includes(known) ? withoutMark(known) : known)),
    },
  };
}

/** The engine refuses a state with dependencies on missing resources. */
function withoutDependenciesOn(removed: ReadonlySet<string>, resource: StateResource): StateResource {
  const { dependencies, propertyDependencies } = resource;
  const remaining = (urns: readonly string[]) => urns.filter((urn) => !removed.has(urn));
  return {
    ...resource,
    ...(dependencies && { dependencies: remaining(dependencies) }),
    ...(propertyDependencies && {
      propertyDependencies: Object.fromEntries(
        Object.entries(propertyDependencies).map(([property, urns]) => [property, remaining(urns ?? [])]),
      ),
    }),
  };
}

/** Whether the engine's Kubernetes provider created the object, by the field manager that the API server recorded. */
function isCreatedByEngine({ outputs }: StateResource): boolean {
  return (outputs?.metadata?.managedFields ?? []).some(({ manager = "" }) => manager.startsWith("pulumi-kubernetes"));
}

/** Marks an object in the state until its recovery is complete. Stored in states, so the text must not change. */
const mark = "interrupted while it was made";

function isMarked({ initErrors = [], sourcePosition }: StateResource): boolean {
  return sourcePosition === mark || initErrors.includes(mark);
}

/** The next `up` sets the source position again. */
function withoutMark(resource: StateResource): StateResource {
  return { ...resource, sourcePosition: undefined };
}

/** The engine's type of a pending create operation. */
const creating = "creating";

function pendingCreates({ deployment }: ExportedState): readonly StateResource[] {
  return (deployment.pending_operations ?? []).filter(({ type }) => type === creating).map(({ resource }) => resource);
}

/** The resources in the state, in its order. */
export function resourcesOf({ deployment }: ExportedState): readonly StateResource[] {
  return deployment.resources ?? [];
}

/** Whether the resource is neither deleted nor about to be deleted. */
export function isCurrent(resource: StateResource): boolean {
  return resource.delete !== true && resource.pendingReplacement !== true;
}

/** The id that the Kubernetes provider gives an object: `flux-system/podinfo`, or `podinfo` for a Namespace. */
function idOf({ inputs }: StateResource): string {
  const { namespace, name = "" } = inputs?.metadata ?? {};
  return namespace === undefined ? name : `${namespace}/${name}`;
}
