import assert from "node:assert/strict";
import { exampleBranch, exampleEvidence, manifestsOf } from "./example-stack";
import { configOf, stackConfigOf, allObjectsOf, verdict } from "../policy-pack/fixture";

const content = "replicaCount: 2\n";

describe("a renamed tenant", () => {
  const files = (folder: string) => [
    { path: `tenants/${folder}/values.yaml`, content },
    { path: "tenants/shared/values.yaml", content },
  ];

  it("keeps every object as it is, character for character", () => {
    const before = { values: files("podinfo"), secrets: [{ name: "podinfo-values", key: "values.yaml" }] };
    const renamed = { ...before, name: "find", formerly: "podinfo", values: files("find") };
    for (const evidence of [exampleEvidence, exampleBranch]) {
      assert.deepEqual(manifestsOf(renamed, evidence), manifestsOf(before, evidence));
    }
  });

  it("passes all policies, which name the tenant as the stack file does", async () => {
    const renamed = stackConfigOf({ name: "find", formerly: "podinfo", values: files("find") });
    assert.equal(await verdict(allObjectsOf(renamed), renamed), "");
    assert.ok("find" in (configOf(renamed)["shared-authority:tenants"] as object));
    const secret = stackConfigOf({
      ...renamed.tenants[0],
      values: [{ path: "tenants/find/values.yaml", content: "password: hunter2-Zq8kLw03xN\n" }],
    });
    assert.match(await verdict(allObjectsOf(secret), secret), /tenants\/find\/values\.yaml, line 1/);
  });
});
