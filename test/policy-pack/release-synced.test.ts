import assert from "node:assert/strict";
import { runtime } from "@pulumi/pulumi";
import { annotation } from "../../src/manifests/annotation";
import type { KubernetesObject } from "../../src/manifests/object";
import { judgeObjects } from "../../policy-pack/judge";
import { releaseSynced } from "../../policy-pack/release-synced";
import type { BranchEvidence } from "../../src/release/evidence";
import {
  commitCharts,
  commitImages,
  evidenceOf,
  config,
  stackConfigOf,
  headOfMaster,
  judge,
  objectsOf,
  podinfo,
  withField,
  withUnknown,
} from "./fixture";

const handMade: KubernetesObject = {
  apiVersion: "helm.toolkit.fluxcd.io/v2beta1",
  kind: "HelmRelease",
  metadata: { name: "redis", namespace: "default" },
  spec: { chart: { spec: { chart: "redis", sourceRef: { kind: "HelmRepository", name: "bitnami" } } } },
};

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
    const [violation] = await judge(releaseSynced, objectsOf(before, evidenceOf(before)));
    assert.match(violation!.message, /the evidence's version is "6\.14\.0", must be "6\.14\.1"/);
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
    ["evidence of another version", { version: "6.14.0" }, /the evidence's version is "6\.14\.0", must be "6\.14\.1"/],
    ["evidence of another repository", { repository: "https://example.com/x" }, /the repository is "https:\/\/example/],
  ];
  for (const [what, facts, reason] of broken) {
    it(`blocks ${what}, on the release and on its source`, async () => {
      const violations = await judge(releaseSynced, objectsOf(podinfo, evidenceOf(podinfo, facts)));
      const objects = violations.map(({ object }) => object);
      assert.ok(objects.includes("HelmRelease flux-system/podinfo"), objects.join());
      assert.ok(
        objects.some((object) => object.startsWith("GitRepository flux-system/podinfo-6.14.")),
        objects.join(),
      );
      assert.match(violations.find(({ object }) => object.startsWith("HelmRelease"))!.message, reason);
      assert.match(violations[0]!.message, /Fix: /);
      assert.equal(violations[0]!.enforcement, "mandatory");
      assert.equal(violations[0]!.tenant, "podinfo");
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

  it("blocks a HelmRelease that was added by hand, also with an older API version", async () => {
    const [violation] = await judge(releaseSynced, [handMade]);
    assert.match(violation!.message, /HelmRelease default\/redis:\n {2}- it carries no evidence/);
  });

  it("blocks a HelmRelease of an undeclared tenant, regardless of its evidence", async () => {
    const violations = await judge(releaseSynced, objectsOf(), { ...config, tenants: [] });
    assert.match(violations[0]!.message, /it belongs to "podinfo", and the stack declares no such tenant/);
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
      /version is ">=6", must be "6\.14\.1"/,
    ],
    ["a second chart", "HelmRelease", "spec/chartRef", { kind: "OCIRepository", name: "x" }, /spec\.chartRef is set/],
    ["values files of the chart", "HelmRelease", "spec/chart/spec/valuesFiles", ["x.yaml"], /valuesFiles is set/],
    ["inline values", "HelmRelease", "spec/values", { image: { tag: "6.15.0" } }, /spec\.values is set/],
    ["post-renderers", "HelmRelease", "spec/postRenderers", [{ kustomize: {} }], /spec\.postRenderers is set/],
    [
      "a Secret that the stack does not name",
      "HelmRelease",
      "spec/valuesFrom",
      [{ kind: "Secret", name: "s", valuesKey: "k" }],
      /the Secret "s", key "k", which the stack does not name/,
    ],
    ["optional values", "HelmRelease", "spec/valuesFrom/0/optional", true, /is optional/],
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
      /spec\.include is set/,
    ],
    [
      "a source with another name",
      "GitRepository",
      "metadata/name",
      "podinfo-9.9.9",
      /its source "podinfo-6\.14\.1" was not judged/,
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

  it("blocks a source whose evidence differs from the release's", async () => {
    const objects = withField(objectsOf(), "GitRepository", `metadata/annotations`, {
      ...objectsOf().find(({ kind }) => kind === "GitRepository")!.metadata.annotations,
      [annotation.commit]: "d".repeat(40),
    });
    const messages = (await judge(releaseSynced, objects)).map(({ message }) => message).join("\n");
    assert.match(messages, /annotation `shared-authority\/commit` of its source "podinfo-6\.14\.1" is "d+"/);
  });

  it("blocks a HelmRelease that does not wait for its source", async () => {
    const objects = objectsOf().filter(({ kind }) => kind !== "GitRepository");
    const [violation] = await judge(releaseSynced, objects);
    assert.match(violation!.message, /its source "podinfo-6\.14\.1" was not judged before it/);
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
      assert.match(violation!.message, /the branch of the evidence is "dev", must be "master"/);
    });

    describe("whose commits have images", () => {
      const stack = commitImages.stack();
      const [tenant] = stack.tenants;
      const objects = (facts: Partial<BranchEvidence> = {}) =>
        objectsOf(tenant, { ...commitImages.evidence, ...facts }, stack);
      const messages = async (changed: readonly KubernetesObject[]) =>
        (await judge(releaseSynced, changed, stack)).map(({ message }) => message).join("\n");

      it("blocks the chart of a commit that does not pin what it depends on", async () => {
        assert.match(await messages(objects({ chartProblems: ["it depends on redis"] })), /- it depends on redis/);
      });

      it("passes the image of a commit with the chart of that commit", async () => {
        assert.equal(await messages(objects()), "");
      });

      it("blocks another commit, image or digest than the stack file's tag names", async () => {
        assert.match(await messages(objects({ commit: "d".repeat(40) })), /the commit is d+, must be the one that/);
        assert.match(await messages(objects({ images: [] })), /carries no evidence of a commit's image/);
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
          await messages(objectsOf({ ...tenant!, branchImage: undefined }, headOfMaster, stack)),
          /carries no evidence of a commit's image/,
        );
      });

      it("blocks a release whose values run another image", async () => {
        const values = objects().find(({ kind }) => kind === "ConfigMap") as unknown as {
          data: Record<string, string>;
        };
        const data = { ...values.data, "pinned-image.yaml": "image:\n  tag: latest\n" };
        const reason = /its values do not set `image\.tag` to "master-c1c1c1c1-1732386000@sha256:(ab)+"/;
        assert.match(await messages(withField(objects(), "ConfigMap", "data", data)), reason);
        const own = objects().find(({ kind }) => kind === "HelmRelease")!.spec as { valuesFrom: unknown[] };
        const reversed = [...own.valuesFrom].reverse();
        assert.equal(reversed.length, 2);
        assert.match(await messages(withField(objects(), "HelmRelease", "spec/valuesFrom", reversed)), reason);
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
      const [violation] = await judge(releaseSynced, objectsOf(), dev);
      assert.match(violation!.message, /is "tags", but the stack follows "branch"/);
    });
  });

  it("blocks an unknown value and names the field", async () => {
    const proxied = withUnknown(objectsOf(), "HelmRelease", "spec/chart/spec/sourceRef/name");
    const [violation] = await judge(releaseSynced, proxied);
    assert.equal(violation!.enforcement, "mandatory");
    assert.match(violation!.message, /`spec\.chart\.spec\.sourceRef\.name` is not known before the step/);
  });

  it("blocks a patch of a HelmRelease, because it shows only some fields", async () => {
    const report: string[] = [];
    await validate(
      {
        type: "kubernetes:helm.toolkit.fluxcd.io/v2:HelmReleasePatch",
        props: { apiVersion: "helm.toolkit.fluxcd.io/v2", kind: "HelmRelease", metadata: { name: "podinfo" } },
      },
      report,
    );
    assert.match(report.join("\n"), /it is a patch/);
  });

  it("judges an object by its own fields, not only by the resource's type", async () => {
    const report: string[] = [];
    await validate({ type: "kubernetes:core/v1:ConfigMap", props: { ...handMade } }, report);
    assert.match(report.join("\n"), /it carries no evidence/);
  });

  it("judges the items of a list", async () => {
    const list = { apiVersion: "v1", kind: "List", metadata: { name: "all" }, items: [handMade] };
    const [violation] = await judge(releaseSynced, [list]);
    assert.match(violation!.message, /HelmRelease default\/redis/);
  });

  it("applies only to HelmReleases and tenants' sources", async () => {
    assert.deepEqual(
      await judge(releaseSynced, [{ apiVersion: "apps/v1", kind: "Deployment", metadata: { name: "x" } }]),
      [],
    );
  });

  it("blocks every HelmRelease of a program that has no config of shared-authority", async () => {
    runtime.setAllConfig({});
    assert.match((await judgeObjects(objectsOf(), [releaseSynced]))[0]!.message, /the stack declares no such tenant/);
  });

  it("reports unreadable config instead of passing", async () => {
    runtime.setAllConfig({ "shared-authority:follow": "main" });
    const violations = await judgeObjects(objectsOf(), [releaseSynced]);
    assert.match(violations[0]!.message, /shared-authority:follow: Expected one of `branch`, `tags`/);
  });

  it("does not print the password in a URL", async () => {
    const url = "https://bot:hunter2@git.example.com/podinfo";
    const [violation] = await judge(releaseSynced, withField(objectsOf(), "GitRepository", "spec/url", url));
    assert.match(violation!.message, /spec\.url is "https:\/\/\*\*\*@git\.example\.com\/podinfo", must be/);
    assert.ok(!violation!.message.includes("hunter2"));
  });
});

/** Judges one resource as the engine passes it. */
async function validate(resource: { type: string; props: Record<string, unknown> }, report: string[]): Promise<void> {
  const args = {
    ...resource,
    name: "x",
    urn: `urn:pulumi:s::${String(Math.random())}::${resource.type}::x`,
    getConfig: () => ({}),
    notApplicable: () => {
      throw new Error("not applicable");
    },
  };
  const validateResource = releaseSynced.validateResource as (args: unknown, report: unknown) => Promise<void>;
  await validateResource(args, (message: string) => report.push(message));
}
