import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { serveRegistry } from "../../demo/embedded-registry";
import { git } from "../../demo/git";
import type { Listening } from "../../demo/loopback";
import { createApplication, type ScratchApplication } from "../../demo/scratch-application";
import { temporaryDirectory } from "../support/directory";

describe("a scratch application", () => {
  const directory = temporaryDirectory();
  let registry: Listening;
  let application: ScratchApplication;

  beforeEach(async () => {
    registry = await serveRegistry();
    application = await createApplication({ directory: directory(), name: "shop", registry: registry.url });
  });
  afterEach(() => registry.close());

  function read(...parameters: string[]): Promise<string> {
    return git({ directory: application.repository }, ...parameters);
  }

  it("publishes releases that keep the promise: commit on master, chart, Git tag and image", async () => {
    const { commit, digest } = await application.publish({ version: "1.0.0", message: "First release" });
    assert.equal(await read("rev-parse", "1.0.0^{commit}"), commit);
    assert.equal(await read("rev-parse", "master"), commit);
    assert.equal(await read("cat-file", "-t", "1.0.0"), "tag");
    const chart = await read("show", "1.0.0:charts/shop/Chart.yaml");
    assert.match(chart, /^version: "1\.0\.0"$/m);
    assert.match(chart, /^appVersion: "1\.0\.0"$/m);
    const image = await fetch(`${registry.url}/v2/shop/manifests/1.0.0`, { method: "HEAD" });
    assert.equal(image.headers.get("docker-content-digest"), digest);
    assert.equal(application.image, `${new URL(registry.url).host}/shop`);
  });

  it("can publish releases that break the promise", async () => {
    await application.publish({ version: "1.0.0", message: "First release" });
    const commit = await application.commit({
      version: "1.1.0",
      appVersion: "1.0.0",
      message: "Forgot",
      branch: "topic",
    });
    await application.tag("v1.1.0", commit);
    assert.match(await read("show", "v1.1.0:charts/shop/Chart.yaml"), /^appVersion: "1\.0\.0"$/m);
    assert.equal(await read("branch", "--contains", commit, "--format=%(refname:short)"), "topic");
    assert.equal(await read("rev-list", "--count", "topic"), "2");
    assert.equal((await fetch(`${registry.url}/v2/shop/manifests/v1.1.0`)).status, 404);
  });

  it("moves an existing tag", async () => {
    await application.publish({ version: "1.0.0", message: "First release" });
    const later = await application.commit({ version: "1.0.1", message: "Next" });
    await application.tag("1.0.0", later);
    assert.equal(await read("rev-parse", "1.0.0^{commit}"), later);
  });

  it("creates the same commits on every machine", async () => {
    const again = join(directory(), "again");
    mkdirSync(again);
    const twin = await createApplication({ directory: again, name: "shop", registry: registry.url });
    const releases = [application, twin].map(async (each) => {
      await each.publish({ version: "1.0.0", message: "First release" });
      return each.publish({ version: "1.1.0", message: "Second release" });
    });
    const [one, other] = await Promise.all(releases);
    assert.deepEqual(one, other);
  });
});
