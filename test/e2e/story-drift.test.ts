import assert from "node:assert/strict";
import type { ObjectReference } from "../../lab/control-plane/cluster";
import type { Application } from "./support/application";
import { useLab } from "./support/lab";
import { said, Stage } from "./support/stage";
import { waitForGone, waitForObject } from "./support/wait";

/** Story 11: where nothing was decided nothing changes, and what was changed by hand is seen and mended. */
describe("a cluster in which nothing was decided anew", () => {
  const opened = useLab();
  let stage: Stage;
  let application: Application;

  before(async function () {
    stage = await Stage.open(this, opened());
    application = await stage.application("6.14.1");
    await stage.addStack("prod", { tenants: [{ application, tag: "6.14.1", automation: "auto" }] });
    await stage.up("prod");
  });

  after(() => stage.close());

  it("is left alone by a second `up`, and a refresh shows no change", async () => {
    const before = await stage.release(application);
    const again = await stage.up("prod");
    assert.doesNotMatch(again, /\b[1-9]\d* (?:created|updated|deleted|replaced)\b/);
    assert.equal((await stage.release(application)).metadata.generation, before.metadata.generation);
    await stage.expectNoChanges("prod", "--refresh");
    assert.equal((await stage.history(application)).length, 1);
  });

  it("shows an edited HelmRelease in a preview with refresh, and `up` mends it", async () => {
    const { cluster } = opened();
    await cluster.patch(stage.flux("HelmRelease", application.name), { spec: { interval: "59m" } });
    await expectDrift();
    await mend();
    assert.equal((await stage.release(application)).spec?.interval, "1m0s");
  });

  it("shows a deleted ConfigMap of special config, and `up` mends it", async () => {
    const { cluster } = opened();
    const { spec } = await stage.release(application);
    const [{ name }] = (spec as { valuesFrom: [{ name: string }] }).valuesFrom;
    const values: ObjectReference = {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name, namespace: stage.authorityNamespace },
    };
    await cluster.delete(values);
    await waitForGone(cluster, values);
    await expectDrift();
    await mend();
    assert.ok(await cluster.find(values));
    await stage.waitForRelease(application, "the release is ready again", ({ status }) =>
      (status?.conditions ?? []).some(({ type, status: is }) => type === "Ready" && is === "True"),
    );
  });

  it("lets Flux put back a Deployment that was scaled by hand, without any `up`", async () => {
    const { cluster, lab } = opened();
    const deployment = {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name: application.name, namespace: application.name },
    };
    await cluster.patch(deployment, { spec: { replicas: 3 } });
    await stage.reconcile(stage.flux("HelmRelease", application.name));
    await waitForObject(cluster, deployment, "one replica again", ({ spec }) => spec?.replicas === 1, {
      lab,
      logs: ["helm-controller"],
    });
    await stage.expectNoChanges("prod", "--refresh");
  });

  async function expectDrift(): Promise<void> {
    const flags = ["--policy-pack", "policy-pack", "--refresh", "--expect-no-changes"];
    const preview = await stage.pulumi("preview", "--stack", "prod", ...flags);
    assert.notEqual(preview.code, 0, said(preview));
    assert.match(said(preview), /no changes were expected|expected no changes|changes were proposed/i);
  }

  async function mend(): Promise<void> {
    const result = await stage.tryUp("prod", "--refresh", "--skip-preview");
    assert.equal(result.code, 0, said(result));
    await stage.expectNoChanges("prod", "--refresh");
  }
});
