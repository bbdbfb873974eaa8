import assert from "node:assert/strict";
import { previousRelease, withPrevious } from "../../src/program/previous-release";
import type { Tenant } from "../../src/config/stack-config";
import type { Evidence } from "../../src/release/evidence";
import { exampleTenant } from "../manifests/example-stack";
import { evidenceOf } from "../policy-pack/fixture";

const release = (version: string, facts: Partial<Evidence> = {}): Evidence =>
  evidenceOf({ ...exampleTenant, tag: version }, facts);

const tenant = (deny: readonly string[] = [], declared: Partial<Tenant> = {}): Tenant => ({
  ...exampleTenant,
  policy: { range: ">=6.0.0", automation: "auto", deny },
  ...declared,
});

describe("previousRelease", () => {
  it("is undefined at the first deploy", () => {
    assert.equal(previousRelease(tenant(), release("6.14.0"), undefined), undefined);
    assert.equal(previousRelease(tenant(), release("6.14.0"), {}), undefined);
  });

  it("is the release that ran before a promotion or a rollback", () => {
    const promoted = previousRelease(tenant(), release("6.14.1"), { evidence: release("6.14.0") });
    assert.equal(promoted?.version, "6.14.0");
    const back = previousRelease(tenant(), release("6.14.0"), {
      evidence: release("6.14.1"),
      previous: release("6.14.0"),
    });
    assert.equal(back?.version, "6.14.1");
  });

  it("stays the same while nothing is promoted, so that a second preview shows no change", () => {
    const previous = previousRelease(tenant(), release("6.14.1"), {
      evidence: release("6.14.1"),
      previous: release("6.14.0"),
    });
    assert.deepEqual(previous, release("6.14.0"));
  });

  it("is undefined if the policy no longer allows it", () => {
    assert.equal(previousRelease(tenant(["6.14.1"]), release("6.14.0"), { evidence: release("6.14.1") }), undefined);
    assert.equal(previousRelease(tenant(), release("6.14.0"), { evidence: release("5.0.0") }), undefined);
  });

  it("is undefined if it breaks the promise by what the tenant declares now", () => {
    const last = { evidence: release("6.14.0") };
    assert.deepEqual(previousRelease(tenant(), release("6.14.1"), last), release("6.14.0"));
    for (const declared of [
      { releasedFrom: ["main"] },
      { images: ["ghcr.io/stefanprodan/podinfo", "ghcr.io/stefanprodan/sidecar"] },
      { prefix: { git: "v", chart: "", image: "" } },
    ] satisfies Partial<Tenant>[]) {
      assert.equal(previousRelease(tenant([], declared), release("6.14.1"), last), undefined, JSON.stringify(declared));
    }
  });

  it("is undefined if it has another repository or chart than the tenant declares", () => {
    const moved = release("6.14.0", { repository: "https://github.com/elsewhere/podinfo" });
    assert.equal(previousRelease(tenant(), release("6.14.1"), { evidence: moved }), undefined);
    const other = release("6.14.0", { chart: "./charts/other" });
    assert.equal(previousRelease(tenant(), release("6.14.1"), { evidence: other }), undefined);
  });
});

describe("withPrevious", () => {
  it("reads the outputs of version 0.1, so that the first `up` after the upgrade deletes no source", () => {
    const [current, before] = [release("6.14.1"), release("6.14.0")];
    const outputs = withPrevious({ podinfo: { evidence: current, kept: before }, cart: { evidence: current } });
    assert.deepEqual(outputs, { podinfo: { evidence: current, previous: before }, cart: { evidence: current } });
    assert.deepEqual(previousRelease(tenant(), current, outputs.podinfo), before);
  });

  it("leaves today's outputs as they are", () => {
    const outputs = { podinfo: { evidence: release("6.14.1"), previous: release("6.14.0") } };
    assert.deepEqual(withPrevious(outputs), outputs);
  });
});
