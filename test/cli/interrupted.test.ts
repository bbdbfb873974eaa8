import assert from "node:assert/strict";
import type { ExportedState, StateResource } from "../../src/cli/engine-state";
import {
  completeRecovery,
  interruptedObjects,
  markAsCreated,
  recoveryOf,
  wasInterrupted,
} from "../../src/cli/interrupted";

function resource(kind: string, namespace: string | undefined, name: string): StateResource {
  const type = `kubernetes:core/v1:${kind}`;
  return {
    urn: `urn:pulumi:prod::shared-authority::${type}::${namespace === undefined ? name : `${namespace}/${name}`}`,
    type,
    custom: true,
    inputs: { metadata: { name, namespace } },
  };
}

function state(resources: readonly StateResource[], creating: readonly StateResource[]): ExportedState {
  return {
    deployment: { resources, pending_operations: creating.map((one) => ({ type: "creating", resource: one })) },
  };
}

const home = resource("Namespace", undefined, "podinfo");
const quota = resource("ResourceQuota", "podinfo", "tenant");
const limits = resource("LimitRange", "podinfo", "tenant");
const component: StateResource = {
  urn: "urn:pulumi:prod::shared-authority::shared-authority:index:Tenant::podinfo",
  type: "shared-authority:index:Tenant",
  custom: false,
};

function madeBy(one: StateResource, manager: string): StateResource {
  return { ...one, outputs: { metadata: { managedFields: [{ manager }] } } };
}

/** An object after the engine's refresh has found it. */
function found(resource: StateResource): StateResource {
  const { initErrors, ...known } = resource;
  assert.ok(initErrors === undefined || initErrors.length === 1);
  return known;
}

function urnsOf(resources: readonly StateResource[]): string[] {
  return resources.map(({ urn }) => urn);
}

describe("the objects of an interrupted up", () => {
  it("are none if nothing is pending but updates and deletions", () => {
    assert.equal(wasInterrupted(state([home], [])), false);
    const deleting = { deployment: { resources: [home], pending_operations: [{ type: "deleting", resource: home }] } };
    assert.equal(wasInterrupted(deleting), false);
    assert.deepEqual(markAsCreated(deleting, interruptedObjects(deleting)), deleting);
  });

  it("are the objects that were requested but not recorded", () => {
    const before = state([component, home], [quota]);
    assert.ok(wasInterrupted(before));
    assert.deepEqual(interruptedObjects(before), [quota]);
  });

  it("do not include components, which exist only in the state, or objects that were created later", () => {
    const before = state([home], [component, home]);
    assert.deepEqual(interruptedObjects(before), []);
    assert.deepEqual(markAsCreated(before, []).deployment, { resources: [home], pending_operations: [] });
  });

  it("get the id of the provider, and are incomplete until a refresh", () => {
    const [made, alone] = markAsCreated(state([], [quota, home]), [quota, home]).deployment.resources ?? [];
    assert.equal(made?.id, "podinfo/tenant");
    assert.equal(alone?.id, "podinfo");
    assert.equal(made.initErrors?.length, 1);
  });

  it("replace the object with a pending replacement, but not the object with a pending deletion", () => {
    const replaced = { ...quota, pendingReplacement: true };
    const leaving = { ...quota, id: "old", delete: true };
    const before = state([home, replaced, component, leaving], [quota]);
    assert.deepEqual(interruptedObjects(before), [quota]);
    const after = markAsCreated(before, interruptedObjects(before)).deployment.resources ?? [];
    assert.deepEqual(
      after.map(({ urn, id }) => [urn, id]),
      [
        [home.urn, undefined],
        [quota.urn, "podinfo/tenant"],
        [component.urn, undefined],
        [quota.urn, "old"],
      ],
    );
  });

  it("are found again after an interrupted recovery", () => {
    const marked = markAsCreated(state([component], [home, quota]), [home, quota]);
    assert.ok(wasInterrupted(marked));
    assert.deepEqual(urnsOf(interruptedObjects(marked)), [home.urn, quota.urn]);
    assert.deepEqual(markAsCreated(marked, interruptedObjects(marked)), marked);
    const looked = state((marked.deployment.resources ?? []).map(found), []);
    assert.ok(wasInterrupted(looked));
    assert.deepEqual(urnsOf(interruptedObjects(looked)), [home.urn, quota.urn]);
    assert.deepEqual(markAsCreated(looked, interruptedObjects(looked)), marked);
    // A state of an earlier version, with the mark in one field only.
    assert.ok(wasInterrupted(state([{ ...home, initErrors: ["interrupted while it was made"] }], [])));
    assert.equal(
      wasInterrupted(state([{ ...home, initErrors: ["it is not ready"], sourcePosition: "a:1" }], [])),
      false,
    );
  });

  it("are recovered only if the API server recorded that the engine's provider created them", () => {
    const looked = state([madeBy(home, "pulumi-kubernetes-1f"), madeBy(quota, "kubectl-create")], []);
    const { recovered, missing, foreign } = recoveryOf(looked, [home, quota, limits]);
    assert.deepEqual([recovered, missing, foreign].map(urnsOf), [[home.urn], [limits.urn], [quota.urn]]);
    assert.deepEqual(urnsOf(recoveryOf(state([home], []), [home]).foreign), [home.urn]);
  });

  it("have no mark after a recovery, and foreign ones are removed", () => {
    const leaving = { ...quota, id: "old", delete: true };
    const dependent = {
      ...component,
      dependencies: [home.urn, quota.urn],
      propertyDependencies: { name: [quota.urn], namespace: [home.urn] },
    };
    const before = markAsCreated(state([], [home, quota]), [home, quota]).deployment.resources ?? [];
    const [ours, theirs] = before.map(found);
    const looked = state(
      [madeBy(ours!, "pulumi-kubernetes"), madeBy(theirs!, "kubectl-create"), dependent, leaving],
      [],
    );
    const after = completeRecovery(looked, recoveryOf(looked, [home, quota]));
    assert.equal(wasInterrupted(after), false);
    assert.deepEqual(after.deployment.resources, [
      { ...madeBy(home, "pulumi-kubernetes"), id: "podinfo", sourcePosition: undefined },
      { ...dependent, dependencies: [home.urn], propertyDependencies: { name: [], namespace: [home.urn] } },
      leaving,
    ]);
  });
});
