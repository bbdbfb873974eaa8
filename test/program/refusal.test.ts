import assert from "node:assert/strict";
import { endBy, refusal } from "../../src/program/refusal";

const evil = "\u001b]0;title\u0007\u202e##vso[task.complete]";

describe("a refusal", () => {
  it("is escaped, because the engine prints its message as it is", () => {
    assert.equal(
      refusal(`The promise is broken:\n  ${evil}\n  ::stop-commands::x`).message,
      "The promise is broken:\n  \\u001b]0;title\\u0007\\u202e#\\u0023vso[task.complete]\n  \\u003a:stop-commands::x",
    );
    assert.throws(
      () => endBy(new Error(evil)),
      (error: Error) => !/\p{Cf}|##vso/u.test(error.message),
    );
  });
});
