import assert from "node:assert/strict";
import type { ExportedState, StateResource } from "../../src/cli/engine-state";
import { asIfMade, interrupted, recoveredIn, settled, wasInterrupted } from "../../src/cli/interrupted";

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

/** What the engine's refresh leaves of an object that it has found. */
function found(resource: StateResource): StateResource {
  const { initErrors, ...known } = resource;
  assert.ok(initErrors === undefined || initErrors.length === 1);
  return known;
}

function urnsOf(resources: readonly StateResource[]): string[] {
  return resources.map(({ urn }) => urn);
}

describe("what an interrupted up was making", () => {
  it("is nothing where nothing is pending, or nothing but updates and deletions", () => {
    assert.equal(wasInterrupted(state([home], [])), false);
    const deleting = { deployment: { resources: [home], pending_operations: [{ type: "deleting", resource: home }] } };
    assert.equal(wasInterrupted(deleting), false);
    assert.deepEqual(asIfMade(deleting, interrupted(deleting)), deleting);
  });

  it("is every object of the cluster that was asked for and not written down", () => {
    const before = state([component, home], [quota]);
    assert.ok(wasInterrupted(before));
    assert.deepEqual(interrupted(before), [quota]);
  });

  it("is no component, which lives in the state only, and no object that was made later", () => {
    const before = state([home], [component, home]);
    assert.deepEqual(interrupted(before), []);
    assert.deepEqual(asIfMade(before, []).deployment, { resources: [home], pending_operations: [] });
  });

  it("gets the provider's own name for it, and cannot pass for finished before a refresh", () => {
    const [made, alone] = asIfMade(state([], [quota, home]), [quota, home]).deployment.resources ?? [];
    assert.equal(made?.id, "podinfo/tenant");
    assert.equal(alone?.id, "podinfo");
    assert.equal(made.initErrors?.length, 1);
  });

  it("takes the place of what it was to replace, and leaves what waits for its deletion", () => {
    const replaced = { ...quota, pendingReplacement: true };
    const leaving = { ...quota, id: "old", delete: true };
    const before = state([home, replaced, component, leaving], [quota]);
    assert.deepEqual(interrupted(before), [quota]);
    const after = asIfMade(before, interrupted(before)).deployment.resources ?? [];
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

  it("is found again in a state whose recovery was itself cut off, wherever that was", () => {
    const marked = asIfMade(state([component], [home, quota]), [home, quota]);
    assert.ok(wasInterrupted(marked));
    assert.deepEqual(urnsOf(interrupted(marked)), [home.urn, quota.urn]);
    assert.deepEqual(asIfMade(marked, interrupted(marked)), marked);
    const looked = state((marked.deployment.resources ?? []).map(found), []);
    assert.ok(wasInterrupted(looked));
    assert.deepEqual(urnsOf(interrupted(looked)), [home.urn, quota.urn]);
    assert.deepEqual(asIfMade(looked, interrupted(looked)), marked);
    // A state that was written before the mark stood in two places.
    assert.ok(wasInterrupted(state([{ ...home, initErrors: ["interrupted while it was made"] }], [])));
    assert.equal(
      wasInterrupted(state([{ ...home, initErrors: ["it is not ready"], sourcePosition: "a:1" }], [])),
      false,
    );
  });

  it("is ours only where the API server has written down that the engine's provider made it", () => {
    const looked = state([madeBy(home, "pulumi-kubernetes-1f"), madeBy(quota, "kubectl-create")], []);
    const { taken, unmade, foreign } = recoveredIn(looked, [home, quota, limits]);
    assert.deepEqual([taken, unmade, foreign].map(urnsOf), [[home.urn], [limits.urn], [quota.urn]]);
    assert.deepEqual(urnsOf(recoveredIn(state([home], []), [home]).foreign), [home.urn]);
  });

  it("is, once it is settled, without its mark, and gone where it is somebody else's", () => {
    const leaving = { ...quota, id: "old", delete: true };
    const dependent = {
      ...component,
      dependencies: [home.urn, quota.urn],
      propertyDependencies: { name: [quota.urn], namespace: [home.urn] },
    };
    const before = asIfMade(state([], [home, quota]), [home, quota]).deployment.resources ?? [];
    const [ours, theirs] = before.map(found);
    const looked = state(
      [madeBy(ours!, "pulumi-kubernetes"), madeBy(theirs!, "kubectl-create"), dependent, leaving],
      [],
    );
    const after = settled(looked, recoveredIn(looked, [home, quota]));
    assert.equal(wasInterrupted(after), false);
    assert.deepEqual(after.deployment.resources, [
      { ...madeBy(home, "pulumi-kubernetes"), id: "podinfo", sourcePosition: undefined },
      { ...dependent, dependencies: [home.urn], propertyDependencies: { name: [], namespace: [home.urn] } },
      leaving,
    ]);
  });
});
