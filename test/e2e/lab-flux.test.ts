import assert from "node:assert/strict";
import { ApiError, type Cluster, type LiveObject, type ObjectReference } from "../lab/cluster";
import type { Lab } from "../lab/lab";
import { readRecord } from "../lab/lab-directory";
import { type ChartFiles, exampleChart } from "../../demo/example-chart";
import { pushChart, pushImage } from "../../demo/push";
import { podinfoTags } from "../support/podinfo-repository";
import { digestOfTag, removeTag } from "./support/registry";
import { freshName, requireControl, useLab, useOwnLab, type OpenedLab } from "./support/lab";
import { Repository } from "./support/repository";
import { conditionOf, waitFor, waitForCondition, waitForGone, waitForObject, WaitError } from "../lab/wait";

const namespace = "flux-system";

function reference(apiVersion: string, kind: string, name: string, place = namespace): ObjectReference {
  return { apiVersion, kind, metadata: { name, namespace: place } };
}

interface Tenant {
  readonly name: string;
  readonly repository: Repository;
  readonly release: ObjectReference;
  readonly deployment: ObjectReference;
}

function sourceOf({ name }: Tenant, version: string): ObjectReference {
  return reference("source.toolkit.fluxcd.io/v1", "GitRepository", `${name}-${version}`);
}

type Apply = Cluster["apply"];

/**
 * Applies objects, and deletes them after the suite in reverse order, because the lab may keep running. Call it in a
 * `describe`, after `useLab`.
 */
function useObjects(opened: () => OpenedLab): Apply {
  const applied: ObjectReference[] = [];
  after(async () => {
    for (const object of applied.reverse()) {
      const { cluster, lab } = opened();
      if (await cluster.find(object)) await cluster.delete(object);
      await waitForGone(cluster, object, { lab });
    }
  });
  return (object) => {
    applied.push(object);
    return opened().cluster.apply(object);
  };
}

/** Creates a tenant: an account with rights in one namespace. */
async function createTenant(lab: Lab, apply: Apply): Promise<Tenant> {
  const name = freshName("podinfo");
  const repository = await Repository.create(lab, name, podinfoTags);
  await apply({ apiVersion: "v1", kind: "Namespace", metadata: { name } });
  await apply(reference("v1", "ServiceAccount", name));
  await apply({
    ...reference("rbac.authorization.k8s.io/v1", "RoleBinding", "release", name),
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "admin" },
    subjects: [{ kind: "ServiceAccount", name, namespace }],
  });
  return {
    name,
    repository,
    release: reference("helm.toolkit.fluxcd.io/v2", "HelmRelease", name),
    deployment: reference("apps/v1", "Deployment", name, name),
  };
}

async function deploy(lab: Lab, apply: Apply, tenant: Tenant, version: string): Promise<void> {
  const { name, repository, release } = tenant;
  const source = sourceOf(tenant, version);
  await apply({ ...source, spec: { interval: "1m", url: repository.url, ref: { tag: version } } });
  await apply({
    ...release,
    spec: {
      interval: "1m",
      timeout: "2m",
      releaseName: name,
      targetNamespace: name,
      storageNamespace: name,
      serviceAccountName: name,
      chart: {
        spec: { chart: "./charts/podinfo", sourceRef: { kind: "GitRepository", name: source.metadata.name } },
      },
      values: { image: { repository: `${lab.registryHost}/podinfo` }, fullnameOverride: name },
    },
  });
}

function runs(version: string): (deployment: LiveObject) => boolean {
  return ({ spec }) => JSON.stringify(spec).includes(`podinfo:${version}`);
}

describe("Flux in the lab", () => {
  const opened = useLab();
  const apply = useObjects(opened);
  const repositories: Repository[] = [];

  after(() => Promise.all(repositories.map((repository) => repository.remove())));

  it("deploys podinfo with a tenant account that has no rights in other namespaces", async function () {
    const { cluster, lab } = opened();
    const tenant = await createTenant(lab, apply);
    repositories.push(tenant.repository);
    await deploy(lab, apply, tenant, "6.14.1");
    await waitForCondition(cluster, tenant.release, { lab });
    const deployment = await cluster.get(tenant.deployment);
    assert.equal(deployment.status?.readyReplicas, 1);
    assert.ok(runs("6.14.1")(deployment));

    await cluster.patch(tenant.release, { spec: { targetNamespace: "default" } });
    const refused = (object: LiveObject) => (conditionOf(object, "Ready")?.message ?? "").includes("forbidden");
    await waitForObject(cluster, tenant.release, "its account is forbidden to use another namespace", refused, { lab });
  });

  it("fetches a chart from the registry", async function () {
    const { cluster, lab } = opened();
    const repository = await Repository.create(lab, freshName("charts"), podinfoTags);
    repositories.push(repository);
    const path = `charts/${freshName("podinfo")}`;
    const files = await repository.chartFiles("6.14.0", "charts/podinfo");
    const digest = await pushChart(lab.registryUrl, path, "6.14.0", files);
    const source = reference("source.toolkit.fluxcd.io/v1", "OCIRepository", freshName("podinfo"));
    await apply({
      ...source,
      spec: {
        interval: "1m",
        url: `oci://${lab.registryHost}/${path}`,
        insecure: lab.registryUrl.startsWith("http:"),
        ref: { tag: "6.14.0", digest },
        layerSelector: { mediaType: "application/vnd.cncf.helm.chart.content.v1.tar+gzip", operation: "copy" },
      },
    });
    await waitForCondition(cluster, source, { lab });
  });

  it("gives a team the rights of its groups only", async () => {
    const { cluster } = opened();
    const place = freshName("team");
    const quota = { ...reference("v1", "ResourceQuota", "quota", place), spec: { hard: { pods: "1" } } };
    await apply({ apiVersion: "v1", kind: "Namespace", metadata: { name: place } });
    await apply(quota);
    const team = cluster.as({ user: "someone", groups: ["team-a", place] });
    await assert.rejects(team.get(quota), (error) => error instanceof ApiError && error.status === 403);
    await apply({
      ...reference("rbac.authorization.k8s.io/v1", "RoleBinding", "team", place),
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "edit" },
      subjects: [{ kind: "Group", name: place, apiGroup: "rbac.authorization.k8s.io" }],
    });
    await waitFor("the rights of the second group count", () => team.get(quota));
    await assert.rejects(team.delete(quota), (error) => error instanceof ApiError && error.status === 403);
    // As in real installations, Flux's role is aggregated into `edit`.
    const source = reference("source.toolkit.fluxcd.io/v1", "GitRepository", "own", place);
    await team.create({ ...source, spec: { interval: "1h", url: "http://127.0.0.1:1/none.git" } });
  });

  it("restricts a HelmRelease to sources of its namespace, and by default to an account without rights", async () => {
    const { cluster, lab } = opened();
    const [name, place] = [freshName("example"), freshName("locked")];
    const repository = await Repository.create(lab, name);
    repositories.push(repository);
    const files = exampleChart({ name, version: "1.0.0", appVersion: "1.0.0", image: `${lab.registryHost}/${name}` });
    const inFolder = Object.entries(files).map(([path, content]) => [`chart/${path}`, content]);
    await repository.commit("first", Object.fromEntries(inFolder) as ChartFiles);
    await repository.push();
    await apply({ apiVersion: "v1", kind: "Namespace", metadata: { name: place } });
    // Both sources are ready. The releases differ only in the namespace.
    for (const where of [namespace, place]) {
      const source = reference("source.toolkit.fluxcd.io/v1", "GitRepository", name, where);
      await apply({ ...source, spec: { interval: "1h", url: repository.url, ref: { branch: "master" } } });
      const chart = reference("source.toolkit.fluxcd.io/v1", "HelmChart", name, where);
      const sourceRef = { kind: "GitRepository", name };
      await apply({ ...chart, spec: { interval: "1h", chart: "./chart", sourceRef } });
      await waitForCondition(cluster, chart, { lab });
    }
    const release = (chartNamespace: string) => ({
      ...reference("helm.toolkit.fluxcd.io/v2", "HelmRelease", `of-${chartNamespace}`, place),
      spec: { interval: "1m", chartRef: { kind: "HelmChart", name, namespace: chartNamespace } },
    });
    await apply(release(namespace));
    const denied = await waitForCondition(cluster, release(namespace), {
      lab,
      status: "False",
      reason: "AccessDenied",
    });
    assert.match(conditionOf(denied, "Ready")?.message ?? "", /cross-namespace references are not allowed/);

    await apply(release(place));
    await waitForObject(
      cluster,
      release(place),
      "the namespace's default account may not release",
      (object) =>
        conditionOf(object, "Ready")?.status === "False" &&
        (conditionOf(object, "Ready")?.message ?? "").includes(`User "system:serviceaccount:${place}:default" cannot`),
      { lab },
    );
    assert.equal(await cluster.find(reference("apps/v1", "Deployment", `of-${place}`, place)), undefined);
  });

  it("commits newer images to a repository", async () => {
    const { lab } = opened();
    const name = freshName("app");
    const repository = await Repository.create(lab, name);
    repositories.push(repository);
    const marked = (tag: string) => `tag: "${tag}" # {"$imagepolicy": "flux-system:${name}:tag"}\n`;
    await repository.commit("first", { "stack/file.yaml": marked("1.0.0") });
    await repository.push();
    await pushImage(lab.registryUrl, name, "1.0.0");
    const digest = await pushImage(lab.registryUrl, name, "1.1.0");
    assert.equal(await digestOfTag(lab, name, "1.1.0"), digest);
    const image = "image.toolkit.fluxcd.io/v1";
    await apply({
      ...reference(image, "ImageRepository", name),
      spec: { image: `${lab.registryHost}/${name}`, interval: "5s", insecure: lab.registryUrl.startsWith("http:") },
    });
    await apply({
      ...reference(image, "ImagePolicy", name),
      spec: { imageRepositoryRef: { name }, policy: { semver: { range: "*" } } },
    });
    await apply({
      ...reference("source.toolkit.fluxcd.io/v1", "GitRepository", name),
      spec: { interval: "5s", url: repository.url, ref: { branch: "master" } },
    });
    const author = { name: "Flux", email: "flux@example.com" };
    await apply({
      ...reference(image, "ImageUpdateAutomation", name),
      spec: {
        interval: "5s",
        sourceRef: { kind: "GitRepository", name },
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
    await removeTag(lab, name, "1.1.0");
    assert.equal(await digestOfTag(lab, name, "1.1.0"), undefined);
  });

  it("reports the last state and the controllers' logs when a wait times out", async function () {
    const { cluster, lab } = opened();
    requireControl(this, lab);
    const source = reference("source.toolkit.fluxcd.io/v1", "GitRepository", freshName("none"));
    await apply({ ...source, spec: { interval: "1h", url: `${lab.gitUrl}/none.git` } });
    await waitForCondition(cluster, source, { lab, status: "False" });
    await assert.rejects(waitForCondition(cluster, source, { lab, timeoutMs: 500 }), (error) => {
      assert.ok(error instanceof WaitError);
      assert.match(
        error.message,
        /Timed out after 0\.5 s: GitRepository flux-system\/none-\w+ has Ready=True\. Last seen/,
      );
      assert.match(error.message, /conditions.*not found.*source-controller\.log:\n\{/s);
      return true;
    });
  });
});

describe("a lab with stopped components", () => {
  const own = useOwnLab();
  let repository: Repository | undefined;

  after(() => repository?.remove());

  it("can keep pods unready, and make them ready again", async function () {
    const { cluster, lab } = own();
    const control = requireControl(this, lab);
    await cluster.apply({ apiVersion: "v1", kind: "Namespace", metadata: { name: "waiting" } });
    await waitForObject(
      cluster,
      reference("v1", "ServiceAccount", "default", "waiting"),
      "its pods have an account",
      () => true,
    );
    const pod = (name: string, image: string) => ({
      ...reference("v1", "Pod", name, "waiting"),
      spec: { containers: [{ name: "app", image }] },
    });
    await control.keepUnready("app:bad");
    // The bad one first: when the good one is ready, the bad one would be ready too.
    await cluster.create(pod("bad", "registry.example.com/app:bad"));
    await cluster.create(pod("good", "registry.example.com/app:good"));
    await waitForCondition(cluster, pod("good", ""));
    assert.equal((await cluster.get(pod("bad", ""))).status?.phase, "Pending");
    await control.keepUnready();
    await waitForCondition(cluster, pod("bad", ""));
    await cluster.delete({ apiVersion: "v1", kind: "Namespace", metadata: { name: "waiting" } });
    await waitForGone(cluster, { apiVersion: "v1", kind: "Namespace", metadata: { name: "waiting" } });
  });

  it("continues after the API server, etcd, Git or a controller was killed and restarted", async function () {
    const { cluster, lab } = own();
    const control = requireControl(this, lab);
    const apply: Apply = (object) => cluster.apply(object);
    const tenant = await createTenant(lab, apply);
    ({ repository } = tenant);
    await deploy(lab, apply, tenant, "6.14.0");
    await waitForCondition(cluster, tenant.release, { lab });

    for (const component of ["kube-apiserver", "etcd"]) await control.kill(component);
    await assert.rejects(cluster.get(tenant.release), /ECONNREFUSED/);
    for (const component of ["etcd", "kube-apiserver"]) await control.restart(component);
    await waitForCondition(cluster, tenant.release, { lab });

    await control.kill("git");
    await deploy(lab, apply, tenant, "6.14.1");
    await waitForCondition(cluster, sourceOf(tenant, "6.14.1"), { lab, status: "False" });
    await control.kill("helm-controller");
    await control.restart("git");
    await waitForCondition(cluster, sourceOf(tenant, "6.14.1"), { lab });
    assert.ok(runs("6.14.0")(await cluster.get(tenant.deployment)));
    await control.restart("helm-controller");
    await waitForObject(cluster, tenant.deployment, "podinfo 6.14.1 runs", runs("6.14.1"), {
      lab,
      logs: ["helm-controller"],
    });
    await assert.rejects(control.kill("nobody"), /The lab has no component nobody/);
  });

  it("restarts a process that exited", async function () {
    const { directory } = requireControl(this, own().lab);
    const kwok = () => readRecord(directory)?.components.kwok;
    const before = kwok();
    assert.ok(before?.pid);
    process.kill(before.pid, "SIGKILL");
    const restarts = await waitFor("kwok runs again", () => {
      const now = kwok();
      return now?.pid !== undefined && now.pid !== before.pid ? now.restarts : undefined;
    });
    assert.equal(restarts, before.restarts + 1);
  });
});
