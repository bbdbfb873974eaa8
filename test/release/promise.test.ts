import assert from "node:assert/strict";
import fc from "fast-check";
import type { Tenant } from "../../src/config/stack-config";
import { branchMatches } from "../../src/release/branch-pattern";
import type { BranchEvidence, Evidence } from "../../src/release/evidence";
import { branchReasons, expectationsOf, promiseReasons } from "../../src/release/promise";
import { makeTenant } from "./tenants";

const commit = "81ef8654bff2d5fba88dcf9cf874b3adc425d6b7";
const digest = `sha256:${"a".repeat(64)}`;

const valid: Evidence = {
  version: "1.2.3",
  repository: "https://git.example.com/team/app",
  gitTag: "1.2.3",
  commit,
  branch: "master",
  chart: "./charts/app",
  chartVersion: "1.2.3",
  appVersion: "1.2.3",
  images: [{ reference: "registry.example.com/team/app:1.2.3", digest }],
};

const artifact: Evidence = {
  version: "1.2.3",
  chart: "oci://registry.example.com/charts/app",
  chartDigest: digest,
  chartVersion: "1.2.3",
  appVersion: "1.2.3",
  images: valid.images,
};

function reasons(evidence: Partial<Evidence>, tenant: Partial<Tenant> = {}): string[] {
  return promiseReasons({ ...valid, ...evidence }, expectationsOf(makeTenant(tenant)));
}

function artifactReasons(evidence: Partial<Evidence>, tenant: Partial<Tenant> = {}): string[] {
  const chart = { kind: "oci", url: "oci://registry.example.com/charts/app" } as const;
  const expectations = expectationsOf(makeTenant({ chart, repository: undefined, ...tenant }));
  return promiseReasons({ ...artifact, ...evidence }, expectations);
}

describe("the promise", () => {
  it("is kept when every fact agrees", () => {
    assert.deepEqual(reasons({}), []);
    assert.deepEqual(artifactReasons({}), []);
    const prefixed = { tag: "v1.2.3", prefix: { git: "v", chart: "v", image: "v" } };
    const images = [{ reference: "registry.example.com/team/app:v1.2.3", digest }];
    assert.deepEqual(reasons({ gitTag: "v1.2.3", chartVersion: "v1.2.3", appVersion: "v1.2.3", images }, prefixed), []);
  });

  it("is broken by each fact that differs, and the reason names its value and the expected one", () => {
    const broken: [Partial<Evidence>, string][] = [
      [{ version: "1.2.2" }, `the evidence's version is "1.2.2", must be "1.2.3", the image tag without its prefix`],
      [
        { repository: "https://git.example.com/x" },
        `the repository is "https://git.example.com/x", must be "https://git.example.com/team/app", as the tenant declares it`,
      ],
      [{ gitTag: "v1.2.3" }, `the Git tag is "v1.2.3", must be "1.2.3", the Git prefix and the version`],
      [{ gitTag: undefined, commit: undefined }, `there is no Git tag "1.2.3" in https://git.example.com/team/app`],
      [
        { gitTag: undefined, commit: undefined, otherTag: "v1.2.3" },
        `there is no Git tag "1.2.3" in https://git.example.com/team/app; there is "v1.2.3": set prefix: { git: "v" }`,
      ],
      [{ commit: undefined }, `the Git tag "1.2.3" does not point at a commit, must point at one`],
      [{ commit: "81ef865" }, `the commit is "81ef865", must be a whole commit id`],
      [
        { branch: undefined },
        `the commit ${commit} lies on no branch that releases are made from, must lie on "master"`,
      ],
      [{ branch: "feature" }, `the commit ${commit} lies on the branch "feature", must lie on "master"`],
      [{ chart: "./charts/x" }, `the chart is "./charts/x", must be "./charts/app", as the tenant declares it`],
      [{ chartVersion: "1.2.2" }, `version of Chart.yaml is "1.2.2", must be "1.2.3", the version`],
      [{ chartVersion: undefined }, `version is missing in Chart.yaml, must be "1.2.3", the version`],
      [{ appVersion: "v1.2.3" }, `appVersion of Chart.yaml is "v1.2.3", must be "1.2.3", the image tag`],
      [{ appVersion: "1.2.3 " }, `appVersion of Chart.yaml is "1.2.3 ", must be "1.2.3", the image tag`],
      [{ appVersion: undefined }, `appVersion is missing in Chart.yaml, must be "1.2.3", the image tag`],
      [
        { chartProblems: ["Chart.yaml is not UTF-8 text"], chartVersion: undefined, appVersion: undefined },
        "Chart.yaml is not UTF-8 text",
      ],
      [{ images: [] }, "the image registry.example.com/team/app:1.2.3 is not in the registry"],
      [
        { images: [{ reference: "registry.example.com/team/app:1.2.3" }] },
        "the image registry.example.com/team/app:1.2.3 is not in the registry",
      ],
    ];
    for (const [evidence, reason] of broken) {
      assert.deepEqual(reasons(evidence), [reason]);
    }
  });

  it("names several broken facts at once", () => {
    assert.equal(reasons({ chartVersion: "1.0.0", appVersion: "1.0.0", branch: undefined, images: [] }).length, 4);
  });

  it("names no value that could control a terminal or a CI service", () => {
    const evil = "1.2.3\u001b[8m\u202e\n::stop-commands::x\n##[add-path]x";
    const facts: (keyof Evidence)[] = ["version", "gitTag", "commit", "branch", "chart", "chartVersion", "appVersion"];
    for (const told of [
      ...facts.map((fact) => reasons({ [fact]: evil })),
      reasons({ chartProblems: [evil] }),
      reasons({ images: [{ reference: valid.images[0]!.reference, digest: evil }] }),
      reasons({ branch: undefined, remoteHead: evil }),
      artifactReasons({ chartDigest: evil }),
      reasons({ revision: `${evil}:${commit}` }),
      branchReasons({ branch: evil, chart: evil, chartProblems: [evil] }, makeTenant({})),
    ]) {
      assert.ok(told.length > 0);
      for (const reason of told) assert.doesNotMatch(reason, /[\p{Cc}\p{Cf}]|##\[/u);
    }
  });

  it("needs every image, and the digest that the stack file has for the first", () => {
    const images = ["registry.example.com/team/app", "registry.example.com/team/sidecar"] as const;
    assert.deepEqual(reasons({}, { images }), [
      "the image registry.example.com/team/sidecar:1.2.3 is not in the registry",
    ]);
    assert.deepEqual(reasons({}, { digest }), []);
    const other = `sha256:${"b".repeat(64)}`;
    assert.deepEqual(reasons({}, { digest: other }), [
      `the digest of registry.example.com/team/app:1.2.3 is "${digest}", must be "${other}", as the stack file says`,
    ]);
  });

  it("removes only declared prefixes", () => {
    assert.deepEqual(reasons({}, { tag: "vv1.2.3", prefix: { git: "", chart: "", image: "v" } }), [
      'the image tag is "vv1.2.3", must be "v" and a version, such as "v1.0.0"',
    ]);
    assert.deepEqual(reasons({}, { tag: "latest" }), ['the image tag is "latest", must be a version such as "1.0.0"']);
    assert.deepEqual(reasons({}, { prefix: { git: "", chart: "v", image: "" } }), [
      'version of Chart.yaml is "1.2.3", must be "v1.2.3", the chart prefix and the version',
    ]);
  });

  it("needs the digest of an OCI chart, and Git facts when the tenant has a repository", () => {
    assert.deepEqual(artifactReasons({ chartDigest: undefined }), [
      "the chart oci://registry.example.com/charts/app of this version is not in the registry",
    ]);
    const repository = "https://git.example.com/team/app";
    const git = { repository, gitTag: "1.2.3", commit, branch: "master" };
    assert.deepEqual(artifactReasons(git, { repository }), []);
    assert.equal(artifactReasons({}, { repository }).length, 2);
    for (const revision of [commit, `sha1:${commit}`, `master@sha1:${commit}`]) {
      assert.deepEqual(artifactReasons({ ...git, revision }, { repository }), []);
    }
    assert.deepEqual(artifactReasons({ ...git, revision: "master@sha1:0000" }, { repository }), [
      `the artifact's label org.opencontainers.image.revision is "master@sha1:0000", must be "${commit}", the commit of the Git tag`,
    ]);
  });

  it("is broken by any change of any fact", () => {
    const field = fc.constantFrom("version", "repository", "gitTag", "branch", "chart", "chartVersion", "appVersion");
    fc.assert(
      fc.property(field, fc.string(), (name, text) => {
        fc.pre(text !== valid[name as keyof Evidence]);
        assert.notDeepEqual(reasons({ [name]: text }), []);
      }),
    );
  });

  it("needs a tenant with a tag", () => {
    assert.throws(() => expectationsOf(makeTenant({ tag: undefined })), TypeError);
  });
});

describe("the head of a followed branch", () => {
  const head: BranchEvidence = {
    repository: "R",
    branch: "master",
    chart: "./charts/app",
    commit,
    chartVersion: "1.2.3",
    appVersion: "1.2.3",
  };
  const none = makeTenant({ images: ["I"], tag: undefined });

  it("has the same version in both fields of its chart", () => {
    assert.deepEqual(branchReasons(head, none), []);
    assert.deepEqual(
      branchReasons({ ...head, appVersion: "v1.2.3" }, { ...none, prefix: { ...none.prefix, image: "v" } }),
      [],
    );
    assert.deepEqual(branchReasons({ ...head, appVersion: "1.2.2" }, none), [
      'appVersion of Chart.yaml is "1.2.2", must be "1.2.3", the same as version "1.2.3"',
    ]);
  });

  it("is not valid without a version or an appVersion", () => {
    assert.deepEqual(branchReasons({ ...head, chartVersion: undefined }, none), [
      'version is missing in Chart.yaml, must be a version such as "1.0.0"',
    ]);
    assert.deepEqual(branchReasons({ ...head, chartVersion: "latest" }, none), [
      'version of Chart.yaml is "latest", must be a version such as "1.0.0"',
    ]);
    assert.equal(branchReasons({ ...head, appVersion: undefined }, none).length, 1);
  });
});

describe("the image that was made for a commit", () => {
  const tag = `master-${commit.slice(0, 8)}-1732386000`;
  const tenant = makeTenant({
    images: ["I", "J"],
    tag,
    digest,
    branchImage: { pattern: "^master-(?P<sha>[0-9a-f]+)-(?P<ts>[0-9]+)$", value: { tag: "image.tag" } },
  });
  const evidence: BranchEvidence = {
    repository: "R",
    branch: "master",
    chart: "./charts/app",
    commit,
    chartVersion: "1.2.3",
    appVersion: "1.2.3",
    images: tenant.images.map((image) => ({ reference: `${image}:${tag}`, digest })),
  };

  it("must be in the registry under each name, with the chart of its commit", () => {
    assert.deepEqual(branchReasons(evidence, tenant), []);
    assert.deepEqual(branchReasons({ ...evidence, appVersion: "1.2.2" }, tenant).length, 1);
  });

  it("is refused with another commit or digest", () => {
    const images = [{ reference: `I:${tag}`, digest: `sha256:${"b".repeat(64)}` }, { reference: `J:${tag}` }];
    assert.deepEqual(branchReasons({ ...evidence, images }, tenant), [
      `the digest of I:${tag} is "${images[0]!.digest!}", must be "${digest}", as the stack file says`,
      `the image J:${tag} is not in the registry`,
    ]);
    assert.deepEqual(branchReasons({ ...evidence, images: undefined }, tenant).length, 2);
    const other = "ef".repeat(20);
    assert.deepEqual(branchReasons({ ...evidence, commit: other }, tenant), [
      `the commit is ${other}, must be the one that the image tag "${tag}" names`,
    ]);
    assert.deepEqual(branchReasons(evidence, { ...tenant, tag: "1.2.3" }), [
      'the image tag is "1.2.3", must match the pattern "^master-(?P<sha>[0-9a-f]+)-(?P<ts>[0-9]+)$"',
    ]);
  });
});

describe("the newest chart of a branch", () => {
  const tenant = makeTenant({
    tag: undefined,
    branchChart: { range: ">=0.0.0-0", pattern: "^0\\.0\\.0-master\\.[0-9]+$" },
  });
  const evidence: BranchEvidence = {
    branch: "master",
    chart: "oci://C",
    chartVersion: "0.0.0-master.17",
    appVersion: "0.0.0-master.17",
  };

  it("has no commit, and the same version in both fields", () => {
    assert.deepEqual(branchReasons(evidence, tenant), []);
    assert.equal(branchReasons({ ...evidence, appVersion: "1.0.0" }, tenant).length, 1);
    assert.deepEqual(branchReasons({ ...evidence, chartVersion: undefined, appVersion: undefined }, tenant), [
      'no version of the chart oci://C is in the range ">=0.0.0-0" and matches the pattern "^0\\.0\\.0-master\\.[0-9]+$"',
    ]);
  });
});

describe("a branch pattern", () => {
  it("matches one part of a name with *, all parts with **", () => {
    const matches = (pattern: string, ...branches: string[]) =>
      branches.filter((branch) => branchMatches(pattern, branch));
    assert.deepEqual(matches("master", "master", "masters", "Master", "x/master"), ["master"]);
    assert.deepEqual(matches("release/*", "release/1.x", "release/old/1.x", "release/"), ["release/1.x", "release/"]);
    assert.deepEqual(matches("release/**", "release/1.x", "release/old/1.x", "releases"), [
      "release/1.x",
      "release/old/1.x",
    ]);
    assert.deepEqual(matches("v?.x", "v1.x", "v10.x", "v/.x", "v1ax"), ["v1.x"]);
    assert.deepEqual(matches("a.b+(c)[d]{e}^$|\\", "a.b+(c)[d]{e}^$|\\", "aXb"), ["a.b+(c)[d]{e}^$|\\"]);
  });

  it("matches what its regular expression matches", () => {
    const pattern = fc.array(fc.constantFrom("**", "*", "?", "a", "b", "/", "."), { maxLength: 7 });
    const branch = fc.string({ unit: fc.constantFrom("a", "b", "/", "."), maxLength: 8 });
    const sources: Record<string, string> = { "**": ".*", "*": "[^/]*", "?": "[^/]", ".": "\\." };
    fc.assert(
      fc.property(pattern, branch, (parts, name) => {
        const text = parts.join("");
        const source = text.replace(/\*\*|[^]/g, (part) => sources[part] ?? part);
        assert.equal(branchMatches(text, name), new RegExp(`^${source}$`).test(name));
      }),
      { numRuns: 5000 },
    );
  });

  it("takes no seconds, whatever the pattern", () => {
    // Otherwise it exceeds mocha's time limit.
    for (const part of ["**a", "*a", "**?", "**", "a"]) {
      assert.equal(branchMatches(part.repeat(80) + "b", "a".repeat(250)), false);
    }
  });
});
