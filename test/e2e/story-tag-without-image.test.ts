import assert from "node:assert/strict";
import type { Application } from "./support/application";
import { useLab } from "./support/lab";
import { said, useFixture, stackFile } from "./support/fixture";

/** Story 2: a Git tag is not a release. */
describe("a Git tag without an image", () => {
  const opened = useLab();
  const fixture = useFixture(opened);
  let application: Application;

  before(async () => {
    application = await fixture().application();
    const digest = await application.pushImage("6.14.0");
    await fixture().addStack("prod", { tenants: [{ application, tag: "6.14.0", digest, automation: "auto" }] });
    await fixture().up("prod");
  });

  it("changes nothing in production when Flux reconciles", async () => {
    const before = await fixture().remoteHead();
    await application.commitVersion("6.15.0");
    await application.tag("6.15.0");
    for (let look = 0; look < 3; look++) await fixture().lookForNewImages("prod", application, "auto");
    await fixture().lookAtSource(application, fixture().flux("GitRepository", `${application.name}-6.14.0`));
    assert.equal(await fixture().remoteHead(), before);
    await fixture().expectNoChanges("prod");
    assert.deepEqual(
      (await fixture().history(application)).map(({ chartVersion }) => chartVersion),
      ["6.14.0"],
    );
    const status = await fixture().authority("status", "--stack", "prod", "--json");
    const { stacks } = JSON.parse(status.stdout) as { stacks: [{ tenants: [Record<string, unknown>] }] };
    const { version, running, newestAllowed } = stacks[0].tenants[0];
    assert.deepEqual([version, running, newestAllowed], ["6.14.0", "6.14.0", "6.14.0"]);
  });

  it("is blocked if promoted by hand, with the missing image in the message, and Flux reverts it", async () => {
    await fixture().edit("prod", "Promote what has no image", (text) => text.replace('"6.14.0"', '"6.15.0"'));
    const result = await fixture().tryUp("prod");
    assert.notEqual(result.code, 0);
    assert.match(said(result), new RegExp(`image ${application.image}:6\\.15\\.0`));
    await fixture().reconcile(fixture().flux("HelmRelease", application.name));
    assert.equal(await fixture().runningImage(application), `${application.image}:6.14.0`);
    await fixture().waitForStackFile("prod", "Flux has put 6.14.0 back", (text) => text.includes('"6.14.0"'));
    await fixture().pull();
  });

  it("becomes a release when its image is pushed", async () => {
    const digest = await application.pushImage("6.15.0");
    await fixture().waitForStackFile(
      "prod",
      "Flux has committed 6.15.0",
      (text) => text.includes('"6.15.0"') && text.includes(digest),
    );
    await fixture().pull();
    await fixture().up("prod");
    assert.equal(await fixture().runningImage(application), `${application.image}:6.15.0`);
    assert.ok((await fixture().project.read(stackFile("prod"))).includes(digest));
  });
});
