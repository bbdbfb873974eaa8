import assert from "node:assert/strict";
import { annotation } from "../../src/manifests/annotation";
import type { KubernetesObject } from "../../src/manifests/object";
import { decidedObjects } from "../../src/policy-pack/decided-objects";
import { equalityPolicy } from "../../src/policy-pack/equality";
import type { BranchEvidence } from "../../src/release/evidence";
import {
  commitCharts,
  commitImages,
  evidenceOf,
  stackConfigOf,
  headOfMaster,
  judge,
  objectsOf,
  podinfo,
  stackObjects,
  verdict,
  withField,
} from "./fixture";

const releaseSynced = equalityPolicy("release-synced");

describe("release-synced", () => {
  it("passes a release that keeps the promise", async () => {
    assert.deepEqual(await judge(releaseSynced, objectsOf()), []);
  });

  it("passes a chart that is an OCI artifact", async () => {
    const stack = stackConfigOf({ chart: { kind: "oci", url: "oci://ghcr.io/stefanprodan/charts/podinfo" } });
    const [tenant] = stack.tenants;
    assert.deepEqual(await judge(releaseSynced, objectsOf(tenant, evidenceOf(tenant!), stack), stack), []);
  });

  it("passes prefixes that the tenant declares", async () => {
    const stack = stackConfigOf({ tag: "v6.14.1", prefix: { git: "release-", chart: "v", image: "v" } });
    const [tenant] = stack.tenants;
    assert.deepEqual(await judge(releaseSynced, objectsOf(tenant, evidenceOf(tenant!), stack), stack), []);
  });

  it("passes the previous release's source, which is kept for a rollback", async () => {
    const before = evidenceOf({ ...podinfo, tag: "6.14.0" });
    const previous = objectsOf({ ...podinfo, tag: "6.14.0" }, before).filter(({ kind }) => kind === "GitRepository");
    assert.equal(previous[0]?.metadata.name, "podinfo-6.14.0");
    assert.deepEqual(await judge(releaseSynced, [...previous, ...objectsOf()]), []);
  });

  it("blocks a HelmRelease of the previous release: the stack file names another", async () => {
    const before = { ...podinfo, tag: "6.14.0" };
    const [, violation] = await judge(decidedObjects, objectsOf(before, evidenceOf(before)));
    assert.equal(violation!.object, "HelmRelease flux-system/podinfo");
    assert.match(violation!.message, /its source was not judged before it/);
  });

  const broken: [string, Parameters<typeof evidenceOf>[1], RegExp][] = [
    ["a forgotten appVersion", { appVersion: "6.14.0" }, /appVersion of Chart\.yaml is "6\.14\.0", must be "6\.14\.1"/],
    ["a different chart version", { chartVersion: "6.14.0" }, /version of Chart\.yaml is "6\.14\.0"/],
    ["a chart without appVersion", { appVersion: undefined }, /appVersion is missing/],
    [
      "a chart with a dependency that no commit pins",
      { chartProblems: ["Chart.yaml depends on redis, which neither charts/ nor Chart.lock pins"] },
      /- Chart\.yaml depends on redis, which neither charts\/ nor Chart\.lock pins/,
    ],
    ["no Git tag", { gitTag: undefined }, /there is no Git tag "6\.14\.1"/],
    ["a commit off the release branch", { branch: undefined }, /lies on no branch that releases are made from/],
    ["a commit on another branch", { branch: "feature" }, /lies on the branch "feature"/],
    ["a missing image", { images: [] }, /the image ghcr\.io\/stefanprodan\/podinfo:6\.14\.1 is not in the reg/],
    ["evidence of another repository", { repository: "https://example.com/x" }, /the repository is "https:\/\/example/],
  ];
  for (const [what, facts, reason] of broken) {
    it(`blocks ${what}, once`, async () => {
      const violations = await judge(releaseSynced, objectsOf(podinfo, evidenceOf(podinfo, facts)));
      assert.deepEqual(
        violations.map(({ object, enforcement, tenant }) => ({ object, enforcement, tenant })),
        [{ object: "GitRepository flux-system/podinfo-6.14.1", enforcement: "mandatory", tenant: "podinfo" }],
      );
      assert.match(violations[0]!.message, reason);
    });
  }

  it("blocks an image digest that is not the stack file's", async () => {
    const stack = stackConfigOf({ digest: `sha256:${"cd".repeat(32)}` });
    const [violation] = await judge(releaseSynced, objectsOf(), stack);
    assert.match(
      violation!.message,
      /the digest of ghcr\.io\/stefanprodan\/podinfo:6\.14\.1 is .* as the stack file says/,
    );
  });

  const fields: [string, string, string, unknown, RegExp][] = [
    [
      "another source",
      "HelmRelease",
      "spec/chart/spec/sourceRef/name",
      "podinfo-6.14.0",
      /sourceRef\.name is "podinfo-6\.14\.0"/,
    ],
    [
      "another kind of source",
      "HelmRelease",
      "spec/chart/spec/sourceRef/kind",
      "Bucket",
      /sourceRef\.kind is "Bucket"/,
    ],
    [
      "a source in another namespace",
      "HelmRelease",
      "spec/chart/spec/sourceRef/namespace",
      "evil",
      /sourceRef\.namespace is "evil"/,
    ],
    [
      "another chart",
      "HelmRelease",
      "spec/chart/spec/chart",
      "./charts/evil",
      /chart\.spec\.chart is "\.\/charts\/evil"/,
    ],
    [
      "a chart version that floats",
      "HelmRelease",
      "spec/chart/spec/version",
      ">=6",
      /chart\.spec\.version is ">=6", must be absent/,
    ],
    [
      "a second chart",
      "HelmRelease",
      "spec/chartRef",
      { kind: "OCIRepository", name: "x" },
      /spec\.chartRef is a map, must be absent/,
    ],
    [
      "values files of the chart",
      "HelmRelease",
      "spec/chart/spec/valuesFiles",
      ["x.yaml"],
      /valuesFiles is a list, must be absent/,
    ],
    [
      "inline values",
      "HelmRelease",
      "spec/values",
      { image: { tag: "6.15.0" } },
      /spec\.values is a map, must be absent/,
    ],
    [
      "post-renderers",
      "HelmRelease",
      "spec/postRenderers",
      [{ kustomize: {} }],
      /spec\.postRenderers is a list, must be absent/,
    ],
    [
      "a Secret that the stack does not name",
      "HelmRelease",
      "spec/valuesFrom",
      [{ kind: "Secret", name: "s", valuesKey: "k" }],
      /valuesFrom\[0\]\.kind is "Secret", must be "ConfigMap"/,
    ],
    [
      "optional values",
      "HelmRelease",
      "spec/valuesFrom/0/optional",
      true,
      /valuesFrom\[0\]\.optional is true, must be absent/,
    ],
    ["a source without commit", "GitRepository", "spec/ref", { tag: "6.14.1" }, /spec\.ref\.commit is missing/],
    ["a source at another commit", "GitRepository", "spec/ref/commit", "d".repeat(40), /spec\.ref\.commit is "d+"/],
    [
      "a source on a branch",
      "GitRepository",
      "spec/ref/branch",
      "master",
      /spec\.ref\.branch is "master", must be absent/,
    ],
    [
      "a source of another repository",
      "GitRepository",
      "spec/url",
      "https://example.com/evil",
      /spec\.url is "https:\/\/example/,
    ],
    [
      "a source that includes another source",
      "GitRepository",
      "spec/include",
      [{ repository: { name: "x" } }],
      /spec\.include is a list, must be absent/,
    ],
    [
      "no service account",
      "HelmRelease",
      "spec/serviceAccountName",
      undefined,
      /serviceAccountName is missing, must be "podinfo"/,
    ],
    ["another tenant's account", "HelmRelease", "spec/serviceAccountName", "other", /serviceAccountName is "other"/],
    ["another namespace", "HelmRelease", "spec/targetNamespace", "kube-system", /targetNamespace is "kube-system"/],
    [
      "another cluster",
      "HelmRelease",
      "spec/kubeConfig",
      { secretRef: { name: "x" } },
      /spec\.kubeConfig is a map, must be/,
    ],
    [
      "a namespace made by Helm",
      "HelmRelease",
      "spec/install/createNamespace",
      true,
      /createNamespace is true, must be absent/,
    ],
    [
      "another's Git credentials",
      "GitRepository",
      "spec/secretRef",
      { name: "x" },
      /spec\.secretRef is a map, must be absent/,
    ],
    [
      "the controller's identity",
      "GitRepository",
      "spec/provider",
      "azure",
      /spec\.provider is "azure", must be absent/,
    ],
    ["submodules", "GitRepository", "spec/recurseSubmodules", true, /spec\.recurseSubmodules is true, must be absent/],
    [
      "a source with another name",
      "GitRepository",
      "metadata/name",
      "podinfo-9.9.9",
      /metadata\.name is "podinfo-9\.9\.9", must be "podinfo-6\.14\.1"/,
    ],
  ];
  for (const [what, kind, path, value, reason] of fields) {
    it(`blocks ${what}, against the evidence`, async () => {
      const messages = (await judge(releaseSynced, withField(objectsOf(), kind, path, value))).map(
        (one) => one.message,
      );
      assert.match(messages.join("\n"), reason);
    });
  }

  it("blocks a release whose evidence differs from its source's", async () => {
    const release = objectsOf().find(({ kind }) => kind === "HelmRelease")!;
    const annotations = { ...release.metadata.annotations, [annotation.commit]: "d".repeat(40) };
    const objects = withField(objectsOf(), "HelmRelease", "metadata/annotations", annotations);
    const [violation] = await judge(releaseSynced, objects);
    assert.match(violation!.message, /metadata\.annotations\.shared-authority\/commit is "d+", must be "(c1)+"/);
  });

  describe("where the stack follows a branch", () => {
    const dev = { ...stackConfigOf({ tag: undefined, digest: undefined }), follow: "branch" as const };
    const [tenant] = dev.tenants;

    it("passes a head whose version and appVersion are the same", async () => {
      assert.deepEqual(await judge(releaseSynced, objectsOf(tenant, headOfMaster, dev), dev), []);
    });

    it("blocks a head whose appVersion was forgotten", async () => {
      const objects = objectsOf(tenant, { ...headOfMaster, appVersion: "6.14.0" }, dev);
      const [violation] = await judge(releaseSynced, objects, dev);
      assert.match(violation!.message, /appVersion of Chart\.yaml is "6\.14\.0", must be "6\.14\.1"/);
    });

    it("blocks a head whose appVersion lacks the tenant's prefix, and passes one that has it", async () => {
      const head = { ...headOfMaster, appVersion: `v${headOfMaster.appVersion}` };
      const [violation] = await judge(releaseSynced, objectsOf(tenant, head, dev), dev);
      assert.match(violation!.message, /appVersion of Chart\.yaml is "v<version>", must be "<version>"/);
      const prefixed = { ...tenant!, prefix: { ...tenant!.prefix, image: "v" } };
      const stack = { ...dev, tenants: [prefixed] };
      assert.deepEqual(await judge(releaseSynced, objectsOf(prefixed, head, stack), stack), []);
    });

    it("blocks a head that was not read", async () => {
      const objects = objectsOf(tenant, { ...headOfMaster, chartVersion: undefined, appVersion: undefined }, dev);
      const [violation] = await judge(releaseSynced, objects, dev);
      assert.match(violation!.message, /version is missing in Chart\.yaml/);
    });

    it("blocks another branch than the stack's", async () => {
      const [violation] = await judge(releaseSynced, objectsOf(tenant, { ...headOfMaster, branch: "dev" }, dev), dev);
      assert.match(violation!.message, /the evidence's branch is "dev", must be "master"/);
    });

    describe("whose commits have images", () => {
      const stack = commitImages.stack();
      const [tenant] = stack.tenants;
      const objects = (facts: Partial<BranchEvidence> = {}) =>
        objectsOf(tenant, { ...commitImages.evidence, ...facts }, stack);
      const messages = async (changed: readonly KubernetesObject[], policy = releaseSynced) =>
        (await judge(policy, changed, stack)).map(({ message }) => message).join("\n");

      it("blocks the chart of a commit that does not pin what it depends on", async () => {
        assert.match(await messages(objects({ chartProblems: ["it depends on redis"] })), /- it depends on redis/);
      });

      it("passes the image of a commit with the chart of that commit", async () => {
        assert.equal(await messages(objects()), "");
      });

      it("blocks another commit, image or digest than the stack file's tag names", async () => {
        assert.match(await messages(objects({ commit: "d".repeat(40) })), /the commit is d+, must be the one that/);
        assert.match(
          await messages(objects({ images: [] }), decidedObjects),
          /carries no evidence of a commit's image/,
        );
        const [image] = commitImages.evidence.images;
        const other = [{ ...image!, digest: `sha256:${"e".repeat(64)}` }];
        assert.match(
          await messages(objects({ images: other })),
          /is "sha256:e+", must be "sha256:(ab)+", as the stack/,
        );
        assert.match(await messages(objects({ appVersion: "6.14.0" })), /appVersion of Chart\.yaml is "6\.14\.0"/);
      });

      it("blocks a chart that moves with the branch, and one of another commit", async () => {
        assert.match(
          await messages(withField(objects(), "GitRepository", "spec/ref/commit", undefined)),
          /spec\.ref\.commit is missing, must be "(c1)+"/,
        );
        assert.match(
          await messages(objectsOf({ ...tenant!, branchImage: undefined }, headOfMaster, stack), decidedObjects),
          /carries no evidence of a commit's image/,
        );
      });

      it("blocks a release whose values run another image", async () => {
        const other = withField(objects(), "ConfigMap", "data/pinned-image.yaml", "image:\n  tag: latest\n");
        assert.match(
          await verdict([...stackObjects(stack), ...other], stack),
          /data\.pinned-image\.yaml is another text/,
        );
        const own = objects().find(({ kind }) => kind === "HelmRelease")!.spec as { valuesFrom: unknown[] };
        const reversed = [...own.valuesFrom].reverse();
        assert.equal(reversed.length, 2);
        const swapped = withField(objects(), "HelmRelease", "spec/valuesFrom", reversed);
        assert.match(await messages(swapped), /valuesFrom\[1\]\.valuesKey is ".*", must be "pinned-image\.yaml"/);
      });
    });

    describe("whose commits have charts", () => {
      const stack = commitCharts.stack();
      const [tenant] = stack.tenants;
      const objects = (facts: Partial<BranchEvidence> = {}) =>
        objectsOf(tenant, { ...commitCharts.evidence, ...facts }, stack);
      const messages = async (changed: readonly KubernetesObject[]) =>
        (await judge(releaseSynced, changed, stack)).map(({ message }) => message).join("\n");

      it("passes a source that follows them by range and filter", async () => {
        assert.equal(await messages(objects()), "");
      });

      it("blocks another range, another filter, and a tag", async () => {
        const ref = "spec/ref";
        const wide = { semver: "*", semverFilter: ".*" };
        const message = await messages(withField(objects(), "OCIRepository", ref, wide));
        assert.match(message, /spec\.ref\.semver is "\*", must be ">=0\.0\.0-0"/);
        assert.match(message, /spec\.ref\.semverFilter is "\.\*", must be "\^0/);
        assert.match(
          await messages(withField(objects(), "OCIRepository", ref, { tag: "0.0.0-master.7" })),
          /spec\.ref\.tag is "0\.0\.0-master\.7", must be absent/,
        );
      });
    });

    it("blocks an object made for tags", async () => {
      const [violation] = await judge(decidedObjects, objectsOf(), dev);
      assert.match(violation!.message, /shared-authority\/follow` is "tags", must be "branch"/);
    });
  });

  it("does not print the password in a URL", async () => {
    const url = "https://bot:hunter2@git.example.com/podinfo";
    const [violation] = await judge(releaseSynced, withField(objectsOf(), "GitRepository", "spec/url", url));
    assert.match(violation!.message, /spec\.url is "https:\/\/\*\*\*@git\.example\.com\/podinfo", must be/);
    assert.ok(!violation!.message.includes("hunter2"));
  });
});
