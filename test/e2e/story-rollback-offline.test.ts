import assert from "node:assert/strict";
import type { LabControl } from "../../lab/control-plane/lab";
import type { Application } from "./support/application";
import { requireControl, useOwnLab } from "./support/lab";
import { said, useStage, type StagedTenant, stackFile } from "./support/stage";

/**
 * Story 5, the last part: one step back needs neither the Git host nor the registry. In a lab of its own, since both are
 * stopped.
 */
describe("a rollback while the Git host and the registry are down", () => {
  const opened = useOwnLab();
  const stage = useStage(opened);
  let control: LabControl;
  let application: Application;
  /** The commits that made the newest release run, the last one first. */
  let promotion: string[];

  before(async function () {
    control = requireControl(this, opened().lab);
    application = await stage().application();
    const digest = await application.pushImage("6.12.0");
    const tenant: StagedTenant = { application, tag: "6.12.0", digest, automation: "auto" };
    await stage().addStack("prod", { tenants: [tenant], sourceTimeout: "5s" });
    await lockAndDeploy();
    for (const version of ["6.13.0", "6.14.0"]) {
      await application.pushImage(version);
      await stage().waitForStackFile("prod", `Flux has committed ${version}`, (text) => text.includes(`"${version}"`));
      await stage().pull();
      promotion = [await stage().project.git("rev-parse", "HEAD")];
      await setValues(version);
      await lockAndDeploy();
    }
    for (const host of ["git", "registry"]) await control.kill(host);
  });

  /** Changes the values together with the release. */
  async function setValues(version: string): Promise<void> {
    const path = `tenants/${application.name}/values.yaml`;
    const before = (await stage().project.read(path)).replace(/^podAnnotations: .*\n/m, "");
    const content = `${before}podAnnotations: { deployed-with: "${version}" }\n`;
    promotion.unshift(await stage().commit(`The values of ${version}`, { [path]: content }));
  }

  async function lockAndDeploy(): Promise<void> {
    const locked = await stage().authority("lock", "--stack", "prod");
    assert.equal(locked.code, 0, said(locked));
    await stage().commit("Lock the release", {});
    await stage().up("prod");
  }

  /** What Helm runs now, and with which values. */
  async function running(): Promise<unknown[]> {
    const { revision, chartVersion, values } = (await stage().history(application)).at(-1)!;
    const image = (await stage().runningImage(application)).split(":").at(-1);
    return [revision, chartVersion, image, values.podAnnotations ?? {}];
  }

  it("one step back: runs the old release with the old values, by one upgrade", async () => {
    assert.deepEqual(await running(), [3, "6.14.0", "6.14.0", { "deployed-with": "6.14.0" }]);
    await stage().project.git("revert", "--no-commit", ...promotion);
    const reverted = await stage().project.read(stackFile("prod"));
    const rollback = reverted.replace("automation: auto", 'automation: auto\n        deny: ["6.14.0"]');
    await stage().project.commit("Roll back podinfo and deny 6.14.0", { [stackFile("prod")]: rollback });
    await stage().up("prod");
    assert.deepEqual(await running(), [4, "6.13.0", "6.13.0", { "deployed-with": "6.13.0" }]);
    await stage().expectNoChanges("prod");
  });

  it("two steps back is one too many: `up` says which source is missing, and what runs goes on running", async () => {
    const back = (await stage().project.read(stackFile("prod"))).replace(/( {6}tag: )"6\.13\.0"/, '$1"6.12.0"');
    await stage().project.commit("Two steps back", {
      [stackFile("prod")]: back.replace(/^ {6}digest: .*\n/m, ""),
    });
    const result = await stage().authorityUp("prod");
    assert.equal(result.code, 1, said(result));
    assert.match(said(result), new RegExp(`${application.name}-6\\.12\\.0`));
    assert.deepEqual(await running(), [4, "6.13.0", "6.13.0", { "deployed-with": "6.13.0" }]);
    // What failed did not run, so nothing of it is kept: the way back is still open.
    await stage().project.git("revert", "--no-edit", "HEAD");
    await stage().up("prod");
    assert.deepEqual(await running(), [4, "6.13.0", "6.13.0", { "deployed-with": "6.13.0" }]);
  });

  it("is pushed when the hosts are back, on top of what Flux has corrected by itself", async () => {
    const rollback = await stage().project.read(stackFile("prod"));
    for (const host of ["git", "registry"]) await control.restart(host);
    await stage().waitForStackFile("prod", "Flux has corrected the tag", (text) => text.includes('tag: "6.13.0"'));
    await stage().project.git("pull", "--quiet", "--rebase", "origin", "main");
    await stage().push();
    assert.equal(await stage().project.read(stackFile("prod")), rollback);
    await stage().lookForNewImages("prod", application, "auto");
    assert.equal(await stage().remoteFile(stackFile("prod")), rollback);
    await stage().expectNoChanges("prod");
    assert.deepEqual(await running(), [4, "6.13.0", "6.13.0", { "deployed-with": "6.13.0" }]);
  });
});
