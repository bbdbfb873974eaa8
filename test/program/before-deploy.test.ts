import assert from "node:assert/strict";
import type { StackConfig, Tenant } from "../../src/config/stack-config";
import { forwardReasons } from "../../src/program/before-deploy";
import type { Evidence } from "../../src/release/evidence";

const evidence = (version: string): Evidence => ({ version, chart: "./chart", images: [] });

describe("a deploy while the Git host cannot be asked", () => {
  const last = { shop: { evidence: evidence("1.9.0") } };
  const reasons = (version: string, source: "lock" | "read" = "lock", outputs: object = last): string[] => {
    const tenant = { name: "shop" } as Tenant;
    const config = { tenants: [tenant] } as unknown as StackConfig;
    return forwardReasons(
      { config, tenants: [{ tenant, source, evidence: evidence(version), reasons: [] }] },
      outputs as typeof last,
    );
  };

  it("may leave a release as it is, or move back to one in the lock", () => {
    assert.deepEqual(reasons("1.9.0"), []);
    assert.deepEqual(reasons("1.8.0"), []);
    assert.deepEqual(reasons("1.9.0-rc.1"), []);
  });

  it("may move nothing forward", () => {
    assert.deepEqual(reasons("1.10.0"), ["shop 1.10.0 is newer than 1.9.0, which was deployed last"]);
  });

  it("needs the lock", () => {
    assert.deepEqual(reasons("1.8.0", "read"), ["shop 1.8.0 is not in releases.lock.yaml"]);
  });

  it("may neither add nor remove a tenant", () => {
    assert.deepEqual(reasons("1.8.0", "lock", {}), ["shop is new"]);
    assert.deepEqual(reasons("1.9.0", "lock", { ...last, cart: { evidence: evidence("1.0.0") } }), [
      "cart would be removed",
    ]);
  });
});
