import assert from "node:assert/strict";
import type { Application } from "./support/application";
import { useLab } from "./support/lab";
import { said, useFixture, stackFile } from "./support/fixture";

/** Story 5: a rollback is a commit. It must last while Flux's automation runs every second. */
describe("a rollback", () => {
  const opened = useLab();
  const fixture = useFixture(opened);
  let application: Application;
  /** The commits of the promotion that is rolled back, latest first. */
  let promotion: string[];

  before(async () => {
    application = await fixture().application();
    const digest = await application.pushImage("6.13.0");
    await fixture().addStack("prod", {
      tenants: [{ application, tag: "6.13.0", digest, automation: "auto" }],
      intervals: "{ source: 1h0m0s, image: 2s, release: 1m0s, automation: 1s }",
    });
    await fixture().up("prod");
    await promote("6.14.0");
    const values = `tenants/${application.name}/values.yaml`;
    const content = `${await fixture().project.read(values)}\nreplicaCount: 2\n`;
    promotion.unshift(await fixture().commit("Two of the new one", { [values]: content }));
    await fixture().up("prod");
  });

  /** Publishes a release and waits for Flux's commit. */
  async function promote(version: string): Promise<void> {
    await application.pushImage(version);
    await committed(version);
    await fixture().pull();
    promotion = [await fixture().project.git("rev-parse", "HEAD")];
  }

  const committed = (version: string): Promise<string> =>
    fixture().waitForStackFile("prod", `Flux has committed ${version}`, (text) => text.includes(`tag: "${version}"`));

  /** Reverts the promotion and changes the stack file, in one commit. @returns the stack file */
  async function rollBack(change: (text: string) => string): Promise<string> {
    await fixture().project.git("revert", "--no-commit", ...promotion);
    const reverted = await fixture().project.read(stackFile("prod"));
    const text = change(reverted);
    assert.notEqual(text, reverted);
    await fixture().commit("Roll back podinfo", { [stackFile("prod")]: text });
    return text;
  }

  /** Sets `deny` to these versions, in the format that Flux uses for lists. */
  const deny = (text: string, ...versions: readonly string[]): string =>
    text.replace(/automation: auto(\n {8}deny: .*)?/, `automation: auto\n        deny: ["${versions.join('", "')}"]`);

  /** Number and version of Helm's last revision. */
  async function running(): Promise<{ revision: number; version: string; replicas: unknown; image: string }> {
    const [history, image] = await Promise.all([fixture().history(application), fixture().runningImage(application)]);
    const { revision, chartVersion, status, values } = history.at(-1)!;
    assert.equal(status, "deployed");
    return { revision, version: chartVersion, replicas: values.replicaCount, image: image.split(":").at(-1)! };
  }

  it("with a plain revert is undone by Flux, and what Flux promotes again is not deployed", async () => {
    assert.deepEqual(await running(), { revision: 2, version: "6.14.0", replicas: 2, image: "6.14.0" });
    await fixture().project.git("revert", "--no-edit", promotion.at(-1)!);
    await fixture().push();
    await committed("6.14.0");
    await fixture().pull();
    const refused = await fixture().authorityUp("prod");
    assert.equal(refused.code, 3, said(refused));
    assert.match(said(refused), /6\.14\.0 was taken back in .*, and promoted again by automation in /);
    assert.equal((await running()).revision, 2);
  });

  it("with a revert and a `deny` in one commit restores release and values with one upgrade", async () => {
    const rollback = await rollBack((text) => deny(text, "6.14.0"));
    // Only `up` applies the `deny`. Until then, Flux undoes the revert.
    await committed("6.14.0");
    await fixture().up("prod");
    assert.deepEqual(await running(), { revision: 3, version: "6.13.0", replicas: undefined, image: "6.13.0" });

    await fixture().waitForStackFile("prod", "Flux has taken its undo back", (text) => text === rollback);
    for (let look = 0; look < 3; look++) await fixture().lookForNewImages("prod", application, "auto");
    assert.equal(await fixture().remoteFile(stackFile("prod")), rollback);
    await fixture().pull();
    await fixture().expectNoChanges("prod");
    assert.equal((await running()).revision, 3);
  });

  it("lasts until the next release, which is promoted automatically", async () => {
    await promote("6.14.1");
    await fixture().up("prod");
    assert.deepEqual(await running(), { revision: 4, version: "6.14.1", replicas: undefined, image: "6.14.1" });
  });

  it("also works if `up` runs after Flux has undone it: with the `deny`, Flux corrects the file", async () => {
    const rollback = await rollBack((text) => deny(text, "6.14.0", "6.14.1"));
    await committed("6.14.1");
    await fixture().pull();
    const blocked = await fixture().authorityUp("prod");
    assert.equal(blocked.code, 3, said(blocked));
    assert.match(said(blocked), /the version 6\.14\.1 is denied by the policy/);
    assert.match(said(blocked), /its policy does not allow 6\.14\.1\. This run updates the policy in the cluster/);
    assert.equal((await running()).revision, 4);

    await fixture().waitForStackFile("prod", "Flux has taken its undo back", (text) => text === rollback);
    await fixture().pull();
    const deployed = await fixture().authorityUp("prod");
    assert.equal(deployed.code, 0, said(deployed));
    assert.deepEqual(await running(), { revision: 5, version: "6.13.0", replicas: undefined, image: "6.13.0" });
    await fixture().lookForNewImages("prod", application, "auto");
    assert.equal(await fixture().remoteFile(stackFile("prod")), rollback);
    await fixture().expectNoChanges("prod");
  });

  it("is never undone if the same commit removes the markers", async () => {
    await application.tag("6.15.0", await application.commitVersion("6.15.0"));
    await promote("6.15.0");
    await fixture().up("prod");
    assert.equal((await running()).version, "6.15.0");
    const rollback = await rollBack((text) =>
      deny(text, "6.14.0", "6.14.1", "6.15.0")
        .replace(/^( {6}(?:tag|digest): "[^"]+") # .*$/gm, "$1")
        .replace("automation: auto", 'automation: auto\n        pin: { reason: "a leak in 6.15.0", by: jane }'),
    );
    const head = await fixture().remoteHead();
    for (let look = 0; look < 3; look++) await fixture().lookForNewImages("prod", application, "auto");
    assert.equal(await fixture().remoteHead(), head, "before the cluster knows of it");
    await fixture().up("prod");
    assert.deepEqual(await running(), { revision: 7, version: "6.13.0", replicas: undefined, image: "6.13.0" });
    for (let look = 0; look < 3; look++) await fixture().lookForNewImages("prod", application, "auto");
    assert.equal(await fixture().remoteHead(), head);
    assert.equal(await fixture().remoteFile(stackFile("prod")), rollback);
  });
});
