import assert from "node:assert/strict";
import * as pulumi from "@pulumi/pulumi";
import * as components from "../../src/components/index";
import type { Evidence } from "../../src/release/evidence";

/** Resolves when every registration that was begun is done; the SDK exports it without a type. */
const rpcs = pulumi.runtime as unknown as { waitForRPCs(): Promise<void> };

interface Registered {
  readonly type: string;
  readonly name: string;
  readonly inputs: Record<string, unknown>;
}

const evidence: Evidence = {
  version: "6.14.1",
  repository: "https://github.com/stefanprodan/podinfo",
  gitTag: "6.14.1",
  commit: "0123456789012345678901234567890123456789",
  branch: "master",
  chart: "./charts/podinfo",
  chartVersion: "6.14.1",
  appVersion: "6.14.1",
  images: [{ reference: "ghcr.io/stefanprodan/podinfo:6.14.1", digest: `sha256:${"a".repeat(64)}` }],
};

const setup = {
  namespace: "podinfo",
  authorityNamespace: "flux-system",
  team: ["podinfo-team"],
  quota: { pods: "20" },
  limits: { default: { cpu: "1" }, defaultRequest: { cpu: "100m" } },
  network: { ingress: [], egress: [] },
  podSecurity: "restricted" as const,
};

describe("components", () => {
  let registered: Registered[] = [];

  before(async () => {
    await pulumi.runtime.setMocks(
      {
        newResource: ({ type, name, inputs }) => {
          registered.push({ type, name, inputs: inputs as Record<string, unknown> });
          return { id: name, state: inputs as Record<string, unknown> };
        },
        call: () => ({}),
      },
      "shared-authority",
      "prod",
    );
  });

  beforeEach(() => (registered = []));

  const settle = async (...outputs: pulumi.Output<unknown>[]): Promise<unknown[]> => {
    const values = await Promise.all(
      outputs.map((output) => new Promise((resolve) => output.apply((value) => resolve(value)))),
    );
    await rpcs.waitForRPCs();
    return values;
  };

  const types = (): string[] => registered.map(({ type }) => type).sort();
  const ofKind = (kind: string): Registered | undefined => registered.find(({ type }) => type.endsWith(`:${kind}`));

  it("Tenant registers the namespace and its guardrails under their names in the cluster", async () => {
    const tenant = new components.Tenant("podinfo", setup);
    const [namespace, account] = await settle(tenant.namespace, tenant.serviceAccountName);
    assert.equal(namespace, "podinfo");
    assert.equal(account, "podinfo");
    assert.deepEqual(registered.map(({ name }) => name).sort(), [
      "flux-system/podinfo",
      "podinfo",
      "podinfo",
      "podinfo/allow-dns",
      "podinfo/allow-same-namespace",
      "podinfo/default-deny",
      "podinfo/deployer",
      "podinfo/deployer",
      "podinfo/team",
      "podinfo/team",
      "podinfo/tenant",
      "podinfo/tenant",
    ]);
    assert.equal(ofKind("ServiceAccount")?.inputs.automountServiceAccountToken, false);
  });

  it("Tenant creates nothing cluster-wide except the Namespace, and binds none of Kubernetes' own roles", async () => {
    const tenant = new components.Tenant("podinfo", setup);
    await settle(tenant.namespace);
    assert.ok(!types().some((type) => type.includes("ClusterRole")));
    for (const { type, inputs } of registered) {
      if (type.endsWith(":RoleBinding")) assert.equal((inputs.roleRef as { kind: string }).kind, "Role");
    }
  });

  it("Tenant needs no arguments but the namespace, and has the defaults of a stack file", async () => {
    const tenant = new components.Tenant("shop", { namespace: "shop" });
    await settle(tenant.namespace);
    assert.equal(registered.find(({ name }) => name === "flux-system/shop")?.type, "kubernetes:core/v1:ServiceAccount");
    const quota = ofKind("ResourceQuota")?.inputs.spec as { hard: Record<string, string> };
    assert.equal(quota.hard["services.nodeports"], "0");
    const { labels } = ofKind("Namespace")?.inputs.metadata as { labels: Record<string, string> };
    assert.equal(labels["pod-security.kubernetes.io/enforce"], "restricted");
    assert.equal(tenant.resources.length, registered.length - 1);
    assert.ok(!registered.some(({ name }) => name === "shop/team"));
  });

  it("ReleasePolicy and HelmReleaseWithValues need only the evidence, the image and the namespace", async () => {
    const policy = new components.ReleasePolicy("podinfo", {
      source: { evidence },
      images: { image: "ghcr.io/stefanprodan/podinfo" },
    });
    const release = new components.HelmReleaseWithValues("podinfo", { namespace: "podinfo", evidence });
    assert.deepEqual(await settle(policy.sourceName, release.valuesName), ["podinfo-6.14.1", undefined]);
    const specOf = (kind: string) => ofKind(kind)?.inputs.spec as Record<string, unknown>;
    assert.equal(specOf("GitRepository").interval, "1h0m0s");
    assert.deepEqual(specOf("ImagePolicy").policy, { semver: { range: "*" } });
    assert.equal(specOf("ImageRepository").interval, "5m0s");
    assert.equal(specOf("HelmRelease").timeout, "5m0s");
    assert.deepEqual(registered.map(({ name }) => name).filter((name) => name.startsWith("flux-system/")).length, 4);
  });

  it("Tenant without a team creates no role for it", async () => {
    const tenant = new components.Tenant("podinfo", { ...setup, team: [] });
    await settle(tenant.namespace);
    assert.ok(!registered.some(({ name }) => name === "podinfo/team"));
  });

  const common = { authorityNamespace: "flux-system", insecureRegistry: false };

  const source = { evidence, interval: "1m0s", timeout: "1m0s" };

  const images = {
    stack: "prod",
    image: "ghcr.io/stefanprodan/podinfo",
    choice: { kind: "version" as const, prefix: "", range: ">=6.0.0", deny: ["6.13.5"] },
    automation: "auto" as const,
    pinned: false,
    interval: pulumi.output("5m0s"),
  };

  const previous = {
    ...evidence,
    version: "6.14.0",
    gitTag: "6.14.0",
    commit: "9".repeat(40),
  };

  it("ReleasePolicy names the source after the version and pins the commit of the evidence", async () => {
    const policy = new components.ReleasePolicy("podinfo", { ...common, source, images });
    const [name] = await settle(policy.sourceName);
    assert.equal(name, "podinfo-6.14.1");
    const repository = ofKind("GitRepository");
    assert.deepEqual((repository?.inputs.spec as { ref: unknown }).ref, { tag: "6.14.1", commit: evidence.commit });
    assert.match(JSON.stringify(ofKind("ImagePolicy")?.inputs.spec), />=6\.0\.0.*!=6\.13\.5/);
    assert.equal((ofKind("ImageRepository")?.inputs.spec as { interval: string }).interval, "5m0s");
  });

  it("ReleasePolicy keeps the source of the previous release, with that release's own evidence", async () => {
    const policy = new components.ReleasePolicy("podinfo", { ...common, source, previous });
    const [name] = await settle(policy.sourceName);
    assert.equal(name, "podinfo-6.14.1");
    const sources = registered.filter(({ type }) => type.endsWith(":GitRepository"));
    assert.deepEqual(
      sources
        .map(({ name: source, inputs }) => [source, (inputs.spec as { ref: { commit: string } }).ref.commit])
        .sort(),
      [
        ["flux-system/podinfo-6.14.0", "9".repeat(40)],
        ["flux-system/podinfo-6.14.1", evidence.commit],
      ],
    );
  });

  it("ReleasePolicy bounds the wait for both sources if it has a bound", async () => {
    const waits = async (waitFor?: string) => {
      const seen: unknown[] = [];
      const see: pulumi.ResourceTransformation = ({ type, opts }) => {
        if (type.endsWith(":GitRepository")) seen.push((opts as pulumi.CustomResourceOptions).customTimeouts);
        return undefined;
      };
      const opts = { transformations: [see] };
      await settle(new components.ReleasePolicy("podinfo", { ...common, source, previous, waitFor }, opts).sourceName);
      return seen;
    };
    const bound = { create: "3m0s", update: "3m0s", delete: "3m0s" };
    assert.deepEqual(await waits("3m0s"), [bound, bound]);
    assert.deepEqual(await waits(), [undefined, undefined]);
  });

  it("ReleasePolicy without a source only has the image policy", async () => {
    const policy = new components.ReleasePolicy("podinfo", { ...common, images });
    const [name] = await settle(policy.sourceName);
    assert.equal(name, undefined);
    const kinds = registered.map(({ type }) => type.slice(type.lastIndexOf(":") + 1)).sort();
    assert.deepEqual(kinds, ["ImagePolicy", "ImageRepository", "ReleasePolicy"]);
  });

  it("ReleasePolicy that follows a branch scans no image", async () => {
    const branch = { repository: evidence.repository, branch: "master", chart: evidence.chart };
    const policy = new components.ReleasePolicy("podinfo", { ...common, source: { ...source, evidence: branch } });
    const [name] = await settle(policy.sourceName);
    assert.equal(name, "podinfo");
    assert.deepEqual((ofKind("GitRepository")?.inputs.spec as { ref: unknown }).ref, { branch: "master" });
    assert.equal(ofKind("ImagePolicy"), undefined);
    assert.equal(ofKind("ImageRepository"), undefined);
  });

  const release = {
    namespace: "podinfo",
    authorityNamespace: "flux-system",
    evidence,
    secrets: [],
    interval: "5m0s",
    timeout: "5m0s",
  };

  it("HelmReleaseWithValues refers to the content-addressed ConfigMap, key by key in the order of the files", async () => {
    const component = new components.HelmReleaseWithValues("podinfo", {
      ...release,
      files: [
        { path: "tenants/podinfo/values.yaml", content: "replicaCount: 2\n" },
        { path: "tenants/podinfo/values.prod.yaml", content: "replicaCount: 3\n" },
      ],
    });
    const [name] = await settle(component.valuesName);
    const configMap = ofKind("ConfigMap");
    assert.equal((configMap?.inputs.metadata as { name: string }).name, name);
    assert.equal(configMap?.inputs.immutable, true);
    assert.deepEqual((ofKind("HelmRelease")?.inputs.spec as { valuesFrom: unknown }).valuesFrom, [
      { kind: "ConfigMap", name, valuesKey: "values.yaml" },
      { kind: "ConfigMap", name, valuesKey: "values.prod.yaml" },
    ]);
  });

  it("HelmReleaseWithValues without special config has no ConfigMap", async () => {
    const component = new components.HelmReleaseWithValues("podinfo", { ...release, files: [] });
    const [name] = await settle(component.valuesName);
    assert.equal(name, undefined);
    assert.equal(ofKind("ConfigMap"), undefined);
    assert.ok(!("valuesFrom" in (ofKind("HelmRelease")?.inputs.spec as object)));
  });

  it("HelmReleaseWithValues carries the evidence as annotations", async () => {
    const component = new components.HelmReleaseWithValues("podinfo", { ...release, files: [] });
    await settle(component.valuesName);
    const { annotations } = ofKind("HelmRelease")?.inputs.metadata as { annotations: Record<string, string> };
    assert.equal(annotations["shared-authority/commit"], evidence.commit);
    assert.equal(
      annotations["shared-authority/images"],
      `${evidence.images[0]?.reference}@${evidence.images[0]?.digest}`,
    );
    assert.ok(!("shared-authority/chart-digest" in annotations));
  });
});
