import assert from "node:assert/strict";
import type { Application } from "./support/application";
import { useLab } from "./support/lab";
import { useFixture } from "./support/fixture";

/**
 * Story 4: a changed value upgrades the release immediately, an unchanged one never does. The release's interval is too
 * long to cause an upgrade here. For measured times, see test/bench/promotion.ts.
 */
describe("a tenant's special config", () => {
  const opened = useLab();
  const fixture = useFixture(opened);
  let application: Application;
  let values: string;

  before(async () => {
    application = await fixture().application("6.14.1");
    values = `tenants/${application.name}/values.yaml`;
    await fixture().addStack("prod", {
      tenants: [{ application, tag: "6.14.1" }],
      intervals: "{ source: 1h0m0s, image: 2s, release: 10m0s, automation: 3s }",
    });
    await fixture().up("prod");
  });

  const valuesMaps = async () => {
    const { metadata } = await fixture().release(application);
    const maps = await opened().cluster.list({
      apiVersion: "v1",
      kind: "ConfigMap",
      namespace: metadata.namespace,
      labelSelector: `shared-authority/tenant=${application.name}`,
    });
    return maps.map(({ metadata: { name } }) => name);
  };

  it("upgrades the release immediately when it changes, and removes the old ConfigMap", async () => {
    const [before] = await valuesMaps();
    await fixture().commit("Two replicas", { [values]: `${await fixture().project.read(values)}\nreplicaCount: 2\n` });
    const { resourceVersion } = (await fixture().release(application)).metadata;
    const patched = fixture().waitForRelease(
      application,
      "the HelmRelease has the new values",
      ({ metadata, spec }) => {
        return metadata.resourceVersion !== resourceVersion && !JSON.stringify(spec).includes(before!);
      },
      { timeoutMs: 240_000 },
    );
    const [patchedAt] = await Promise.all([patched.then(() => Date.now()), fixture().up("prod")]);
    const history = await fixture().history(application);
    assert.deepEqual(
      history.map(({ status, values: given }) => [status, given.replicaCount ?? 1]),
      [
        ["superseded", 1],
        ["deployed", 2],
      ],
    );
    const seconds = (history[1]!.deployedAt.getTime() - patchedAt) / 1000;
    assert.ok(seconds < 30, `the upgrade began ${seconds} s after the HelmRelease was changed`);
    const after = await valuesMaps();
    assert.equal(after.length, 1);
    assert.notEqual(after[0], before);
    const { metadata } = await fixture().release(application);
    assert.ok(JSON.stringify(await fixture().release(application)).includes(after[0]!), metadata.name);
  });

  it("does not upgrade the release on unrelated commits", async () => {
    await fixture().commit("Unrelated", { "docs/note.md": "A note.\n" });
    const before = await fixture().release(application);
    await fixture().up("prod");
    await fixture().reconcile(fixture().flux("HelmRelease", application.name));
    const after = await fixture().release(application);
    assert.equal(after.metadata.generation, before.metadata.generation);
    assert.equal((await fixture().history(application)).length, 2);
  });

  it("can be reverted with one more upgrade", async () => {
    await fixture().project.git("revert", "--no-edit", "HEAD~1");
    await fixture().push();
    await fixture().up("prod");
    assert.deepEqual(
      (await fixture().history(application)).map(({ values: given }) => given.replicaCount ?? 1),
      [1, 2, 1],
    );
    assert.equal((await valuesMaps()).length, 1);
  });
});
