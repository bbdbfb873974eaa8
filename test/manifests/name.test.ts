import assert from "node:assert/strict";
import fc from "fast-check";
import { stackObjectName } from "../../src/manifests/automation";
import { sourceName } from "../../src/manifests/source";

/** RFC 1123 subdomain, which the names of Flux's objects must be. */
const subdomain = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;

const tenant = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,51}[a-z0-9])?$/);
const identifier = fc.stringMatching(/^[0-9A-Za-z]([0-9A-Za-z-]{0,8}[0-9A-Za-z])?$/);
const version = fc
  .tuple(fc.nat(99), fc.nat(99), fc.nat(99), fc.array(identifier, { maxLength: 40 }))
  .map(([major, minor, patch, pre]) => [`${major}.${minor}.${patch}`, pre.join(".")].filter(Boolean).join("-"));

describe("sourceName", () => {
  it("is the tenant's name and the version, as people write them", () => {
    assert.equal(sourceName("podinfo", "6.14.1"), "podinfo-6.14.1");
    assert.equal(sourceName("podinfo", "6.14.1-rc.1"), "podinfo-6.14.1-rc.1");
  });

  it("keeps versions apart that differ in upper case only", () => {
    const names = ["1.0.0-rc.1", "1.0.0-RC.1", "1.0.0-Rc.1"].map((text) => sourceName("podinfo", text));
    assert.equal(new Set(names).size, 3);
    assert.equal(names[0], "podinfo-1.0.0-rc.1");
  });

  it("is a name that Kubernetes takes, for every version", () => {
    fc.assert(
      fc.property(tenant, version, (name, text) => {
        const source = sourceName(name, text);
        assert.match(source, subdomain);
        assert.ok(source.length <= 253);
      }),
    );
  });
});

describe("stackObjectName", () => {
  it("names what belongs to no tenant", () => {
    assert.equal(stackObjectName("prod"), "shared-authority-prod");
    assert.equal(stackObjectName("prod", "pull-request"), "shared-authority-prod-pull-request");
  });
});
