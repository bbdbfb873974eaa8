import assert from "node:assert/strict";
import { releaseWait, sourceWait } from "../../src/program/release-wait";
import type { StackConfig } from "../../src/config/stack-config";

describe("how long an `up` waits", () => {
  const config = { timeouts: { source: "30s", release: "5m0s" } } as unknown as StackConfig;

  it("for a release: an upgrade, a rollback, and a minute", () => {
    assert.equal(releaseWait(config), "5m0s5m0s1m");
  });

  it("for a source: two fetches, and a minute", () => {
    assert.equal(sourceWait(config), "30s30s1m");
  });
});
