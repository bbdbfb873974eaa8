import assert from "node:assert/strict";
import type { Application } from "./support/application";
import { useLab } from "./support/lab";
import { said, useFixture } from "./support/fixture";

/** Story 1: dev runs the latest commit of master. */
describe("dev that follows master", () => {
  const opened = useLab();
  const fixture = useFixture(opened);
  let application: Application;

  before(async () => {
    application = await fixture().application();
    await fixture().addStack("dev", { follow: "branch", tenants: [{ application }] });
    await fixture().up("dev");
  });

  const runsCommit = (commit: string) => fixture().runsCommit(application, commit);

  it("runs the head of master", async () => {
    await runsCommit(await application.repository.git("rev-parse", "HEAD"));
  });

  it("deploys each pushed commit, with or without a new chart version", async () => {
    const values = await application.chartFile("values.yaml");
    const commit = await application.repository.commit("Two replicas by default", {
      "charts/podinfo/values.yaml": values.replace(/^replicaCount: .*$/m, "replicaCount: 2"),
    });
    await application.repository.push("master");
    assert.match((await runsCommit(commit)).chartVersion, /^6\.14\.1\+/);

    const released = await application.commitVersion("6.15.0");
    assert.match((await runsCommit(released)).chartVersion, /^6\.15\.0\+/);
    assert.equal(await fixture().runningImage(application), `${application.image}:6.15.0`);
    assert.equal((await fixture().history(application)).length, 3);
  });

  it("needs no second `up`: the preview has no changes after a new chart version on master", async () => {
    const before = await fixture().release(application);
    await fixture().expectNoChanges("dev");
    await fixture().up("dev");
    assert.deepEqual((await fixture().release(application)).metadata.annotations, before.metadata.annotations);
    await fixture().reconcile(fixture().flux("HelmRelease", application.name));
    assert.equal((await fixture().release(application)).metadata.generation, before.metadata.generation);
    assert.equal((await fixture().history(application)).length, 3);
  });

  it("runs a commit with a wrong appVersion, and the policy pack reports it at the next preview", async () => {
    const forgetful = await application.commitVersion("6.15.1", { appVersion: "6.15.0" });
    await runsCommit(forgetful);
    const preview = await fixture().pulumi("preview", "--stack", "dev", "--policy-pack", "policy-pack");
    assert.notEqual(preview.code, 0);
    assert.match(said(preview), /release-synced[^]*appVersion of Chart\.yaml is "6\.15\.0", must be "6\.15\.1"/);
    await runsCommit(await application.commitVersion("6.15.2"));
    await fixture().expectNoChanges("dev");
  });

  it("keeps the last good commit if a new one does not render, and reports why", async () => {
    const template = await application.chartFile("templates/deployment.yaml");
    await application.repository.commit("A mistake", {
      "charts/podinfo/templates/deployment.yaml": `${template}\n{{ fail "a mistake" }}\n`,
    });
    await application.repository.push("master");
    await fixture().waitForRelease(application, "the mistake is reported", ({ status }) =>
      (status?.conditions ?? []).some(({ status: is, message }) => is === "False" && message?.includes("a mistake")),
    );
    assert.equal(await fixture().runningImage(application), `${application.image}:6.15.2`);
    const fixed = await application.repository.commit("Fixed", {
      "charts/podinfo/templates/deployment.yaml": template,
    });
    await application.repository.push("master");
    await runsCommit(fixed);
  });
});
