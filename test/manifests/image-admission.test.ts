import assert from "node:assert/strict";
import type { StackConfig, Tenant } from "../../src/config/stack-config";
import { imageAdmissionObjects, refusedImages } from "../../src/manifests/image-admission";
import type { ObjectMeta } from "../../src/manifests/object";
import { stackObjects } from "../../src/manifests/stack-objects";
import { exampleStack, exampleTenant, manifestsOf } from "./example-stack";

const args = { authorityNamespace: "flux-system", modes: ["deny", "audit"] } as const;

const namespaceOf = (changes: Partial<Tenant>): ObjectMeta =>
  manifestsOf(changes).find(({ kind }) => kind === "Namespace")!.metadata;

describe("image admission", () => {
  it("has one policy for the stack, and a binding for each mode in use", () => {
    const objectsOf = (tenants: readonly Partial<Tenant>[], changes: Partial<StackConfig> = {}) => {
      const all = tenants.map((tenant, index) => ({ ...exampleTenant, name: `t${index}`, ...tenant }));
      const config = { ...exampleStack, ...changes, configRepository: undefined, tenants: all };
      return Array.from(stackObjects({ config, tenants: [] }), ({ object }) => object.metadata.name);
    };
    const policy = "shared-authority-prod-images.flux-system";
    const [deny, audit] = ["deny", "audit"].map((mode) => `shared-authority-prod-images-${mode}.flux-system`);
    assert.deepEqual(objectsOf([{ admission: "deny" }, { admission: "deny" }]), [policy, deny]);
    assert.deepEqual(objectsOf([{ admission: "audit" }, { admission: "off" }]), [policy, audit]);
    assert.deepEqual(objectsOf([{ admission: "audit" }, { admission: "deny" }]), [policy, deny, audit]);
    assert.deepEqual(objectsOf([{ admission: "off" }]), []);
    const manifests = { delivery: { kind: "manifests", directory: "rendered" } } as const;
    assert.deepEqual(objectsOf([{ admission: "deny" }], manifests), []);
  });

  it("marks the Namespace with the mode and the repositories in their full spelling", () => {
    const images = {
      images: ["ghcr.io/b/b", "docker.io/a"],
      furtherImages: ["index.docker.io/c", "ghcr.io/b/b"],
    } as const;
    const { labels, annotations } = namespaceOf({ ...images, admission: "audit" });
    assert.equal(labels?.["shared-authority/stack"], "prod");
    assert.equal(labels["shared-authority/image-admission"], "audit");
    assert.equal(
      annotations?.["shared-authority/allowed-images"],
      "docker.io/library/a\ndocker.io/library/c\nghcr.io/b/b",
    );
    const off = namespaceOf({ ...images, admission: "off" });
    assert.doesNotMatch(JSON.stringify(off), /allowed-images|image-admission/);
  });

  it("has names and labels that Kubernetes accepts for every name of a stack", () => {
    for (const stack of ["prod", "Prod_eu", "-", "a..b", "x".repeat(100), "prod.eu"]) {
      for (const { object } of imageAdmissionObjects(stack, args)) {
        assert.match(object.metadata.name, /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*$/);
        assert.match(object.metadata.labels?.["shared-authority/stack"] ?? "", /^[a-z0-9][a-z0-9.-]{0,61}[a-z0-9]$/);
      }
    }
  });

  it("finds the refused images of pods and templates", () => {
    const spec = {
      containers: [{ image: "ghcr.io/a/a:1" }, { image: "evil/a" }],
      initContainers: [{ image: "evil/b" }],
      ephemeralContainers: [{ image: "evil/c" }],
      volumes: [{ image: { reference: "evil/d" } }, { configMap: {} }, { image: {} }],
    };
    const template = { spec };
    const expected = ["evil/a", "evil/b", "evil/c", "evil/d"];
    for (const object of [
      { kind: "Pod", spec },
      { kind: "Deployment", spec: { template } },
      { kind: "PodTemplate", template },
      { kind: "CronJob", spec: { jobTemplate: { spec: { template } } } },
    ]) {
      assert.deepEqual(refusedImages(object, ["ghcr.io/a/a"]), expected, object.kind);
    }
    assert.deepEqual(refusedImages({ kind: "ReplicationController", spec: {} }, []), []);
  });
});
