import assert from "node:assert/strict";
import type { KubernetesObject } from "../../src/manifests/object";
import { equalityPolicy } from "../../src/policy-pack/equality";
import { judge, objectsOf, podinfo, stackConfigOf, withField } from "./fixture";

async function messageOf(objects: readonly KubernetesObject[], stack = stackConfigOf({})): Promise<string> {
  return (await judge(valuesContentAddressed, objects, stack)).map(({ message }) => message).join("\n");
}

const valuesContentAddressed = equalityPolicy("values-content-addressed");

describe("values-content-addressed", () => {
  it("passes special config with the name that kustomize gives it", async () =>
    assert.equal(await messageOf(objectsOf()), ""));

  it("passes a tenant without special config", async () => {
    const stack = stackConfigOf({ values: [] });
    assert.equal(await messageOf(objectsOf(stack.tenants[0], undefined, stack), stack), "");
  });

  const faults: [string, string, unknown, RegExp][] = [
    [
      "content that changed while the name did not",
      "data/values.yaml",
      "replicaCount: 3\n",
      /- data\.values\.yaml is another text/,
    ],
    ["content that the hash does not cover", "binaryData/x", "AAEC", /- binaryData is a map, must be absent/],
    ["a mutable ConfigMap", "immutable", undefined, /immutable is missing, must be true/],
    [
      "another name",
      "metadata/name",
      "podinfo-values",
      /metadata\.name is "podinfo-values", must be "podinfo-values-\w{10}"/,
    ],
  ];
  for (const [what, path, value, reason] of faults) {
    it(`blocks ${what}`, async () =>
      assert.match(await messageOf(withField(objectsOf(), "ConfigMap", path, value)), reason));
  }

  it("blocks content that is not that of the values files, under the name of its hash, without printing it", async () => {
    const values = [{ path: "tenants/podinfo/values.yaml", content: "password: hunter2\n" }];
    const message = await messageOf(objectsOf({ ...podinfo, values }));
    assert.match(message, /metadata\.name is "podinfo-values-\w+", must be "podinfo-values-\w+"/);
    assert.match(message, /data\.values\.yaml is another text/);
    assert.doesNotMatch(message, /hunter2/);
  });
});
