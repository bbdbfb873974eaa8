import assert from "node:assert/strict";
import type { Application } from "./support/application";
import { useLab } from "./support/lab";
import { Stage, stackFile } from "./support/stage";

/** Story 5: going back is a commit too, and it has to hold while Flux's automation runs every second. */
describe("a rollback", () => {
  const opened = useLab();
  let stage: Stage;
  let application: Application;
  let promotion: string;

  before(async function () {
    stage = await Stage.open(this, opened());
    application = await stage.application();
    const digest = await application.pushImage("6.13.0");
    await stage.addStack("prod", { tenants: [{ application, tag: "6.13.0", digest, automation: "auto" }] });
    await stage.up("prod");
    await application.pushImage("6.14.0");
    await stage.waitForStackFile("prod", "Flux has committed 6.14.0", (text) => text.includes('"6.14.0"'));
    await stage.pull();
    promotion = await stage.project.git("rev-parse", "HEAD");
    await stage.up("prod");
  });

  after(() => stage.close());

  const chartVersions = async () => (await stage.history(application)).map(({ chartVersion }) => chartVersion);

  it("by a plain revert is undone by Flux", async () => {
    await stage.project.git("revert", "--no-edit", promotion);
    await stage.push();
    await stage.waitForStackFile("prod", "Flux has committed 6.14.0 again", (text) => text.includes('"6.14.0"'));
    await stage.pull();
    await stage.up("prod");
    assert.deepEqual(await chartVersions(), ["6.13.0", "6.14.0"]);
  });

  it("by a revert and a `deny` in one commit runs the old release with the old values, by one upgrade", async () => {
    await stage.project.git("revert", "--no-commit", promotion);
    const reverted = await stage.project.read(stackFile("prod"));
    const rollback = reverted.replace("automation: auto", 'automation: auto\n        deny: ["6.14.0"]');
    await stage.commit("Roll back podinfo and deny 6.14.0", { [stackFile("prod")]: rollback });
    await stage.up("prod");
    const history = await stage.history(application);
    assert.deepEqual(
      history.map(({ chartVersion }) => chartVersion),
      ["6.13.0", "6.14.0", "6.13.0"],
    );
    assert.deepEqual(history[2]!.values, history[0]!.values);
    assert.equal(await stage.runningImage(application), `${application.image}:6.13.0`);

    // What Flux may have undone before `up` had told it of the `deny`, it puts right itself.
    await stage.waitForStackFile("prod", "the rollback stands on the main branch", (text) => text === rollback);
    for (let look = 0; look < 3; look++) await stage.lookForNewImages("prod", application, "auto");
    assert.equal(await stage.remoteFile(stackFile("prod")), rollback);
    await stage.pull();
    await stage.expectNoChanges("prod");
  });

  it("holds until there is a better release, which is taken without anybody's help", async () => {
    await application.pushImage("6.14.1");
    await stage.waitForStackFile("prod", "Flux has committed 6.14.1", (text) => text.includes('"6.14.1"'));
    await stage.pull();
    await stage.up("prod");
    assert.deepEqual(await chartVersions(), ["6.13.0", "6.14.0", "6.13.0", "6.14.1"]);
  });
});
