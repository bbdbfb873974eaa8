import assert from "node:assert/strict";
import type { Application } from "./support/application";
import { useLab } from "./support/lab";
import { said, useFixture, stackFile } from "./support/fixture";

/**
 * Story 15: stories 3, 5 and 9 with charts in a registry. For story 10 with both kinds of charts, see
 * story-broken-release.
 */
describe("a chart in an OCI registry", () => {
  const opened = useLab();
  const fixture = useFixture(opened);
  let application: Application;
  /** The commits of the promotion to 6.14.0, latest first. */
  let promotion: string[];

  before(async () => {
    application = await fixture().application();
    await application.pushChart("6.13.0");
    const digest = await application.pushImage("6.13.0");
    await fixture().addStack("prod", {
      tenants: [{ application, chart: application.ociChart, tag: "6.13.0", digest, automation: "auto" }],
    });
    await lock("6.13.0");
    await fixture().up("prod");
  });

  async function lock(version: string): Promise<void> {
    const locked = await fixture().authority("lock");
    assert.equal(locked.code, 0, said(locked));
    await fixture().commit(`Lock ${version}`, {});
  }

  const committed = (version: string): Promise<string> =>
    fixture().waitForStackFile("prod", `Flux has committed ${version}`, (text) => text.includes(`tag: "${version}"`));

  /** Helm's revisions as `version replicas`. For OCI charts, the version ends in `+` and the artifact's digest. */
  const upgrades = async () =>
    (await fixture().history(application)).map(
      ({ chartVersion, values }) => `${chartVersion.replace(/\+.*/, "")} ${JSON.stringify(values.replicaCount ?? 1)}`,
    );

  it("is released with its image, committed by Flux, and deployed with one upgrade", async () => {
    assert.deepEqual(await upgrades(), ["6.13.0 1"]);
    const chartDigest = await application.pushChart("6.14.0");
    await application.pushImage("6.14.0");
    await committed("6.14.0");
    await fixture().reconcile(fixture().flux("HelmRelease", application.name));
    assert.deepEqual(await upgrades(), ["6.13.0 1"]);
    await fixture().pull();
    promotion = [await fixture().project.git("rev-parse", "HEAD")];
    const values = `tenants/${application.name}/values.yaml`;
    const content = `${await fixture().project.read(values)}\nreplicaCount: 2\n`;
    promotion.unshift(await fixture().commit("Two replicas", { [values]: content }));
    await fixture().up("prod");
    assert.deepEqual(await upgrades(), ["6.13.0 1", "6.14.0 2"]);
    const history = await fixture().history(application);
    assert.ok(history[1]!.chartVersion.endsWith(`+${chartDigest.slice("sha256:".length, "sha256:".length + 12)}`));
    await fixture().expectNoChanges("prod");
  });

  it("does not follow a tag that is pushed again, and CI reports it", async () => {
    await lock("6.14.0");
    const moved = await application.pushChart("6.14.0", {
      change: (files) => ({
        ...files,
        "values.yaml": (files["values.yaml"] ?? "").replace(/^logLevel: .*$/m, "logLevel: debug"),
      }),
    });
    await application.pushImage("6.14.0", { labels: { build: "another" } });
    await fixture().lookForNewImages("prod", application, "auto");
    await fixture().lookAtSource(application, fixture().flux("OCIRepository", `${application.name}-6.14.0`));
    assert.deepEqual(await upgrades(), ["6.13.0 1", "6.14.0 2"]);
    await fixture().expectNoChanges("prod");
    const verified = await fixture().authority("verify");
    assert.equal(verified.code, 3, said(verified));
    assert.match(said(verified), new RegExp(`chart\\S* digest .*is "${moved}"`));
    assert.match(said(verified), /the digest of \S+:6\.14\.0 was "sha256:\w+", and is "sha256:\w+"/);
    const preview = await fixture().previewInCi("prod");
    assert.notEqual(preview.code, 0);
    assert.match(said(preview), /evidence-verified[^]*chart-digest/);
  });

  it("is rolled back with its values from the lock, by a revert and a `deny`, with one upgrade", async () => {
    await fixture().project.git("revert", "--no-commit", ...promotion);
    const reverted = await fixture().project.read(stackFile("prod"));
    const rollback = reverted.replace("automation: auto", 'automation: auto\n        deny: ["6.14.0"]');
    assert.notEqual(rollback, reverted);
    await fixture().commit("Roll back and deny 6.14.0", { [stackFile("prod")]: rollback });
    const planned = await fixture().authority("plan", "--stack", "prod", "--offline", "--json");
    assert.equal(planned.code, 0, said(planned));
    const { stacks } = JSON.parse(planned.stdout) as { stacks: [{ tenants: [{ version: string; source: string }] }] };
    const [{ version, source }] = stacks[0].tenants;
    assert.deepEqual({ version, source }, { version: "6.13.0", source: "lock" });
    // Only `up` applies the `deny`. Until then, Flux undoes the revert.
    await committed("6.14.0");
    await fixture().up("prod");
    assert.deepEqual(await upgrades(), ["6.13.0 1", "6.14.0 2", "6.13.0 1"]);

    await fixture().waitForStackFile("prod", "Flux has taken its undo back", (text) => text === rollback);
    for (let look = 0; look < 3; look++) await fixture().lookForNewImages("prod", application, "auto");
    assert.equal(await fixture().remoteFile(stackFile("prod")), rollback);
    await fixture().pull();
    await fixture().expectNoChanges("prod");
    assert.deepEqual(await upgrades(), ["6.13.0 1", "6.14.0 2", "6.13.0 1"]);
  });
});
