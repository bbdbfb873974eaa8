import assert from "node:assert/strict";
import type { LiveObject } from "../lab/cluster";
import type { Application } from "./support/application";
import { said, useFixture } from "./support/fixture";
import { useLab } from "./support/lab";

/** A held tenant of dev stays at its commit, and only a commit of the platform team changes its release. */
describe("authority hold of a tenant that follows a branch", () => {
  const opened = useLab();
  const fixture = useFixture(opened);
  let application: Application;
  let held: string;

  before(async () => {
    application = await fixture().application();
    await fixture().actAs("Jane");
    await fixture().addStack("dev", { follow: "branch", tenants: [{ application }] });
    await fixture().up("dev");
    held = await application.repository.git("rev-parse", "HEAD");
    await runsCommit(held);
  });

  const runsCommit = (commit: string) => fixture().runsCommit(application, commit);

  const source = (): Promise<LiveObject> => opened().cluster.get(fixture().flux("GitRepository", application.name));

  async function decide(...args: string[]): Promise<string> {
    const decided = await fixture().authority(...args, "--stack", "dev", "--yes", "--push");
    assert.equal(decided.code, 0, said(decided));
    const result = await fixture().authorityUp("dev");
    assert.equal(result.code, 0, said(result));
    return said(decided);
  }

  it("stays at its commit, whatever the team pushes", async () => {
    const output = await decide("hold", "--reason", "load test", "--by", "jane", "--accept-open");
    assert.match(output, /closed: the branch master and its chart's dependencies, the source is suspended/);
    assert.match(output, /This needs an `up`: `authority up --stack dev`\./);
    await application.commitVersion("6.15.0");
    await fixture().reconcile(fixture().flux("HelmRelease", application.name));
    const { spec, status } = (await source()) as LiveObject & { status: { artifact: { revision: string } } };
    assert.equal((spec as { suspend?: boolean }).suspend, true);
    assert.match(status.artifact.revision, new RegExp(`${held}$`));
    assert.equal((await fixture().history(application)).length, 1);
    await fixture().expectNoChanges("dev");
  });

  it("still runs what a commit of the platform team decides, with the chart that it had", async () => {
    const values = `tenants/${application.name}/values.yaml`;
    await fixture().commit("Two", { [values]: `${await fixture().project.read(values)}\nreplicaCount: 2\n` });
    const result = await fixture().authorityUp("dev");
    assert.equal(result.code, 0, said(result));
    const { values: deployed, revision } = await runsCommit(held);
    assert.deepEqual([deployed.replicaCount, revision], [2, 2]);
  });

  it("runs the branch's latest commit after `resume`", async () => {
    await decide("resume");
    const { chartVersion, revision } = await runsCommit(await application.repository.git("rev-parse", "HEAD"));
    assert.match(chartVersion, /^6\.15\.0\+/);
    assert.equal(revision, 3);
    await fixture().expectNoChanges("dev");
  });
});
