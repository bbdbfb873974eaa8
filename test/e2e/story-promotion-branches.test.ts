import assert from "node:assert/strict";
import type { StackPromotions } from "../../src/cli/promotions";
import type { Application } from "./support/application";
import { said, stackFile, useFixture } from "./support/fixture";
import { useLab } from "./support/lab";

/** Two tenants with automation `pull-request`, one of which publishes a release that breaks the promise. */
describe("one promotion branch per tenant", () => {
  const opened = useLab();
  const fixture = useFixture(opened);
  const fluxBranch = "promotions/prod";
  let good: Application;
  let broken: Application;

  before(async () => {
    [good, broken] = [await fixture().application("6.11.1"), await fixture().application("6.11.1")];
    await fixture().addStack("prod", {
      tenants: [
        { application: good, tag: "6.11.1", automation: "pull-request" },
        { application: broken, tag: "6.11.1", automation: "pull-request" },
      ],
    });
    assert.equal((await fixture().authority("lock", "--stack", "prod")).code, 0);
    await fixture().commit("Lock", {});
    await fixture().up("prod");
  });

  const branchOf = ({ name }: Application) => `promote/prod/${name}`;
  const git = (...args: string[]) => fixture().project.git(...args);

  /** The tag in a tenant's entry. */
  const tagOf = (text: string | undefined, { name }: Application) =>
    new RegExp(`^ {4}${name}:[^]*?^ {6}tag: "([^"]+)"`, "m").exec(text ?? "")?.[1];

  const fluxProposes = (application: Application, version: string) =>
    fixture().waitForStackFile(
      "prod",
      `Flux proposes ${version} of ${application.name}`,
      (text) => tagOf(text, application) === version,
      { branch: fluxBranch },
    );

  async function promotions(code: number): Promise<StackPromotions> {
    const result = await fixture().authority("promotions", "--stack", "prod", "--push", "--json");
    assert.equal(result.code, code, said(result));
    return (JSON.parse(result.stdout) as { stacks: [StackPromotions] }).stacks[0];
  }

  const stateOf = (result: StackPromotions, { name }: Application) =>
    result.promotions.find(({ tenant }) => tenant === name)?.state;

  async function merge(application: Application): Promise<void> {
    await git("fetch", "--quiet", "origin", branchOf(application));
    await git("merge", "--quiet", "--ff-only", "FETCH_HEAD");
    await fixture().push();
  }

  it("proposes the release that may run, while another one breaks the promise", async () => {
    await good.pushImage("6.13.0");
    await broken.commitVersion("6.15.0", { appVersion: "6.14.1" });
    await broken.tag("6.15.0");
    await broken.pushImage("6.15.0");
    await fluxProposes(good, "6.13.0");
    await fluxProposes(broken, "6.15.0");
    await git("fetch", "--quiet", "origin", fluxBranch);
    for (const subject of (await git("log", "--format=%s", "main..FETCH_HEAD")).split("\n")) {
      assert.match(subject, /^Promote (?:2 tenants|podinfo-\w+ from 6\.11\.1 to 6\.1[35]\.0) in prod$/);
    }
    const result = await promotions(3);
    assert.deepEqual([stateOf(result, good), stateOf(result, broken)], ["created", "blocked"]);
    assert.equal(await fixture().remoteHead(branchOf(broken)), undefined);
    await git("fetch", "--quiet", "origin", branchOf(good));
    assert.equal(await git("rev-parse", "FETCH_HEAD^"), await git("rev-parse", "main"));
    assert.equal(
      await git("log", "-1", "--format=%s", "FETCH_HEAD"),
      `Promote ${good.name} from 6.11.1 to 6.13.0 in prod`,
    );
  });

  it("runs the release after its branch is merged, and then deletes the branch", async () => {
    await merge(good);
    await fixture().up("prod");
    assert.match(await fixture().runningImage(good), /:6\.13\.0$/);
    assert.match(await fixture().runningImage(broken), /:6\.11\.1$/);
    const result = await promotions(3);
    assert.equal(stateOf(result, good), "deleted");
    assert.equal(await fixture().remoteHead(branchOf(good)), undefined);
  });

  it("has Flux begin again when the main branch has another stack file, and proposes the corrected release", async () => {
    await fixture().edit("prod", `Deny the broken release of ${broken.name}`, (text) =>
      text.replace(
        new RegExp(`(^ {4}${broken.name}:[^]*?\n( +)automation: pull-request\n)`, "m"),
        `$1$2deny: ["6.15.0"]\n`,
      ),
    );
    await fixture().up("prod");
    // After this, Flux has nothing to push, so that no run of it makes the old branch again.
    await fixture().lookForNewImages("prod", broken, "pull-request");
    assert.equal((await promotions(0)).flux.state, "stale");
    assert.equal(await fixture().remoteHead(fluxBranch), undefined);
    await broken.commitVersion("6.15.1");
    await broken.tag("6.15.1");
    await broken.pushImage("6.15.1");
    await fluxProposes(broken, "6.15.1");
    await git("fetch", "--quiet", "origin", fluxBranch);
    assert.equal(await git("merge-base", "main", "FETCH_HEAD"), await git("rev-parse", "main"));
    const result = await promotions(0);
    assert.deepEqual([result.flux.state, stateOf(result, broken)], ["current", "created"]);
    await merge(broken);
    await fixture().up("prod");
    assert.match(await fixture().runningImage(broken), /:6\.15\.1$/);
    assert.equal(tagOf(await fixture().remoteFile(stackFile("prod")), good), "6.13.0");
  });
});
