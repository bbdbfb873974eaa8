import assert from "node:assert/strict";
import type { Application } from "./support/application";
import { useLab } from "./support/lab";
import { said, useFixture } from "./support/fixture";

/** Story 8: Flux checks only the image, so it commits a release that breaks the promise. The policy pack blocks it. */
describe("a published release with a wrong appVersion", () => {
  const opened = useLab();
  const fixture = useFixture(opened);
  let application: Application;

  before(async () => {
    application = await fixture().application();
    const digest = await application.pushImage("6.14.1");
    await fixture().addStack("prod", { tenants: [{ application, tag: "6.14.1", digest, automation: "auto" }] });
    await fixture().up("prod");
  });

  it("is committed by Flux, blocked by the policy pack at `up`, and does not change production", async () => {
    await application.commitVersion("6.15.0", { appVersion: "6.14.1" });
    await application.tag("6.15.0");
    await application.pushImage("6.15.0");
    await fixture().waitForStackFile("prod", "Flux has committed 6.15.0", (text) => text.includes('"6.15.0"'));
    await fixture().pull();
    const before = await fixture().release(application);
    const blocked = await fixture().tryUp("prod");
    assert.notEqual(blocked.code, 0);
    assert.match(said(blocked), /release-synced[^]*appVersion of Chart\.yaml is "6\.14\.1", must be "6\.15\.0"/);
    await fixture().reconcile(fixture().flux("HelmRelease", application.name));
    assert.deepEqual((await fixture().release(application)).spec, before.spec);
    assert.equal(await fixture().runningImage(application), `${application.image}:6.14.1`);
  });

  it("is superseded by the next good release automatically", async () => {
    await application.commitVersion("6.15.1");
    await application.tag("6.15.1");
    await application.pushImage("6.15.1");
    await fixture().waitForStackFile("prod", "Flux has committed 6.15.1", (text) => text.includes('"6.15.1"'));
    await fixture().pull();
    await fixture().up("prod");
    assert.deepEqual(
      (await fixture().history(application)).map(({ chartVersion }) => chartVersion),
      ["6.14.1", "6.15.1"],
    );
    assert.equal(await fixture().runningImage(application), `${application.image}:6.15.1`);
  });
});
