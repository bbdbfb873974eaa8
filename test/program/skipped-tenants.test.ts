import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { skippedTenants, skippedText, skippedVariable } from "../../src/program/skipped-tenants";

describe("the tenants that an `up` leaves as they are", () => {
  afterEach(() => {
    Reflect.deleteProperty(process.env, skippedVariable);
  });

  it("are none where nobody says so", () => {
    assert.deepEqual(skippedTenants("prod"), []);
    process.env[skippedVariable] = "";
    assert.deepEqual(skippedTenants("prod"), []);
  });

  it("are those that were written down, with what is known of them", () => {
    const tenants = [
      { name: "cart", isNew: false },
      { name: "new", isNew: true },
      { name: "pay-2", isNew: false },
    ];
    process.env[skippedVariable] = skippedText("prod", tenants);
    assert.equal(process.env[skippedVariable], `${process.pid}@prod,cart,new:new,pay-2`);
    assert.deepEqual(skippedTenants("prod"), tenants);
  });

  it("are refused where no `authority up` of this stack runs that says so: the engine would delete what they have", () => {
    const { pid: ended } = spawnSync(process.execPath, ["--version"]);
    const others = [`${process.pid}@test,cart`, `${process.pid},cart`, `${ended}@prod,cart`];
    for (const text of ["cart", "cart,pay", "prod,cart", "@prod,cart", "0@prod,cart", "-1@prod,cart", ...others]) {
      process.env[skippedVariable] = text;
      assert.throws(
        () => skippedTenants("prod"),
        new RegExp(`^Error: SHARED_AUTHORITY_HELD is "${text}".*Unset it;`),
        text,
      );
    }
  });
});
