import assert from "node:assert/strict";
import type { KubernetesObject } from "../../src/manifests/object";
import { pinNotExpiredAt } from "../../src/policy-pack/pin-not-expired";
import { productionFollowsTags } from "../../src/policy-pack/production-follows-tags";
import { config, evidenceOf, headOfMaster, judge, objectsOf, stackConfigOf, stackObjects } from "./fixture";

async function messageOf(objects: readonly KubernetesObject[], stack = config): Promise<string> {
  return (await judge(productionFollowsTags, objects, stack)).map(({ message }) => message).join("\n");
}

describe("production-follows-tags", () => {
  it("passes releases, and the shared repository that the automation commits to", async () => {
    assert.equal(await messageOf([...stackObjects(), ...objectsOf()]), "");
  });

  const versions: [string, string, object, RegExp | ""][] = [
    ["a denied version", "6.13.5", {}, /the version 6\.13\.5 is denied/],
    ["a version outside the range", "5.0.0", {}, /the version 5\.0\.0 is outside the range/],
    ["a pre-release that the range asks for", "6.15.0-rc.1", { range: ">=6.0.0-0 <7.0.0" }, ""],
    ["a pre-release that it does not ask for", "6.15.0-rc.1", {}, /6\.15\.0-rc\.1 is a pre-release/],
  ];
  for (const [what, tag, policy, reason] of versions) {
    it(`${reason === "" ? "passes" : "blocks"} ${what}`, async () => {
      const stack = stackConfigOf({
        tag,
        policy: { range: ">=6.0.0 <7.0.0", automation: "auto", deny: ["6.13.5"], ...policy },
      });
      const [tenant] = stack.tenants;
      const message = await messageOf(objectsOf(tenant, evidenceOf(tenant!), stack), stack);
      if (reason === "") assert.equal(message, "");
      else assert.match(message, reason);
    });
  }

  it("does not apply where the stack follows a branch", async () => {
    const stack = stackConfigOf({ tag: undefined, digest: undefined }, { follow: "branch" });
    assert.equal(await messageOf(objectsOf(stack.tenants[0], headOfMaster, stack), stack), "");
  });
});

describe("pin-not-expired", () => {
  const pinned = (until?: string) =>
    stackConfigOf({
      policy: { range: ">=6", automation: "manual", deny: [], pin: { reason: "bug 7", by: "ann", until } },
    });
  const pinNotExpired = pinNotExpiredAt(() => new Date("2026-03-02T00:30:00Z"));

  it("reports an expired pin", async () => {
    const [violation] = await judge(pinNotExpired, objectsOf(), pinned("2026-03-01"));
    assert.equal(violation!.enforcement, "advisory");
    assert.match(violation!.message, /the pin of "podinfo" by ann \(bug 7\) was meant to hold until 2026-03-01/);
  });

  it("reports an expired hold, also where the stack follows a branch", async () => {
    const hold = { reason: "load test", by: "ann", until: "2026-03-01" };
    for (const follow of ["tags", "branch"] as const) {
      const stack = stackConfigOf({ policy: { range: ">=6", automation: "manual", deny: [], hold } }, { follow });
      const evidence = follow === "tags" ? undefined : headOfMaster;
      const [violation] = await judge(pinNotExpired, objectsOf(stack.tenants[0], evidence, stack), stack);
      assert.match(violation!.message, /the hold of "podinfo" by ann \(load test\) was meant to hold until 2026-03-01/);
    }
  });

  it("can be made mandatory by the stack", async () => {
    const [violation] = await judge(pinNotExpired, objectsOf(), pinned("2026-03-01"), {
      "pin-not-expired": "mandatory",
    });
    assert.equal(violation!.enforcement, "mandatory");
  });

  for (const until of ["2026-03-02", "2027-01-01", undefined]) {
    it(`passes a pin until ${until ?? "further notice"}`, async () => {
      assert.deepEqual(await judge(pinNotExpired, objectsOf(), pinned(until)), []);
    });
  }
});
