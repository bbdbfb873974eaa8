import assert from "node:assert/strict";
import { KubeConfig } from "@kubernetes/client-node";
import { ProblemsError } from "../../src/config/problem";
import { type ApiRequest, Cluster, type LiveObject } from "../lab/cluster";
import { waitFor } from "../lab/wait";
import { useLab } from "./support/lab";
import { mayDo, refusalOf, type Right, rightsIn } from "./support/rights";
import { authorityNamespace, type PairedTenant, TenantPair } from "./support/tenant-pair";

const rbac = "/apis/rbac.authorization.k8s.io/v1";
const mergePatch = "application/merge-patch+json";

/** Attacks with a team's own credentials. The API server rejects all of them. */
describe("a malicious application team", () => {
  const opened = useLab();
  let pair: TenantPair | undefined;
  let podinfo: PairedTenant;
  let neighbour: PairedTenant;
  let team: Cluster;
  let untouched: readonly unknown[];

  before(async () => {
    pair = await TenantPair.open(opened());
    ({ podinfo, neighbour } = pair);
    ({ team } = podinfo);
    untouched = (await pair.objects()).map(decided);
  });

  after(() => pair?.close());

  /** All objects of both tenants are unchanged. */
  const assertNoEffect = async () => assert.deepEqual((await pair!.objects()).map(decided), untouched);

  /** Asserts that all requests are rejected with 403, and lists those that are not. */
  const assertForbidden = async (requests: readonly ApiRequest[], cluster = team) => {
    const done: string[] = [];
    for (const request of requests) {
      const status = await refusalOf(cluster, request);
      if (status !== 403) done.push(`${request.method} ${request.path}: ${status}`);
    }
    assert.deepEqual(done, []);
    assert.ok(requests.length > 0);
  };

  it("cannot read, create, change, suspend or delete Flux objects in its own or the authority namespace", async () => {
    const resources = await fluxResources(opened().cluster);
    for (const kind of [
      "gitrepositories",
      "helmreleases",
      "imagepolicies",
      "imagerepositories",
      "imageupdateautomations",
      "kustomizations",
      "ocirepositories",
    ]) {
      assert.ok(
        resources.some(({ name }) => name === kind),
        kind,
      );
    }
    const requests = [podinfo.name, authorityNamespace, neighbour.name].flatMap((namespace) =>
      resources.flatMap(({ apiVersion, kind, name }): ApiRequest[] => {
        const all = `/apis/${apiVersion}/namespaces/${namespace}/${name}`;
        const one = `${all}/${podinfo.name}`;
        const suspend = { spec: { suspend: true } };
        const now = { metadata: { annotations: { "reconcile.fluxcd.io/requestedAt": "now" } } };
        return [
          { method: "GET", path: all },
          { method: "GET", path: one },
          { method: "POST", path: all, body: { apiVersion, kind, metadata: { name: podinfo.name, namespace } } },
          { method: "PUT", path: one, body: { apiVersion, kind, metadata: { name: podinfo.name, namespace } } },
          ...[suspend, now].map((body) => ({ method: "PATCH" as const, path: one, body, contentType: mergePatch })),
          { method: "PATCH", path: `${one}/status`, body: { status: {} }, contentType: mergePatch },
          { method: "DELETE", path: one },
          { method: "DELETE", path: all },
        ];
      }),
    );
    await assertForbidden(requests);
    await assertNoEffect();
  });

  it("cannot move its release to another chart, version, account, namespace or values", async () => {
    const path = `/apis/helm.toolkit.fluxcd.io/v2/namespaces/${authorityNamespace}/helmreleases/${podinfo.name}`;
    const changes = [
      { chart: { spec: { sourceRef: { name: `${neighbour.name}-1.0.0` } } } },
      { serviceAccountName: neighbour.name },
      { serviceAccountName: null },
      { targetNamespace: neighbour.name },
      { values: { replicaCount: 9 } },
      { valuesFrom: [{ kind: "Secret", name: neighbour.name }] },
    ];
    await assertForbidden(changes.map((spec) => ({ method: "PATCH", path, body: { spec }, contentType: mergePatch })));
    await assertNoEffect();
  });

  it("cannot read objects in the authority namespace or the neighbour's", async () => {
    const kinds = ["secrets", "configmaps", "serviceaccounts", "pods", "events", "services"];
    await assertForbidden(
      [authorityNamespace, neighbour.name, "kube-system"].flatMap((namespace) =>
        kinds.flatMap((kind): ApiRequest[] => [
          { method: "GET", path: `/api/v1/namespaces/${namespace}/${kind}` },
          { method: "GET", path: `/api/v1/namespaces/${namespace}/${kind}?watch=true` },
          { method: "GET", path: `/api/v1/namespaces/${namespace}/${kind}/${podinfo.name}` },
          { method: "DELETE", path: `/api/v1/namespaces/${namespace}/${kind}/${podinfo.name}` },
        ]),
      ),
    );
    await assertForbidden(kinds.map((kind) => ({ method: "GET", path: `/api/v1/${kind}` })));
  });

  it("cannot create tokens for service accounts, neither Flux's nor its own tenant's", async () => {
    const body = { apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest", spec: {} };
    const accounts = [
      ...["helm-controller", "kustomize-controller", "source-controller", podinfo.name, neighbour.name].map(
        (name) => [authorityNamespace, name] as const,
      ),
      [podinfo.name, "default"] as const,
      [neighbour.name, "default"] as const,
      ["kube-system", "default"] as const,
    ];
    await assertForbidden(
      accounts.map(([namespace, name]) => ({
        method: "POST",
        path: `/api/v1/namespaces/${namespace}/serviceaccounts/${name}/token`,
        body,
      })),
    );
    // The older way: a Secret of this type receives a token of its account.
    await assertForbidden(
      [podinfo.name, authorityNamespace].map((namespace) => ({
        method: "POST",
        path: `/api/v1/namespaces/${namespace}/secrets`,
        body: {
          apiVersion: "v1",
          kind: "Secret",
          type: "kubernetes.io/service-account-token",
          metadata: { name: "token", annotations: { "kubernetes.io/service-account.name": "helm-controller" } },
        },
      })),
    );
  });

  it("cannot give itself more rights", async () => {
    const roleRef = { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "cluster-admin" };
    const subjects = [{ apiGroup: "rbac.authorization.k8s.io", kind: "Group", name: podinfo.group }];
    const rules = [{ apiGroups: ["*"], resources: ["*"], verbs: ["*"] }];
    const namespaced = [podinfo.name, authorityNamespace, neighbour.name].flatMap((namespace): ApiRequest[] => {
      const place = `${rbac}/namespaces/${namespace}`;
      return [
        { method: "POST", path: `${place}/rolebindings`, body: binding("RoleBinding", { ...roleRef, name: "edit" }) },
        { method: "POST", path: `${place}/rolebindings`, body: binding("RoleBinding", roleRef) },
        { method: "POST", path: `${place}/roles`, body: { ...meta("Role"), rules } },
        ...["team", "deployer"].flatMap((name): ApiRequest[] => [
          { method: "PATCH", path: `${place}/roles/${name}`, body: { rules }, contentType: mergePatch },
          { method: "PATCH", path: `${place}/rolebindings/${name}`, body: { subjects }, contentType: mergePatch },
          { method: "DELETE", path: `${place}/rolebindings/${name}` },
        ]),
      ];
    });
    await assertForbidden([
      ...namespaced,
      { method: "POST", path: `${rbac}/clusterrolebindings`, body: binding("ClusterRoleBinding", roleRef) },
      { method: "POST", path: `${rbac}/clusterroles`, body: { ...meta("ClusterRole"), rules } },
      { method: "PATCH", path: `${rbac}/clusterroles/view`, body: { rules }, contentType: mergePatch },
    ]);
    await assertNoEffect();

    function meta(kind: string) {
      return { apiVersion: "rbac.authorization.k8s.io/v1", kind, metadata: { name: "attack" } };
    }
    function binding(kind: string, role: object) {
      return { ...meta(kind), roleRef: role, subjects };
    }
  });

  it("cannot escalate, bind or impersonate", async () => {
    const group = "rbac.authorization.k8s.io";
    const rules = [
      { apiGroups: [group], resources: ["roles", "clusterroles"], verbs: ["bind", "escalate"] },
      { apiGroups: [""], resources: ["users", "groups", "serviceaccounts"], verbs: ["impersonate"] },
    ];
    const namespaces = [podinfo.name, authorityNamespace, neighbour.name, undefined];
    for (const { apiGroups, resources, verbs } of rules) {
      for (const resource of resources) {
        for (const verb of verbs) {
          for (const namespace of namespaces) {
            const what = { verb, group: apiGroups[0], resource, namespace };
            assert.equal(await mayDo(team, what), false, JSON.stringify(what));
          }
        }
      }
    }
    // The same check for an allowed action, as a counterexample.
    assert.equal(await mayDo(team, { verb: "delete", group: "", resource: "pods", namespace: podinfo.name }), true);
    const role = { apiVersion: `${group}/v1`, kind: "Role", metadata: { name: "attack" }, rules };
    await assertForbidden(
      [podinfo.name, authorityNamespace].flatMap((namespace): ApiRequest[] => [
        { method: "POST", path: `${rbac}/namespaces/${namespace}/roles`, body: role },
        change(`${rbac}/namespaces/${namespace}/roles/team`, { rules }),
      ]),
    );
    await assertForbidden([{ method: "POST", path: `${rbac}/clusterroles`, body: { ...role, kind: "ClusterRole" } }]);
    await assertNoEffect();
  });

  it("cannot impersonate others with a service account token", async () => {
    const { cluster, lab } = opened();
    // A team member with a service account token: the account is bound to the team's role.
    const account = podinfo.own("v1", "ServiceAccount", "developer");
    const bound = podinfo.own("rbac.authorization.k8s.io/v1", "RoleBinding", "developer");
    await cluster.apply(account);
    await cluster.apply({
      ...bound,
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: "team" },
      subjects: [{ kind: "ServiceAccount", name: "developer", namespace: podinfo.name }],
    });
    try {
      const { status } = (await cluster.request({
        method: "POST",
        path: `/api/v1/namespaces/${podinfo.name}/serviceaccounts/developer/token`,
        body: { apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest", spec: {} },
      })) as { status: { token: string } };
      const member = connectWithToken(lab.kubeconfigPath, status.token);
      const pods: ApiRequest = { method: "GET", path: `/api/v1/namespaces/${podinfo.name}/pods` };
      await waitFor("the account's rights count", () => member.request(pods));
      const others = [
        { user: "admin", groups: ["system:masters"] },
        { user: `system:serviceaccount:${authorityNamespace}:helm-controller` },
        { user: `system:serviceaccount:${authorityNamespace}:${podinfo.name}` },
        { user: `${neighbour.name}-developer`, groups: [neighbour.group] },
      ];
      for (const identity of others) {
        await assert.rejects(member.as(identity).request(pods), { status: 403, message: /cannot impersonate/ });
      }
    } finally {
      await cluster.delete(bound);
      await cluster.delete(account);
    }
  });

  it("cannot weaken or remove its guardrails: quota, limits, network policies, Pod Security", async () => {
    const core = `/api/v1/namespaces/${podinfo.name}`;
    const policies = `/apis/networking.k8s.io/v1/namespaces/${podinfo.name}/networkpolicies`;
    const open = { spec: { podSelector: {}, policyTypes: ["Ingress", "Egress"], ingress: [{}], egress: [{}] } };
    const privileged = { metadata: { labels: { "pod-security.kubernetes.io/enforce": "privileged" } } };
    const policy = { apiVersion: "networking.k8s.io/v1", kind: "NetworkPolicy", metadata: { name: "open" }, ...open };
    await assertForbidden([
      change(`${core}/resourcequotas/tenant`, { spec: { hard: { pods: "1000" } } }),
      change(`${core}/limitranges/tenant`, { spec: { limits: [] } }),
      change(`${policies}/default-deny`, open),
      change(core, privileged),
      ...["resourcequotas/tenant", "limitranges/tenant"].map((path) => remove(`${core}/${path}`)),
      ...["resourcequotas", "limitranges"].map((path) => remove(`${core}/${path}`)),
      ...["default-deny", "allow-dns", "allow-same-namespace"].map((name) => remove(`${policies}/${name}`)),
      remove(policies),
      { method: "POST", path: policies, body: policy },
      remove(core),
      remove(`/api/v1/namespaces/${neighbour.name}`),
      {
        method: "POST",
        path: "/api/v1/namespaces",
        body: { apiVersion: "v1", kind: "Namespace", metadata: { name: "x" } },
      },
    ]);
    await assertNoEffect();
  });

  it("cannot run other images, pods of its own, or commands in a pod", async () => {
    const core = `/api/v1/namespaces/${podinfo.name}`;
    const deployments = `/apis/apps/v1/namespaces/${podinfo.name}/deployments`;
    const spec = { containers: [{ name: "podinfo", image: "example.com/evil:1" }] };
    const [pod] = await team.list({ apiVersion: "v1", kind: "Pod", namespace: podinfo.name });
    const own = `${core}/pods/${pod!.metadata.name}`;
    await assertForbidden([
      change(`${deployments}/${podinfo.name}`, { spec: { template: { spec } } }),
      change(`${deployments}/${podinfo.name}/scale`, { spec: { replicas: 0 } }),
      remove(`${deployments}/${podinfo.name}`),
      {
        method: "POST",
        path: deployments,
        body: { apiVersion: "apps/v1", kind: "Deployment", metadata: { name: "x" } },
      },
      { method: "POST", path: `${core}/pods`, body: { apiVersion: "v1", kind: "Pod", metadata: { name: "x" }, spec } },
      change(own, { spec }),
      change(`${own}/ephemeralcontainers`, { spec: { ephemeralContainers: spec.containers } }),
      { method: "POST", path: `${own}/exec?command=sh` },
      { method: "GET", path: `${own}/exec?command=sh` },
      { method: "POST", path: `${own}/attach` },
      { method: "GET", path: `${own}/proxy/` },
      change(`${core}/configmaps/kube-root-ca.crt`, { data: { "ca.crt": "" } }),
      remove(`${core}/secrets/sh.helm.release.v1.${podinfo.name}.v1`),
    ]);
    await assertNoEffect();
  });

  it("has no rights outside its namespace, and can only read, restart and forward in it", async () => {
    const stranger = opened().cluster.as({ user: "stranger", groups: ["system:authenticated"] });
    for (const namespace of [authorityNamespace, neighbour.name, "default", "kube-system"]) {
      assert.deepEqual(await rightsIn(team, namespace), await rightsIn(stranger, namespace), namespace);
    }
    assert.deepEqual(await writesIn(team, stranger, podinfo.name), [
      "create pods/portforward",
      "delete pods",
      "deletecollection pods",
    ]);
  });

  it("cannot use values from the neighbour's Secret: the stack file is rejected", async () => {
    const [secret, key] = [`${neighbour.name}-database`, "values.yaml"];
    for (const line of [`secrets: [${secret}]`, `secrets: [{ name: ${secret}, key: ${key} }]`]) {
      await pair!.declare(line);
      assert.throws(
        () => pair!.readStackConfig(),
        (error) => error instanceof ProblemsError && error.message.includes("The Secret is not the tenant's own"),
      );
    }
    await pair!.declare(`secrets: [${podinfo.name}-database]`);
    pair!.readStackConfig();
    await pair!.declare();
  });
});

/** An object without the fields that controllers and the API server write. */
function decided({ kind, metadata, ...rest }: LiveObject): unknown {
  const { name, namespace, uid, generation, labels } = metadata;
  const { spec, rules, subjects, roleRef, data } = rest as Record<string, unknown>;
  return { kind, name, namespace, uid, generation, labels, spec, rules, subjects, roleRef, data };
}

function change(path: string, body: object): ApiRequest {
  return { method: "PATCH", path, body, contentType: mergePatch };
}

function remove(path: string): ApiRequest {
  return { method: "DELETE", path };
}

interface FluxResource {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
}

/** All resources of all versions of Flux's APIs. */
async function fluxResources(cluster: Cluster): Promise<FluxResource[]> {
  const { groups } = (await cluster.request({ method: "GET", path: "/apis" })) as {
    groups: { name: string; versions: { groupVersion: string }[] }[];
  };
  const versions = groups
    .filter(({ name }) => name.endsWith(".toolkit.fluxcd.io"))
    .flatMap((group) => group.versions.map(({ groupVersion }) => groupVersion));
  const found = await Promise.all(
    versions.map(async (apiVersion) => {
      const { resources } = (await cluster.request({ method: "GET", path: `/apis/${apiVersion}` })) as {
        resources: { name: string; kind: string }[];
      };
      return resources.filter(({ name }) => !name.includes("/")).map(({ name, kind }) => ({ apiVersion, kind, name }));
    }),
  );
  return found.flat();
}

/** The write permissions in a namespace that a stranger does not have, as `verb resource`. */
async function writesIn(cluster: Cluster, stranger: Cluster, namespace: string): Promise<string[]> {
  const texts = (rights: readonly Right[]) =>
    rights.flatMap(({ verbs, resources = [] }) =>
      resources.flatMap((resource) => verbs.map((verb) => `${verb} ${resource}`)),
    );
  const everybody = new Set(texts(await rightsIn(stranger, namespace)));
  return texts(await rightsIn(cluster, namespace))
    .filter((text) => !everybody.has(text) && !/^(get|list|watch) /.test(text))
    .sort();
}

/** The same cluster with a token instead of the kubeconfig's credentials. */
function connectWithToken(kubeconfigPath: string, token: string): Cluster {
  const administrator = new KubeConfig();
  administrator.loadFromFile(kubeconfigPath);
  const cluster = administrator.getCurrentCluster();
  if (cluster === null) throw new Error(`${kubeconfigPath} has no current cluster.`);
  const config = new KubeConfig();
  config.loadFromClusterAndUser(cluster, { name: "member", token });
  return new Cluster(config);
}
