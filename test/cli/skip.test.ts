import assert from "node:assert/strict";
import { outlook } from "../../src/cli/skip";
import type { StackConfig, Tenant } from "../../src/config/stack-config";
import { exampleStack, exampleTenant } from "../manifests/example-stack";

/** The outlook for podinfo, skipped with this policy and tag. */
function told(policy: Partial<Tenant["policy"]>, tenant: Partial<Tenant> = {}, isNew = false): string[] {
  const skipped: Tenant = {
    ...exampleTenant,
    ...tenant,
    policy: { range: ">=6.0.0 <7.0.0", automation: "auto", deny: [], ...policy },
  };
  const config: StackConfig = { ...exampleStack, tenants: [skipped, { ...skipped, name: "another" }] };
  return outlook(config, { tenants: [{ name: "podinfo", isNew }], excluded: [] });
}

describe("the outlook for a skipped tenant", () => {
  it("is that Flux corrects a denied version, and on which branch", () => {
    assert.deepEqual(told({ deny: ["6.14.1"] }), [
      "podinfo: its policy does not allow 6.14.1. This run updates the policy in the cluster; Flux then commits the " +
        "newest version that it allows to the main branch, and `authority up` deploys that commit.",
    ]);
    assert.match(told({ deny: ["6.14.1"], automation: "pull-request" })[0]!, /to the promotion branch,/);
  });

  it("is the same if the range does not allow the version, which is read without its prefix", () => {
    assert.match(told({ range: ">=7.0.0" })[0]!, /does not allow 6\.14\.1\./);
    const prefixed = { tag: "v6.14.1", prefix: { git: "v", chart: "", image: "v" } };
    assert.match(told({ deny: ["6.14.1"] }, prefixed)[0]!, /does not allow v6\.14\.1\./);
  });

  it("is empty if the policy allows the version", () => {
    assert.deepEqual(told({}), []);
  });

  it("is empty if Flux does not commit for it: manual, pinned, or new in the stack", () => {
    assert.deepEqual(told({ deny: ["6.14.1"], automation: "manual" }), []);
    assert.deepEqual(told({ deny: ["6.14.1"], pin: { reason: "a leak", by: "jane" } }), []);
    assert.deepEqual(told({ deny: ["6.14.1"] }, {}, true), []);
  });
});
