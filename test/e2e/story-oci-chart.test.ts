import assert from "node:assert/strict";
import type { Application } from "./support/application";
import { useLab } from "./support/lab";
import { said, useStage, stackFile } from "./support/stage";

/**
 * Story 15: stories 3, 5 and 9 again, with podinfo's real charts as OCI artifacts. Story 10 is played with both kinds of
 * chart side by side, in story-broken-release.
 */
describe("a chart that is an OCI artifact", () => {
  const opened = useLab();
  const stage = useStage(opened);
  let application: Application;

  before(async () => {
    application = await stage().application();
    await application.pushChart("6.13.0");
    const digest = await application.pushImage("6.13.0");
    await stage().addStack("prod", {
      tenants: [{ application, chart: application.ociChart, tag: "6.13.0", digest, automation: "auto" }],
    });
    await stage().up("prod");
  });

  /** Helm's version of an OCI chart ends in `+` and the artifact's digest. */
  const versions = async () =>
    (await stage().history(application)).map(({ chartVersion }) => chartVersion.replace(/\+.*/, ""));

  it("is released by image and chart, committed by Flux, and deployed by one upgrade", async () => {
    assert.deepEqual(await versions(), ["6.13.0"]);
    const chartDigest = await application.pushChart("6.14.0");
    await application.pushImage("6.14.0");
    await stage().waitForStackFile("prod", "Flux has committed 6.14.0", (text) => text.includes('"6.14.0"'));
    await stage().reconcile(stage().flux("HelmRelease", application.name));
    assert.deepEqual(await versions(), ["6.13.0"]);
    await stage().pull();
    const values = `tenants/${application.name}/values.yaml`;
    await stage().commit("Two replicas", { [values]: `${await stage().project.read(values)}\nreplicaCount: 2\n` });
    await stage().up("prod");
    const history = await stage().history(application);
    assert.deepEqual(
      history.map(({ chartVersion, values: given }) => [chartVersion.replace(/\+.*/, ""), given.replicaCount ?? 1]),
      [
        ["6.13.0", 1],
        ["6.14.0", 2],
      ],
    );
    assert.ok(history[1]!.chartVersion.endsWith(`+${chartDigest.slice("sha256:".length, "sha256:".length + 12)}`));
    await stage().expectNoChanges("prod");
  });

  it("does not change where its tag is pushed again with another content, and CI says so", async () => {
    const locked = await stage().authority("lock");
    assert.equal(locked.code, 0, said(locked));
    await stage().commit("Lock 6.14.0", {});
    const moved = await application.pushChart("6.14.0", {
      change: (files) => ({
        ...files,
        "values.yaml": (files["values.yaml"] ?? "").replace(/^logLevel: .*$/m, "logLevel: debug"),
      }),
    });
    await application.pushImage("6.14.0", { labels: { build: "another" } });
    await stage().lookForNewImages("prod", application, "auto");
    await stage().reconcile(stage().flux("OCIRepository", `${application.name}-6.14.0`));
    await stage().reconcile(stage().flux("HelmRelease", application.name));
    assert.deepEqual(await versions(), ["6.13.0", "6.14.0"]);
    await stage().expectNoChanges("prod");
    const verified = await stage().authority("verify");
    assert.equal(verified.code, 3, said(verified));
    assert.match(said(verified), new RegExp(`chart\\S* digest .*is "${moved}"`));
    assert.match(said(verified), /the digest of \S+:6\.14\.0 was "sha256:\w+", and is "sha256:\w+"/);
    const preview = await stage().previewInCi("prod");
    assert.notEqual(preview.code, 0);
    assert.match(said(preview), /evidence-verified[^]*chart-digest/);
  });

  it("is rolled back by a revert and a `deny`, by one upgrade", async () => {
    const text = await stage().project.read(stackFile("prod"));
    const before = await stage().project.git("log", "--format=%H", "-1", "--grep=Promote in prod");
    await stage().project.git("revert", "--no-commit", before);
    const reverted = await stage().project.read(stackFile("prod"));
    assert.notEqual(reverted, text);
    const rollback = reverted.replace("automation: auto", 'automation: auto\n        deny: ["6.14.0"]');
    await stage().commit("Roll back and deny 6.14.0", { [stackFile("prod")]: rollback });
    await stage().up("prod");
    assert.deepEqual(await versions(), ["6.13.0", "6.14.0", "6.13.0"]);
    await stage().waitForStackFile("prod", "the rollback stands", (content) => content === rollback);
  });
});
