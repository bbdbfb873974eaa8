/* eslint-disable @typescript-eslint/no-unsafe-member-access, @typescript-eslint/no-unsafe-assignment,
   @typescript-eslint/no-unsafe-argument -- tests look into objects of every kind */
import assert from "node:assert/strict";
import type { StackConfig, Tenant } from "../../src/config/stack-config";
import type { KubernetesObject } from "../../src/manifests/object";
import type { BranchEvidence } from "../../src/release/evidence";
import { exampleBranch, exampleEvidence, exampleTenant, manifestsOf, only } from "./example-stack";

const receiver = { type: "github", secretName: "shared-authority-github" } as const;
const alerts = { type: "slack", secretName: "shared-authority-slack", eventSeverity: "error" } as const;
const auto: Partial<Tenant> = { policy: { ...exampleTenant.policy, automation: "auto" } };
const ofStack = (name = "prod") => ({ "shared-authority/stack": name });

/** What a Receiver makes Flux look at, in short. */
function resources(objects: readonly KubernetesObject[], name: string): string[] {
  const { spec } = only(objects, "Receiver", name) as { spec: { resources: Record<string, unknown>[] } };
  return spec.resources.map(({ kind, name, matchLabels }) =>
    [kind, name, ...(matchLabels === undefined ? [] : [JSON.stringify(matchLabels)])].join(" "),
  );
}

const namesOf = (objects: readonly KubernetesObject[], kind: string) =>
  objects.filter((object) => object.kind === kind).map(({ metadata }) => metadata.name);

describe("receivers", () => {
  const both: Partial<StackConfig> = { receivers: { registry: receiver, configRepository: receiver } };

  it("of the registry look at the stack's images, by their label", () => {
    const objects = manifestsOf({}, exampleEvidence, both);
    assert.deepEqual(resources(objects, "shared-authority-prod-registry"), [
      `ImageRepository * ${JSON.stringify(ofStack())}`,
    ]);
    const { metadata } = only(objects, "ImageRepository");
    assert.equal(metadata.labels["shared-authority/stack"], "prod");
    assert.equal(metadata.annotations["shared-authority/image"], "ghcr.io/stefanprodan/podinfo");
  });

  it("of the registry look at the charts of a branch, which move without a commit here", () => {
    const evidence: BranchEvidence = { branch: "master", chart: "oci://ghcr.io/x/charts/podinfo" };
    const chart = { kind: "oci", url: evidence.chart } as const;
    const tenant = { chart, tag: undefined, branchChart: { range: "*", pattern: "." } };
    const objects = manifestsOf(tenant, evidence, both);
    assert.deepEqual(resources(objects, "shared-authority-prod-registry"), [
      `OCIRepository * ${JSON.stringify(ofStack())}`,
    ]);
    assert.equal(only(objects, "OCIRepository").metadata.labels["shared-authority/stack"], "prod");
  });

  it("of the shared repository run the automations, and fetch the source of a root Kustomization", () => {
    const name = "shared-authority-prod-config-repository";
    assert.deepEqual(resources(manifestsOf(auto, exampleEvidence, both), name), [
      "ImageUpdateAutomation shared-authority-prod-auto",
    ]);
    const delivery = { kind: "manifests", directory: "rendered" } as const;
    assert.deepEqual(resources(manifestsOf({}, exampleEvidence, { ...both, delivery }), name), [
      `GitRepository * ${JSON.stringify({ "shared-authority/root": "prod" })}`,
    ]);
  });

  it("are left out where they would make Flux look at nothing", () => {
    assert.deepEqual(namesOf(manifestsOf({}, exampleBranch, both), "Receiver"), []);
    assert.deepEqual(namesOf(manifestsOf({}, exampleEvidence, both), "Receiver"), ["shared-authority-prod-registry"]);
  });
});

describe("alerts", () => {
  it("are of errors of the stack's objects, found by label, so that a promotion changes nothing", () => {
    const objects = manifestsOf(auto, exampleEvidence, { alerts });
    const { spec } = only(objects, "Alert", "shared-authority-prod");
    assert.equal(spec.eventSeverity, "error");
    assert.deepEqual(spec.eventMetadata, { stack: "prod" });
    assert.deepEqual(only(objects, "Provider", spec.providerRef.name).spec, {
      type: "slack",
      secretRef: { name: "shared-authority-slack" },
    });
    const sources = spec.eventSources as { kind: string; name: string; matchLabels: Record<string, string> }[];
    const created = ["HelmRelease", "GitRepository", "ImageRepository", "ImageUpdateAutomation"];
    for (const object of objects.filter(({ kind }) => created.includes(kind))) {
      const source = sources.find(({ kind }) => kind === object.kind);
      assert.deepEqual([source?.name, source?.matchLabels], ["*", ofStack()]);
      assert.equal(object.metadata.labels?.["shared-authority/stack"], "prod");
    }
    // Flux gives the HelmChart of a chart in Git these labels.
    assert.equal(only(objects, "HelmRelease").spec.chart.metadata.labels["shared-authority/stack"], "prod");
    const promoted = manifestsOf({ ...auto, tag: "6.14.2" }, { ...exampleEvidence, version: "6.14.2" }, { alerts });
    assert.deepEqual(only(promoted, "Alert"), only(objects, "Alert"));
  });

  it("find the objects of a stack whose name Kubernetes does not accept", () => {
    const objects = manifestsOf({}, exampleEvidence, { alerts, stack: "Prod_EU", configRepository: undefined });
    const { metadata, spec } = only(objects, "Alert");
    assert.match(metadata.name, /^shared-authority-stack-[0-9a-f]{16}$/);
    assert.deepEqual(spec.eventMetadata, { stack: "Prod_EU" });
    const release = only(objects, "HelmRelease");
    assert.deepEqual(spec.eventSources[0].matchLabels, ofStack(release.metadata.labels["shared-authority/stack"]));
  });
});
