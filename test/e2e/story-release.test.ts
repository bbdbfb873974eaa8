import assert from "node:assert/strict";
import type { Application } from "./support/application";
import { useLab } from "./support/lab";
import { useStage, stackFile } from "./support/stage";

/** Story 3: a release is what has an image; it is committed first, and deployed then, in one upgrade. */
describe("a release", () => {
  const opened = useLab();
  const stage = useStage(opened);
  let automated: Application;
  let manual: Application;

  before(async () => {
    automated = await stage().application();
    manual = await stage().application();
    const digest = await automated.pushImage("6.13.0");
    await manual.pushImage("6.13.0");
    await stage().addStack("prod", {
      tenants: [
        { application: automated, tag: "6.13.0", digest, automation: "auto" },
        { application: manual, tag: "6.13.0" },
      ],
    });
    await stage().up("prod");
  });

  const versions = async (application: Application) =>
    (await stage().history(application)).map(({ chartVersion }) => chartVersion);

  it("is committed by Flux with tag and digest, and every other byte of the stack file as it was", async () => {
    assert.deepEqual(await versions(automated), ["6.13.0"]);
    const before = await stage().project.read(stackFile("prod"));
    const oldDigest = /^ {6}digest: "(sha256:\w+)"/m.exec(before)![1]!;
    const digest = await automated.pushImage("6.14.0");
    const after = await stage().waitForStackFile("prod", "Flux has committed 6.14.0", (text) =>
      text.includes("6.14.0"),
    );
    const start = before.indexOf(`    ${automated.name}:`);
    const end = before.indexOf(`    ${manual.name}:`);
    const entry = before.slice(start, end).replace('"6.13.0"', '"6.14.0"').replace(oldDigest, digest);
    assert.equal(after, before.slice(0, start) + entry + before.slice(end));
    await stage().pull();
    assert.equal(await stage().project.git("diff", "--name-only", "HEAD~1"), stackFile("prod"));
    assert.match(
      await stage().project.git("log", "-1", "--format=%B"),
      new RegExp(
        `^Promote in prod\n\n- ${stage().authorityNamespace}:${automated.name}:tag: 6\\.13\\.0 -> 6\\.14\\.0$`,
        "m",
      ),
    );
  });

  it("does not run before the commit is pulled and deployed", async () => {
    const head = await stage().project.git("rev-parse", "HEAD");
    await stage().project.git("checkout", "--quiet", "HEAD~1");
    await stage().expectNoChanges("prod");
    await stage().project.git("checkout", "--quiet", "main");
    await stage().lookForNewImages("prod", automated, "auto");
    await stage().lookAtSource(automated, stage().flux("GitRepository", `${automated.name}-6.13.0`));
    assert.equal(await stage().remoteHead(), head, "one release is one commit");
    assert.deepEqual(await versions(automated), ["6.13.0"]);
    assert.equal(await stage().runningImage(automated), `${automated.image}:6.13.0`);
  });

  it("runs after `up`, by one Helm upgrade", async () => {
    await stage().up("prod");
    assert.deepEqual(await versions(automated), ["6.13.0", "6.14.0"]);
    assert.equal(await stage().runningImage(automated), `${automated.image}:6.14.0`);
    assert.deepEqual(await versions(manual), ["6.13.0"]);
    await stage().expectNoChanges("prod");
  });

  it("is one upgrade as well where the same commit changes the values: never the old chart with the new values", async () => {
    await manual.pushImage("6.14.0");
    const values = `tenants/${manual.name}/values.yaml`;
    const changed = `${await stage().project.read(values)}\nreplicaCount: 2\n`;
    const text = await stage().project.read(stackFile("prod"));
    const start = text.indexOf(`    ${manual.name}:`);
    await stage().commit("Promote with another value", {
      [stackFile("prod")]: text.slice(0, start) + text.slice(start).replace('"6.13.0"', '"6.14.0"'),
      [values]: changed,
    });
    await stage().up("prod");
    await stage().reconcile(stage().flux("HelmRelease", manual.name));
    const history = await stage().history(manual);
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
