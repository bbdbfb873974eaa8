import assert from "node:assert/strict";
import { createServer } from "node:http";
import { json } from "node:stream/consumers";
import { type Listening, listenOnLoopback } from "../../demo/loopback";
import { admissionObstacle } from "../../src/program/admission-check";

describe("admissionObstacle", () => {
  let server: Listening;
  let kubeconfig: string;
  let served: readonly string[] | number;
  let mayNot: (resource: string, verb: string) => boolean;

  const policies = "validatingadmissionpolicies";
  const bindings = "validatingadmissionpolicybindings";

  before(async () => {
    const api = createServer((request, response) => {
      const answer = (status: number, body: unknown) =>
        response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
      if (request.method === "GET") {
        if (typeof served === "number") answer(served, { message: "no" });
        else {
          const resources = served.map((name) => ({ name, kind: "", namespaced: false, singularName: "", verbs: [] }));
          answer(200, { kind: "APIResourceList", groupVersion: "admissionregistration.k8s.io/v1", resources });
        }
        return;
      }
      void json(request).then((review) => {
        const { spec } = review as { spec: { resourceAttributes: { group: string; resource: string; verb: string } } };
        const { group, resource, verb } = spec.resourceAttributes;
        const allowed = group === "admissionregistration.k8s.io" && !mayNot(resource, verb);
        answer(201, { status: { allowed } });
      });
    });
    server = await listenOnLoopback(api);
    kubeconfig = JSON.stringify({
      apiVersion: "v1",
      kind: "Config",
      "current-context": "lab",
      clusters: [{ name: "lab", cluster: { server: server.url } }],
      users: [{ name: "lab", user: { token: "t0k3n" } }],
      contexts: [{ name: "lab", context: { cluster: "lab", user: "lab" } }],
    });
  });

  beforeEach(() => {
    served = ["validatingwebhookconfigurations", policies, bindings];
    mayNot = () => false;
  });

  after(() => server.close());

  it("finds none if the API and the rights are there", async () => {
    assert.equal(await admissionObstacle({ kubeconfig }), undefined);
  });

  it("names the version of Kubernetes if the API is missing, as before 1.30", async () => {
    for (const old of [404, ["validatingwebhookconfigurations"], [policies]]) {
      served = old;
      assert.match((await admissionObstacle({ kubeconfig }))?.problem ?? "", /which Kubernetes has since 1\.30/);
    }
  });

  it("names the missing rights", async () => {
    mayNot = (resource, verb) => resource === bindings && verb === "create";
    assert.equal(
      (await admissionObstacle({ kubeconfig }))?.problem,
      "these credentials may not create validatingadmissionpolicybindings",
    );
  });

  it("finds none if the cluster does not answer: the engine reports that", async () => {
    served = 500;
    assert.equal(await admissionObstacle({ kubeconfig }), undefined);
    assert.equal(
      await admissionObstacle({ kubeconfig: kubeconfig.replace(/127\.0\.0\.1:\d+/, "127.0.0.1:1") }),
      undefined,
    );
    assert.equal(await admissionObstacle({ kubeconfig: "{}" }), undefined);
  });
});
