import assert from "node:assert/strict";
import type { Status } from "../../src/cli/status";
import type { Application } from "./support/application";
import { useLab } from "./support/lab";
import { useFixture } from "./support/fixture";

/** Story 6: automation does not change a pinned version. Pin and unpin are one commit each. */
describe("a pinned tenant", () => {
  const opened = useLab();
  const fixture = useFixture(opened);
  const newer = ["6.9.1", "6.9.2", "6.9.3", "6.9.4", "6.10.0", "6.10.1", "6.10.2", "6.11.0", "6.11.1", "7.0.0"];
  let application: Application;
  let withMarkers: string;

  before(async () => {
    application = await fixture().application();
    const digest = await application.pushImage("6.9.0");
    await fixture().addStack("prod", { tenants: [{ application, tag: "6.9.0", digest, automation: "auto" }] });
    await fixture().up("prod");
  });

  /** What `authority status` says, with the API server, the registry and the Git host of the lab. */
  async function status() {
    const { code, stdout } = await fixture().authority("status", "--stack", "prod", "--json");
    assert.equal(code, 0, stdout);
    const { stacks } = JSON.parse(stdout) as Status;
    const { runningFrom, tenants } = stacks[0]!;
    const { state, version, running, newestAllowed, command } = tenants[0]!;
    return { runningFrom, state, version, running, newestAllowed, command };
  }

  it("keeps its version while ten new images are pushed", async () => {
    await fixture().edit("prod", "Pin", (text) => {
      withMarkers = text;
      return text
        .replace(/^( {6}(?:tag|digest): "[^"]+") # .*$/gm, "$1")
        .replace("automation: auto", 'automation: auto\n        pin: { reason: "a leak in 6.9.1", by: jane }');
    });
    const pinned = await fixture().remoteHead();
    for (const version of newer) await application.pushImage(version);
    await fixture().lookForNewImages("prod", application, "auto");
    assert.equal(await fixture().remoteHead(), pinned, "the marker is gone with the commit, before any `up`");

    await fixture().up("prod");
    for (let look = 0; look < 3; look++) await fixture().lookForNewImages("prod", application, "auto");
    assert.equal(await fixture().remoteHead(), pinned);
    await fixture().expectNoChanges("prod");
    assert.deepEqual(
      (await fixture().history(application)).map(({ chartVersion }) => chartVersion),
      ["6.9.0"],
    );
    assert.deepEqual(await status(), {
      ...{ runningFrom: "cluster", state: "pinned", version: "6.9.0", running: "6.9.0", newestAllowed: "6.11.1" },
      command: `npx authority unpin ${application.name} --stack prod`,
    });
  });

  it("gets the newest version of its range after the unpin", async () => {
    await fixture().edit("prod", "Unpin", () => withMarkers);
    await fixture().up("prod");
    await fixture().waitForStackFile("prod", "Flux has committed 6.11.1", (text) => text.includes('tag: "6.11.1" # {'));
    await fixture().pull();
    const decided = { runningFrom: "cluster", version: "6.11.1", newestAllowed: "6.11.1" };
    const up = "npx authority up --stack prod";
    assert.deepEqual(await status(), { ...decided, state: "waits for up", running: "6.9.0", command: up });
    await fixture().up("prod");
    assert.deepEqual(await status(), { ...decided, state: "ok", running: "6.11.1", command: null });
    assert.deepEqual(
      (await fixture().history(application)).map(({ chartVersion }) => chartVersion),
      ["6.9.0", "6.11.1"],
    );
    assert.equal(await fixture().runningImage(application), `${application.image}:6.11.1`);
  });
});
