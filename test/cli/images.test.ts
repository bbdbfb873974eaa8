import assert from "node:assert/strict";
import { createServer } from "node:http";
import { parseAllDocuments } from "yaml";
import { listenOnLoopback } from "../../demo/loopback";
import { authority } from "./command-line";
import { running, scratchWorld, tagsStack } from "./scratch-world";

describe("authority images", () => {
  const world = scratchWorld();

  const images = (...args: readonly string[]) =>
    authority(["images", "--stack", "prod", ...args], { cwd: world().root });

  beforeEach(() => world().write({ "Pulumi.prod.yaml": tagsStack(world().tenant(...running("1.0.0"))) }));

  it("prints the policy with both bindings for an administrator, without a cluster", async () => {
    const { code, stdout } = await images("--policy");
    assert.equal(code, 0);
    const documents = parseAllDocuments(stdout).map((document) => document.toJS() as Record<string, unknown>);
    assert.deepEqual(
      documents.map(({ kind }) => kind),
      ["ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding", "ValidatingAdmissionPolicyBinding"],
    );
  });

  it("needs a cluster by name: the shell's current one may be another", async () => {
    const { code, stderr } = await images();
    assert.equal(code, 2);
    assert.match(stderr, /Pulumi\.prod\.yaml names no cluster .* `--context` or `--kubeconfig`/);
  });

  it("reports a cluster that cannot be read", async () => {
    world().write({ kubeconfig: '{"clusters": []}' });
    const { code, stderr } = await images("--kubeconfig", "kubeconfig");
    assert.equal(code, 3);
    assert.match(stderr, /^error: cannot read the cluster: the kubeconfig has no current context$/m);
    const missing = await images("--kubeconfig", "gone");
    assert.equal(missing.code, 3);
    assert.match(missing.stderr, /^error: cannot read the cluster: ENOENT: .*gone/m);
  });

  it("reports what the API server refuses, and blames it for no fault of ours", async () => {
    const resources = [{ kind: "Pod", name: "pods", namespaced: true, verbs: [] }];
    let pods: readonly [status: number, body: object] = [403, { message: "no" }];
    const server = await listenOnLoopback(
      createServer((request, response) => {
        const isPods = request.url?.includes("/pods") === true;
        const [status, body] = isPods ? pods : [200, { kind: "APIResourceList", resources }];
        response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
      }),
    );
    try {
      world().write({
        kubeconfig: JSON.stringify({
          "current-context": "lab",
          clusters: [{ name: "lab", cluster: { server: server.url } }],
          users: [{ name: "lab", user: {} }],
          contexts: [{ name: "lab", context: { cluster: "lab", user: "lab" } }],
        }),
      });
      const refused = await images("--kubeconfig", "kubeconfig");
      assert.equal(refused.code, 3);
      assert.match(refused.stderr, /^error: cannot read the cluster: the API server answered 403$/m);
      // Stands for a bug: no API server has an owner like this.
      pods = [200, { kind: "PodList", items: [{ metadata: { ownerReferences: [null] } }] }];
      const broken = await images("--kubeconfig", "kubeconfig");
      assert.equal(broken.code, 1);
      assert.match(broken.stderr, /^internal error: /m);
    } finally {
      await server.close();
    }
  });
});
