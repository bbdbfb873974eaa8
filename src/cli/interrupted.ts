import type { ExportedState, StateResource } from "./engine-state";

/**
 * The objects that an `up` was making when it was interrupted. Each of them is in the cluster or is not: the engine
 * writes down that it will make an object, then asks for it, then writes down that it is there. Those that are marked
 * already are the ones of a recovery that was itself interrupted.
 */
export function interrupted(state: ExportedState): readonly StateResource[] {
  const resources = resourcesOf(state);
  const pending = pendingCreates(state).filter(
    ({ urn, type, custom }) =>
      custom && type.startsWith("kubernetes:") && !resources.some((known) => known.urn === urn && isThere(known)),
  );
  return [...pending, ...resources.filter((known) => isThere(known) && isMarked(known))];
}

/** Whether an `up` was interrupted while it was making anything, and nobody has found out yet what became of it. */
export function wasInterrupted(state: ExportedState): boolean {
  return pendingCreates(state).length > 0 || interrupted(state).length > 0;
}

/**
 * The state as if these objects had been made, each of them marked: the engine drops its own record of what is pending
 * whenever a state is imported. To be refreshed at once: what is not in the cluster leaves the state by that.
 */
export function asIfMade(state: ExportedState, objects: readonly StateResource[]): ExportedState {
  const made = objects.map((resource): StateResource => ({
    ...resource,
    id: resource.id ?? idOf(resource),
    // Until the refresh has looked, no `up` takes the object for a finished one.
    initErrors: [mark],
    // The refresh takes `initErrors` away, before anybody could see whose object it has found.
    sourcePosition: mark,
  }));
  const { pending_operations: pending = [], ...deployment } = state.deployment;
  // What depends on an object stands after it, so one that was being replaced keeps its place.
  const inPlace = resourcesOf(state).map((known) =>
    known.pendingReplacement === true || (isThere(known) && isMarked(known))
      ? (made.find(({ urn }) => urn === known.urn) ?? known)
      : known,
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

/** What became of the objects that an interrupted `up` was making. */
export interface Recovered {
  /** In the cluster, and from now on in the state. */
  readonly taken: readonly StateResource[];
  /** Not in the cluster: the next `up` makes them. */
  readonly unmade: readonly StateResource[];
  /** In the cluster, and made by somebody else. */
  readonly foreign: readonly StateResource[];
}

/** What became of these objects, by a state that has been refreshed. */
export function recoveredIn(state: ExportedState, sought: readonly StateResource[]): Recovered {
  const isSought = ({ urn }: StateResource) => sought.some((one) => one.urn === urn);
  const found = resourcesOf(state).filter((known) => isThere(known) && isSought(known));
  return {
    taken: found.filter(isOurs),
    unmade: sought.filter(({ urn }) => !found.some((one) => one.urn === urn)),
    foreign: found.filter((resource) => !isOurs(resource)),
  };
}

/** The state with all of it done at once: what was taken over without its mark, and nothing of what is somebody else's. */
export function settled(state: ExportedState, { taken, foreign }: Recovered): ExportedState {
  const gone = new Set(foreign.map(({ urn }) => urn));
  return {
    ...state,
    deployment: {
      ...state.deployment,
      resources: resourcesOf(state)
        .filter((known) => !foreign.includes(known))
        .map((known) => withoutDependenciesOn(gone, taken.includes(known) ? withoutMark(known) : known)),
    },
  };
}

/** A state in which something depends on what is not in it is none for the engine. */
function withoutDependenciesOn(gone: ReadonlySet<string>, resource: StateResource): StateResource {
  const { dependencies, propertyDependencies } = resource;
  const remain = (urns: readonly string[]) => urns.filter((urn) => !gone.has(urn));
  return {
    ...resource,
    ...(dependencies && { dependencies: remain(dependencies) }),
    ...(propertyDependencies && {
      propertyDependencies: Object.fromEntries(
        Object.entries(propertyDependencies).map(([property, urns]) => [property, remain(urns ?? [])]),
      ),
    }),
  };
}

/**
 * Whether the object was made by the engine's Kubernetes provider, which the API server has written down in the object.
 * Another one of that name may stand in the place of what was never made.
 */
function isOurs({ outputs }: StateResource): boolean {
  return (outputs?.metadata?.managedFields ?? []).some(({ manager = "" }) => manager.startsWith("pulumi-kubernetes"));
}

/** What stands in an object's state until it is known whether it is there, and whose it is. */
const mark = "interrupted while it was made";

function isMarked({ initErrors = [], sourcePosition }: StateResource): boolean {
  return sourcePosition === mark || initErrors.includes(mark);
}

/** The next `up` writes the position in the program again. */
function withoutMark(resource: StateResource): StateResource {
  return { ...resource, sourcePosition: undefined };
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
