import assert from "node:assert/strict";
import type { ResourceValidationArgs } from "@pulumi/policy";
import type { KubernetesObject } from "../../src/manifests/object";
import type { Evidence } from "../../src/release/evidence";
import type { EvidenceReader, ReadResult } from "../../src/release/evidence-reader";
import { decidedObjectsBy } from "../../src/policy-pack/decided-objects";
import type { Policy } from "../../src/policy-pack/define-policy";
import { judgeObjects } from "../../src/policy-pack/judge";
import { policies } from "../../src/policy-pack/policies";
import { config, evidenceOf, objectsOf, podinfo, stackConfigOf, withField, withUnknown } from "./fixture";

const chart = "oci://ghcr.io/stefanprodan/charts/podinfo";
const applications = {
  podinfo: {
    repository: "https://github.com/stefanprodan/podinfo",
    chart: "charts/podinfo",
    image: "ghcr.io/stefanprodan/podinfo",
  },
  artifact: { chart, image: "ghcr.io/stefanprodan/podinfo", prefix: { image: "v" } },
};

/** Another team's program: neither names, annotations nor other objects are ours. */
function foreign(objects: readonly KubernetesObject[] = objectsOf()): KubernetesObject[] {
  return objects
    .filter(({ kind }) => ["GitRepository", "OCIRepository", "HelmRelease"].includes(kind))
    .map(({ metadata, ...object }) => ({
      ...object,
      metadata: { name: metadata.name, namespace: metadata.namespace },
    }));
}

function reader(answer: (tag: string) => ReadResult): EvidenceReader {
  const unused = (): never => assert.fail("only releases are read");
  return {
    readRelease: (tenant) => Promise.resolve(answer(tenant.tag ?? "")),
    readBranch: unused,
    readFacts: unused,
    readAllowed: unused,
  };
}

const truth = (facts: Partial<Evidence> = {}) => ({
  evidence: evidenceOf(podinfo, { chart: "charts/podinfo", ...facts }),
});

async function messagesOf(
  objects: readonly KubernetesObject[],
  answer: (tag: string) => ReadResult = () => truth(),
  given: object = applications,
  clusterOf: (index: number) => string = () => "one",
): Promise<string> {
  const settings = { "decided-objects": { scope: "flux", applications: given } } as const;
  const decided = decidedObjectsBy(() => reader(answer));
  let index = 0;
  const onCluster: Policy = {
    ...decided,
    validateResource: ({ provider, ...resource }, report) =>
      decided.validateResource({ ...resource, provider: { ...provider!, urn: clusterOf(index++) } }, report),
  };
  const pack = [onCluster, ...policies.slice(1)];
  // The stack's own config says nothing in this scope.
  const stack = { ...config, configRepository: undefined, tenants: [] };
  return (await judgeObjects(objects, pack, stack, settings)).map(({ message }) => message).join("\n");
}

describe("the scope flux", () => {
  it("passes a HelmRelease of a declared application, and everything that is not Flux's", async () => {
    const others = [
      { apiVersion: "v1", kind: "Secret", metadata: { name: "x", namespace: "any" } },
      { apiVersion: "rbac.authorization.k8s.io/v1", kind: "ClusterRole", metadata: { name: "x" } },
      { apiVersion: "kustomize.toolkit.fluxcd.io/v1", kind: "Kustomization", metadata: { name: "x", namespace: "y" } },
      { apiVersion: "source.toolkit.fluxcd.io/v1", kind: "Bucket", metadata: { name: "x", namespace: "y" } },
    ];
    assert.equal(await messagesOf([...foreign(), ...others]), "");
    assert.equal(await messagesOf(foreign(withField(objectsOf(), "HelmRelease", "metadata/name", "anything"))), "");
  });

  it("passes an OCI chart", async () => {
    const stack = stackConfigOf({
      chart: { kind: "oci", url: chart },
      prefix: { git: "", chart: "", image: "v" },
      tag: "v6.14.1",
    });
    const evidence = evidenceOf(stack.tenants[0]!, { repository: undefined, gitTag: undefined, commit: undefined });
    const objects = foreign(objectsOf(stack.tenants[0], evidence, stack));
    assert.equal(await messagesOf(objects, () => ({ evidence })), "");
    const moved = { evidence: { ...evidence, chartDigest: `sha256:${"e".repeat(64)}` } };
    assert.match(
      await messagesOf(objects, () => moved),
      /its source's spec\.ref\.digest is "sha256:(ab)+", must be "sha256:e+"/,
    );
    const layer = withField(objects, "OCIRepository", "spec/layerSelector/mediaType", "text/plain");
    assert.match(await messagesOf(layer, () => ({ evidence })), /layerSelector\.mediaType is "text\/plain"/);
  });

  const broken: [string, ReadResult, RegExp][] = [
    [
      "a release that does not keep the promise",
      truth({ appVersion: "6.14.0" }),
      /appVersion of Chart\.yaml is "6\.14\.0", must be/,
    ],
    [
      "another commit than that of the tag",
      truth({ commit: "d".repeat(40) }),
      /its source's spec\.ref\.commit is "(c1)+", must be "d+"/,
    ],
    ["an image that is not in the registry", truth({ images: [] }), /is not in the registry/],
    ["what cannot be read", { missing: ["the image x cannot be read: 401"] }, /the image x cannot be read: 401/],
  ];
  for (const [what, answer, reason] of broken) {
    it(`blocks ${what}, by what Git and the registry say`, async () => {
      assert.match(await messagesOf(foreign(), () => answer), reason);
    });
  }

  it("reads the release that the tag of the source names", async () => {
    const tags: string[] = [];
    await messagesOf(foreign(withField(objectsOf(), "GitRepository", "spec/ref/tag", "6.14.0")), (tag) => {
      tags.push(tag);
      return truth();
    });
    assert.deepEqual(tags, ["6.14.0"]);
  });

  const fields: [string, string, string, unknown, RegExp][] = [
    ["another repository", "GitRepository", "spec/url", "https://example.com/x", /no application .* has the chart/],
    [
      "another chart",
      "HelmRelease",
      "spec/chart/spec/chart",
      "./evil",
      /no application .* has the chart "\.\/evil" in https/,
    ],
    ["a branch", "GitRepository", "spec/ref", { branch: "master" }, /spec\.ref of its source is not a release/],
    [
      "a branch beside the tag",
      "GitRepository",
      "spec/ref/branch",
      "master",
      /spec\.ref of its source is not a release/,
    ],
    [
      "a tag that can move",
      "GitRepository",
      "spec/ref/commit",
      undefined,
      /its source's spec\.ref\.commit is missing, must be/,
    ],
    ["submodules", "GitRepository", "spec/recurseSubmodules", true, /spec\.recurseSubmodules of its source changes it/],
    [
      "another kind of source",
      "HelmRelease",
      "spec/chart/spec/sourceRef/kind",
      "HelmRepository",
      /the kind HelmRepository; expected/,
    ],
    [
      "a source of another program",
      "HelmRelease",
      "spec/chart/spec/sourceRef/name",
      "x",
      /GitRepository x was not judged before it/,
    ],
    ["post-renderers", "HelmRelease", "spec/postRenderers", [{}], /spec\.postRenderers changes what the release holds/],
    [
      "two charts",
      "HelmRelease",
      "spec/chartRef",
      { kind: "OCIRepository", name: "x" },
      /both spec\.chart and spec\.chartRef/,
    ],
  ];
  for (const [what, kind, path, value, reason] of fields) {
    it(`blocks ${what}`, async () => assert.match(await messagesOf(withField(foreign(), kind, path, value)), reason));
  }

  it("passes the post-renderers of `pinDigest`, and blocks those with another digest", async () => {
    const images = [
      { name: "ghcr.io/stefanprodan/podinfo", newTag: "6.14.1", digest: evidenceOf(podinfo).images[0]?.digest },
    ];
    const renderers = (all: readonly object[]) => [{ kustomize: { images: all } }];
    const withRenderers = (value: unknown) => withField(foreign(), "HelmRelease", "spec/postRenderers", value);
    assert.equal(await messagesOf(withRenderers(renderers(images))), "");
    const other = images.map((image) => ({ ...image, digest: `sha256:${"0".repeat(64)}` }));
    assert.match(await messagesOf(withRenderers(renderers(other))), /expected none but those of `pinDigest`/);
  });

  it("blocks a source that comes after the HelmRelease, or twice", async () => {
    assert.match(await messagesOf([...foreign()].reverse()), /was not judged before it/);
    assert.match(await messagesOf([...foreign(), foreign()[0]!]), /it is in this run already/);
  });

  it("passes the same objects in several clusters", async () => {
    const labelled = withField(foreign(), "GitRepository", "metadata/labels", { cluster: "two" });
    const both = [...foreign(), ...labelled];
    assert.equal(await messagesOf(both, undefined, undefined, (index) => (index < 2 ? "one" : "two")), "");
  });

  it("blocks a HelmRelease whose source is on another provider, and a source that differs there", async () => {
    const on = (objects: readonly KubernetesObject[], ...clusters: readonly string[]) =>
      messagesOf(objects, undefined, undefined, (index) => clusters[index] ?? "");
    assert.match(await on(foreign(), "one", "two"), /HelmRelease [^]* was not judged before it, on the same provider/);
    const [other] = withField(foreign(), "GitRepository", "spec/url", "https://example.com/evil");
    assert.match(
      await on([...foreign(), other!], "one", "one", "two"),
      /it is on another provider too, and its spec\.url is "https:\/\/example\.com\/evil", must be/,
    );
  });

  it("blocks what hides an object: a list, a patch, a made-up type", async () => {
    const list = { apiVersion: "v1", kind: "List", metadata: { name: "x" }, items: foreign() };
    assert.match(await messagesOf([list]), /a list hides its objects/);
    for (const type of [
      "kubernetes:helm.toolkit.fluxcd.io/v2:HelmReleasePatch",
      "kubernetes:yaml/v2:HelmRelease",
      "kubernetes:core/v1:ConfigMap",
    ]) {
      const reports: string[] = [];
      const settings = { scope: "flux", applications };
      const props = foreign().at(-1)! as unknown as Record<string, unknown>;
      const args = {
        type,
        props,
        name: "x",
        urn: `urn:pulumi:prod::${type}::x`,
        provider: {},
        getConfig: () => settings,
      };
      const { validateResource } = decidedObjectsBy(() => reader(() => truth()));
      await validateResource(args as unknown as ResourceValidationArgs, (message) => reports.push(message));
      assert.match(
        reports.join("\n"),
        /its type is kubernetes:.*, must be kubernetes:helm\.toolkit\.fluxcd\.io\/v2:HelmRelease/,
      );
    }
  });

  it("blocks a patch of a release, also one that does not say what it is", async () => {
    const { metadata, spec } = foreign().at(-1)!;
    for (const [type, fields] of [
      ["kubernetes:helm.toolkit.fluxcd.io/v2:HelmReleasePatch", {}],
      ["kubernetes:helm.toolkit.fluxcd.io/v2:HelmReleasePatch", { kind: "HelmReleasePatch" }],
      [
        "kubernetes:helm.toolkit.fluxcd.io/v2:HelmReleasePatch",
        { apiVersion: "helm.toolkit.fluxcd.io/v2", kind: "HelmReleasePatch" },
      ],
      ["kubernetes:yaml/v9:X", { kind: "HelmRelease" }],
    ] as const) {
      const reports: string[] = [];
      const { validateResource } = decidedObjectsBy(() => reader(() => truth()));
      const args = {
        type,
        props: { ...fields, metadata, spec },
        name: "x",
        urn: `urn:pulumi:prod::patch-${JSON.stringify(fields).length}-${type}::x`,
        provider: {},
        getConfig: () => ({ scope: "flux", applications }),
      };
      await validateResource(args as unknown as ResourceValidationArgs, (message) => reports.push(message));
      assert.match(
        reports.join("\n"),
        /its type is|it has no `(?:kind|apiVersion)`|a patch shows only some fields/,
        type,
      );
    }
  });

  it("blocks an unknown value, once", async () => {
    const said = await messagesOf(withUnknown(foreign(), "GitRepository", "spec/ref"));
    assert.equal(said.split("is not known before the step").length, 2, said);
  });

  it("passes nothing without applications, and reports those that it cannot read, once", async () => {
    assert.match(await messagesOf(foreign(), undefined, {}), /no application of the policy pack's config/);
    const said = await messagesOf(foreign(), undefined, { podinfo: { chart: "../x" } });
    assert.match(said, /applications\.podinfo\.chart: Expected/);
    assert.equal(said.split("applications.podinfo.chart").length, 2);
  });
});
