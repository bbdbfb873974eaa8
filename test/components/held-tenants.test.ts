import assert from "node:assert/strict";
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
    assert.equal(process.env[heldVariable], "cart,new:new,pay-2");
    assert.deepEqual(heldTenants(), tenants);
  });
});
