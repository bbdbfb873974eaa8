import assert from "node:assert/strict";
import { join } from "node:path";
import { RunError } from "@pulumi/pulumi";
import { pushImage } from "../../demo/push";
import { serveRegistry } from "../../demo/embedded-registry";
import { type GitServer, serveGit } from "../../demo/git-server";
import type { Listening } from "../../demo/loopback";
import { readRelease, type ReadReleaseArgs } from "../../src/components/index";
import { chartAt, makeRepository } from "../release/scratch-repository";
import { temporaryDirectory } from "../support/directory";

describe("readRelease", () => {
  const directory = temporaryDirectory();
  let registry: Listening;
  let gitServer: GitServer;
  let application: { repository: string; chart: string; image: string; insecureRegistry: boolean };

  beforeEach(async () => {
    registry = await serveRegistry();
    await makeRepository(join(directory(), "app.git"), [
      { files: chartAt("1.0.0"), annotated: ["1.0.0"] },
      { files: chartAt("1.1.0", "1.0.0"), annotated: ["1.1.0"] },
    ]);
    gitServer = await serveGit({ root: directory() });
    const repository = `${gitServer.url}/app.git`;
    const image = `${registry.url.replace("http://", "")}/team/app`;
    application = { repository, chart: "./charts/app", image, insecureRegistry: true };
    for (const tag of ["1.0.0", "1.1.0"]) await pushImage(registry.url, "team/app", tag);
  });

  afterEach(async () => {
    await gitServer.close();
    await registry.close();
  });

  it("reads the facts of a release that keeps the promise", async () => {
    const evidence = await readRelease({ ...application, tag: "1.0.0" });
    assert.equal(evidence.chartVersion, "1.0.0");
    assert.match(evidence.commit ?? "", /^[0-9a-f]{40}$/);
    assert.match(evidence.images[0]?.digest ?? "", /^sha256:/);
  });

  it("rejects everything else with all reasons, and without a stack trace", async () => {
    const rejects = (args: Partial<ReadReleaseArgs>, expected: RegExp) =>
      assert.rejects(readRelease({ ...application, tag: "1.0.0", ...args }), (error: Error) => {
        assert.ok(RunError.isInstance(error));
        assert.match(error.message, expected);
        assert.equal(error.stack, undefined);
        return true;
      });
    await rejects(
      { tag: "1.1.0" },
      /^The release 1\.1\.0 is not deployed:\n {2}appVersion of Chart\.yaml is "1\.0\.0", must be "1\.1\.0"/,
    );
    await rejects({ tag: "latest" }, /the image tag "latest" is not the prefix/);
    await rejects({ chart: "../x", image: "a b" }, /applications\.release\.chart: [^]*applications\.release\.image: /);
  });
});
