import assert from "node:assert/strict";
import { parse } from "yaml";
import type { LiveObject, ObjectReference } from "../lab/cluster";
import { waitForCondition, waitForGone } from "../lab/wait";
import type { Application } from "./support/application";
import { useLab } from "./support/lab";
import { said, stackFile, useFixture } from "./support/fixture";

/** A team's plain HelmRelease runs. The platform team takes its release over, and no pod restarts. */
describe("a release that Flux runs already", () => {
  const opened = useLab();
  const fixture = useFixture(opened);
  let application: Application;
  let pods: readonly string[];

  const plain = (kind: "GitRepository" | "HelmRelease"): ObjectReference => ({
    apiVersion: kind === "HelmRelease" ? "helm.toolkit.fluxcd.io/v2" : "source.toolkit.fluxcd.io/v1",
    kind,
    metadata: { name: kind === "HelmRelease" ? "app" : "chart", namespace: application.name },
  });

  /** The identities of the pods that run. */
  const podIds = async (): Promise<string[]> => {
    const items = await opened().cluster.list({ apiVersion: "v1", kind: "Pod", namespace: application.name });
    return items.map(({ metadata }: LiveObject) => metadata.uid).sort();
  };

  const adopt = (...more: string[]) =>
    fixture().authority(
      ...["adopt", `${application.name}/app`, "--stack", "prod", "--image", application.image],
      ...["--insecure-registry", "--branch", "master", "--reason", "one place for decisions", ...more],
    );

  before(async () => {
    const { cluster, lab } = opened();
    application = await fixture().application("6.14.0");
    const { name, image, repository } = application;
    const values = parse(await fixture().project.read("tenants/podinfo/values.yaml")) as Record<string, unknown>;
    await cluster.create({ apiVersion: "v1", kind: "Namespace", metadata: { name } });
    // The lab's Flux gives rights only to accounts that a HelmRelease names.
    const account = { name: "old", namespace: name };
    await cluster.create({ apiVersion: "v1", kind: "ServiceAccount", metadata: account });
    await cluster.create({
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "RoleBinding",
      metadata: account,
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "cluster-admin" },
      subjects: [{ kind: "ServiceAccount", ...account }],
    });
    await cluster.create({
      ...plain("GitRepository"),
      spec: { url: repository.url, interval: "1h", ref: { tag: "6.14.0" } },
    });
    await cluster.create({
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name: "common", namespace: name },
      data: { "values.yaml": `image: {repository: ${image}, tag: wrong}\nui: {message: common}\n` },
    });
    await cluster.create({
      ...plain("HelmRelease"),
      spec: {
        interval: "1h",
        releaseName: name,
        timeout: "2m",
        serviceAccountName: "old",
        chart: { spec: { chart: "./charts/podinfo", sourceRef: { kind: "GitRepository", name: "chart" } } },
        valuesFrom: [{ kind: "ConfigMap", name: "common" }],
        values: { ...values, image: { tag: "6.14.0" } },
      },
    });
    await waitForCondition(cluster, plain("HelmRelease"), { lab });
    pods = await podIds();
    assert.equal(pods.length, 1);
    await fixture().addStack("prod", { tenants: [] });
    await fixture().actAs("Ana");
  });

  it("is read from the cluster: its entry and its values become a commit, and the differences are said", async () => {
    const result = await adopt();
    assert.equal(result.code, 0, said(result));
    assert.match(said(result), /^ {2}spec\.interval: "1h" -> "1m0s"$/m);
    assert.match(said(result), /^ {2}spec\.serviceAccountName: "old" -> "podinfo-/m);
    assert.match(said(result), new RegExp(`flux suspend helmrelease app --namespace ${application.name}\`, then`));
    const text = await fixture().project.read(stackFile("prod"));
    assert.match(text, new RegExp(`adopts:\\n {8}namespace: "${application.name}"\\n {8}name: "app"\\n`));
    const values = parse(await fixture().project.read(`tenants/${application.name}/values.prod.yaml`)) as object;
    assert.deepEqual((values as { image: object }).image, { repository: application.image, tag: "6.14.0" });
    await fixture().push();
  });

  it("is not taken over while its HelmRelease manages it", async () => {
    const refused = await fixture().authorityUp("prod");
    assert.notEqual(refused.code, 0);
    assert.match(said(refused), /The HelmRelease app in the namespace .* still exists\. Suspend it, then delete it: /);
    assert.equal((await fixture().history(application)).length, 1);
  });

  it("runs on when that is suspended and deleted", async () => {
    const { cluster } = opened();
    const old = plain("HelmRelease");
    await cluster.patch(old, { spec: { suspend: true } });
    await cluster.delete(old);
    await waitForGone(cluster, old);
    assert.deepEqual(await podIds(), pods);
    assert.equal((await fixture().history(application)).length, 1);
  });

  it("is taken over by the next `up`: one Helm upgrade, no uninstall, and the same pod", async () => {
    const result = await fixture().authorityUp("prod");
    assert.equal(result.code, 0, said(result));
    assert.match(said(result), new RegExp(`^Taken over: ${application.name}\\. Remove \`adopts\``, "m"));
    const history = await fixture().history(application);
    assert.deepEqual(
      history.map(({ chartVersion }) => chartVersion),
      ["6.14.0", "6.14.0"],
    );
    assert.deepEqual(await podIds(), pods);
    await fixture().expectNoChanges("prod");
  });

  it("is a tenant like any other without the key", async () => {
    await fixture().edit("prod", "Taken over", (text) => text.replace(/ {6}adopts:\n {8}.*\n {8}.*\n/, ""));
    const result = await fixture().authorityUp("prod");
    assert.equal(result.code, 0, said(result));
    assert.deepEqual(await podIds(), pods);
    await fixture().expectNoChanges("prod");
  });
});
