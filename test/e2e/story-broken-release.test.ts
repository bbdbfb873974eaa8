import assert from "node:assert/strict";
import type { Application } from "./support/application";
import { requireControl, useLab } from "./support/lab";
import { said, Stage, stackFile } from "./support/stage";

/** Story 10: a release that keeps the promise and still does not run. */
describe("a release that does not come up", () => {
  const opened = useLab();
  let stage: Stage;
  let application: Application;

  before(async function () {
    requireControl(this, opened().lab);
    stage = await Stage.open(this, opened());
    application = await stage.application("6.14.1");
    await stage.addStack("prod", { tenants: [{ application, tag: "6.14.1" }], releaseTimeout: "20s" });
    await stage.up("prod");
  });

  after(() => stage.close());

  async function promote(version: string): Promise<void> {
    await application.tag(version);
    await application.pushImage(version);
    await stage.edit("prod", `Promote to ${version}`, (text) => text.replace(/tag: "[^"]+"/, `tag: "${version}"`));
  }

  /** An `up` that must fail, soon, and must say what failed and why. */
  async function failingUp(why: RegExp): Promise<void> {
    const started = Date.now();
    const result = await stage.tryUp("prod", "--skip-preview");
    const seconds = (Date.now() - started) / 1000;
    assert.notEqual(result.code, 0);
    assert.ok(seconds < 180, `up took ${seconds} s`);
    assert.match(said(result), new RegExp(`${stage.authorityNamespace}/${application.name}`));
    assert.match(said(result), why);
  }

  it("does not replace the old one where its chart does not render", async () => {
    const template = await application.chartFile("templates/deployment.yaml");
    await application.commitVersion("6.15.0", {
      files: { "charts/podinfo/templates/deployment.yaml": `${template}\n{{ fail "a mistake in the chart" }}\n` },
    });
    await promote("6.15.0");
    await failingUp(/a mistake in the chart/);
    assert.equal(await stage.runningImage(application), `${application.image}:6.14.1`);
    await application.repository.commit("Mended", { "charts/podinfo/templates/deployment.yaml": template });
  });

  it("leaves the old pods serving where its own never get ready", async function () {
    const control = requireControl(this, opened().lab);
    await control.keepUnready(`${application.name}:6.15.1`);
    await application.commitVersion("6.15.1");
    await promote("6.15.1");
    await failingUp(/not ready|context deadline exceeded/i);
    const pods = await opened().cluster.list({ apiVersion: "v1", kind: "Pod", namespace: application.name });
    const serving = pods.filter(({ status }) =>
      (status?.conditions ?? []).some(({ type, status: is }) => type === "Ready" && is === "True"),
    );
    assert.ok(serving.some(({ spec }) => JSON.stringify(spec).includes(`${application.name}:6.14.1`)));
  });

  it("is mended by the next good commit", async function () {
    await application.commitVersion("6.15.2");
    await promote("6.15.2");
    await stage.up("prod");
    assert.equal(await stage.runningImage(application), `${application.image}:6.15.2`);
    assert.ok((await stage.project.read(stackFile("prod"))).includes("6.15.2"));
    await requireControl(this, opened().lab).keepUnready();
  });
});
