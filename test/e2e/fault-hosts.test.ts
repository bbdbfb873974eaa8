import assert from "node:assert/strict";
import { join } from "node:path";
import type { Application } from "./support/application";
import { openStackFile } from "./support/stack-file";
import { assertWhole, objectsInCluster } from "./support/inventory";
import { useOwnLab } from "./support/lab";
import { said, useFixture, stackFile } from "./support/fixture";

/** An `up` without Git host or registry, or with a wrong clock. For hosts that fail during a read, see fault-resolving. */
describe("an `up` without its hosts", () => {
  const opened = useOwnLab();
  const fixture = useFixture(opened);
  let locked: Application;
  let promoted: Application;
  let file: Awaited<ReturnType<typeof openStackFile>>;

  before(async () => {
    locked = await fixture().application("6.13.0");
    promoted = await fixture().application("6.13.0", "6.14.1");
    await fixture().addStack("prod", {
      tenants: [
        { application: locked, tag: "6.13.0" },
        { application: promoted, tag: "6.13.0" },
      ],
    });
    const result = await fixture().authority("lock", "--stack", "prod");
    assert.equal(result.code, 0, said(result));
    await fixture().commit("Lock what runs", {});
    await fixture().up("prod");
    file = await openStackFile(fixture(), "prod", [locked, promoted]);
  });

  const names = () => [locked.name, promoted.name];
  const control = () => opened().lab.control!;

  it("rejects an unlocked release without the registry, and names what it cannot read", async () => {
    await control().kill("registry");
    await file.declare(
      new Map([
        [locked, "6.13.0"],
        [promoted, "6.14.1"],
      ]),
    );
    const before = await objectsInCluster(fixture(), names());
    for (const verb of ["preview", "up"]) {
      const flags = verb === "up" ? ["--yes", "--skip-preview"] : [];
      const result = await fixture().pulumi(verb, "--stack", "prod", ...flags);
      assert.notEqual(result.code, 0);
      assert.match(
        said(result),
        new RegExp(
          `What cannot be verified is not deployed:\n +${promoted.name}: release 6\\.14\\.1 is not in releases\\.lock\\.yaml` +
            `[^]*${promoted.name}: the image ${promoted.image}:6\\.14\\.1 cannot be read: .*ECONNREFUSED`,
        ),
      );
      assert.match(said(result), advice);
      assert.doesNotMatch(said(result), /Git tag .* cannot be read/);
    }
    assert.deepEqual(await objectsInCluster(fixture(), names()), before);
  });

  it("reports without the Git host that it cannot read the Git tag", async () => {
    await control().restart("registry");
    await control().kill("git");
    const preview = await fixture().pulumi("preview", "--stack", "prod");
    assert.notEqual(preview.code, 0);
    assert.match(
      said(preview),
      new RegExp(`${promoted.name}: the Git tag "6\\.14\\.1" in ${promoted.repository.url} cannot be`),
    );
    assert.match(said(preview), advice);
    assert.doesNotMatch(said(preview), /the image .* cannot be read/);
  });

  it("deploys a locked release without both, and skips the other tenant", async () => {
    await control().kill("registry");
    const values = `tenants/${locked.name}/values.yaml`;
    await fixture().project.commit("Another value", {
      [values]: `${await fixture().project.read(values)}\nreplicaCount: 2\n`,
    });
    const result = await fixture().authorityUp("prod");
    assert.equal(result.code, 3, said(result));
    assert.match(
      said(result),
      new RegExp(`skipped: ${promoted.name}; deploying 1 of 2 tenants\\. .* run this again when`),
    );
    assert.deepEqual(
      (await fixture().history(locked)).map(({ values: given }) => given.replicaCount),
      [undefined, 2],
    );
    assert.equal(await fixture().runningImage(promoted), `${promoted.image}:6.13.0`);
  });

  it("deploys the skipped tenant when both are back", async () => {
    await control().restart("registry");
    await control().restart("git");
    await fixture().push();
    const healed = await fixture().authorityUp("prod");
    assert.equal(healed.code, 0, said(healed));
    assert.equal(await fixture().runningImage(promoted), `${promoted.image}:6.14.1`);
    await assertWhole(fixture(), "prod", names());
  });

  it("reports an expired pin after a jump of the clock, and changes nothing", async () => {
    const text = await fixture().project.read(stackFile("prod"));
    const until = new Date(Date.now() + dayMs).toISOString().slice(0, 10);
    await fixture().commit("Pinned until tomorrow", {
      [stackFile("prod")]: text.replaceAll(
        /^( +)(automation: manual)$/gm,
        `$1$2\n$1pin: { reason: "issue 7", by: jo, until: "${until}" }`,
      ),
    });
    const histories = () => Promise.all([locked, promoted].map((application) => fixture().history(application)));
    const before = await histories();
    const objects = await objectsInCluster(fixture(), names());
    const reported = /\[advisory\].*pin-not-expired[^]*by jo \(issue 7\) was meant to hold until [^]*Fix: unpin/;
    assert.doesNotMatch(await upWhenClockHasJumped(0), reported);
    assert.match(await upWhenClockHasJumped(3 * dayMs), reported);
    // And back, as after a correction of the clock.
    assert.doesNotMatch(await upWhenClockHasJumped(-3 * dayMs), reported);
    assert.deepEqual(await histories(), before);
    assert.deepEqual(await objectsInCluster(fixture(), names()), objects);
    await assertWhole(fixture(), "prod", names());
  });

  /** Shifts the clock of the program and the policy pack. @returns the output */
  async function upWhenClockHasJumped(milliseconds: number): Promise<string> {
    const result = await fixture().session.run(["up", "--stack", "prod", "--policy-pack", "policy-pack", "--yes"], {
      directory: fixture().project.directory,
      environment: {
        NODE_OPTIONS: `--require=${join(__dirname, "support", "jumped-clock.js")}`,
        CLOCK_JUMP_MS: String(milliseconds),
      },
    });
    assert.equal(result.code, 0, said(result));
    return said(result);
  }
});

const advice =
  /Nothing was changed\. Run this again when everything can be read\. Until then, `npx authority up --stack prod` deploys/;

const dayMs = 24 * 3600 * 1000;
