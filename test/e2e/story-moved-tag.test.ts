import assert from "node:assert/strict";
import type { LiveObject } from "../lab/cluster";
import type { Application } from "./support/application";
import { useLab } from "./support/lab";
import { said, useFixture } from "./support/fixture";

/** Story 9: tags that move after the check do not change the running release. */
describe("a moved Git tag and a moved image tag", () => {
  const opened = useLab();
  const fixture = useFixture(opened);
  let application: Application;
  /** The running release. */
  let [commit, digest] = ["", ""];
  /** The new targets of the tags. */
  let [movedCommit, movedDigest] = ["", ""];

  before(async () => {
    application = await fixture().application();
    digest = await application.pushImage("6.14.1");
    commit = await application.repository.git("rev-parse", "6.14.1^{commit}");
    await fixture().addStack("prod", { tenants: [{ application, tag: "6.14.1", digest, automation: "auto" }] });
    const locked = await fixture().authority("lock");
    assert.equal(locked.code, 0, said(locked));
    await fixture().commit("Lock 6.14.1", {});
    await fixture().up("prod");
  });

  it("change nothing in production", async () => {
    const head = await fixture().remoteHead();
    const before = await fixture().release(application);
    const source = fixture().flux("GitRepository", `${application.name}-6.14.1`);
    const artifact = artifactOf(await opened().cluster.get(source));
    assert.ok(artifact.revision.endsWith(commit), artifact.revision);
    // With a new version, because Flux does not rebuild a chart with the same version.
    movedCommit = await application.commitVersion("6.14.2");
    await application.tag("6.14.1");
    movedDigest = await application.pushImage("6.14.1", { labels: { build: "another" } });

    await fixture().lookForNewImages("prod", application, "auto");
    assert.deepEqual(artifactOf(await fixture().lookAtSource(application, source)), artifact);
    assert.equal(await fixture().remoteHead(), head, "no new digest is committed");
    assert.deepEqual((await fixture().release(application)).spec, before.spec);
    assert.deepEqual(
      (await fixture().history(application)).map(({ chartVersion }) => chartVersion),
      ["6.14.1"],
    );
    await fixture().expectNoChanges("prod");
  });

  it("are reported by `authority verify`", async () => {
    const verified = await fixture().authority("verify");
    assert.equal(verified.code, 3, said(verified));
    assert.match(said(verified), new RegExp(`the Git tag "6\\.14\\.1" moved from ${commit} to ${movedCommit}`));
    assert.match(said(verified), new RegExp(`the digest of \\S+:6\\.14\\.1 was "${digest}", and is "${movedDigest}"`));
  });

  it("are reported by a preview in CI", async () => {
    const preview = await fixture().previewInCi("prod");
    assert.notEqual(preview.code, 0);
    const told = said(preview);
    assert.match(told, new RegExp(`the evidence shared-authority/commit is "${commit}", must be "${movedCommit}"`));
    assert.match(
      told,
      new RegExp(`the digest of \\S+:6\\.14\\.1 is "${movedDigest}", must be "${digest}", as the stack file says`),
    );
  });
});

/** The revision that Flux has fetched. */
function artifactOf({ status }: LiveObject): { readonly revision: string; readonly digest: string } {
  const { revision, digest } = status?.artifact as { revision: string; digest: string };
  return { revision, digest };
}
