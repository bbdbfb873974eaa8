import assert from "node:assert/strict";
import type { Application } from "./support/application";
import { useLab } from "./support/lab";
import { Stage, stackFile } from "./support/stage";

/** Story 7: who moves a version, for three tenants in one stack. */
describe("three modes of automation side by side", () => {
  const opened = useLab();
  const promotions = "promotions/prod";
  let stage: Stage;
  let auto: Application;
  let pullRequest: Application;
  let manual: Application;

  before(async function () {
    stage = await Stage.open(this, opened());
    [auto, pullRequest, manual] = [
      await stage.application("6.13.0"),
      await stage.application("6.13.0"),
      await stage.application("6.13.0"),
    ];
    await stage.addStack("prod", {
      tenants: [
        { application: auto, tag: "6.13.0", automation: "auto" },
        { application: pullRequest, tag: "6.13.0", automation: "pull-request" },
        { application: manual, tag: "6.13.0", automation: "manual" },
      ],
    });
    await stage.up("prod");
  });

  after(() => stage.close());

  /** The tag in a tenant's entry. */
  function tagOf(text: string | undefined, { name }: Application): string | undefined {
    return new RegExp(`^ {4}${name}:[^]*?^ {6}tag: "([^"]+)"`, "m").exec(text ?? "")?.[1];
  }

  const tags = (text: string | undefined) => [auto, pullRequest, manual].map((application) => tagOf(text, application));

  it("commits each version where its mode says, and nowhere else", async () => {
    const before = await stage.remoteHead();
    for (const application of [auto, pullRequest, manual]) await application.pushImage("6.14.0");
    const main = await stage.waitForStackFile(
      "prod",
      "auto is on the main branch",
      (text) => tagOf(text, auto) === "6.14.0",
    );
    const proposed = await stage.waitForStackFile(
      "prod",
      "pull-request is on the promotion branch",
      (text) => tagOf(text, pullRequest) === "6.14.0",
      { branch: promotions },
    );
    assert.deepEqual(tags(main), ["6.14.0", "6.13.0", "6.13.0"]);
    // The branch may have been made before or after the commit to the main branch.
    assert.deepEqual(tags(proposed).slice(1), ["6.14.0", "6.13.0"]);

    for (const [application, mode] of [
      [auto, "auto"],
      [pullRequest, "pull-request"],
    ] as const) {
      await stage.lookForNewImages("prod", application, mode);
    }
    assert.deepEqual(tags(await stage.remoteFile(stackFile("prod"))), ["6.14.0", "6.13.0", "6.13.0"]);
    await stage.pull();
    assert.equal(await stage.project.git("diff", "--name-only", before!, "HEAD"), stackFile("prod"));
    await stage.project.git("fetch", "--quiet", "origin", promotions);
    const onPromotions = await stage.project.git("diff", "--name-only", before!, "FETCH_HEAD");
    assert.equal(onPromotions, stackFile("prod"));
  });

  it("deploys the promotion branch once people have merged it", async () => {
    await stage.up("prod");
    assert.deepEqual(await running(), ["6.14.0", "6.13.0", "6.13.0"]);
    await stage.project.git("fetch", "--quiet", "origin", promotions);
    await stage.project.git("merge", "--quiet", "--no-edit", "FETCH_HEAD");
    await stage.push();
    await stage.up("prod");
    assert.deepEqual(await running(), ["6.14.0", "6.14.0", "6.13.0"]);
  });

  it("proposes the next release on the same branch, on top of the main branch", async () => {
    await pullRequest.pushImage("6.14.1");
    const text = await stage.waitForStackFile(
      "prod",
      "pull-request proposes 6.14.1",
      (content) => tagOf(content, pullRequest) === "6.14.1",
      { branch: promotions },
    );
    assert.deepEqual(tags(text), ["6.14.0", "6.14.1", "6.13.0"]);
    await stage.project.git("fetch", "--quiet", "origin", promotions);
    await stage.project.git("merge-base", "--is-ancestor", "main", "FETCH_HEAD");
  });

  async function running(): Promise<(string | undefined)[]> {
    const images = await Promise.all([auto, pullRequest, manual].map((application) => stage.runningImage(application)));
    return images.map((image) => image.split(":").at(-1));
  }
});
