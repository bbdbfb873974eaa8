import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Listening, listenOnLoopback } from "../../demo/loopback";
import { clusterError } from "../../src/program/cluster-client";
import { readConditions } from "../../src/program/flux-conditions";

describe("readConditions", () => {
  const object = {
    apiVersion: "source.toolkit.fluxcd.io/v1",
    kind: "GitRepository",
    metadata: { name: "podinfo-6.14.1", namespace: "flux-system" },
  };
  const failed = { type: "Ready", status: "False", reason: "GitOperationFailed", message: "no such host" };
  let server: Listening;
  let answer: { status: number; body: unknown };
  let asked: { path?: string; authorization?: string };
  let kubeconfig: string;

  before(async () => {
    const api = createServer(({ url, headers }, response) => {
      asked = { path: url, authorization: headers.authorization };
      response.writeHead(answer.status, { "content-type": "application/json" }).end(JSON.stringify(answer.body));
    });
    server = await listenOnLoopback(api);
    kubeconfig = JSON.stringify({
      apiVersion: "v1",
      kind: "Config",
      "current-context": "elsewhere",
      clusters: [
        { name: "lab", cluster: { server: `${server.url}/base/` } },
        { name: "elsewhere", cluster: { server: "https://127.0.0.1:2" } },
      ],
      users: [{ name: "deployer", user: { token: "t0k3n" } }],
      contexts: [
        { name: "lab", context: { cluster: "lab", user: "deployer" } },
        { name: "elsewhere", context: { cluster: "elsewhere", user: "deployer" } },
      ],
    });
  });

  after(() => server.close());

  it("uses the credentials and the context of the provider", async () => {
    answer = {
      status: 200,
      body: { metadata: { generation: 1 }, status: { observedGeneration: 1, conditions: [failed] } },
    };
    assert.deepEqual(await readConditions({ kubeconfig, context: "lab" }, object), [failed]);
    assert.deepEqual(asked, {
      path: "/base/apis/source.toolkit.fluxcd.io/v1/namespaces/flux-system/gitrepositories/podinfo-6.14.1",
      authorization: "Bearer t0k3n",
    });
  });

  it("takes a kubeconfig by its path", async () => {
    const folder = await mkdtemp(join(tmpdir(), "shared-authority-"));
    try {
      const path = join(folder, "config");
      await writeFile(path, kubeconfig);
      assert.deepEqual(await readConditions({ kubeconfig: path, context: "lab" }, object), [failed]);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it("omits conditions of an older generation", async () => {
    const conditions = [{ ...failed, observedGeneration: 1 }];
    answer = { status: 200, body: { metadata: { generation: 2 }, status: { observedGeneration: 1, conditions } } };
    assert.deepEqual(await readConditions({ kubeconfig, context: "lab" }, object), []);
    answer = { status: 200, body: { metadata: { generation: 1 } } };
    assert.deepEqual(await readConditions({ kubeconfig, context: "lab" }, object), []);
  });

  it("fails with the reason", async () => {
    answer = { status: 403, body: { message: "no" } };
    await assert.rejects(readConditions({ kubeconfig, context: "lab" }, object), /the API server answered 403/);
    await assert.rejects(readConditions({ kubeconfig }, object), /ECONNREFUSED/);
    await assert.rejects(
      readConditions({ kubeconfig, context: "nowhere" }, object),
      /no cluster for its context "nowhere"/,
    );
    const late = new DOMException("The operation was aborted due to timeout", "TimeoutError");
    assert.match(String(clusterError(late)), /no answer in 10 s/);
  });
});
