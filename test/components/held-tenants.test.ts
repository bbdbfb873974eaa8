import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { heldTenants, heldText, heldVariable } from "../../components/held-tenants";

describe("the tenants that an `up` leaves as they are", () => {
  afterEach(() => {
    Reflect.deleteProperty(process.env, heldVariable);
  });

  it("are none where nobody says so", () => {
    assert.deepEqual(heldTenants(), []);
    process.env[heldVariable] = "";
    assert.deepEqual(heldTenants(), []);
  });

  it("are those that were written down, with what is known of them", () => {
    const tenants = [
      { name: "cart", isNew: false },
      { name: "new", isNew: true },
      { name: "pay-2", isNew: false },
    ];
    process.env[heldVariable] = heldText(tenants);
    assert.equal(process.env[heldVariable], `${process.pid},cart,new:new,pay-2`);
    assert.deepEqual(heldTenants(), tenants);
  });

  it("are refused where no `authority up` runs that says so: the engine would delete what they have", () => {
    const { pid: ended } = spawnSync(process.execPath, ["--version"]);
    for (const text of ["cart", "cart,pay", "0,cart", "-1,cart", "1e3,cart", `${ended},cart`]) {
      process.env[heldVariable] = text;
      assert.throws(() => heldTenants(), new RegExp(`^Error: SHARED_AUTHORITY_HELD is "${text}".*Unset it\\.`), text);
    }
  });
});
