import assert from "node:assert/strict";
import type { LabControl } from "../lab/lab";
import type { Application } from "./support/application";
import { requireControl, useOwnLab } from "./support/lab";
import { said, useFixture } from "./support/fixture";

/** A tenant with `policy.onFailure: rollback`, while Flux's automation runs every second. */
describe("authority up of a version that does not become ready", () => {
  const opened = useOwnLab();
  const fixture = useFixture(opened);
  let control: LabControl;
  let application: Application;

  before(async function () {
    control = requireControl(this, opened().lab);
    await fixture().actAs("Pipeline");
    application = await fixture().application();
    const digest = await application.pushImage("6.13.0");
    const lines = ["  onFailure: rollback"];
    await fixture().addStack("prod", {
      tenants: [{ application, tag: "6.13.0", digest, automation: "auto", lines }],
      intervals: "{ source: 1h0m0s, image: 1s, release: 1m0s, automation: 1s }",
      releaseTimeout: "40s",
    });
    await fixture().lock("prod");
    await up(0);
  });

  const git = (...args: string[]) => fixture().project.git(...args);

  /** Runs `authority up` as a pipeline does: without a branch, on the newest commit. */
  async function up(code: number): Promise<string> {
    await git("checkout", "--quiet", "--detach");
    const result = await fixture().authorityUp("prod");
    await git("checkout", "--quiet", "-B", "main");
    assert.equal(result.code, code, said(result));
    return said(result);
  }

  async function expectRunning(version: string): Promise<void> {
    const [history, image] = await Promise.all([fixture().history(application), fixture().runningImage(application)]);
    const { chartVersion, status } = history.at(-1)!;
    assert.deepEqual([chartVersion, status], [version, "deployed"]);
    assert.equal(image, `${application.image}:${version}`);
  }

  /** Flux has looked for new images several times, and nothing was committed. */
  async function expectHead(head: string): Promise<void> {
    for (let look = 0; look < 3; look++) await fixture().lookForNewImages("prod", application, "auto");
    assert.equal(await fixture().remoteHead(), head);
  }

  it("rolls back with one commit that cites Flux, and runs the old version again", async () => {
    await control.keepUnready(`${application.name}:6.14.0`);
    await application.pushImage("6.14.0");
    await fixture().waitForStackFile("prod", "Flux has promoted 6.14.0", (text) => text.includes('tag: "6.14.0"'));
    await fixture().pull();
    await fixture().lock("prod");
    const before = await git("rev-parse", "HEAD");
    const output = await up(3);
    await expectRunning("6.13.0");
    assert.match(output, new RegExp(`${application.name} did not become ready: rolling back to 6\\.13\\.0`));
    const head = await git("rev-parse", "HEAD");
    assert.equal(await git("rev-list", "--count", `${before}..HEAD`), "1");
    const message = await git("log", "-1", "--format=%B");
    assert.match(
      message,
      new RegExp(`^Roll back ${application.name} from 6\\.14\\.0 to 6\\.13\\.0 in prod\n\nFlux reports:\n- `),
    );
    assert.match(message, /^- Released=False UpgradeFailed: .*6\.14\.0/m);
    assert.match(
      message,
      /\n\nTenant: .*\nStack: prod\nFrom: 6\.14\.0\nTo: 6\.13\.0\nDenied: 6\.14\.0\nBy: authority up\nReason: /,
    );
    await expectHead(head);
    await up(0);
    await expectHead(head);
    await fixture().expectNoChanges("prod");
  });

  it("does not roll back if other values are the cause: it says so, and commits nothing", async () => {
    await control.keepUnready(`${application.name}:6.13.0`);
    const values = `tenants/${application.name}/values.yaml`;
    const text = `${await fixture().project.read(values)}\nreplicaCount: 2\n`;
    const head = await fixture().commit("Two replicas", { [values]: text });
    const output = await up(1);
    assert.match(
      output,
      /not rolled back \(`policy\.onFailure`\): 6\.13\.0 ran before, so the version is not the cause/,
    );
    await expectHead(head);
  });
});
