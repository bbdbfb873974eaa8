import assert from "node:assert/strict";
import type { Application } from "./support/application";
import { useLab } from "./support/lab";
import { said, stackFile, useFixture } from "./support/fixture";

/** Story 3: Flux commits a release when its image exists. `up` deploys it with one upgrade. */
describe("a release", () => {
  const opened = useLab();
  const fixture = useFixture(opened);
  let automated: Application;
  let manual: Application;

  before(async () => {
    automated = await fixture().application();
    manual = await fixture().application();
    const digest = await automated.pushImage("6.13.0");
    await manual.pushImage("6.13.0");
    await fixture().addStack("prod", {
      tenants: [
        { application: automated, tag: "6.13.0", digest, automation: "auto" },
        { application: manual, tag: "6.13.0" },
      ],
    });
    await fixture().up("prod");
  });

  const versions = async (application: Application) =>
    (await fixture().history(application)).map(({ chartVersion }) => chartVersion);

  it("is committed by Flux with tag and digest, and no other byte of the stack file changes", async () => {
    assert.deepEqual(await versions(automated), ["6.13.0"]);
    const before = await fixture().project.read(stackFile("prod"));
    const oldDigest = /^ {6}digest: "(sha256:\w+)"/m.exec(before)![1]!;
    const digest = await automated.pushImage("6.14.0");
    const after = await fixture().waitForStackFile("prod", "Flux has committed 6.14.0", (text) =>
      text.includes("6.14.0"),
    );
    const start = before.indexOf(`    ${automated.name}:`);
    const end = before.indexOf(`    ${manual.name}:`);
    const entry = before.slice(start, end).replace('"6.13.0"', '"6.14.0"').replace(oldDigest, digest);
    assert.equal(after, before.slice(0, start) + entry + before.slice(end));
    await fixture().pull();
    assert.equal(await fixture().project.git("diff", "--name-only", "HEAD~1"), stackFile("prod"));
    assert.match(
      await fixture().project.git("log", "-1", "--format=%B"),
      new RegExp(
        `^Promote ${automated.name} from 6\\.13\\.0 to 6\\.14\\.0 in prod\n\n- ${automated.name}: 6\\.13\\.0 -> 6\\.14\\.0$`,
        "m",
      ),
    );
  });

  it("does not run before an `up` deploys the commit", async () => {
    const head = await fixture().project.git("rev-parse", "HEAD");
    await fixture().project.git("checkout", "--quiet", "HEAD~1");
    await fixture().expectNoChanges("prod");
    await fixture().project.git("checkout", "--quiet", "main");
    await fixture().lookForNewImages("prod", automated, "auto");
    await fixture().lookAtSource(automated, fixture().flux("GitRepository", `${automated.name}-6.13.0`));
    assert.equal(await fixture().remoteHead(), head, "one release is one commit");
    assert.deepEqual(await versions(automated), ["6.13.0"]);
    assert.equal(await fixture().runningImage(automated), `${automated.image}:6.13.0`);
  });

  it("is not rolled back by the rerun of an old job, with or without `authority`", async () => {
    await fixture().project.git("checkout", "--quiet", "HEAD~1");
    const newer = new RegExp(`Push before deploy:\n.* has a newer decision for this stack \\(${stackFile("prod")} at `);
    const plain = await fixture().tryUp("prod", "--skip-preview");
    assert.notEqual(plain.code, 0);
    assert.match(said(plain), newer);
    const refused = await fixture().authorityUp("prod");
    assert.equal(refused.code, 3);
    assert.match(said(refused), newer);
    await fixture().project.git("checkout", "--quiet", "main");
  });

  it("is deployed by `up` with one Helm upgrade", async () => {
    await fixture().up("prod");
    assert.deepEqual(await versions(automated), ["6.13.0", "6.14.0"]);
    assert.equal(await fixture().runningImage(automated), `${automated.image}:6.14.0`);
    assert.deepEqual(await versions(manual), ["6.13.0"]);
    await fixture().expectNoChanges("prod");
  });

  it("is one upgrade together with changed values: the old chart never runs with the new values", async () => {
    await manual.pushImage("6.14.0");
    const values = `tenants/${manual.name}/values.yaml`;
    const changed = `${await fixture().project.read(values)}\nreplicaCount: 2\n`;
    const text = await fixture().project.read(stackFile("prod"));
    const start = text.indexOf(`    ${manual.name}:`);
    await fixture().commit("Promote with another value", {
      [stackFile("prod")]: text.slice(0, start) + text.slice(start).replace('"6.13.0"', '"6.14.0"'),
      [values]: changed,
    });
    await fixture().up("prod");
    await fixture().reconcile(fixture().flux("HelmRelease", manual.name));
    const history = await fixture().history(manual);
    assert.deepEqual(
      history.map(({ chartVersion, status, values: given }) => [chartVersion, status, given.replicaCount ?? 1]),
      [
        ["6.13.0", "superseded", 1],
        ["6.14.0", "deployed", 2],
      ],
    );
    assert.deepEqual(await versions(automated), ["6.13.0", "6.14.0"]);
  });
});
