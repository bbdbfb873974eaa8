import assert from "node:assert/strict";
import type { ObjectReference } from "../lab/cluster";
import type { Application } from "./support/application";
import { useLab } from "./support/lab";
import { said, useFixture } from "./support/fixture";
import { waitForCondition, waitForGone, waitForObject } from "../lab/wait";

/**
 * Story 11: without decisions nothing changes, and manual changes are reverted. An `up` with a refresh restores the
 * objects that the program registers (Flux objects, special config, namespace setup). Flux restores the objects of the
 * chart at the next reconciliation of the HelmRelease (`intervals.release`).
 */
describe("a cluster without new decisions", () => {
  const opened = useLab();
  const fixture = useFixture(opened);
  let application: Application;

  before(async () => {
    application = await fixture().application("6.14.1");
    await fixture().addStack("prod", { tenants: [{ application, tag: "6.14.1", automation: "auto" }] });
    await fixture().up("prod");
  });

  it("is not changed by a second `up` or a refresh", async () => {
    const before = await fixture().release(application);
    const again = await fixture().up("prod");
    assert.doesNotMatch(again, /\b[1-9]\d* (?:created|updated|deleted|replaced)\b/);
    assert.equal((await fixture().release(application)).metadata.generation, before.metadata.generation);
    await fixture().expectNoChanges("prod", "--refresh");
    assert.equal((await fixture().history(application)).length, 1);
  });

  it("with an edited HelmRelease has a diff in a preview with refresh, and `up` restores it", async () => {
    const { cluster, lab } = opened();
    const release = fixture().flux("HelmRelease", application.name);
    await cluster.patch(release, { spec: { interval: "59m" } });
    await waitForCondition(cluster, release, { lab });
    await expectDrift(/~ +kubernetes:helm\S+:HelmRelease \S+ update \[diff: ~spec\]/);
    await fix();
    assert.equal((await fixture().release(application)).spec?.interval, "1m0s");
  });

  it("with a deleted values ConfigMap and a deleted guardrail has a diff, and `up` restores both", async () => {
    const { cluster, lab } = opened();
    const { spec } = await fixture().release(application);
    const [{ name }] = (spec as { valuesFrom: [{ name: string }] }).valuesFrom;
    const deleted: ObjectReference[] = [
      { apiVersion: "v1", kind: "ConfigMap", metadata: { name, namespace: fixture().authorityNamespace } },
      {
        apiVersion: "networking.k8s.io/v1",
        kind: "NetworkPolicy",
        metadata: { name: "default-deny", namespace: application.name },
      },
    ];
    for (const object of deleted) {
      await cluster.delete(object);
      await waitForGone(cluster, object);
    }
    await expectDrift(/\+ +kubernetes:core\/v1:ConfigMap \S+ create/, /\+ +kubernetes:\S+:NetworkPolicy \S+ create/);
    await fix();
    for (const object of deleted) assert.ok(await cluster.find(object), object.kind);
    await waitForCondition(cluster, fixture().flux("HelmRelease", application.name), { lab });
    assert.equal((await fixture().history(application)).length, 1);
  });

  it("with a changed Deployment is corrected by Flux without an `up`, except for what an autoscaler changes", async () => {
    const { cluster, lab } = opened();
    const deployment = {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name: application.name, namespace: application.name },
    };
    const label = "app.kubernetes.io/name";
    const own = (await cluster.get(deployment)).metadata.labels?.[label];
    await cluster.patch(deployment, { metadata: { labels: { [label]: "changed" } }, spec: { replicas: 3 } });
    await fixture().expectNoChanges("prod", "--refresh");
    await fixture().reconcile(fixture().flux("HelmRelease", application.name));
    const { spec } = await waitForObject(
      cluster,
      deployment,
      "its label is back",
      ({ metadata }) => metadata.labels?.[label] === own,
      { lab, logs: ["helm-controller"] },
    );
    assert.equal(spec?.replicas, 3);
    assert.equal((await fixture().history(application)).length, 1, "drift is fixed without an upgrade");
  });

  async function expectDrift(...changes: readonly RegExp[]): Promise<void> {
    const flags = ["--policy-pack", "policy-pack", "--refresh", "--expect-no-changes"];
    const preview = await fixture().pulumi("preview", "--stack", "prod", ...flags);
    assert.notEqual(preview.code, 0, said(preview));
    assert.match(said(preview), /no changes were expected/);
    for (const change of changes) assert.match(said(preview), change);
  }

  async function fix(): Promise<void> {
    const result = await fixture().tryUp("prod", "--refresh", "--skip-preview");
    assert.equal(result.code, 0, said(result));
    await fixture().expectNoChanges("prod", "--refresh");
  }
});
