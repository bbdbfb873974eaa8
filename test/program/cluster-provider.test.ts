import assert from "node:assert/strict";
import * as pulumi from "@pulumi/pulumi";
import { clusterProvider, stackCluster } from "../../src/program/cluster-provider";
import type { Cluster, Delivery, StackConfig } from "../../src/config/stack-config";

const rpcs = pulumi.runtime as unknown as { waitForRPCs(): Promise<void> };

/** As the engine sees a secret: the key is Pulumi's own mark of a special value, and its value the one of secrets. */
const secret = (value: string) => ({
  "4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270",
  value,
});

describe("the cluster of a stack", () => {
  let providers: Record<string, unknown>[] = [];

  before(() =>
    pulumi.runtime.setMocks(
      {
        newResource({ type, name, inputs }) {
          if (type === "pulumi:providers:kubernetes") providers.push(inputs as Record<string, unknown>);
          if (type !== "pulumi:pulumi:StackReference") return { id: name, state: inputs as Record<string, unknown> };
          const outputs = { kubeconfig: `the kubeconfig of ${(inputs as { name: string }).name}` };
          return { id: name, state: { ...(inputs as object), outputs } };
        },
        call: () => ({}),
      },
      "shared-authority",
      "prod",
    ),
  );

  beforeEach(() => {
    providers = [];
    pulumi.runtime.setAllConfig({});
  });

  const provider = async (cluster: Cluster, delivery: Delivery = { kind: "cluster" }) => {
    const config = {
      stack: "prod",
      root: __dirname,
      file: "Pulumi.prod.yaml",
      cluster,
      delivery,
      tenants: [],
    } as unknown as StackConfig;
    clusterProvider(config, stackCluster(config));
    await new Promise((resolve) => setImmediate(resolve));
    await rpcs.waitForRPCs();
    return providers[0];
  };

  it("is the one whose kubeconfig another stack exports", async () => {
    const inputs = await provider({ kubeconfigFrom: { stack: "example/clusters/prod", output: "kubeconfig" } });
    assert.deepEqual(inputs?.kubeconfig, secret("the kubeconfig of example/clusters/prod"));
  });

  it("is named by `kubernetes:context`, as in any Pulumi program", async () => {
    pulumi.runtime.setAllConfig({ "kubernetes:context": "production" });
    assert.equal((await provider({}))?.context, "production");
  });

  it("is named by `kubernetes:kubeconfig`, as in any Pulumi program", async () => {
    pulumi.runtime.setAllConfig({ "kubernetes:kubeconfig": "the stack's own" });
    assert.deepEqual((await provider({}))?.kubeconfig, secret("the stack's own"));
  });

  it("is named by a path only if the file exists", async () => {
    pulumi.runtime.setAllConfig({ "kubernetes:kubeconfig": "./cluster-provider.test.ts" });
    assert.deepEqual((await provider({}))?.kubeconfig, secret("./cluster-provider.test.ts"));
    pulumi.runtime.setAllConfig({ "kubernetes:kubeconfig": "/nowhere/kubeconfig" });
    await assert.rejects(
      provider({}),
      /Pulumi\.prod\.yaml: `kubernetes:kubeconfig` names \/nowhere\/kubeconfig, and there is no such file/,
    );
  });

  it("reverts manual changes, whoever owns the field now", async () => {
    pulumi.runtime.setAllConfig({ "kubernetes:context": "production" });
    assert.equal((await provider({}))?.enablePatchForce, "true");
    providers = [];
    assert.equal(
      (await provider({ kubeconfigFrom: { stack: "example/clusters/prod", output: "kubeconfig" } }))?.enablePatchForce,
      "true",
    );
  });

  it("is missing if the stack renders manifests", async () => {
    const inputs = await provider({}, { kind: "manifests", directory: "rendered/prod" });
    assert.equal(inputs?.renderYamlToDirectory, "rendered/prod");
  });

  it("is never the shell's current context: without a name the program fails with the fix", () => {
    assert.throws(
      () =>
        stackCluster({
          stack: "prod",
          file: "Pulumi.prod.yaml",
          cluster: {},
          delivery: { kind: "cluster" },
        } as unknown as StackConfig),
      /Pulumi\.prod\.yaml: no cluster is named.*kubernetes:context.*shared-authority:cluster/,
    );
  });
});
