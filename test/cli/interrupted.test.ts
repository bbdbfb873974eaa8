import assert from "node:assert/strict";
import type { ExportedState, StateResource } from "../../cli/engine-state";
import { asIfMade, interrupted, isOurs, wasInterrupted } from "../../cli/interrupted";

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
const component: StateResource = {
  urn: "urn:pulumi:prod::shared-authority::shared-authority:index:Tenant::podinfo",
  type: "shared-authority:index:Tenant",
  custom: false,
};

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

  it("is ours only where the API server has written down that the engine's provider made it", () => {
    const madeBy = (manager: string) => ({ ...home, outputs: { metadata: { managedFields: [{ manager }] } } });
    assert.equal(isOurs(madeBy("pulumi-kubernetes")), true);
    assert.equal(isOurs(madeBy("kubectl-create")), false);
    assert.equal(isOurs(home), false);
  });
});
