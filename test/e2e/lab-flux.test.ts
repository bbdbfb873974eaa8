import assert from "node:assert/strict";
import { ApiError } from "../../lab/control-plane/api-connection";
import type { ObjectReference } from "../../lab/control-plane/cluster";
import { pushChart, pushImage } from "../../lab/push";
import { digestOfTag, removeTag } from "./support/registry";
import { requireControl, useOwnLab } from "./support/lab";
import { Repository, requirePodinfo } from "./support/repository";
import { conditionOf, waitFor, waitForCondition, waitForGone, waitForObject, WaitError } from "./support/wait";

const namespace = "flux-system";

function reference(apiVersion: string, kind: string, name: string, place = namespace): ObjectReference {
  return { apiVersion, kind, metadata: { name, namespace: place } };
}

const release = reference("helm.toolkit.fluxcd.io/v2", "HelmRelease", "podinfo");
const deployment = reference("apps/v1", "Deployment", "podinfo", "podinfo");

describe("the lab's cluster", () => {
  const own = useOwnLab();
  const repositories: Repository[] = [];

  async function createRepository(name: string, bundle?: string): Promise<Repository> {
    const repository = await Repository.create(own().lab, name, bundle);
    repositories.push(repository);
    return repository;
  }

  after(() => Promise.all(repositories.map((repository) => repository.remove())));

  /** A HelmRelease as a platform team writes it: in Flux's namespace, acting with the rights of an account there. */
  async function deployPodinfo(version: string, url: string): Promise<void> {
    const { cluster, lab } = own();
    await cluster.apply({ apiVersion: "v1", kind: "Namespace", metadata: { name: "podinfo" } });
    await cluster.apply({ ...reference("v1", "ServiceAccount", "podinfo"), metadata: { name: "podinfo", namespace } });
    await cluster.apply({
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "RoleBinding",
      metadata: { name: "release", namespace: "podinfo" },
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "admin" },
      subjects: [{ kind: "ServiceAccount", name: "podinfo", namespace }],
    });
    await cluster.apply({
      ...reference("source.toolkit.fluxcd.io/v1", "GitRepository", `podinfo-${version}`),
      spec: { interval: "1m", url, ref: { tag: version } },
    });
    await cluster.apply({
      ...release,
      spec: {
        interval: "1m",
        timeout: "20s",
        releaseName: "podinfo",
        targetNamespace: "podinfo",
        storageNamespace: "podinfo",
        serviceAccountName: "podinfo",
        chart: {
          spec: {
            chart: "./charts/podinfo",
            sourceRef: { kind: "GitRepository", name: `podinfo-${version}` },
          },
        },
        values: { image: { repository: `${lab.registryHost}/podinfo` } },
      },
    });
  }

  it("deploys podinfo with Flux, as a tenant that has no rights elsewhere", async function () {
    const { cluster, lab } = own();
    const repository = await createRepository("podinfo", requirePodinfo(this));
    await deployPodinfo("6.14.1", repository.url);
    await waitForCondition(cluster, release, { lab });
    const { spec, status } = await cluster.get(deployment);
    assert.equal(status?.readyReplicas, 1);
    assert.match(JSON.stringify(spec), /podinfo:6\.14\.1/);
  });

  it("keeps pods unready on demand, and lets them become ready again", async function () {
    const { cluster, lab } = own();
    const control = requireControl(this, lab);
    await cluster.apply({ apiVersion: "v1", kind: "Namespace", metadata: { name: "waiting" } });
    const pod = (name: string, image: string) => ({
      ...reference("v1", "Pod", name, "waiting"),
      spec: { containers: [{ name: "app", image }] },
    });
    await control.keepUnready("app:bad");
    await cluster.create(pod("good", "registry.example.com/app:good"));
    await cluster.create(pod("bad", "registry.example.com/app:bad"));
    await waitForCondition(cluster, pod("good", ""));
    assert.equal((await cluster.get(pod("bad", ""))).status?.phase, "Pending");
    await control.keepUnready();
    await waitForCondition(cluster, pod("bad", ""));
    await cluster.delete({ apiVersion: "v1", kind: "Namespace", metadata: { name: "waiting" } });
    await waitForGone(cluster, { apiVersion: "v1", kind: "Namespace", metadata: { name: "waiting" } });
  });

  it("acts on behalf of a team, with the team's rights alone", async () => {
    const { cluster } = own();
    const team = cluster.as({ user: "someone", groups: ["team-a", "team-b"] });
    await assert.rejects(team.get(release), (error) => error instanceof ApiError && error.status === 403);
    await cluster.apply({
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "RoleBinding",
      metadata: { name: "team-b", namespace },
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "view" },
      subjects: [{ kind: "Group", name: "team-b", apiGroup: "rbac.authorization.k8s.io" }],
    });
    // As in a real installation, Flux's own role is aggregated into `view`.
    await waitFor("the second group's rights count", () => team.list({ ...release, namespace }));
    await assert.rejects(team.patch(release, { spec: { suspend: true } }), /Forbidden|forbidden/);
  });

  it("lets Flux commit a newer image to a repository", async () => {
    const { cluster, lab } = own();
    const repository = await createRepository("shared");
    const marked = (tag: string) => `tag: "${tag}" # {"$imagepolicy": "flux-system:app:tag"}\n`;
    await repository.commit("first", { "stack/file.yaml": marked("1.0.0") });
    await repository.push();
    await pushImage(lab.registryUrl, "app", "1.0.0");
    const digest = await pushImage(lab.registryUrl, "app", "1.1.0");
    assert.equal(await digestOfTag(lab, "app", "1.1.0"), digest);
    const image = "image.toolkit.fluxcd.io/v1";
    await cluster.apply({
      ...reference(image, "ImageRepository", "app"),
      spec: { image: `${lab.registryHost}/app`, interval: "5s", insecure: true },
    });
    await cluster.apply({
      ...reference(image, "ImagePolicy", "app"),
      spec: { imageRepositoryRef: { name: "app" }, policy: { semver: { range: "*" } } },
    });
    await cluster.apply({
      ...reference("source.toolkit.fluxcd.io/v1", "GitRepository", "shared"),
      spec: { interval: "5s", url: repository.url, ref: { branch: "master" } },
    });
    const author = { name: "Flux", email: "flux@example.com" };
    await cluster.apply({
      ...reference(image, "ImageUpdateAutomation", "shared"),
      spec: {
        interval: "5s",
        sourceRef: { kind: "GitRepository", name: "shared" },
        git: { checkout: { ref: { branch: "master" } }, commit: { author }, push: { branch: "master" } },
        update: { path: "./stack", strategy: "Setters" },
      },
    });
    await waitFor(
      "Flux has committed 1.1.0",
      async (see) => {
        await repository.pull();
        const content = await repository.git("show", "HEAD:stack/file.yaml");
        see(content);
        return `${content}\n` === marked("1.1.0") || undefined;
      },
      { lab, logs: ["image-reflector-controller", "image-automation-controller"] },
    );
    assert.equal(await repository.git("log", "-1", "--format=%an"), "Flux");
    await removeTag(lab, "app", "1.1.0");
    assert.equal(await digestOfTag(lab, "app", "1.1.0"), undefined);
  });

  it("serves charts from the registry to Flux", async function () {
    const { cluster, lab } = own();
    const [repository] = repositories;
    if (repository === undefined) return this.skip();
    const files = await repository.chartFiles("6.14.0", "charts/podinfo");
    const digest = await pushChart(lab.registryUrl, "charts/podinfo", "6.14.0", files);
    const source = reference("source.toolkit.fluxcd.io/v1", "OCIRepository", "podinfo-6.14.0");
    await cluster.apply({
      ...source,
      spec: {
        interval: "1m",
        url: `oci://${lab.registryHost}/charts/podinfo`,
        insecure: true,
        ref: { tag: "6.14.0", digest },
        layerSelector: { mediaType: "application/vnd.cncf.helm.chart.content.v1.tar+gzip", operation: "copy" },
      },
    });
    await waitForCondition(cluster, source, { lab });
  });

  it("loses nothing when the API server, etcd, Git or a controller is killed and comes back", async function () {
    const { cluster, lab } = own();
    const control = requireControl(this, lab);
    for (const component of ["kube-apiserver", "etcd"]) await control.kill(component);
    await assert.rejects(cluster.get(release));
    for (const component of ["etcd", "kube-apiserver"]) await control.restart(component);
    await waitForCondition(cluster, release, { lab });

    await control.kill("git");
    const { url } = repositories[0]!;
    await assert.rejects(fetch(url));
    await deployPodinfo("6.14.0", url);
    const source = reference("source.toolkit.fluxcd.io/v1", "GitRepository", "podinfo-6.14.0");
    await waitForCondition(cluster, source, { lab, status: "False" });
    await control.restart("git");
    await waitForCondition(cluster, source, { lab });

    await control.kill("helm-controller");
    await control.restart("helm-controller");
    await waitForObject(
      cluster,
      deployment,
      "podinfo 6.14.0 runs",
      ({ spec }) => {
        return JSON.stringify(spec).includes("podinfo:6.14.0");
      },
      { lab, logs: ["helm-controller"] },
    );
    await assert.rejects(control.kill("nobody"), /The lab has no component nobody/);
  });

  it("says what was seen last, and what the controllers logged, when a wait fails", async () => {
    const { cluster, lab } = own();
    const ready = conditionOf(await cluster.get(release), "Ready");
    assert.ok(ready);
    const never = waitForObject(cluster, release, "pigs fly", () => false, { lab, timeoutMs: 500 });
    await assert.rejects(never, (error) => {
      assert.ok(error instanceof WaitError);
      assert.match(error.message, /Not so after 0\.5 s: pigs fly\. Last seen: .*conditions/s);
      assert.match(error.message, /helm-controller\.log:\n\{/);
      return true;
    });
  });
});
