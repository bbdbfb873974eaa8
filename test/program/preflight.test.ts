import assert from "node:assert/strict";
import { createServer } from "node:http";
import { json } from "node:stream/consumers";
import { type Listening, listenOnLoopback } from "../../demo/loopback";
import { stackObjects } from "../../src/manifests/stack-objects";
import { preflightProblems } from "../../src/program/preflight";
import { exampleEvidence, exampleStack, exampleTenant } from "../manifests/example-stack";

interface Review {
  readonly spec: { readonly resourceAttributes: { resource: string; verb: string; namespace?: string } };
}

describe("the check of a cluster before an `up`", () => {
  const tenants = [{ tenant: exampleTenant, source: "lock" as const, evidence: exampleEvidence, reasons: [] }];
  const stack = { config: exampleStack, tenants };
  let server: Listening;
  let kubeconfig: string;
  /** What the cluster has, and what these credentials may not do. */
  let kinds: Map<string, Set<string>>;
  let namespaces: object[];
  /** Other objects by path: an object, a list of them, or the status that is answered instead. */
  let objects: Readonly<Record<string, object | number>>;
  let deployments: object[] | number;
  let mayNot: (attributes: Review["spec"]["resourceAttributes"]) => boolean;
  let status: number;
  /** How many requests it refuses because it is overloaded. */
  let overloads: number;

  before(async () => {
    const api = createServer((request, response) => {
      const answer = (code: number, body: unknown) =>
        response.writeHead(code, { "content-type": "application/json" }).end(JSON.stringify(body));
      const path = new URL(request.url ?? "", "http://x").pathname;
      if (overloads-- > 0) response.writeHead(429, { "retry-after": "1" }).end();
      else if (status !== 200) answer(status, { message: "no" });
      else if (request.method === "POST") {
        void json(request).then((review) => {
          const allowed = !mayNot((review as Review).spec.resourceAttributes);
          answer(201, { status: { allowed } });
        });
      } else if (path === "/apis") {
        const versions = [...kinds.keys()].filter((one) => one.includes("/")).map((one) => one.split("/"));
        const groups = versions.map(([name, version]) => ({
          name,
          versions: [{ version, groupVersion: `${name ?? ""}/${version ?? ""}` }],
        }));
        answer(200, { kind: "APIGroupList", groups });
      } else if (path === "/api/v1/namespaces") answer(200, { items: namespaces });
      else if (path === "/apis/apps/v1/deployments") {
        if (typeof deployments === "number") answer(deployments, { message: "no" });
        else answer(200, { items: deployments });
      } else if (path.includes("/namespaces/")) {
        const found = objects[path];
        const isOne = /\/namespaces\/[^/]+\/[^/]+\/[^/]+$/.test(path);
        if (typeof found === "number") answer(found, { message: "no" });
        else if (found === undefined && isOne) answer(404, { message: "not found" });
        else answer(200, found ?? { items: [] });
      } else {
        const served = kinds.get(path.replace(/^\/apis?\//, "").replace(/\/$/, ""));
        const resources = [...(served ?? [])].map((kind) => ({
          ...{ kind, name: `${kind.toLowerCase()}s`, verbs: [] },
          namespaced: kind !== "Namespace",
        }));
        answer(served === undefined ? 404 : 200, { kind: "APIResourceList", resources });
      }
    });
    server = await listenOnLoopback(api);
    kubeconfig = kubeconfigOf(server.url);
  });

  after(() => server.close());

  beforeEach(() => {
    overloads = 0;
    kinds = new Map();
    for (const { object } of stackObjects(stack)) {
      kinds.set(object.apiVersion, (kinds.get(object.apiVersion) ?? new Set()).add(object.kind));
    }
    namespaces = [{ metadata: { name: "flux-system" } }];
    objects = {};
    deployments = [];
    mayNot = () => false;
    status = 200;
  });

  function kubeconfigOf(url: string): string {
    return JSON.stringify({
      apiVersion: "v1",
      kind: "Config",
      "current-context": "lab",
      clusters: [{ name: "lab", cluster: { server: url } }],
      users: [{ name: "lab", user: { token: "t0k3n" } }],
      contexts: [{ name: "lab", context: { cluster: "lab", user: "lab" } }],
    });
  }

  const problems = (given = kubeconfig) => preflightProblems({ kubeconfig: given }, stack);

  it("finds nothing if everything is there", async () => {
    assert.deepEqual(await problems(), []);
  });

  describe("of a tenant that takes a release over", () => {
    const adopts = { namespace: "old", name: "app" };
    const { name, namespace } = exampleTenant;
    const adopting = {
      config: { ...exampleStack, tenants: [{ ...exampleTenant, adopts }] },
      tenants: [{ ...tenants[0]!, tenant: { ...exampleTenant, adopts } }],
    };
    const check = () => preflightProblems({ kubeconfig }, adopting);
    const old = "/apis/helm.toolkit.fluxcd.io/v2/namespaces/old/helmreleases/app";

    it("accepts its namespace, and that of no other stack", async () => {
      namespaces.push({ metadata: { name: namespace } });
      assert.deepEqual(await check(), []);
      assert.match((await problems()).join(), /belongs to somebody else: this program has not created it/);
      namespaces.push({ metadata: { name: namespace, labels: { "shared-authority/stack": "other" } } });
      assert.match((await check()).join(), /belongs to the stack other/);
    });

    it("refuses while the old HelmRelease is there", async () => {
      objects = { [old]: { metadata: adopts, spec: {} } };
      const [message, ...others] = await check();
      assert.match(
        message ?? "",
        /^The HelmRelease app in the namespace old, .* Suspend it, then delete it: `flux suspend helmrelease app --namespace old`, then `kubectl delete/,
      );
      assert.deepEqual(others, []);
      objects = { [old]: { metadata: adopts, spec: { suspend: true } } };
      assert.match((await check()).join(), /It is suspended\. Delete it: /);
      objects = { [old]: { metadata: { ...adopts, labels: { "shared-authority/tenant": name } } } };
      assert.deepEqual(await check(), []);
    });

    it("takes nothing else over that exists, whoever has created it", async () => {
      const policies = `/apis/networking.k8s.io/v1/namespaces/${namespace}/networkpolicys`;
      const policy = [...stackObjects(adopting)].find(({ object }) => object.kind === "NetworkPolicy")!.object.metadata;
      const managedFields = [{ manager: "pulumi-kubernetes-1234" }];
      const theirs = { metadata: { name: "theirs" } };
      objects = { [policies]: { items: [{ metadata: { name: policy.name, managedFields } }, theirs] } };
      assert.deepEqual(await check(), [
        `The NetworkPolicy ${policy.name} in the namespace ${namespace} exists already, and this program has not created ` +
          "it. Delete it, or give the tenant another name or namespace.",
      ]);
      objects = { [policies]: { items: [{ metadata: policy }, theirs] } };
      assert.deepEqual(await check(), []);
    });

    it("takes no namespace of another tenant over", async () => {
      const second = { ...exampleTenant, name: "second", namespace: "second" };
      namespaces.push({ metadata: { name: "second", managedFields: [{ manager: "pulumi-kubernetes-1234" }] } });
      const both = {
        config: { ...adopting.config, tenants: [...adopting.config.tenants, second] },
        tenants: [...adopting.tenants, { ...tenants[0]!, tenant: second }],
      };
      assert.deepEqual(await preflightProblems({ kubeconfig }, both), [
        "The Namespace second exists already, and this program has not created it. " +
          "Delete it, or give the tenant another name or namespace.",
      ]);
    });

    it("names the right that it lacks to see what exists", async () => {
      objects = { [`/apis/networking.k8s.io/v1/namespaces/${namespace}/networkpolicys`]: 403, [old]: 403 };
      const said = (await check()).join("\n");
      assert.match(
        said,
        new RegExp(`^These credentials may not list NetworkPolicy objects in the namespace ${namespace}\\. `),
      );
      assert.match(said, /^These credentials may not get HelmRelease objects in the namespace old\. /m);
    });
  });

  it("waits for an overloaded cluster, as the provider does", async () => {
    overloads = 3;
    assert.deepEqual(await problems(), []);
  });

  it("reports a cluster that cannot be asked, and nothing else", async () => {
    const closed = await listenOnLoopback(createServer());
    await closed.close();
    const [message, ...others] = await problems(kubeconfigOf(closed.url));
    assert.match(message ?? "", /^The cluster cannot be asked: .*ECONNREFUSED.* Check that it runs/);
    assert.deepEqual(others, []);
    const nowhere = preflightProblems({ kubeconfig, context: "nowhere" }, stack);
    assert.match(
      (await nowhere).join(),
      /^The cluster cannot be asked: the kubeconfig has no cluster for .*"nowhere"\. /,
    );
  });

  it("says what an API server that refuses or fails has answered, and what to do about it", async () => {
    for (const [answered, expected] of [
      [401, /^The API server does not accept the credentials \(401\)\. Check/],
      [403, /^These credentials may not read what the API server serves \(403\)\. Use the platform team's/],
      [404, /^The cluster cannot be asked: the API server answered 404\. Check/],
      [
        500,
        /^The API server answered 500: it fails or is overloaded\. Wait until `kubectl get --raw \/readyz` prints `ok`\.$/,
      ],
    ] as const) {
      status = answered;
      const [message = "", ...others] = await problems();
      assert.match(message, expected);
      assert.deepEqual(others, []);
    }
  });

  it("reports everything that is missing at once", async () => {
    kinds.delete("helm.toolkit.fluxcd.io/v2");
    kinds.set("helm.toolkit.fluxcd.io/v2beta1", new Set(["HelmRelease"]));
    kinds.get("image.toolkit.fluxcd.io/v1")?.delete("ImagePolicy");
    namespaces = [];
    const found = (await problems()).sort();
    assert.match(found[0] ?? "", /^The cluster has no HelmRelease of helm\S+\/v2 \(it has v2beta1 of .*`flux install /);
    assert.match(found[1] ?? "", /^The cluster has no ImagePolicy of image\.toolkit\.fluxcd\.io\/v1/);
    assert.match(found[2] ?? "", /no authority namespace flux-system\. Create it with `kubectl create namespace /);
    assert.equal(found.length, 3);
  });

  it("lists rights that are missing, by namespace where the others have them", async () => {
    mayNot = ({ resource, verb, namespace }) =>
      (resource === "configmaps" && namespace !== "flux-system") ||
      (resource === "roles" && verb !== "get" && namespace !== undefined) ||
      (resource === "roles" && namespace === undefined) ||
      (resource === "namespaces" && verb === "create");
    assert.deepEqual(
      (await problems()).map((message) => message.replace(/ Use .*/, "")),
      [
        "These credentials may not: create namespaces.",
        "These credentials may not in the namespace podinfo: create roles; patch roles; delete roles.",
      ],
    );
  });

  it("reports namespaces of others, and never advises to take them over", async () => {
    const podinfo = (metadata: object) => (namespaces = [...namespaces.slice(0, 1), { metadata }]);
    podinfo({ name: "podinfo", labels: { "shared-authority/stack": "staging", "shared-authority/tenant": "podinfo" } });
    const [other] = await problems();
    assert.match(other ?? "", /^The namespace podinfo belongs to the stack staging\. .*; do not take this one over\.$/);
    podinfo({ name: "podinfo", managedFields: [{ manager: "kubectl-create" }] });
    assert.match((await problems()).join(), /podinfo belongs to somebody else: this program has not created it/);
    for (const ours of [
      { labels: { "shared-authority/stack": "prod", "shared-authority/tenant": "podinfo" } },
      { labels: { "shared-authority/tenant": "podinfo" } },
      { managedFields: [{ manager: "pulumi-kubernetes-1a2b3c4d" }] },
    ]) {
      podinfo({ name: "podinfo", ...ours });
      assert.deepEqual(await problems(), []);
    }
  });

  it("reports controllers that do not run, where it can see them", async () => {
    const controller = (name: string, availableReplicas?: number) => ({
      metadata: { name, namespace: "flux-system" },
      status: { availableReplicas },
    });
    deployments = [controller("source-controller", 1), controller("helm-controller")];
    const found = await problems();
    assert.match(
      found[0] ?? "",
      /^Flux's helm-controller does not run: .*`kubectl describe deployment helm-controller /,
    );
    assert.match(found[1] ?? "", /^Flux's image-reflector-controller is not installed\. Install it: `flux install /);
    assert.equal(found.length, 2);
    deployments = 403;
    assert.deepEqual(await problems(), []);
  });
});
