import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createRegistry } from "../../src/release/registry";
import {
  type ApplicationSettings,
  githubRelease,
  gitlabRelease,
  runApplicationPipeline,
} from "../support/application-pipeline";
import { temporaryDirectory } from "../support/directory";
import { writeImage } from "../support/image-layout";
import { type RunningRegistry, startDistribution } from "../support/registry";
import { requireTools } from "../support/tools";
import { chartYaml, makeApplication, type ScratchApplication } from "./application";
import { authority } from "./command-line";

for (const pipeline of [githubRelease, gitlabRelease]) {
  describe(`the application's pipeline ${pipeline.name}`, () => {
    const directory = temporaryDirectory();
    let registry: RunningRegistry;
    let host: string;

    before(function () {
      requireTools(this, "registry", "crane", "helm");
    });
    beforeEach(async () => {
      registry = await startDistribution(directory());
      host = new URL(registry.url).host;
    });
    afterEach(() => registry.close());

    const runPipeline = ({ remote }: ScratchApplication, tag: string, more: Partial<ApplicationSettings> = {}) =>
      runApplicationPipeline(pipeline, {
        ...{ directory: directory(), remote, tag, insecure: true },
        settings: {
          image: `${host}/acme/app=images/app`,
          otherImages: `${host}/acme/worker=images/worker`,
          chartTo: `oci://${host}/charts/app`,
          test: 'grep -q "name: app" charts/app/Chart.yaml',
          build: 'echo "$VERSION $IMAGE_TAG $REVISION" > "$BUILT/facts"; cp -R "$BUILT/images/." images',
          ...more,
        },
      });

    /** What a build of this commit gives. */
    function build(revision: string, version: string): void {
      const labels = { "org.opencontainers.image.revision": revision, "org.opencontainers.image.version": version };
      writeImage(join(directory(), "built", "images", "app"), labels);
      writeImage(join(directory(), "built", "images", "worker"), labels, labels);
    }

    async function published(tag: string): Promise<string[]> {
      const all = ["acme/worker", "charts/app", "acme/app"];
      const digests = await Promise.all(all.map((name) => createRegistry().readDigest(`${host}/${name}`, tag, true)));
      return all.filter((_, index) => digests[index] !== undefined);
    }

    it("publishes everything of a release that `authority release` has made", async () => {
      const app = await makeApplication(directory());
      assert.equal((await authority(["release", "1.4.0", "--push"], { cwd: app.clone })).code, 0);
      const commit = await app.run("rev-parse", "HEAD");
      build(commit, "1.4.0");
      await runPipeline(app, "1.4.0");
      assert.equal(readFileSync(join(directory(), "built", "facts"), "utf8"), `1.4.0 1.4.0 ${commit}\n`);
      assert.deepEqual(await published("1.4.0"), ["acme/worker", "charts/app", "acme/app"]);
      const chart = await createRegistry().readChart(`oci://${host}/charts/app`, "1.4.0", true);
      assert.equal(chart?.revision, commit);
    });

    it("builds and publishes nothing if the tag breaks the promise, or its commit is on no release branch", async () => {
      const app = await makeApplication(directory());
      build(await app.run("rev-parse", "HEAD"), "1.4.0");
      await app.run("tag", "1.4.0");
      await app.run("push", "--quiet", "origin", "1.4.0");
      await assert.rejects(runPipeline(app, "1.4.0"), /version of Chart\.yaml is "1\.3\.0", must be "1\.4\.0"/);
      await app.run("switch", "--quiet", "--create", "feature");
      await app.commitLocally({ "charts/app/Chart.yaml": chartYaml.replaceAll("1.3.0", "1.5.0") });
      await app.run("tag", "1.5.0");
      await app.run("push", "--quiet", "origin", "feature", "1.5.0");
      await assert.rejects(
        runPipeline(app, "1.5.0"),
        /lies on no branch that releases are made from, must lie on "main"/,
      );
      assert.ok(!existsSync(join(directory(), "built", "facts")));
      assert.deepEqual([await published("1.4.0"), await published("1.5.0")], [[], []]);
    });

    it("publishes nothing if the test fails, or one of the images was built from another commit", async () => {
      const app = await makeApplication(directory());
      assert.equal((await authority(["release", "1.4.0", "--push"], { cwd: app.clone })).code, 0);
      await assert.rejects(runPipeline(app, "1.4.0", { test: "echo the test fails >&2; exit 1" }), /the test fails/);
      assert.equal((await authority(["release", "1.5.0", "--push"], { cwd: app.clone })).code, 0);
      build("another", "1.5.0");
      await assert.rejects(runPipeline(app, "1.5.0"), /revision of the image for .* is another, must be/);
      assert.deepEqual([await published("1.4.0"), await published("1.5.0")], [[], []]);
    });
  });
}
