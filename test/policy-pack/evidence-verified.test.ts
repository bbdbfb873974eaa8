import assert from "node:assert/strict";
import { evidenceVerifiedBy, isContinuousIntegration } from "../../src/policy-pack/evidence-verified";
import type { EvidenceReader, ReadResult } from "../../src/release/evidence-reader";
import type { BranchEvidence, Evidence } from "../../src/release/evidence";
import {
  commitCharts,
  commitImages,
  evidenceOf,
  stackConfigOf,
  headOfMaster,
  judge,
  objectsOf,
  podinfo,
} from "./fixture";

/** The policy, with the answers of Git and the registry; `undefined` if they must not be read. */
function policy(says: { release?: ReadResult; branch?: ReadResult<BranchEvidence> } = {}, isCi = false) {
  const asked = (): never => assert.fail("nothing may be read");
  const reader: EvidenceReader = {
    readRelease: () => Promise.resolve(says.release ?? asked()),
    readBranch: () => Promise.resolve(says.branch ?? asked()),
    readFacts: asked,
    readAllowed: asked,
  };
  return evidenceVerifiedBy(
    () => reader,
    () => isCi,
  );
}

const on = { "evidence-verified": { mode: "on" } };
const off = { "evidence-verified": { mode: "off" } };

describe("evidence-verified", () => {
  const reads = (facts: Partial<Evidence> = {}) => ({ release: { evidence: evidenceOf(podinfo, facts) } });

  it("passes if Git and the registry say what the evidence says", async () => {
    assert.deepEqual(await judge(policy(reads()), objectsOf(), undefined, on), []);
  });

  const moved: [string, Partial<Evidence>, RegExp][] = [
    ["a Git tag that moved", { commit: "d".repeat(40) }, /shared-authority\/commit is "(c1)+", must be "d+"/],
    ["a Git tag that is gone", { gitTag: undefined, commit: undefined }, /there is no Git tag "6\.14\.1"/],
    [
      "an image that was pushed again",
      { images: [{ reference: "ghcr.io/stefanprodan/podinfo:6.14.1", digest: `sha256:${"e".repeat(64)}` }] },
      /shared-authority\/images is/,
    ],
    ["a chart that says another appVersion", { appVersion: "6.14.0" }, /appVersion of Chart\.yaml is "6\.14\.0"/],
    [
      "a chart with a dependency that no commit pins",
      { chartProblems: ["Chart.yaml depends on redis"] },
      /Chart\.yaml depends on redis/,
    ],
    ["a commit that left the release branch", { branch: undefined }, /lies on no branch/],
  ];
  for (const [what, facts, reason] of moved) {
    it(`blocks ${what}`, async () => {
      const [violation] = await judge(policy(reads(facts)), objectsOf(), undefined, on);
      assert.equal(violation!.enforcement, "mandatory");
      assert.match(violation!.message, reason);
    });
  }

  it("passes if the commit's release branch was merged into another that releases are made from", async () => {
    const stack = stackConfigOf({ releasedFrom: ["master", "release/*"] });
    const tagged = objectsOf(stack.tenants[0], evidenceOf(podinfo, { branch: "release/6.14" }), stack);
    assert.deepEqual(await judge(policy(reads({ branch: "master" })), tagged, stack, on), []);
    const stray = await judge(policy(reads({ branch: "feature" })), tagged, stack, on);
    assert.match(stray[0]!.message, /lies on the branch "feature", must lie on "master" or "release\/\*"/);
  });

  it("blocks forged evidence", async () => {
    const lie = objectsOf(podinfo, evidenceOf(podinfo, { commit: "d".repeat(40) }));
    assert.match((await judge(policy(reads()), lie, undefined, on))[0]!.message, /commit is "d+", must be "(c1)+"/);
  });

  it("blocks a fact that cannot be read and names it", async () => {
    const unreadable = { release: { missing: ["the image x cannot be read: 401"] } };
    const [violation] = await judge(policy(unreadable), objectsOf(), undefined, on);
    assert.match(violation!.message, /the image x cannot be read: 401/);
  });

  it("reads the head of the branch if the stack follows one", async () => {
    const dev = { ...stackConfigOf({ tag: undefined, digest: undefined }), follow: "branch" as const };
    const objects = objectsOf(dev.tenants[0], headOfMaster, dev);
    assert.deepEqual(await judge(policy({ branch: { evidence: headOfMaster } }), objects, dev, on), []);
    const newer = { evidence: { ...headOfMaster, appVersion: "6.14.0" } };
    assert.match((await judge(policy({ branch: newer }), objects, dev, on))[0]!.message, /appVersion of Chart\.yaml/);
  });

  it("reads the images and charts of a branch's commits: a re-pushed image, a forgotten appVersion", async () => {
    for (const [{ stack: stackOf, evidence }, worse, reason] of [
      [
        commitImages,
        { images: commitImages.evidence.images.map((image) => ({ ...image, digest: `sha256:${"e".repeat(64)}` })) },
        /shared-authority\/images is/,
      ],
      [commitCharts, { appVersion: "1.0.0" }, /appVersion of Chart\.yaml is "1\.0\.0"/],
    ] as const) {
      const stack = stackOf();
      const objects = objectsOf(stack.tenants[0], evidence, stack);
      assert.deepEqual(await judge(policy({ branch: { evidence } }), objects, stack, on), []);
      const changed = { evidence: { ...evidence, ...worse } };
      assert.match((await judge(policy({ branch: changed }), objects, stack, on))[0]!.message, reason);
    }
  });

  it("reads nothing if it is off, which is the default outside CI", async () => {
    assert.deepEqual(await judge(policy(), objectsOf(), undefined, off), []);
    assert.deepEqual(await judge(policy(), objectsOf()), []);
  });

  it("takes nothing, 0, false and no for no CI, in any case", () => {
    for (const CI of [undefined, "", "0", "false", "False", "FALSE", "no", "No"]) {
      assert.equal(isContinuousIntegration({ CI }), false, CI);
    }
    for (const CI of ["true", "1", "yes", "woodpecker"]) assert.equal(isContinuousIntegration({ CI }), true, CI);
  });

  it("does not repeat what is wrong with the evidence itself", async () => {
    const facts = { appVersion: "6.14.0" };
    const objects = objectsOf(podinfo, evidenceOf(podinfo, facts));
    assert.deepEqual(await judge(policy(reads(facts)), objects, undefined, on), []);
  });

  it("is on by default in CI, and can be turned off there", async () => {
    assert.equal((await judge(policy(reads({ commit: "d".repeat(40) }), true), objectsOf())).length, 1);
    assert.deepEqual(await judge(policy({}, true), objectsOf(), undefined, off), []);
  });

  it("reads nothing about the source of an earlier release, whose tag may be gone", async () => {
    const earlier = { ...podinfo, tag: "6.14.0" };
    const kept = objectsOf(earlier).filter(({ kind }) => kind === "GitRepository");
    assert.deepEqual(await judge(policy(), kept, undefined, on), []);
  });
});
