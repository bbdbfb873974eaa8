import assert from "node:assert/strict";
import fc from "fast-check";
import { branchAnnotations, evidenceOfAnnotations, releaseAnnotations } from "../../manifests/evidence-annotations";
import { digest, exampleBranch, exampleEvidence } from "./example-fleet";

const fact = fc.option(fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9.:/_-]{0,20}$/), { nil: undefined });

const image = fc.record(
  { reference: fc.stringMatching(/^[a-z]{1,8}\/[a-z]{1,8}:[0-9.]{1,8}$/), digest: fc.constant(digest) },
  { requiredKeys: ["reference"] },
);

describe("releaseAnnotations", () => {
  it("writes what a policy can read back", () => {
    fc.assert(
      fc.property(
        fc.record({
          repository: fact,
          gitTag: fact,
          commit: fact,
          branch: fact,
          chartDigest: fact,
          chartVersion: fact,
          appVersion: fact,
          revision: fact,
          images: fc.array(image, { maxLength: 3 }),
        }),
        (facts) => {
          const evidence = { version: "1.2.3", chart: "./chart", ...facts };
          const annotations = releaseAnnotations("podinfo", evidence);
          assert.ok(Object.values(annotations).every((value) => typeof value === "string"));
          const read = evidenceOfAnnotations(annotations);
          assert.deepEqual(JSON.parse(JSON.stringify(read)), JSON.parse(JSON.stringify(evidence)));
        },
      ),
    );
  });

  it("has no annotation for a fact that is not known", () => {
    const annotations = releaseAnnotations("podinfo", { version: "1.2.3", chart: "./chart", images: [] });
    assert.deepEqual(annotations, {
      "shared-authority/tenant": "podinfo",
      "shared-authority/follow": "tags",
      "shared-authority/version": "1.2.3",
      "shared-authority/chart": "./chart",
    });
  });

  it("names each image with its digest", () => {
    assert.equal(
      releaseAnnotations("podinfo", exampleEvidence)["shared-authority/images"],
      `ghcr.io/stefanprodan/podinfo:6.14.1@${digest}`,
    );
  });
});

describe("branchAnnotations", () => {
  it("carry no evidence of a release, and no commit, which Flux moves without us", () => {
    const annotations = branchAnnotations("podinfo", exampleBranch);
    assert.equal(evidenceOfAnnotations(annotations), undefined);
    assert.equal("shared-authority/commit" in annotations, false);
  });
});
