import assert from "node:assert/strict";
import type { Application } from "./support/application";
import { useLab } from "./support/lab";
import { useFixture, stackFile } from "./support/fixture";

/** Story 7: three tenants in one stack, each with another automation mode. */
describe("the three automation modes", () => {
  const opened = useLab();
  const fixture = useFixture(opened);
  const promotions = "promotions/prod";
  /** Other files with the same markers as the stack file. */
  const foreign = [stackFile("staging"), "docs/example.yaml", "tenants/example.yaml"];
  let auto: Application;
  let pullRequest: Application;
  let manual: Application;
  let text: string;

  before(async () => {
    [auto, pullRequest, manual] = [
      await fixture().application("6.11.1"),
      await fixture().application("6.11.1"),
      await fixture().application("6.11.1"),
    ];
    await fixture().addStack("prod", {
      tenants: [
        { application: auto, tag: "6.11.1", automation: "auto" },
        { application: pullRequest, tag: "6.11.1", automation: "pull-request" },
        { application: manual, tag: "6.11.1", automation: "manual" },
      ],
    });
    text = await fixture().project.read(stackFile("prod"));
    await fixture().commit("Files with markers", Object.fromEntries(foreign.map((path) => [path, text])));
    await fixture().up("prod");
  });

  afterEach("what is not the stack file is as it was", async () => {
    for (const branch of ["main", promotions]) {
      if ((await fixture().remoteHead(branch)) === undefined) continue;
      for (const path of foreign) assert.equal(await fixture().remoteFile(path, branch), text, `${path} on ${branch}`);
    }
  });

  /** The tag in a tenant's entry. */
  function tagOf(content: string | undefined, { name }: Application): string | undefined {
    return new RegExp(`^ {4}${name}:[^]*?^ {6}tag: "([^"]+)"`, "m").exec(content ?? "")?.[1];
  }

  const tags = (content: string | undefined) =>
    [auto, pullRequest, manual].map((application) => tagOf(content, application));

  const proposal = (version: string) =>
    fixture().waitForStackFile(
      "prod",
      `pull-request proposes ${version}`,
      (content) => tagOf(content, pullRequest) === version,
      { branch: promotions },
    );

  /** Whether the promotion branch contains the main branch. */
  async function isRebuiltFromMain(): Promise<boolean> {
    await fixture().project.git("fetch", "--quiet", "origin", promotions);
    const [main, base] = await Promise.all([
      fixture().project.git("rev-parse", "main"),
      fixture().project.git("merge-base", "main", "FETCH_HEAD"),
    ]);
    return main === base;
  }

  it("commit versions to the branch of their mode only", async () => {
    const before = await fixture().remoteHead();
    for (const application of [auto, pullRequest, manual]) await application.pushImage("6.13.0");
    const main = await fixture().waitForStackFile(
      "prod",
      "auto is on the main branch",
      (content) => tagOf(content, auto) === "6.13.0",
    );
    const proposed = await proposal("6.13.0");
    assert.deepEqual(tags(main), ["6.13.0", "6.11.1", "6.11.1"]);
    // Flux may create the branch before or after the commit to the main branch.
    assert.deepEqual(tags(proposed).slice(1), ["6.13.0", "6.11.1"]);

    await fixture().lookForNewImages("prod", auto, "auto");
    await fixture().lookForNewImages("prod", pullRequest, "pull-request");
    assert.deepEqual(tags(await fixture().remoteFile(stackFile("prod"))), ["6.13.0", "6.11.1", "6.11.1"]);
    await fixture().pull();
    assert.equal(await fixture().project.git("diff", "--name-only", before!, "HEAD"), stackFile("prod"));
    await fixture().project.git("fetch", "--quiet", "origin", promotions);
    assert.equal(await fixture().project.git("diff", "--name-only", before!, "FETCH_HEAD"), stackFile("prod"));
  });

  it("continue an existing promotion branch without rebasing it on the main branch", async () => {
    const values = `tenants/${manual.name}/values.yaml`;
    await fixture().commit("Two of it", { [values]: `${await fixture().project.read(values)}\nreplicaCount: 2\n` });
    const proposed = await fixture().remoteHead(promotions);
    await fixture().lookForNewImages("prod", pullRequest, "pull-request");
    assert.equal(await fixture().remoteHead(promotions), proposed);

    await pullRequest.pushImage("6.14.0");
    await proposal("6.14.0");
    assert.equal(await isRebuiltFromMain(), false);
    assert.equal(
      await fixture().project.git("rev-parse", "FETCH_HEAD^"),
      proposed,
      "one commit more, nothing rewritten",
    );
  });

  it("deploy a merged promotion branch, and create none without a new release", async () => {
    await fixture().up("prod");
    assert.deepEqual(await running(), ["6.13.0", "6.11.1", "6.11.1"]);
    await fixture().project.git("fetch", "--quiet", "origin", promotions);
    await fixture().project.git("merge", "--quiet", "--no-edit", "FETCH_HEAD");
    await fixture().push();
    // A run of Flux that read the main branch before the merge could create the deleted branch again.
    await fixture().lookForNewImages("prod", pullRequest, "pull-request");
    // As Git hosts do after a merge, if configured.
    await fixture().project.git("push", "--quiet", "origin", "--delete", promotions);
    await fixture().up("prod");
    assert.deepEqual(await running(), ["6.13.0", "6.14.0", "6.11.1"]);
    await fixture().lookForNewImages("prod", pullRequest, "pull-request");
    assert.equal(await fixture().remoteHead(promotions), undefined);
  });

  it("propose the next release on a new promotion branch from the main branch", async () => {
    await pullRequest.pushImage("6.14.1");
    assert.deepEqual(tags(await proposal("6.14.1")), ["6.13.0", "6.14.1", "6.11.1"]);
    assert.equal(await isRebuiltFromMain(), true);
    assert.deepEqual(tags(await fixture().remoteFile(stackFile("prod"))), ["6.13.0", "6.14.0", "6.11.1"]);
  });

  async function running(): Promise<(string | undefined)[]> {
    const images = await Promise.all(
      [auto, pullRequest, manual].map((application) => fixture().runningImage(application)),
    );
    return images.map((image) => image.split(":").at(-1));
  }
});
