import assert from "node:assert/strict";
import fc from "fast-check";
import { emergencyReason } from "../../src/config/emergency";

const reasonOf = (text: string) => emergencyReason({ SHARED_AUTHORITY_EMERGENCY: text });

describe("the reason of an emergency", () => {
  it("is the variable, on one line", () => {
    assert.equal(reasonOf(" registry is down,\n issue 123\t"), "registry is down, issue 123");
    assert.equal(reasonOf("Störung, 障害"), "Störung, 障害");
  });

  it("does not exist without a text", () => {
    assert.equal(emergencyReason({}), undefined);
    for (const text of ["", " ", "\n\t", "\u202e\u0007"]) assert.equal(reasonOf(text), undefined);
  });

  it("has no control characters and at most 500 characters, and is read the same again", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 1200 }), (text) => {
        const reason = reasonOf(text);
        if (reason === undefined) return;
        assert.match(reason, /^[^\p{C}]+$/u);
        assert.ok(Array.from(reason).length <= 500);
        assert.equal(reasonOf(reason), reason);
      }),
    );
  });
});
