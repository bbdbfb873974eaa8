import assert from "node:assert/strict";
import type { KubernetesObject } from "../../src/manifests/object";
import { valuesContentAddressed } from "../../policy-pack/values-content-addressed";
import { stackConfigOf, judge, objectsOf, withField, withUnknown } from "./fixture";

async function messageOf(objects: readonly KubernetesObject[], stack = stackConfigOf({})): Promise<string> {
  return (await judge(valuesContentAddressed, objects, stack)).map(({ message }) => message).join("\n");
}

describe("values-content-addressed", () => {
  it("passes special config with the name that kustomize gives it", async () =>
    assert.equal(await messageOf(objectsOf()), ""));

  it("passes a tenant without special config", async () => {
    const stack = stackConfigOf({ values: [] });
    assert.equal(await messageOf(objectsOf(stack.tenants[0], undefined, stack), stack), "");
  });

  const faults: [string, string, string, unknown, RegExp][] = [
    [
      "content that changed while the name did not",
      "ConfigMap",
      "data/values.yaml",
      "replicaCount: 3\n",
      /its name is "podinfo-values-\w+", must be/,
    ],
    ["content that the hash does not cover", "ConfigMap", "binaryData/x", "AAEC", /its name is/],
    ["a mutable ConfigMap", "ConfigMap", "immutable", undefined, /`immutable` must be true/],
    [
      "a ConfigMap in another namespace",
      "ConfigMap",
      "metadata/namespace",
      "podinfo",
      /its namespace is "podinfo", must be "flux-system"/,
    ],
    [
      "a ConfigMap without annotation",
      "ConfigMap",
      "metadata/annotations",
      undefined,
      /must name a tenant of the stack/,
    ],
    [
      "a reference without hash",
      "HelmRelease",
      "spec/valuesFrom/0/name",
      "podinfo-values",
      /must be "podinfo-values-" and the hash/,
    ],
    [
      "a reference to another tenant's ConfigMap",
      "HelmRelease",
      "spec/valuesFrom/0/name",
      "other-values-857mh2h2h8",
      /must be "podinfo-values-"/,
    ],
    [
      "a reference to a missing ConfigMap",
      "HelmRelease",
      "spec/valuesFrom/0/name",
      "podinfo-values-2222222222",
      /was not judged before it/,
    ],
    ["a missing key", "HelmRelease", "spec/valuesFrom/0/valuesKey", "other.yaml", /has no key "other\.yaml"/],
  ];
  for (const [what, kind, path, value, reason] of faults) {
    it(`blocks ${what}`, async () => assert.match(await messageOf(withField(objectsOf(), kind, path, value)), reason));
  }

  it("blocks an unknown value", async () => {
    const proxied = withUnknown(objectsOf(), "ConfigMap", "data/values.yaml");
    assert.match(await messageOf(proxied), /`data\.values\.yaml` is not known before the step/);
  });

  it("does not apply to a ConfigMap without a tenant", async () => {
    const other = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "x", namespace: "flux-system" }, data: {} };
    assert.equal(await messageOf([other]), "");
  });
});
