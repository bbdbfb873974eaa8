import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { skippedTenants, skippedText, skippedVariable } from "../../src/program/skipped-tenants";

describe("skippedTenants", () => {
  afterEach(() => {
    Reflect.deleteProperty(process.env, skippedVariable);
  });

  it("is empty without the variable", () => {
    assert.deepEqual(skippedTenants("prod"), []);
    process.env[skippedVariable] = "";
    assert.deepEqual(skippedTenants("prod"), []);
  });

  it("reads what skippedText wrote", () => {
    const tenants = [
      { name: "cart", isNew: false },
      { name: "new", isNew: true },
      { name: "pay-2", isNew: false },
    ];
    process.env[skippedVariable] = skippedText("prod", tenants);
    assert.equal(process.env[skippedVariable], `${process.pid}@prod,cart,new:new,pay-2`);
    assert.deepEqual(skippedTenants("prod"), tenants);
  });

  it("refuses a value that no running `authority up` of this stack has set", () => {
    const { pid: ended } = spawnSync(process.execPath, ["--version"]);
    const others = [`${process.pid}@test,cart`, `${process.pid},cart`, `${ended}@prod,cart`];
    for (const text of ["cart", "cart,pay", "prod,cart", "@prod,cart", "0@prod,cart", "-1@prod,cart", ...others]) {
      process.env[skippedVariable] = text;
      assert.throws(
        () => skippedTenants("prod"),
        new RegExp(`^Error: SHARED_AUTHORITY_SKIPPED is "${text}".*Unset it;`),
        text,
      );
    }
  });
});
