import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { parse } from "yaml";
import { type Listening, listenOnLoopback } from "../../demo/loopback";
import { OwnRepository } from "./own-repository";
import { scratchWorld } from "./scratch-world";

/** The resources that the API server of these tests has, by group and version. */
const resources: Readonly<Record<string, readonly (readonly [kind: string, name: string])[]>> = {
  "/api/v1": [
    ["ConfigMap", "configmaps"],
    ["Secret", "secrets"],
  ],
  "/apis/helm.toolkit.fluxcd.io/v2": [["HelmRelease", "helmreleases"]],
  "/apis/source.toolkit.fluxcd.io/v1": [
    ["GitRepository", "gitrepositories"],
    ["HelmChart", "helmcharts"],
  ],
};

describe("authority adopt", () => {
  const world = scratchWorld();
  const own = new OwnRepository(world);
  const read = (path: string) => readFileSync(join(world().root, path), "utf8");
  let server: Listening;
  /** The cluster's objects by path. */
  let objects: Record<string, object>;
  let requested: string[];
  let spec: Record<string, unknown>;

  const release = "/apis/helm.toolkit.fluxcd.io/v2/namespaces/team/helmreleases/app";
  const source = "/apis/source.toolkit.fluxcd.io/v1/namespaces/team/gitrepositories/chart";

  before(async () => {
    const api = createServer((request, response) => {
      const path = new URL(request.url ?? "", "http://x").pathname.replace(/\/$/, "");
      requested.push(`${request.method ?? ""} ${path}`);
      const served = resources[path]?.map(([kind, name]) => ({ kind, name, namespaced: true, verbs: [] }));
      const body = served === undefined ? objects[path] : { kind: "APIResourceList", resources: served };
      const [code, answer] = body === undefined ? [404, { message: "not found" }] : [200, body];
      response.writeHead(code, { "content-type": "application/json" }).end(JSON.stringify(answer));
    });
    server = await listenOnLoopback(api);
  });

  after(() => server.close());

  beforeEach(async () => {
    await world().application.publish({ version: "1.0.0", message: "First" });
    await world().application.publish({ version: "1.1.0", message: "Second" });
    spec = {
      releaseName: "shop",
      interval: "10m",
      chart: { spec: { chart: "./charts/shop", sourceRef: { kind: "GitRepository", name: "chart" } } },
    };
    objects = {
      [release]: {
        ...{
          apiVersion: "helm.toolkit.fluxcd.io/v2",
          kind: "HelmRelease",
          metadata: { namespace: "team", name: "app" },
        },
        spec,
        status: { history: [{ status: "deployed", chartVersion: "1.0.0", appVersion: "1.0.0" }] },
      },
      [source]: { spec: { url: world().repository, ref: { branch: "master" }, secretRef: { name: "git" } } },
    };
    requested = [];
    world().write({
      "Pulumi.yaml":
        "name: shared-authority\nruntime: nodejs\nconfig:\n  shared-authority:applications:\n    value: {}\n",
      "Pulumi.prod.yaml":
        "config:\n  kubernetes:kubeconfig: ../kubeconfig\n  shared-authority:follow: tags\n  shared-authority:tenants: {}\n",
      "../kubeconfig": JSON.stringify({
        ...{ apiVersion: "v1", kind: "Config", "current-context": "lab" },
        clusters: [{ name: "lab", cluster: { server: server.url } }],
        users: [{ name: "lab", user: { token: "t0k3n" } }],
        contexts: [{ name: "lab", context: { cluster: "lab", user: "lab" } }],
      }),
    });
    await own.init();
  });

  const command = (...more: string[]) => [
    ...["adopt", "team/app", "--image", world().application.image, "--insecure-registry", ...more],
  ];
  const refused = (code: number, message: RegExp) => own.refused([...command(), "--stack", "prod"], code, message);

  it("writes the version, the namespace and the values that run, and neither reads a Secret nor changes an object", async () => {
    spec.valuesFrom = [
      { kind: "ConfigMap", name: "common" },
      { kind: "ConfigMap", name: "gone", optional: true },
      { kind: "Secret", name: "db", valuesKey: "db.yaml" },
    ];
    spec.values = { replicaCount: 2, service: { port: 8080 } };
    objects["/api/v1/namespaces/team/configmaps/common"] = {
      data: { "values.yaml": "replicaCount: 1\nservice: {port: 80, type: ClusterIP}\n" },
    };
    const output = await own.decided(...command("--reason", "one place"));
    assert.deepEqual(parse(read("tenants/shop/values.prod.yaml")), {
      replicaCount: 2,
      service: { port: 8080, type: "ClusterIP" },
    });
    const { config } = parse(read("Pulumi.prod.yaml")) as { config: Record<string, object> };
    assert.deepEqual(config["shared-authority:tenants"], {
      shop: {
        namespace: "team",
        adopts: { namespace: "team", name: "app" },
        secrets: [{ name: "shop-db", key: "db.yaml" }],
        tag: "1.0.0",
        policy: { range: ">=1.0.0 <2.0.0" },
      },
    });
    assert.match(output, /^ {2}spec\.serviceAccountName: not set -> "shop"$/m);
    assert.doesNotMatch(output, /spec\.interval/);
    assert.match(output, /Copy the Secret db of team to the namespace flux-system, as shop-db\./);
    assert.match(
      output,
      /Copy the Secret git of team, with the credentials of the source, to flux-system, and name it in the entry, as `repositorySecret`/,
    );
    assert.match(output, /`flux suspend helmrelease app --namespace team`, then `kubectl delete helmrelease app/);
    assert.equal(await own.git("log", "-1", "--format=%s"), "Adopt shop 1.0.0 to prod");
    assert.deepEqual(
      requested.filter((one) => !one.startsWith("GET ") || one.includes("/secrets/")),
      [],
    );
    await own.git("revert", "--no-edit", "HEAD");
    assert.match(read("Pulumi.prod.yaml"), /tenants: \{\}\n$/);
  });

  it("says where an application that is declared already has another chart or further values", async () => {
    const { repository } = world();
    const { image } = world().application;
    world().write({
      "Pulumi.yaml": JSON.stringify({
        name: "shared-authority",
        runtime: "nodejs",
        config: {
          "shared-authority:applications": {
            value: {
              shop: { repository, chart: "./charts/shop", image, branch: "master", insecureRegistry: true },
            },
          },
        },
      }),
      "tenants/shop/values.yaml": "replicaCount: 1\n",
    });
    await own.commitAll();
    objects[source] = { spec: { url: "https://git.example.com/old.git" } };
    spec.values = { replicaCount: 2 };
    const output = await own.decided("adopt", "team/app");
    assert.ok(
      output.includes(`  the chart: charts/shop of https://git.example.com/old.git -> charts/shop of ${repository}\n`),
      output,
    );
    assert.match(output, /^ {2}values: those of tenants\/shop\/values\.yaml are merged first, below the others$/m);
  });

  it("refuses what cannot be taken over, and says why", async () => {
    const live = objects[release];
    for (const [changed, message] of [
      [
        { storageNamespace: "helm" },
        /Helm keeps its record in the namespace helm and the workload in team, and a tenant/,
      ],
      [
        { targetNamespace: "kube-system", storageNamespace: "kube-system" },
        /workload is in the namespace kube-system, which/,
      ],
      [{ kubeConfig: {} }, /`spec\.kubeConfig` deploys it to another cluster/],
      [{ releaseName: "shared-authority-x" }, /a tenant cannot have the name of its Helm release, shared-authority-x/],
      [{ valuesFrom: [{ kind: "Secret", name: "db", targetPath: "a.b" }] }, /at a path \(`targetPath`\)/],
      [
        { valuesFrom: [{ kind: "ConfigMap", name: "none" }] },
        /the ConfigMap none of `valuesFrom` has no key values\.yaml/,
      ],
      [
        { chart: { spec: { chart: "shop", sourceRef: { kind: "HelmRepository", name: "x" } } } },
        /its chart comes from a HelmRepository; a tenant's chart is in a Git repository/,
      ],
      [{ chart: { spec: { valuesFiles: ["values-prod.yaml"] } } }, /`valuesFiles` of its chart names other defaults/],
      [
        { values: { password: "hunter2-Kx81" } },
        /The values of the release have what looks like a credential \(`password`\)/,
      ],
    ] as const) {
      objects[release] = { ...live, spec: { ...spec, ...changed } };
      await refused(2, message);
    }
    objects[release] = { ...live, status: { history: [{ status: "failed", chartVersion: "1.0.0" }] } };
    await refused(2, /Helm's last release of it is not deployed; repair it first/);
    objects = {};
    await refused(2, /team\/app cannot be taken over: there is no HelmRelease app in the namespace team\. Nothing was/);
    await own.refused(
      ["adopt", "app", "--stack", "prod"],
      2,
      /Expected `<namespace>\/<name>` of a HelmRelease, got "app"/,
    );
  });
});
