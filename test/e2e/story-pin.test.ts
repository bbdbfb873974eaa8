import assert from "node:assert/strict";
import type { Application } from "./support/application";
import { useLab } from "./support/lab";
import { useStage } from "./support/stage";

/** Story 6: a pin holds against everything that Flux finds, and ends as one commit. */
describe("a pinned tenant", () => {
  const opened = useLab();
  const stage = useStage(opened);
  const newer = ["6.9.1", "6.9.2", "6.9.3", "6.9.4", "6.10.0", "6.10.1", "6.10.2", "6.11.0", "6.11.1", "7.0.0"];
  let application: Application;
  let withMarkers: string;

  before(async () => {
    application = await stage().application();
    const digest = await application.pushImage("6.9.0");
    await stage().addStack("prod", { tenants: [{ application, tag: "6.9.0", digest, automation: "auto" }] });
    await stage().up("prod");
  });

  it("stays where it is while ten new images come", async () => {
    await stage().edit("prod", "Pin", (text) => {
      withMarkers = text;
      return text
        .replace(/^( {6}(?:tag|digest): "[^"]+") # .*$/gm, "$1")
        .replace("automation: auto", 'automation: auto\n        pin: { reason: "a leak in 6.9.1", by: jane }');
    });
    const pinned = await stage().remoteHead();
    for (const version of newer) await application.pushImage(version);
    await stage().lookForNewImages("prod", application, "auto");
    assert.equal(await stage().remoteHead(), pinned, "the marker is gone with the commit, before any `up`");

    await stage().up("prod");
    for (let look = 0; look < 3; look++) await stage().lookForNewImages("prod", application, "auto");
    assert.equal(await stage().remoteHead(), pinned);
    await stage().expectNoChanges("prod");
    assert.deepEqual(
      (await stage().history(application)).map(({ chartVersion }) => chartVersion),
      ["6.9.0"],
    );
  });

  it("takes the newest that its range allows once it is unpinned", async () => {
    await stage().edit("prod", "Unpin", () => withMarkers);
    await stage().up("prod");
    await stage().waitForStackFile("prod", "Flux has committed 6.11.1", (text) => text.includes('tag: "6.11.1" # {'));
    await stage().pull();
    await stage().up("prod");
    assert.deepEqual(
      (await stage().history(application)).map(({ chartVersion }) => chartVersion),
      ["6.9.0", "6.11.1"],
    );
    assert.equal(await stage().runningImage(application), `${application.image}:6.11.1`);
  });
});
