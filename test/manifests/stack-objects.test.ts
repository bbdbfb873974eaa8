/* eslint-disable @typescript-eslint/no-unsafe-member-access, @typescript-eslint/no-unsafe-assignment -- tests look into objects of every kind */
import assert from "node:assert/strict";
import { isDeepStrictEqual } from "node:util";
import type { KubernetesObject } from "../../src/manifests/object";
import { stackObjects } from "../../src/manifests/stack-objects";
import type { BranchEvidence, Evidence } from "../../src/release/evidence";
import {
  digest,
  exampleBranch,
  exampleEvidence,
  exampleStack,
  exampleTenant,
  manifestsOf,
  only,
} from "./example-stack";

const ociEvidence: Evidence = {
  version: "6.14.1",
  chart: "oci://ghcr.io/stefanprodan/charts/podinfo",
  chartDigest: digest,
  chartVersion: "6.14.1+build.5",
  appVersion: "6.14.1",
  images: [{ reference: "ghcr.io/stefanprodan/podinfo:6.14.1", digest }],
};
const ociChart = { kind: "oci", url: "oci://ghcr.io/stefanprodan/charts/podinfo" } as const;

function kinds(objects: readonly KubernetesObject[]): string[] {
  return [...new Set(objects.map(({ kind }) => kind))].sort();
}

/** Every path to an empty map or list in the object. */
function emptyPaths(value: unknown, path: string): string[] {
  if (typeof value !== "object" || value === null) return value === undefined ? [`${path} is undefined`] : [];
  const entries = Object.entries(value);
  return entries.length === 0 ? [path] : entries.flatMap(([key, item]) => emptyPaths(item, `${path}.${key}`));
}

describe("stackObjects of a tenant", () => {
  it("have no empty map, which on a custom resource is a permanent diff, and no undefined field", () => {
    for (const objects of [
      manifestsOf(),
      manifestsOf({}, exampleBranch),
      manifestsOf({ chart: ociChart, repository: undefined }, ociEvidence),
    ]) {
      const empty = objects.flatMap((object) => emptyPaths(object, `${object.kind}/${object.metadata.name}`));
      // An empty selector means every pod.
      assert.deepEqual(
        empty.filter((path) => !path.endsWith(".podSelector")),
        [],
      );
    }
  });

  it("have no ConfigMap, automation or team access for a manual tenant without special config and team", () => {
    const objects = manifestsOf();
    assert.deepEqual(kinds(objects), [
      "GitRepository",
      "HelmRelease",
      "ImagePolicy",
      "ImageRepository",
      "LimitRange",
      "Namespace",
      "NetworkPolicy",
      "ResourceQuota",
      "Role",
      "RoleBinding",
      "ServiceAccount",
    ]);
    assert.equal("valuesFrom" in only(objects, "HelmRelease").spec, false);
    assert.equal("secretRef" in only(objects, "GitRepository").spec, false);
    assert.equal("secretRef" in only(objects, "ImageRepository").spec, false);
    assert.equal("insecure" in only(objects, "ImageRepository").spec, false);
    assert.equal("max" in only(objects, "LimitRange").spec.limits[0], false);
    assert.equal(objects.filter(({ metadata }) => metadata.name === "team").length, 0);
    assert.equal(objects.filter(({ metadata }) => metadata.name.startsWith("allow-declared")).length, 0);
  });

  it("lets Flux look often at a branch, and once an hour at a source that cannot change", () => {
    const interval = (objects: readonly KubernetesObject[]) => only(objects, "GitRepository").spec.interval as string;
    assert.equal(interval(manifestsOf({}, exampleBranch)), "1m0s");
    assert.equal(interval(manifestsOf({ tag: commitTag, branchImage }, commitEvidence)), "1h0m0s");
    assert.equal(interval(manifestsOf({})), "1h0m0s");
  });

  const branchImage = { pattern: "^master-(?P<sha>[0-9a-f]+)-(?P<ts>[0-9]+)$", value: { tag: "image.tag" } };
  const commitTag = "master-dd50717-1732386000";
  const commitEvidence: BranchEvidence = {
    ...exampleBranch,
    images: [{ reference: `ghcr.io/stefanprodan/podinfo:${commitTag}`, digest }],
  };

  it("runs the image of a commit with the chart of that commit, and moves both by one patch", () => {
    const objects = manifestsOf({ tag: commitTag, branchImage, pinDigest: { tag: "other" } }, commitEvidence);
    const source = only(objects, "GitRepository");
    assert.equal(source.metadata.name, "podinfo-commit.dd507173b7b7");
    assert.deepEqual(source.spec.ref, { branch: "master", commit: exampleBranch.commit });
    const { data } = only(objects, "ConfigMap") as unknown as { data: Record<string, string> };
    assert.deepEqual(data, { "pinned-image.yaml": `image:\n  tag: ${commitTag}\n` });
    const { spec, metadata } = only(objects, "HelmRelease");
    assert.deepEqual(spec.chart.spec.sourceRef, { kind: "GitRepository", name: "podinfo-commit.dd507173b7b7" });
    assert.deepEqual(spec.postRenderers, [
      { kustomize: { images: [{ name: "ghcr.io/stefanprodan/podinfo", newTag: commitTag, digest }] } },
    ]);
    assert.equal(spec.chart.spec.reconcileStrategy, "Revision");
    assert.equal(metadata.annotations?.["shared-authority/commit"], exampleBranch.commit);
    assert.equal(
      metadata.annotations?.["shared-authority/images"],
      `ghcr.io/stefanprodan/podinfo:${commitTag}@${digest}`,
    );
  });

  it("lets Flux move the images of commits as it moves releases, each by the mode of its tenant", () => {
    const moved = (automation: "auto" | "manual", pin?: { reason: string; by: string }) =>
      manifestsOf({ tag: commitTag, branchImage, policy: { range: "*", automation, deny: [], pin } }, commitEvidence, {
        stack: "dev",
      });
    const labels = only(moved("auto"), "ImagePolicy").metadata.labels;
    assert.equal(labels?.["shared-authority/automation"], "auto");
    assert.deepEqual(only(moved("auto"), "ImageUpdateAutomation").spec.policySelector.matchLabels, {
      "shared-authority/stack": "dev",
      "shared-authority/automation": "auto",
    });
    const pinned = moved("auto", { reason: "a demonstration", by: "ann" });
    assert.equal(only(pinned, "ImagePolicy").metadata.labels?.["shared-authority/automation"], "manual");
    assert.ok(!kinds(moved("manual")).includes("ImageUpdateAutomation"));
    assert.ok(kinds(moved("manual")).includes("ImagePolicy"));
    assert.ok(
      !kinds(manifestsOf({ policy: { range: "*", automation: "auto", deny: [] } }, exampleBranch)).includes(
        "ImageUpdateAutomation",
      ),
    );
  });

  it("follows the charts of a branch's commits in the registry by range and filter, under one name", () => {
    const branchChart = { range: ">=0.0.0-0", pattern: "^0\\.0\\.0-master\\.[0-9]+$" };
    const evidence = {
      branch: "master",
      chart: ociChart.url,
      chartVersion: "0.0.0-master.7",
      appVersion: "0.0.0-master.7",
    };
    const objects = manifestsOf({ chart: ociChart, repository: undefined, tag: undefined, branchChart }, evidence);
    const source = only(objects, "OCIRepository");
    assert.equal(source.metadata.name, "podinfo");
    assert.deepEqual(source.spec.ref, { semver: ">=0.0.0-0", semverFilter: "^0\\.0\\.0-master\\.[0-9]+$" });
    assert.deepEqual(only(objects, "HelmRelease").spec.chartRef, { kind: "OCIRepository", name: "podinfo" });
    assert.ok(!kinds(objects).some((kind) => kind.startsWith("Image") || kind === "GitRepository"));
  });

  it("scans no images and names no version where a branch is followed", () => {
    const objects = manifestsOf({ tag: undefined, pinDigest: { tag: "image.tag" } }, exampleBranch);
    assert.deepEqual(
      kinds(objects).filter((kind) => kind.startsWith("Image") || kind === "ConfigMap"),
      [],
    );
    const source = only(objects, "GitRepository");
    assert.equal(source.metadata.name, "podinfo");
    assert.deepEqual(source.spec.ref, { branch: "master" });
    assert.equal("shared-authority/commit" in source.metadata.annotations, false);
    assert.equal("shared-authority/version" in source.metadata.annotations, false);
    const release = only(objects, "HelmRelease");
    assert.equal(release.spec.chart.spec.reconcileStrategy, "Revision");
    assert.equal("shared-authority/version" in release.metadata.annotations, false);
  });

  it("names the source after the version, with tag and commit, and the release refers to it", () => {
    const objects = manifestsOf();
    const source = only(objects, "GitRepository");
    assert.equal(source.metadata.name, "podinfo-6.14.1");
    assert.deepEqual(source.spec.ref, { tag: "6.14.1", commit: exampleEvidence.commit });
    assert.equal(source.metadata.annotations["pulumi.com/waitFor"], "condition=Ready");
    const { spec } = only(objects, "HelmRelease");
    assert.deepEqual(spec.chart.spec.sourceRef, { kind: "GitRepository", name: "podinfo-6.14.1" });
    assert.equal(spec.chart.spec.reconcileStrategy, "ChartVersion");
    assert.equal("chartRef" in spec, false);
  });

  it("takes an OCI chart by tag and digest, and has no Git source for it", () => {
    const objects = manifestsOf(
      { chart: ociChart, repository: undefined, registrySecret: "podinfo-registry", repositorySecret: "podinfo-git" },
      ociEvidence,
    );
    assert.equal(kinds(objects).includes("GitRepository"), false);
    const { spec } = only(objects, "OCIRepository");
    assert.deepEqual(spec.ref, { tag: "6.14.1_build.5", digest });
    assert.deepEqual(spec.secretRef, { name: "podinfo-registry" });
    assert.equal("insecure" in spec, false);
    const release = only(objects, "HelmRelease").spec;
    assert.deepEqual(release.chartRef, { kind: "OCIRepository", name: "podinfo-6.14.1" });
    assert.equal("chart" in release, false);
  });

  it("run the release as the tenant, in its namespace, and give the tenant no rights over it", () => {
    const objects = manifestsOf({ namespace: "team-a", team: ["team-a-developers"] });
    const release = only(objects, "HelmRelease");
    assert.equal(release.metadata.namespace, "flux-system");
    assert.equal(release.spec.targetNamespace, "team-a");
    assert.equal(release.spec.storageNamespace, "team-a");
    assert.equal(release.spec.serviceAccountName, "podinfo");
    const account = only(objects, "ServiceAccount");
    assert.equal(account.metadata.namespace, "flux-system");
    assert.equal(account.automountServiceAccountToken, false);
    assert.equal(
      kinds(objects).some((kind) => kind.startsWith("ClusterRole")),
      false,
    );
    for (const role of objects.filter(({ kind }) => kind === "Role")) {
      const text = JSON.stringify(role);
      assert.equal(role.metadata.namespace, "team-a");
      assert.doesNotMatch(text, /toolkit\.fluxcd\.io|"\*"|"impersonate"|"escalate"|"bind"/);
    }
    assert.doesNotMatch(
      JSON.stringify(only(objects, "Role", "team").rules),
      /"(patch|update)"/,
      "a team that may patch a Deployment runs another image than the released one",
    );
  });

  it("merge values files in their order, then the pinned image, then Secrets", () => {
    const objects = manifestsOf({
      values: [
        { path: "tenants/podinfo/values.yaml", content: "replicaCount: 2\n" },
        { path: "tenants/podinfo/values.prod.yaml", content: "replicaCount: 3\n" },
        { path: "tenants/shared/labels.yaml", content: "labels: {}\n" },
      ],
      secrets: [{ name: "podinfo-values", key: "values.yaml" }],
      pinDigest: { tag: "image.tag" },
    });
    const map = only(objects, "ConfigMap");
    assert.equal(map.immutable, true);
    assert.equal(map.data["pinned-image.yaml"], 'image:\n  tag: "6.14.1"\n');
    const name: string = map.metadata.name;
    assert.match(name, /^podinfo-values-[2456789bcdfghkmt]{10}$/);
    assert.deepEqual(only(objects, "HelmRelease").spec.valuesFrom, [
      { kind: "ConfigMap", name, valuesKey: "values.yaml" },
      { kind: "ConfigMap", name, valuesKey: "values.prod.yaml" },
      { kind: "ConfigMap", name, valuesKey: "tenants__shared__labels.yaml" },
      { kind: "ConfigMap", name, valuesKey: "pinned-image.yaml" },
      { kind: "Secret", name: "podinfo-values", valuesKey: "values.yaml" },
    ]);
  });

  it("pins every image of the tenant in the pods, in each spelling that a chart may use", () => {
    const other = `sha256:${"0b".repeat(32)}`;
    const objects = manifestsOf(
      { images: ["docker.io/library/shop", "ghcr.io/example/shop-worker"], pinDigest: true },
      {
        ...exampleEvidence,
        images: [
          { reference: "docker.io/library/shop:6.14.1", digest },
          { reference: "ghcr.io/example/shop-worker:6.14.1", digest: other },
        ],
      },
    );
    const [{ kustomize }] = only(objects, "HelmRelease").spec.postRenderers as [{ kustomize: { images: object[] } }];
    const newTag = "6.14.1";
    assert.deepEqual(kustomize.images, [
      ...["docker.io/library/shop", "library/shop", "shop"].map((name) => ({ name, newTag, digest })),
      { name: "ghcr.io/example/shop-worker", newTag, digest: other },
    ]);
    assert.ok(!kinds(objects).includes("ConfigMap"), "no value is set");
  });

  it("leaves denied versions out of the range, and reflects a digest only for a new tag", () => {
    const { spec } = only(
      manifestsOf({ policy: { range: ">=6.0.0 <7.0.0 || 8.x", automation: "auto", deny: ["6.13.5"] } }),
      "ImagePolicy",
    );
    assert.equal(spec.policy.semver.range, ">=6.0.0 <7.0.0 !=6.13.5 || 8.x");
    assert.equal(spec.digestReflectionPolicy, "IfNotPresent");
  });

  it("let no automation select a pinned tenant", () => {
    const pin = { reason: "incident", by: "platform" };
    const objects = manifestsOf({ policy: { range: "6.x", automation: "auto", deny: [], pin } });
    assert.equal(only(objects, "ImagePolicy").metadata.labels["shared-authority/automation"], "manual");
  });

  it("allow only the declared network connections", () => {
    const objects = manifestsOf({
      network: {
        ingress: [{ namespaces: ["ingress"], cidrs: [], ports: [{ port: 9898, protocol: "TCP" }] }],
        egress: [{ namespaces: [], cidrs: ["10.0.0.0/8"], ports: [] }],
      },
    });
    assert.deepEqual(only(objects, "NetworkPolicy", "default-deny").spec, {
      podSelector: {},
      policyTypes: ["Ingress", "Egress"],
    });
    const [ingress] = only(objects, "NetworkPolicy", "allow-declared-ingress").spec.ingress;
    assert.deepEqual(ingress, {
      from: [{ namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": "ingress" } } }],
      ports: [{ port: 9898, protocol: "TCP" }],
    });
    const [egress] = only(objects, "NetworkPolicy", "allow-declared-egress").spec.egress;
    assert.deepEqual(egress, { to: [{ ipBlock: { cidr: "10.0.0.0/8" } }] });
  });
});

describe("stackObjects of the stack itself", () => {
  const withModes = (...modes: ("auto" | "pull-request" | "manual")[]): KubernetesObject[] =>
    manifestsOf({}, exampleEvidence, {
      tenants: modes.map((automation, index) => ({
        ...exampleTenant,
        name: `tenant-${index}`,
        policy: { range: "*", automation, deny: [] },
      })),
    });

  it("have one automation for each mode in use, which pushes to the branch of that mode", () => {
    const objects = withModes("auto", "pull-request", "manual", "auto");
    const automations = objects.filter(({ kind }) => kind === "ImageUpdateAutomation");
    assert.deepEqual(
      automations.map(({ metadata }) => metadata.name),
      ["shared-authority-prod-auto", "shared-authority-prod-pull-request"],
    );
    assert.equal(only(objects, "ImageUpdateAutomation", "shared-authority-prod-auto").spec.git.push.branch, "main");
    const pullRequest = only(objects, "ImageUpdateAutomation", "shared-authority-prod-pull-request").spec;
    assert.equal(pullRequest.git.push.branch, "promotions/prod");
    assert.deepEqual(pullRequest.policySelector.matchLabels, {
      "shared-authority/stack": "prod",
      "shared-authority/automation": "pull-request",
    });
    assert.deepEqual(pullRequest.update, { strategy: "Setters", path: "Pulumi.prod.yaml" });
  });

  it("lets Flux write the stack file and nothing else, wherever the project lies in the repository", () => {
    const configRepository = { ...exampleStack.configRepository!, path: "clusters/eu" };
    const policy = { range: "*", automation: "auto" as const, deny: [] };
    const objects = manifestsOf({ policy }, exampleEvidence, { configRepository });
    assert.equal(only(objects, "ImageUpdateAutomation").spec.update.path, "clusters/eu/Pulumi.prod.yaml");
  });

  it("have no automation if people move every version or the stack follows a branch", () => {
    assert.deepEqual(
      withModes("manual").filter(({ metadata }) => metadata.name.startsWith("shared-authority")),
      [],
    );
    const branch = manifestsOf({ policy: { range: "*", automation: "auto", deny: [] } }, exampleBranch, {
      configRepository: exampleStack.configRepository,
    });
    assert.equal(kinds(branch).includes("ImageUpdateAutomation"), false);
  });
});

describe("stackObjects of an `up`", () => {
  const resolved = { tenant: exampleTenant, source: "lock" as const, evidence: exampleEvidence, reasons: [] };

  it("have the source of the previous release next to the current one", () => {
    const previous = new Map([["podinfo", { ...exampleEvidence, version: "6.14.0", gitTag: "6.14.0" }]]);
    const objects = [...stackObjects({ config: exampleStack, tenants: [resolved] }, { previous })];
    assert.deepEqual(
      objects.filter(({ object }) => object.kind === "GitRepository").map(({ object }) => object.metadata.name),
      ["podinfo-6.14.1", "podinfo-6.14.0"],
    );
  });

  it("have only the image policy of a skipped tenant", () => {
    const objects = [...stackObjects({ config: exampleStack, tenants: [] }, { skipped: [exampleTenant] })];
    assert.deepEqual(
      objects.map(({ object, owner }) => `${owner.component} ${owner.name}: ${object.kind}`),
      ["ReleasePolicy podinfo: ImageRepository", "ReleasePolicy podinfo: ImagePolicy"],
    );
  });

  it("carry the reason of an emergency as an annotation of the HelmRelease, and nowhere else", () => {
    const stack = { config: exampleStack, tenants: [resolved] };
    const usual = Array.from(stackObjects(stack), ({ object }) => object);
    const emergency = "registry is down, issue 123";
    const changed = Array.from(stackObjects(stack, { emergency }), ({ object }) => object).filter(
      (object, index) => !isDeepStrictEqual(object, usual[index]),
    );
    const release = only(usual, "HelmRelease");
    const annotations = { ...release.metadata.annotations, "shared-authority/emergency": emergency };
    assert.deepEqual(changed, [{ ...release, metadata: { ...release.metadata, annotations } }]);
  });

  it("wait for a source twice as long as for a fetch, and for a release as long as an upgrade and a rollback take", () => {
    const timeouts = { source: "30s", release: "5m0s" };
    const objects = [...stackObjects({ config: { ...exampleStack, timeouts }, tenants: [resolved] })];
    const waits = new Map(objects.map(({ object, waitFor }) => [object.kind, waitFor]));
    assert.equal(waits.get("GitRepository"), "30s30s1m");
    assert.equal(waits.get("HelmRelease"), "5m0s5m0s1m");
    assert.equal(waits.get("Namespace"), undefined);
  });
});
