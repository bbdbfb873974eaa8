import assert from "node:assert/strict";
import { releaseWait, sourceWait } from "../../components/release-wait";
import type { Fleet } from "../../fleet/fleet";

describe("how long an `up` waits", () => {
  const fleet = { timeouts: { source: "30s", release: "5m0s" } } as unknown as Fleet;

  it("for a release: an upgrade, a rollback, and a minute", () => {
    assert.equal(releaseWait(fleet), "5m0s5m0s1m");
  });

  it("for a source: two fetches, and a minute", () => {
    assert.equal(sourceWait(fleet), "30s30s1m");
  });
});
