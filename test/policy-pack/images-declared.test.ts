import assert from "node:assert/strict";
import type { Tenant } from "../../src/config/stack-config";
import { imagesDeclared } from "../../src/policy-pack/images-declared";
import { policies } from "../../src/policy-pack/policies";
import { judgeObjects } from "../../src/policy-pack/judge";
import { evidenceOf, judge, objectsOf, stackConfigOf } from "./fixture";

describe("images-declared", () => {
  const violationsOf = (content: string, changes: Partial<Tenant> = {}) => {
    const stack = stackConfigOf({ ...changes, values: [{ path: "tenants/podinfo/values.yaml", content }] });
    const [tenant] = stack.tenants;
    return judge(imagesDeclared, objectsOf(tenant, evidenceOf(tenant!), stack), stack);
  };

  it("blocks the HelmRelease of a tenant whose values name another image", async () => {
    const [violation, ...more] = await violationsOf("image:\n  repository: attacker.example/podinfo\n  tag: latest\n");
    assert.deepEqual(more, []);
    assert.equal(violation?.object, "HelmRelease flux-system/podinfo");
    assert.equal(violation.enforcement, "mandatory");
    assert.match(
      violation.message,
      /tenants\/podinfo\/values\.yaml, line 2: `image\.repository` names.*`images\.also`/,
    );
  });

  it("passes the judged image, and further ones that are declared", async () => {
    assert.deepEqual(await violationsOf("image:\n  repository: ghcr.io/stefanprodan/podinfo\n"), []);
    const further = { furtherImages: ["docker.io/library/redis"] };
    assert.deepEqual(await violationsOf("redis:\n  image: redis:8\n", further), []);
  });

  it("passes the image that `pinDigest` sets", async () => {
    assert.deepEqual(await violationsOf("replicaCount: 2\n", { pinDigest: { tag: "image.tag" } }), []);
  });
});

describe("the objects of image admission", () => {
  const objectsIn = (admission: Tenant["admission"]) => {
    const stack = stackConfigOf({ admission }, { configRepository: undefined });
    const [tenant] = stack.tenants;
    return { stack, objects: objectsOf(tenant, evidenceOf(tenant!), stack) };
  };

  for (const admission of ["deny", "audit", "off"] as const) {
    it(`pass as the config yields them: ${admission}`, async () => {
      const { stack, objects } = objectsIn(admission);
      assert.deepEqual(await judgeObjects(objects, policies, stack), []);
    });
  }

  it("may be missing with `audit`, for a cluster without the API, and never with `deny`", async () => {
    for (const admission of ["deny", "audit"] as const) {
      const { stack, objects } = objectsIn(admission);
      const left = objects.filter(({ kind }) => !kind.includes("ValidatingAdmissionPolicy"));
      const messages = (await judgeObjects(left, policies, stack)).map(({ message }) => message).join("\n");
      if (admission === "audit") assert.equal(messages, "");
      else assert.match(messages, /not judged before it: .*ValidatingAdmissionPolicyBinding/);
    }
  });

  it("are refused with another mode, namespace or rule", async () => {
    const { stack, objects } = objectsIn("deny");
    for (const [kind, change] of [
      ["ValidatingAdmissionPolicyBinding", { validationActions: ["Audit"] }],
      ["ValidatingAdmissionPolicyBinding", { matchResources: { namespaceSelector: { matchLabels: { none: "x" } } } }],
      ["ValidatingAdmissionPolicy", { validations: [{ expression: "true" }] }],
      ["ValidatingAdmissionPolicy", { failurePolicy: "Ignore" }],
    ] as const) {
      const changed = objects.map((object) =>
        object.kind === kind ? { ...object, spec: { ...(object.spec as object), ...change } } : object,
      );
      assert.notDeepEqual(await judgeObjects(changed, policies, stack), [], JSON.stringify(change));
    }
  });
});
