import assert from "node:assert/strict";
import fc from "fast-check";
import {
  anyVersion,
  branchAnnotations,
  branchEvidenceOfAnnotations,
  evidenceOfAnnotations,
  releaseAnnotations,
} from "../../src/manifests/evidence-annotations";
import { digest, exampleBranch, exampleEvidence } from "./example-stack";

const fact = fc.option(fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9.:/_-]{0,20}$/), { nil: undefined });

const sentences = fc.array(fc.stringMatching(/^[a-z "]{1,20}$/), { minLength: 1, maxLength: 3 });

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
          chartProblems: fc.option(sentences, { nil: undefined }),
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

  it("stay the same while master's version moves, and change where its chart forgets one of its fields", () => {
    const annotated = (chartVersion?: string, appVersion?: string) =>
      branchAnnotations("podinfo", { ...exampleBranch, chartVersion, appVersion });
    assert.deepEqual(annotated("6.15.0", "6.15.0"), annotated("7.0.0-rc.1", "7.0.0-rc.1"));
    assert.deepEqual(annotated("6.15.0", "v6.15.0"), annotated("6.16.0", "v6.16.0"));
    assert.notDeepEqual(annotated("6.15.0", "v6.15.0"), annotated("6.15.0", "6.15.0"));
    assert.notDeepEqual(annotated("6.15.0", "6.14.0"), annotated("6.15.0", "6.15.0"));
    assert.equal("shared-authority/app-version" in annotated("6.15.0"), false);
    assert.equal("shared-authority/chart-version" in annotated(undefined, "6.15.0"), false);
  });

  it("are read back as the fields that were read, whatever the version: the same, or not", () => {
    const readBack = (...[chartVersion, appVersion]: string[]) => {
      const read = branchEvidenceOfAnnotations(
        branchAnnotations("podinfo", { ...exampleBranch, chartVersion, appVersion }),
      );
      return [read.chartVersion, read.appVersion];
    };
    assert.deepEqual(readBack("chart-6.15.0", "v6.15.0"), [`chart-${anyVersion}`, `v${anyVersion}`]);
    assert.deepEqual(readBack("6.15.0", "6.14.0"), ["6.15.0", "6.14.0"]);
    assert.deepEqual(readBack("6.15.0", "16.15.0"), [anyVersion, `1${anyVersion}`]);
    assert.deepEqual(readBack("latest", "latest"), ["latest", "latest"]);
  });
});
