import assert from "node:assert/strict";
import type { Application } from "./support/application";
import { useLab } from "./support/lab";
import { said, stackFile, useFixture } from "./support/fixture";

/** Story 5 with a plain `git revert` before the `up`, while Flux's automation runs every second and promotes again. */
describe("a promotion that a plain revert has taken back", () => {
  const opened = useLab();
  const fixture = useFixture(opened);
  let automated: Application;
  let other: Application;

  before(async () => {
    automated = await fixture().application("6.13.0");
    other = await fixture().application("6.13.0");
    await fixture().addStack("prod", {
      tenants: [
        { application: automated, tag: "6.13.0", automation: "auto" },
        { application: other, tag: "6.13.0" },
      ],
      intervals: "{ source: 1h0m0s, image: 2s, release: 1m0s, automation: 1s }",
    });
    await fixture().up("prod");
    await automated.pushImage("6.14.0");
    await other.pushImage("6.14.0");
    await promotedByFlux();
    await fixture().actAs("Ana");
  });

  async function promotedByFlux(): Promise<void> {
    await fixture().waitForStackFile("prod", "Flux has promoted 6.14.0", (text) => tagIn(text) === "6.14.0");
    await fixture().pull();
  }

  const tagIn = (text: string): string | undefined =>
    new RegExp(`^ {4}${automated.name}:[^]*?^ {6}tag: "([^"]+)"`, "m").exec(text)?.[1];

  async function running(): Promise<(string | undefined)[]> {
    const images = await Promise.all([automated, other].map((application) => fixture().runningImage(application)));
    return images.map((image) => image.split(":").at(-1));
  }

  const head = async () => (await fixture().project.git("rev-parse", "HEAD")).slice(0, 10);

  it("is not deployed, although Flux promotes it again: the old release keeps running, and other tenants are deployed", async () => {
    await fixture().project.git("revert", "--no-edit", "HEAD");
    const back = await head();
    await fixture().push();
    await promotedByFlux();
    const again = await head();
    await fixture().edit("prod", "Promote the other one", (text) => text.replace('tag: "6.13.0"', 'tag: "6.14.0"'));

    const result = await fixture().authorityUp("prod");
    assert.equal(result.code, 3, said(result));
    const message = new RegExp(
      `${automated.name} 6\\.14\\.0 was taken back in ${back} .* promoted again by automation in ${again} `,
    );
    assert.match(said(result), message);
    assert.deepEqual(await running(), ["6.13.0", "6.14.0"]);

    // The engine's policy pack and the program refuse it as well.
    const engine = await fixture().tryUp("prod", "--skip-preview");
    assert.notEqual(engine.code, 0);
    assert.match(said(engine), message);
    assert.deepEqual(await running(), ["6.13.0", "6.14.0"]);
  });

  it("is deployed when a person promotes it by name", async () => {
    const promoted = await fixture().authority(
      "promote",
      automated.name,
      "6.14.0",
      "--stack",
      "prod",
      "--yes",
      "--push",
    );
    assert.equal(promoted.code, 0, said(promoted));
    assert.equal(tagIn((await fixture().remoteFile(stackFile("prod"))) ?? ""), "6.14.0");
    const result = await fixture().authorityUp("prod");
    assert.equal(result.code, 0, said(result));
    assert.deepEqual(await running(), ["6.14.0", "6.14.0"]);
  });
});
