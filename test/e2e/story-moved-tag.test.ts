import assert from "node:assert/strict";
import type { Application } from "./support/application";
import { useLab } from "./support/lab";
import { said, useStage } from "./support/stage";

/** Story 9: what runs was judged; names that are pointed elsewhere afterwards change nothing. */
describe("a Git tag and an image tag that are moved", () => {
  const opened = useLab();
  const stage = useStage(opened);
  let application: Application;

  before(async () => {
    application = await stage().application();
    const digest = await application.pushImage("6.14.1");
    await stage().addStack("prod", { tenants: [{ application, tag: "6.14.1", digest, automation: "auto" }] });
    const locked = await stage().authority("lock");
    assert.equal(locked.code, 0, said(locked));
    await stage().commit("Lock 6.14.1", {});
    await stage().up("prod");
  });

  it("change nothing in production", async () => {
    const head = await stage().remoteHead();
    const before = await stage().release(application);
    const values = await application.chartFile("values.yaml");
    await application.repository.commit("Another content", {
      "charts/podinfo/values.yaml": values.replace(/^replicaCount: .*$/m, "replicaCount: 2"),
    });
    await application.repository.push("master");
    await application.tag("6.14.1");
    await application.pushImage("6.14.1", { labels: { build: "another" } });

    await stage().lookForNewImages("prod", application, "auto");
    await stage().reconcile(stage().flux("GitRepository", `${application.name}-6.14.1`));
    await stage().reconcile(stage().flux("HelmRelease", application.name));
    assert.equal(await stage().remoteHead(), head, "no new digest is committed");
    assert.deepEqual((await stage().release(application)).spec, before.spec);
    assert.equal((await stage().history(application)).length, 1);
    await stage().expectNoChanges("prod");
  });

  it("are told by `authority verify`, fact by fact", async () => {
    const verified = await stage().authority("verify");
    assert.equal(verified.code, 3, said(verified));
    assert.match(said(verified), /the Git tag "6\.14\.1" moved from [0-9a-f]{40} to [0-9a-f]{40}/);
    assert.match(said(verified), /the digest of \S+:6\.14\.1 was "sha256:\w+", and is "sha256:\w+"/);
  });

  it("are told by a preview in CI", async () => {
    const preview = await stage().previewInCi("prod");
    assert.notEqual(preview.code, 0);
    assert.match(said(preview), /evidence-verified[^]*commit/);
  });
});
