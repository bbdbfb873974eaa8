import assert from "node:assert/strict";
import type { LabControl } from "../lab/lab";
import type { Application } from "./support/application";
import { requireControl, useOwnLab } from "./support/lab";
import { said, useFixture, stackFile } from "./support/fixture";
import { toldCommands } from "./support/told-commands";

/**
 * Story 5 by the verbs alone, while Flux's automation runs every second; at the end without the Git host and the registry,
 * which the separate lab stops.
 */
describe("authority rollback", () => {
  const opened = useOwnLab();
  const fixture = useFixture(opened);
  let control: LabControl;
  let application: Application;

  before(async function () {
    control = requireControl(this, opened().lab);
    await fixture().actAs("Jane");
    application = await fixture().application();
    const digest = await application.pushImage("6.13.0");
    await fixture().addStack("prod", {
      tenants: [{ application, tag: "6.13.0", digest, automation: "auto" }],
      intervals: "{ source: 1h0m0s, image: 1s, release: 1m0s, automation: 1s }",
    });
    await lockAndDeploy();
    await promoted("6.14.0");
  });

  const tag = (version: string) => (text: string) => text.includes(`tag: "${version}"`);

  async function lockAndDeploy(): Promise<void> {
    await fixture().lock("prod");
    await up();
  }

  async function up(): Promise<string> {
    const result = await fixture().authorityUp("prod");
    assert.equal(result.code, 0, said(result));
    return said(result);
  }

  async function verb(...args: string[]): Promise<string> {
    const result = await fixture().authority(...args, "--stack", "prod", "--yes", "--push");
    assert.equal(result.code, 0, said(result));
    return said(result);
  }

  const rollback = () => ["rollback", application.name, "--reason", "leaks memory"];

  /** Publishes a release, which Flux promotes, and deploys it. */
  async function promoted(version: string): Promise<void> {
    await application.pushImage(version);
    await fixture().waitForStackFile("prod", `Flux has committed ${version}`, tag(version));
    await fixture().pull();
    await lockAndDeploy();
    assert.equal((await running()).version, version);
  }

  /** Helm's last revision. */
  async function running(): Promise<{ revision: number; version: string }> {
    const [history, image] = await Promise.all([fixture().history(application), fixture().runningImage(application)]);
    const { revision, chartVersion, status } = history.at(-1)!;
    assert.equal(status, "deployed");
    assert.equal(image, `${application.image}:${chartVersion}`);
    return { revision, version: chartVersion };
  }

  /** Flux has looked for new images several times, and has committed nothing. */
  async function expectNoCommit(why: string): Promise<void> {
    const head = await fixture().project.git("rev-parse", "HEAD");
    for (let look = 0; look < 3; look++) await fixture().lookForNewImages("prod", application, "auto");
    assert.equal(await fixture().remoteHead(), head, why);
  }

  it("runs the old release after one upgrade, and Flux does not take the bad one before or after the `up`", async () => {
    assert.deepEqual(await running(), { revision: 2, version: "6.14.0" });
    const began = Date.now();
    await verb(...rollback());
    const decided = Date.now();
    await expectNoCommit("the marker is gone, though the cluster still allows 6.14.0");
    const looked = Date.now();
    const output = await up();
    console.error(`FIGURE decide ${decided - began} ms, up ${Date.now() - looked} ms`);
    assert.deepEqual(await running(), { revision: 3, version: "6.13.0" });
    await expectNoCommit("the cluster denies 6.14.0");
    await fixture().expectNoChanges("prod");
    assert.deepEqual(toldCommands(output, "authority unpin"), [`authority unpin ${application.name} --stack prod`]);
  });

  it("lets Flux promote the next release after the `unpin` that `up` offers", async () => {
    await verb("unpin", application.name);
    await up();
    await expectNoCommit("6.14.0 is denied");
    assert.deepEqual(await running(), { revision: 3, version: "6.13.0" });
    await promoted("6.14.1");
    assert.deepEqual(await running(), { revision: 4, version: "6.14.1" });
  });

  it("works without the Git host and the registry, and is pushed later", async () => {
    for (const host of ["git", "registry"]) await control.kill(host);
    const decided = await fixture().authority(...rollback(), "--stack", "prod", "--yes", "--push");
    assert.equal(decided.code, 3, said(decided));
    assert.match(said(decided), /The commit is made, but not pushed: /);
    await up();
    assert.deepEqual(await running(), { revision: 5, version: "6.13.0" });
    for (const host of ["git", "registry"]) await control.restart(host);
    await fixture().push();
    await expectNoCommit("the cluster denies 6.14.1");
    assert.match(String(await fixture().remoteFile(stackFile("prod"))), /deny: \["6\.14\.0", "6\.14\.1"\]/);
    await fixture().expectNoChanges("prod");
  });
});
