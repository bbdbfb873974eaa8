import assert from "node:assert/strict";
import { promotionBody, promotionMarker, pullRequestTitle, readMarker } from "../../src/cli/promotion-body";
import type { TenantPromotion } from "../../src/cli/tenant-branches";

const branch = "promote/prod/shop";

const promotion: TenantPromotion = {
  stack: "prod",
  tenant: "shop",
  branch,
  state: "created",
  from: "1.0.0",
  to: "1.1.0-rc.1+build_5",
  title: "Promote shop from 1.0.0 to 1.1.0-rc.1+build_5 in prod",
  commit: null,
  evidence: null,
  reason: null,
  blocked: [],
  pushed: true,
  takenBack: null,
};

describe("the text of a promotion's pull request", () => {
  it("has a hidden line that names the version, for its own branch only", () => {
    const body = promotionBody(promotion, 60_000);
    assert.deepEqual(readMarker({ body, branch }), {
      text: promotionMarker(branch, "1.1.0-rc.1+build_5"),
      tag: "1.1.0-rc.1+build_5",
      closed: undefined,
    });
    assert.equal(readMarker({ body, branch: "promote/prod/cart" }), undefined);
    assert.equal(readMarker({ body: "a person's own text", branch }), undefined);
    const closed = promotionMarker(branch, "1.1.0", "superseded");
    assert.equal(readMarker({ body: closed, branch })?.closed, "superseded");
  });

  it("shows what else is proposed and why it may not run, whatever stands in the reasons", () => {
    const reasons = ['prod/shop: not allowed\n  - appVersion is "```\n@everyone <img>"'];
    const body = promotionBody({ ...promotion, blocked: [{ version: "1.2.0", cause: "broken", reasons }] }, 60_000);
    assert.match(
      body,
      /may not run:\n\n````text\nprod\/shop: not allowed\n {2}- appVersion is "```\n@everyone <img>"\n````\n/,
    );
    const many = Array.from({ length: 9000 }, () => ({ version: "1.2.0", cause: "broken" as const, reasons }));
    assert.ok(promotionBody({ ...promotion, blocked: many }, 60_000).length < 60_000);
  });

  it("keeps its version where a reason quotes the hidden line of another", () => {
    const reasons = [`appVersion is ${JSON.stringify(promotionMarker(branch, "9.9.9", "closed"))}`];
    const body = promotionBody({ ...promotion, blocked: [{ version: "2.0.0", cause: "broken", reasons }] }, 60_000);
    const { tag, closed } = readMarker({ body, branch }) ?? {};
    assert.deepEqual([tag, closed], [promotion.to, undefined]);
  });

  it("has a title that each host takes", () => {
    assert.equal(pullRequestTitle("Promote"), "Promote");
    const long = pullRequestTitle("x".repeat(400));
    assert.deepEqual([long.length, long.slice(-4)], [255, "x..."]);
  });
});
