import assert from "node:assert/strict";
import type { KubernetesObject } from "../../src/manifests/object";
import { pinNotExpiredAt } from "../../policy-pack/pin-not-expired";
import { productionFollowsTags } from "../../policy-pack/production-follows-tags";
import {
  commitCharts,
  commitImages,
  evidenceOf,
  config,
  stackConfigOf,
  judge,
  objectsOf,
  stackObjects,
  withField,
  withUnknown,
} from "./fixture";

function source(kind: string, spec: unknown, apiVersion = "source.toolkit.fluxcd.io/v1"): KubernetesObject {
  return { apiVersion, kind, metadata: { name: "x", namespace: "flux-system" }, spec };
}

async function messageOf(objects: readonly KubernetesObject[], stack = config): Promise<string> {
  return (await judge(productionFollowsTags, objects, stack)).map(({ message }) => message).join("\n");
}

describe("production-follows-tags", () => {
  it("passes releases, and the shared repository that the automation commits to", async () => {
    assert.equal(await messageOf([...stackObjects(), ...objectsOf()]), "");
  });

  it("blocks a source that follows the charts of a branch's commits by range", async () => {
    const objects = objectsOf(commitCharts.stack().tenants[0], commitCharts.evidence, commitCharts.stack());
    const message = await messageOf(objects);
    assert.match(message, /spec\.ref\.semver moves/);
    assert.match(message, /spec\.ref\.semverFilter moves/);
  });

  it("blocks the image of a commit, which is not a release", async () => {
    const objects = objectsOf(commitImages.stack().tenants[0], commitImages.evidence, commitImages.stack());
    assert.match(await messageOf(objects), /spec\.ref\.branch moves/);
  });

  const floating: [string, KubernetesObject, RegExp][] = [
    ["a branch", source("GitRepository", { url: "u", ref: { branch: "master" } }), /spec\.ref\.branch moves/],
    ["no reference at all", source("GitRepository", { url: "u" }), /spec\.ref names no release/],
    ["a SemVer reference", source("GitRepository", { url: "u", ref: { semver: ">=1" } }), /spec\.ref\.semver moves/],
    [
      "a reference by name",
      source("GitRepository", { url: "u", ref: { name: "refs/heads/x" } }),
      /spec\.ref\.name moves/,
    ],
    [
      "a bare commit",
      source("GitRepository", { url: "u", ref: { commit: "c".repeat(40) } }),
      /a bare commit is no release/,
    ],
    ["a tag that can move", source("GitRepository", { url: "u", ref: { tag: "1.0.0" } }), /a tag can be moved/],
    [
      "an artifact without digest",
      source("OCIRepository", { url: "oci://x", ref: { tag: "1.0.0" } }),
      /spec\.ref\.digest is missing/,
    ],
    [
      "an artifact by range",
      source("OCIRepository", { url: "oci://x", ref: { semver: "1.x" } }),
      /spec\.ref\.semver moves/,
    ],
    ["a bucket", source("Bucket", { bucketName: "x" }), /a Bucket brings workloads/],
    ["a Helm repository", source("HelmRepository", { url: "x" }), /a HelmRepository brings workloads/],
    ["a chart object", source("HelmChart", { chart: "x" }), /a HelmChart brings workloads/],
    ["an external artifact", source("ExternalArtifact", {}), /an? ExternalArtifact brings workloads/],
    [
      "a Kustomization",
      source("Kustomization", { path: "." }, "kustomize.toolkit.fluxcd.io/v1beta1"),
      /a Kustomization brings/,
    ],
    ["a ResourceSet", source("ResourceSet", {}, "fluxcd.controlplane.io/v1"), /a ResourceSet brings workloads/],
  ];
  for (const [what, object, reason] of floating) {
    it(`blocks ${what}`, async () => assert.match(await messageOf([object]), reason));
  }

  it("blocks the shared repository as a workload's source", async () => {
    const objects = withField(objectsOf(), "HelmRelease", "spec/chart/spec/sourceRef/name", "shared-authority-prod");
    assert.match(await messageOf([...stackObjects(), ...objects]), /is the shared repository on its branch "main"/);
  });

  it("blocks another branch of the shared repository", async () => {
    assert.match(
      await messageOf(withField(stackObjects(), "GitRepository", "spec/ref/branch", "feature")),
      /spec\.ref\.branch moves/,
    );
  });

  it("blocks a chart that is installed without Flux", async () => {
    const release = { apiVersion: "helm.sh/v3", kind: "Release", metadata: { name: "x" } };
    assert.match(await messageOf([release]), /past Flux/);
  });

  const versions: [string, string, object, RegExp | ""][] = [
    ["a denied version", "6.13.5", {}, /the version 6\.13\.5 is denied/],
    ["a version outside the range", "5.0.0", {}, /the version 5\.0\.0 is outside the range/],
    ["a pre-release that the range asks for", "6.15.0-rc.1", { range: ">=6.0.0-0 <7.0.0" }, ""],
    ["a pre-release that it does not ask for", "6.15.0-rc.1", {}, /6\.15\.0-rc\.1 is a pre-release/],
  ];
  for (const [what, tag, policy, reason] of versions) {
    it(`${reason === "" ? "passes" : "blocks"} ${what}`, async () => {
      const stack = stackConfigOf({
        tag,
        policy: { range: ">=6.0.0 <7.0.0", automation: "auto", deny: ["6.13.5"], ...policy },
      });
      const [tenant] = stack.tenants;
      const message = await messageOf(objectsOf(tenant, evidenceOf(tenant!), stack), stack);
      if (reason === "") assert.equal(message, "");
      else assert.match(message, reason);
    });
  }

  it("blocks an unknown value", async () => {
    const proxied = withUnknown(objectsOf(), "GitRepository", "spec/ref/tag");
    assert.match(await messageOf(proxied), /`spec\.ref\.tag` is not known before the step/);
  });

  it("does not apply where the stack follows a branch", async () => {
    assert.equal(
      await messageOf(
        [source("GitRepository", { url: "u", ref: { branch: "x" } })],
        stackConfigOf({}, { follow: "branch" }),
      ),
      "",
    );
  });
});

describe("pin-not-expired", () => {
  const pinned = (until?: string) =>
    stackConfigOf({
      policy: { range: ">=6", automation: "manual", deny: [], pin: { reason: "bug 7", by: "ann", until } },
    });
  const pinNotExpired = pinNotExpiredAt(() => new Date("2026-03-02T00:30:00Z"));

  it("reports an expired pin", async () => {
    const [violation] = await judge(pinNotExpired, objectsOf(), pinned("2026-03-01"));
    assert.equal(violation!.enforcement, "advisory");
    assert.match(violation!.message, /the pin of "podinfo" by ann \(bug 7\) was meant to hold until 2026-03-01/);
  });

  it("can be made mandatory by the stack", async () => {
    const [violation] = await judge(pinNotExpired, objectsOf(), pinned("2026-03-01"), {
      "pin-not-expired": "mandatory",
    });
    assert.equal(violation!.enforcement, "mandatory");
  });

  for (const until of ["2026-03-02", "2027-01-01", undefined]) {
    it(`passes a pin until ${until ?? "further notice"}`, async () => {
      assert.deepEqual(await judge(pinNotExpired, objectsOf(), pinned(until)), []);
    });
  }
});
