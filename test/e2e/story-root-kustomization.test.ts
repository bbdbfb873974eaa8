import assert from "node:assert/strict";
import type { LiveObject, ObjectReference } from "../lab/cluster";
import type { Application } from "./support/application";
import { useLab } from "./support/lab";
import { said, type Fixture, useFixture, stackFile } from "./support/fixture";
import { rendered, useRoot } from "./support/root";
import { createSecret, requireReceiver, Webhook } from "./support/webhook";
import { conditionOf, nameOf, waitFor, waitForGone, waitForObject } from "../lab/wait";

/** What the Git host and Flux know. */
const token = "token of the host";

/** Story 14: rendered manifests are committed. A root Kustomization deploys and enforces them. */
describe("rendered manifests under a root Kustomization", () => {
  const opened = useLab();
  let application: Application;
  let neighbour: Application;
  let promotion: string;

  const root = useRoot(
    opened,
    () => fixture(),
    () => [application, neighbour],
  );
  const fixture: () => Fixture = useFixture(opened);
  const runs = root.runs.bind(root);
  const enforce = root.enforce.bind(root);

  before(async () => {
    application = await fixture().application("6.14.0", "6.14.1");
    neighbour = await fixture().application("6.14.1");
    await createSecret(opened().cluster, fixture().authorityNamespace, "shared-authority-host", { token });
    await fixture().addStack("prod", {
      tenants: [
        { application: neighbour, tag: "6.14.1", lines: ["team: [neighbours]"] },
        { application, tag: "6.14.0" },
      ],
      settings: [
        `shared-authority:delivery: { manifests: ${rendered} }`,
        "shared-authority:receivers: { configRepository: { type: github, secret: shared-authority-host } }",
      ],
    });
    await deploy();
    await root.apply();
    for (const tenant of [application, neighbour]) await runs(tenant, "6.14.0", "6.14.1");
  });

  /** Renders manifests with `pulumi up` and commits them, as a pipeline does. @returns the commit */
  const deploy = async (): Promise<string> => {
    await fixture().up("prod");
    return fixture().commit("Render prod", {});
  };

  /** The Helm revisions as `version replicas`. */
  const upgrades = async (tenant = application): Promise<string[]> =>
    (await fixture().history(tenant)).map(
      ({ chartVersion, values }) => `${chartVersion} ${JSON.stringify(values.replicaCount ?? 1)}`,
    );

  /** The names of a tenant's objects of one kind in the authority namespace. */
  const namesOf = async (apiVersion: string, kind: string, tenant = application): Promise<string[]> => {
    const labelSelector = `shared-authority/tenant=${tenant.name}`;
    const namespace = fixture().authorityNamespace;
    const items = await opened().cluster.list({ apiVersion, kind, namespace, labelSelector });
    return items.map(({ metadata }) => metadata.name).sort();
  };

  /** Changes a HelmRelease, as `kubectl edit` or another client does. */
  const editByHand = async (change: object, by = "kubectl-edit"): Promise<LiveObject> => {
    const { cluster } = opened();
    const path = `/apis/helm.toolkit.fluxcd.io/v2/namespaces/${fixture().authorityNamespace}/helmreleases/${application.name}`;
    const contentType = "application/merge-patch+json";
    const request = { method: "PATCH", path: `${path}?fieldManager=${by}`, body: change, contentType } as const;
    return (await cluster.request(request)) as LiveObject;
  };

  it("are fetched at once when the Git host calls", async function () {
    const { cluster, lab } = opened();
    const base = requireReceiver(this, lab);
    await enforce();
    const source = fixture().flux("GitRepository", root.name);
    const requested = async () => (await cluster.get(source)).metadata.annotations?.["reconcile.fluxcd.io/requestedAt"];
    const before = await requested();
    const receiver = fixture().flux("Receiver", "shared-authority-prod-config-repository");
    const webhook = await Webhook.of(cluster, receiver, base, lab);
    assert.equal(await webhook.call("push", { ref: "refs/heads/main" }, token), 200);
    const now = await requested();
    assert.notEqual(now, before);
    await waitForObject(cluster, source, "Flux has fetched", ({ status }) => status?.lastHandledReconcileAt === now, {
      lab,
    });
  });

  it("run each tenant with the rights of its namespace only", async () => {
    await enforce();
    await runs(application, "6.14.0");
    await runs(neighbour, "6.14.1");
    assert.deepEqual([await upgrades(), await upgrades(neighbour)], [["6.14.0 1"], ["6.14.1 1"]]);
    const { metadata } = await opened().cluster.get({
      apiVersion: "v1",
      kind: "Namespace",
      metadata: { name: application.name },
    });
    assert.equal(metadata.labels?.["pod-security.kubernetes.io/enforce"], "restricted");
  });

  it("promote chart and values with one Helm upgrade, and remove the previous release's objects", async () => {
    const values = `tenants/${application.name}/values.yaml`;
    const text = await fixture().project.read(stackFile("prod"));
    await fixture().commit("Promote podinfo to 6.14.1, with two replicas", {
      [stackFile("prod")]: text.replace('tag: "6.14.0"', 'tag: "6.14.1"'),
      [values]: `${await fixture().project.read(values)}\nreplicaCount: 2\n`,
    });
    await enforce();
    assert.deepEqual(await upgrades(), ["6.14.0 1"], "nothing is deployed before the manifests are rendered");
    promotion = await deploy();
    await enforce();
    await runs(application, "6.14.1");
    assert.deepEqual(await upgrades(), ["6.14.0 1", "6.14.1 2"]);
    assert.equal(await fixture().runningImage(application), `${application.image}:6.14.1`);
    await waitForGone(opened().cluster, fixture().flux("GitRepository", `${application.name}-6.14.0`));
    assert.deepEqual(await namesOf("source.toolkit.fluxcd.io/v1", "GitRepository"), [`${application.name}-6.14.1`]);
    assert.equal((await namesOf("v1", "ConfigMap")).length, 1);
    assert.deepEqual(await upgrades(neighbour), ["6.14.1 1"]);
  });

  it("restore a HelmRelease that was edited, without an upgrade", async () => {
    const decided = (await fixture().release(application)).spec;
    const source = { chart: { spec: { sourceRef: { name: `${neighbour.name}-6.14.1` } } } };
    for (const spec of [
      { suspend: true },
      { suspend: true, ...source },
      { suspend: true, values: { replicaCount: 9 } },
    ]) {
      assert.notDeepEqual((await editByHand({ spec })).spec, decided);
      await enforce();
      assert.deepEqual((await fixture().release(application)).spec, decided);
    }
    await runs(application, "6.14.1");
    assert.deepEqual(await upgrades(), ["6.14.0 1", "6.14.1 2"]);
  });

  it("keep a HelmRelease suspended that was suspended with `flux`, until it is resumed", async () => {
    await editByHand({ spec: { suspend: true } }, "flux");
    await enforce();
    assert.equal((await fixture().release(application)).spec?.suspend, true);
    await editByHand({ spec: { suspend: null } }, "flux");
    await runs(application, "6.14.1");
  });

  it("keep the running release if the new source cannot be fetched", async () => {
    const files = await fixture().project.git("ls-files", `${rendered}/1-manifest/*-${application.name}*`);
    const moved = files.split("\n").map(async (path) => {
      const content = (await fixture().project.read(path))
        .replaceAll("-6.14.1", "-6.14.9")
        .replaceAll(/(url: .*)\.git/g, "$1.gone");
      return [[path, undefined] as const, [path.replace("-6.14.1", "-6.14.9"), content] as const];
    });
    await fixture().commit("A release whose source is gone", Object.fromEntries((await Promise.all(moved)).flat()));
    await enforce();
    const release = await fixture().waitForRelease(
      application,
      "the release says that it has no source",
      (one) => conditionOf(one, "Ready")?.status === "False",
    );
    assert.match(conditionOf(release, "Ready")?.message ?? "", /not ready/);
    assert.equal(await fixture().runningImage(application), `${application.image}:6.14.1`);
    await fixture().project.git("revert", "--no-edit", "HEAD");
    await fixture().push();
    await enforce();
    await runs(application, "6.14.1");
    assert.deepEqual(await upgrades(), ["6.14.0 1", "6.14.1 2"]);
  });

  it("restore deleted objects: values, source, guardrails, the HelmRelease itself", async () => {
    const { cluster } = opened();
    const [valuesName] = await namesOf("v1", "ConfigMap");
    const namespace = application.name;
    const deleted: ObjectReference[] = [
      { apiVersion: "v1", kind: "ConfigMap", metadata: { name: valuesName!, namespace: fixture().authorityNamespace } },
      fixture().flux("GitRepository", `${application.name}-6.14.1`),
      { apiVersion: "networking.k8s.io/v1", kind: "NetworkPolicy", metadata: { name: "default-deny", namespace } },
      { apiVersion: "rbac.authorization.k8s.io/v1", kind: "Role", metadata: { name: "deployer", namespace } },
    ];
    const uidOf = async (object: ObjectReference) => (await cluster.find(object))?.metadata.uid;
    const uids = await Promise.all(deleted.map(uidOf));
    for (const object of deleted) await cluster.delete(object);
    // Flux's finalizer delays the deletion of a source for a moment.
    for (const [index, object] of deleted.entries()) {
      await waitFor(`${nameOf(object)} is gone`, async () => (await uidOf(object)) !== uids[index] || undefined);
    }
    await enforce();
    for (const [index, object] of deleted.entries()) {
      assert.ok(uids[index], nameOf(object));
      assert.notEqual((await cluster.get(object)).metadata.uid, uids[index], nameOf(object));
    }
    await runs(application, "6.14.1");
    assert.deepEqual(await upgrades(), ["6.14.0 1", "6.14.1 2"]);

    await cluster.delete(fixture().flux("HelmRelease", application.name));
    await waitForGone(cluster, fixture().flux("HelmRelease", application.name));
    await enforce();
    await runs(application, "6.14.1");
    assert.deepEqual(await upgrades(), ["6.14.1 2"], "Helm uninstalled it with the object; now it is installed anew");
  });

  it("roll back with `git revert` of the promotion, without an `up`, with one upgrade", async () => {
    await fixture().project.git("revert", "--no-edit", `${promotion}~2..${promotion}`);
    await fixture().push();
    await enforce();
    await runs(application, "6.14.0");
    assert.deepEqual(await upgrades(), ["6.14.1 2", "6.14.0 1"]);
    await waitForGone(opened().cluster, fixture().flux("GitRepository", `${application.name}-6.14.1`));
    assert.deepEqual(await namesOf("source.toolkit.fluxcd.io/v1", "GitRepository"), [`${application.name}-6.14.0`]);
    // The engine's state still has 6.14.1. Its next `up` has no changes in the folder.
    await fixture().up("prod");
    assert.equal(await fixture().project.git("status", "--porcelain"), "");
  });

  it("delete a removed tenant only", async () => {
    const { cluster } = opened();
    const before = [await upgrades(), (await fixture().release(application)).metadata.uid];
    const text = await fixture().project.read(stackFile("prod"));
    const [start, end] = [text.indexOf(`    ${neighbour.name}:`), text.indexOf(`    ${application.name}:`)];
    await fixture().commit("The neighbour leaves", {
      [stackFile("prod")]: (text.slice(0, start) + text.slice(end)).replace(
        "  shared-authority:tenants:",
        `  shared-authority:removed:\n    ${neighbour.name}: { namespace: ${neighbour.name}, by: Ada, reason: unused }\n$&`,
      ),
      [`tenants/${neighbour.name}/values.yaml`]: undefined,
    });
    const removed = await fixture().authorityUp("prod");
    assert.equal(removed.code, 0, said(removed));
    await fixture().commit("Render prod", {});
    await enforce();
    await waitForGone(cluster, fixture().flux("HelmRelease", neighbour.name), opened());
    await waitForGone(cluster, { apiVersion: "v1", kind: "Namespace", metadata: { name: neighbour.name } }, opened());
    for (const [apiVersion, kind] of [
      ["v1", "ServiceAccount"],
      ["v1", "ConfigMap"],
      ["source.toolkit.fluxcd.io/v1", "GitRepository"],
      ["image.toolkit.fluxcd.io/v1", "ImagePolicy"],
      ["image.toolkit.fluxcd.io/v1", "ImageRepository"],
    ] as const) {
      assert.deepEqual(await namesOf(apiVersion, kind, neighbour), [], kind);
    }
    await waitForGone(cluster, {
      apiVersion: "source.toolkit.fluxcd.io/v1",
      kind: "HelmChart",
      metadata: { name: `${fixture().authorityNamespace}-${neighbour.name}`, namespace: fixture().authorityNamespace },
    });
    assert.deepEqual([await upgrades(), (await fixture().release(application)).metadata.uid], before);
  });

  it("cannot deploy objects of others: the root's account has no rights for them", async () => {
    const object = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: root.name, namespace: "kube-system" } };
    const path = `${rendered}/1-manifest/v1-configmap-kube-system-${root.name}.yaml`;
    await fixture().commit("An object that no render wrote", { [path]: JSON.stringify(object) });
    await root.reconcile();
    const refused = await waitForObject(
      opened().cluster,
      root.kustomization,
      "the root Kustomization is refused",
      (one) => conditionOf(one, "Ready")?.status === "False",
      { lab: opened().lab },
    );
    assert.match(conditionOf(refused, "Ready")?.message ?? "", /configmaps .* is forbidden/);
    assert.equal(await opened().cluster.find(object), undefined);
    await fixture().commit("Take it out", { [path]: undefined });
    await enforce();
  });

  it("leave the tenants running if the root is deleted", async () => {
    await opened().cluster.delete(root.kustomization);
    await waitForGone(opened().cluster, root.kustomization);
    assert.equal((await fixture().release(application)).metadata.deletionTimestamp, undefined);
    await runs(application, "6.14.0");
  });
});
