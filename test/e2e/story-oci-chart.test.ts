import assert from "node:assert/strict";
import { pushChart } from "../../lab/push";
import type { Application } from "./support/application";
import { useLab } from "./support/lab";
import { said, Stage, stackFile } from "./support/stage";

/** Story 15: the same with podinfo's real charts as OCI artifacts. */
describe("a chart that is an OCI artifact", () => {
  const opened = useLab();
  let stage: Stage;
  let application: Application;

  before(async function () {
    stage = await Stage.open(this, opened());
    application = await stage.application();
    await publishChart("6.13.0");
    const digest = await application.pushImage("6.13.0");
    const chart = `oci://${opened().lab.registryHost}/${chartPath()}`;
    await stage.addStack("prod", { tenants: [{ application, chart, tag: "6.13.0", digest, automation: "auto" }] });
    await stage.up("prod");
  });

  after(() => stage.close());

  const chartPath = () => `charts/${application.name}`;

  async function publishChart(version: string, change: (values: string) => string = (values) => values) {
    const files = await application.repository.chartFiles(version, "charts/podinfo");
    const changed = { ...files, "values.yaml": change(files["values.yaml"] ?? "") };
    return pushChart(opened().lab.registryUrl, chartPath(), version, changed);
  }

  /** Helm's version of an OCI chart ends in `+` and the artifact's digest. */
  const versions = async () =>
    (await stage.history(application)).map(({ chartVersion }) => chartVersion.replace(/\+.*/, ""));

  it("is released by image and chart, committed by Flux, and deployed by one upgrade", async () => {
    assert.deepEqual(await versions(), ["6.13.0"]);
    const chartDigest = await publishChart("6.14.0");
    await application.pushImage("6.14.0");
    await stage.waitForStackFile("prod", "Flux has committed 6.14.0", (text) => text.includes('"6.14.0"'));
    await stage.reconcile(stage.flux("HelmRelease", application.name));
    assert.deepEqual(await versions(), ["6.13.0"]);
    await stage.pull();
    const values = `tenants/${application.name}/values.yaml`;
    await stage.commit("Two replicas", { [values]: `${await stage.project.read(values)}\nreplicaCount: 2\n` });
    await stage.up("prod");
    const history = await stage.history(application);
    assert.deepEqual(
      history.map(({ chartVersion, values: given }) => [chartVersion.replace(/\+.*/, ""), given.replicaCount ?? 1]),
      [
        ["6.13.0", 1],
        ["6.14.0", 2],
      ],
    );
    assert.ok(history[1]!.chartVersion.endsWith(`+${chartDigest.slice("sha256:".length, "sha256:".length + 12)}`));
    await stage.expectNoChanges("prod");
  });

  it("does not change where its tag is pushed again with another content, and CI says so", async () => {
    const locked = await stage.authority("lock");
    assert.equal(locked.code, 0, said(locked));
    await stage.commit("Lock 6.14.0", {});
    await publishChart("6.14.0", (values) => values.replace(/^logLevel: .*$/m, "logLevel: debug"));
    await stage.reconcile(stage.flux("OCIRepository", `${application.name}-6.14.0`));
    await stage.reconcile(stage.flux("HelmRelease", application.name));
    assert.deepEqual(await versions(), ["6.13.0", "6.14.0"]);
    await stage.expectNoChanges("prod");
    const verified = await stage.authority("verify");
    assert.equal(verified.code, 3, said(verified));
    assert.match(said(verified), /chart/);
    const preview = await stage.previewInCi("prod");
    assert.notEqual(preview.code, 0);
    assert.match(said(preview), /evidence-verified/);
  });

  it("is rolled back by a revert and a `deny`, by one upgrade", async () => {
    const text = await stage.project.read(stackFile("prod"));
    const before = await stage.project.git("log", "--format=%H", "-1", "--grep=Promote in prod");
    await stage.project.git("revert", "--no-commit", before);
    const reverted = await stage.project.read(stackFile("prod"));
    assert.notEqual(reverted, text);
    const rollback = reverted.replace("automation: auto", 'automation: auto\n        deny: ["6.14.0"]');
    await stage.commit("Roll back and deny 6.14.0", { [stackFile("prod")]: rollback });
    await stage.up("prod");
    assert.deepEqual(await versions(), ["6.13.0", "6.14.0", "6.13.0"]);
    await stage.waitForStackFile("prod", "the rollback stands", (content) => content === rollback);
  });
});
