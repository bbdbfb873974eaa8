import assert from "node:assert/strict";
import { valuesKey } from "../../src/config/values-key";

describe("valuesKey", () => {
  it("is the path below the tenant's folder, in the characters that a key may have", () => {
    assert.equal(valuesKey("podinfo", "tenants/podinfo/values.yaml"), "values.yaml");
    assert.equal(valuesKey("podinfo", "tenants/podinfo/eu/values.yaml"), "eu__values.yaml");
    assert.equal(valuesKey("podinfo", "tenants/shared/values.yaml"), "tenants__shared__values.yaml");
    assert.equal(valuesKey("pod", "tenants/podinfo/values.yaml"), "tenants__podinfo__values.yaml");
  });
});
