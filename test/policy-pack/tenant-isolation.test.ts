import assert from "node:assert/strict";
import type { KubernetesObject } from "../../src/manifests/object";
import { equalityPolicy } from "../../src/policy-pack/equality";
import { judge, objectsOf, stackObjects, withField } from "./fixture";

async function messageOf(objects: readonly KubernetesObject[]): Promise<string> {
  return (await judge(tenantIsolation, objects)).map(({ message }) => message).join("\n");
}

const tenantIsolation = equalityPolicy("tenant-isolation");

describe("tenant-isolation", () => {
  it("passes a tenant's objects and the stack's own", async () => {
    assert.equal(await messageOf([...stackObjects(), ...objectsOf()]), "");
  });

  const rule = { apiGroups: ["helm.toolkit.fluxcd.io"], resources: ["helmreleases"], verbs: ["patch"] };
  const fields: [string, string, string, unknown, RegExp][] = [
    [
      "a role over Flux",
      "Role",
      "rules/0",
      rule,
      /rules\[0\]\.apiGroups\[0\] is "helm\.toolkit\.fluxcd\.io", must be ""/,
    ],
    ["one more rule", "Role", "rules/9", rule, /rules has \d+ items, must have 9/],
    [
      "a binding to a ClusterRole",
      "RoleBinding",
      "roleRef/kind",
      "ClusterRole",
      /roleRef\.kind is "ClusterRole", must be "Role"/,
    ],
    [
      "a binding of others",
      "RoleBinding",
      "subjects/0/name",
      "other",
      /subjects\[0\]\.name is "other", must be "podinfo"/,
    ],
    ["an open network", "NetworkPolicy", "spec/egress", [{}], /spec\.egress is a list, must be absent/],
    ["a quota without bounds", "ResourceQuota", "spec", {}, /spec\.hard is missing, must be a map/],
    ["a limit range without limits", "LimitRange", "spec/limits", [], /spec\.limits has 0 items, must have 1/],
    [
      "an account whose token is mounted",
      "ServiceAccount",
      "automountServiceAccountToken",
      true,
      /is true, must be false/,
    ],
    ["no Pod Security label", "Namespace", "metadata/labels", {}, /enforce is missing, must be "restricted"/],
    [
      "a weaker Pod Security label",
      "Namespace",
      "metadata/labels/pod-security.kubernetes.io~enforce",
      "privileged",
      /pod-security\.kubernetes\.io\/enforce is "privileged", must be "restricted"/,
    ],
  ];
  for (const [what, kind, path, value, reason] of fields) {
    it(`blocks ${what}`, async () => assert.match(await messageOf(withField(objectsOf(), kind, path, value)), reason));
  }

  it("names ten differences of an object, and how many more there are", async () => {
    const labels = Object.fromEntries(Array.from({ length: 15 }, (_, index) => [`x${index}`, "y"]));
    const message = await messageOf(withField(objectsOf(), "LimitRange", "metadata/labels", labels));
    assert.equal(message.match(/ must be /g)?.length, 10);
    assert.match(message, /- 6 more fields differ/);
  });
});
