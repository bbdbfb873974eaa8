import assert from "node:assert/strict";
import { mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { execa } from "execa";
import { findExecutable } from "../../demo/executable";
import { listenOnLoopback } from "../../demo/loopback";
import { pushImage } from "../../demo/push";
import { createRegistry } from "../../src/release/registry";
import { temporaryDirectory } from "../support/directory";
import { type Labels, writeImage } from "../support/image-layout";
import { type RunningRegistry, startDistribution } from "../support/registry";
import { requireTools } from "../support/tools";
import { chartYaml, makeApplication, type ScratchApplication } from "./application";
import { authority, authorityProcess, type Outcome } from "./command-line";

const chart = "charts/app/Chart.yaml";

describe("authority publish", () => {
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

  /** The digest in the registry, by repository. Absent: the tag does not exist. */
  async function published(tag: string, ...repositories: string[]): Promise<Record<string, string | undefined>> {
    const read = async (name: string) =>
      [name, await createRegistry().readDigest(`${host}/${name}`, tag, true)] as const;
    return Object.fromEntries(await Promise.all(repositories.map(read)));
  }

  const publish = ({ clone }: ScratchApplication, tag: string, ...args: string[]): Promise<Outcome> =>
    authority(["publish", tag, "--insecure-registry", "--released-from", "main", ...args], { cwd: clone });

  /** An application with the release 1.3.0 and two built images, and the flags that publish them. */
  async function builtApplication(labels: (commit: string) => Labels = labelsOf): Promise<{
    readonly app: ScratchApplication;
    readonly flags: readonly string[];
    readonly commit: string;
  }> {
    const app = await makeApplication(directory(), { [chart]: chartYaml, ".gitignore": "images\n" });
    const commit = await app.run("rev-parse", "HEAD");
    writeImage(join(app.clone, "images", "app"), labels(commit));
    writeImage(join(app.clone, "images", "worker"), labels(commit), labels(commit));
    const flags = [
      ...["--image", `${host}/acme/app=images/app`, "--other", `${host}/acme/worker=images/worker`],
      ...["--chart-to", `oci://${host}/charts/app`],
    ];
    return { app, flags, commit };
  }

  const labelsOf = (commit: string): Labels => ({
    "org.opencontainers.image.revision": commit,
    "org.opencontainers.image.version": "1.3.0",
  });

  it("publishes the other images, the chart, and last the image that the platform watches", async () => {
    const { app, flags, commit } = await builtApplication();
    const { code, stdout, stderr } = await publish(app, "1.3.0", ...flags);
    assert.equal(code, 0, stderr);
    assert.deepEqual(
      [...stderr.matchAll(/^uploading (.*)$/gm)].map(([, reference]) => reference),
      [`${host}/acme/worker:1.3.0`, `${host}/charts/app:1.3.0`, `${host}/acme/app:1.3.0`],
    );
    assert.match(stdout, new RegExp(`${host}/acme/app:1\\.3\\.0 +published`));
    const found = await createRegistry().readChart(`oci://${host}/charts/app`, "1.3.0", true);
    assert.equal(found?.revision, commit);
    assert.equal(found.appVersion, "1.3.0");
    assert.deepEqual(found.problems, []);
    const tenant = await authority([
      "audit",
      "-r",
      app.remote,
      "-c",
      `oci://${host}/charts/app`,
      "--insecure-registry",
    ]);
    assert.equal(tenant.code, 0, tenant.stdout);
    const again = await publish(app, "1.3.0", ...flags);
    assert.equal(again.code, 0);
    assert.equal(again.stdout.match(/was there, of this commit/g)?.length, 3);
  });

  it("goes on where a run has ended, and keeps what is there although it was built again", async () => {
    const { app, flags, commit } = await builtApplication();
    rmSync(join(app.clone, "images", "app", "blobs"), { recursive: true });
    const broken = await publish(app, "1.3.0", ...flags);
    assert.equal(broken.code, 3);
    assert.match(broken.stderr, /expected the OCI layout of .*acme\/app:1\.3\.0\nNothing was published\./);
    assert.deepEqual(await published("1.3.0", "acme/worker", "charts/app"), {
      "acme/worker": undefined,
      "charts/app": undefined,
    });
    // Another run has published the worker and was killed.
    await publish(app, "1.3.0", "--image", `${host}/acme/worker=images/worker`);
    const before = await published("1.3.0", "acme/worker");
    writeImage(join(app.clone, "images", "app"), labelsOf(commit));
    writeImage(join(app.clone, "images", "worker"), { ...labelsOf(commit), built: "again" });
    const { code, stdout } = await publish(app, "1.3.0", ...flags);
    assert.equal(code, 0);
    assert.match(stdout, /acme\/worker:1\.3\.0 +was there, of this commit/);
    assert.deepEqual(await published("1.3.0", "acme/worker"), before);
    assert.notEqual((await published("1.3.0", "acme/app"))["acme/app"], undefined);
  });

  it("publishes the chart as Helm pulls it, with the dependencies that its lock pins", async () => {
    const charts = join(directory(), "charts");
    mkdirSync(charts);
    const environment = { HELM_CACHE_HOME: join(directory(), "cache"), HELM_CONFIG_HOME: join(directory(), "config") };
    const helm = (cwd: string, ...args: string[]) => execa("helm", args, { cwd, env: environment });
    const addPart = async (version: string) => {
      const part = join(directory(), `part-${version}`);
      mkdirSync(part);
      writeFileSync(join(part, "Chart.yaml"), `apiVersion: v2\nname: part\nversion: ${version}\n`);
      await helm(charts, "package", part);
      await helm(charts, "repo", "index", ".");
    };
    await addPart("1.0.0");
    const server = await listenOnLoopback(
      createServer((request, response) => {
        response.end(readFileSync(join(charts, request.url ?? "")));
      }),
    );
    try {
      const dependencies = `dependencies: [{ name: part, version: ^1.0.0, repository: "${server.url}" }]\n`;
      const app = await makeApplication(directory(), {
        [chart]: chartYaml + dependencies,
        ".gitignore": "charts/app/charts",
      });
      await helm(join(app.clone, "charts", "app"), "dependency", "update", ".");
      await app.commit({ ".gitignore": "charts/app/charts\nimages\n" });
      await app.run("tag", "--force", "1.3.0");
      await addPart("1.1.0");
      rmSync(join(app.clone, "charts", "app", "charts"), { recursive: true });
      writeImage(join(app.clone, "images", "app"), labelsOf(await app.run("rev-parse", "HEAD")));
      const flags = ["--image", `${host}/acme/app=images/app`, "--chart-to", `oci://${host}/charts/app`];
      const { code, stderr } = await publish(app, "1.3.0", ...flags);
      assert.equal(code, 0, stderr);
      await helm(directory(), "pull", `oci://${host}/charts/app`, "--version", "1.3.0", "--plain-http", "--untar");
      assert.match(readFileSync(join(directory(), "app", "charts", "part", "Chart.yaml"), "utf8"), /version: 1\.0\.0/);
    } finally {
      await server.close();
    }
  });

  it("refuses to overwrite a tag of another commit, before and after the build", async () => {
    const { app, flags } = await builtApplication();
    const foreign = await pushImage(registry.url, "acme/worker", "1.3.0", {
      labels: { "org.opencontainers.image.revision": "another" },
    });
    const reason = /acme\/worker:1\.3\.0 is in the registry already, and not from the commit .*Nothing was published/s;
    const check = flags.map((flag) => flag.replace(/=.*/, ""));
    for (const args of [["--check", ...check], flags]) {
      const { code, stderr } = await publish(app, "1.3.0", ...args);
      assert.equal(code, 3);
      assert.match(stderr, reason);
    }
    assert.deepEqual(await published("1.3.0", "acme/worker", "acme/app"), {
      "acme/worker": foreign,
      "acme/app": undefined,
    });
  });

  it("refuses a tag that breaks the promise, before the build", async () => {
    const { app } = await builtApplication();
    const check = (tag: string, ...more: string[]) =>
      publish(app, tag, "--check", "--image", `${host}/acme/app`, ...more);
    const fine = await check("1.3.0");
    assert.equal(fine.code, 0);
    assert.match(fine.stdout, /acme\/app:1\.3\.0 +free/);
    await app.run("tag", "1.4.0");
    const wrongVersion = await check("1.4.0");
    assert.equal(wrongVersion.code, 3);
    assert.match(wrongVersion.stderr, /version of Chart\.yaml is "1\.3\.0", must be "1\.4\.0"/);
    await app.run("switch", "--quiet", "--create", "feature");
    await app.commitLocally({ [chart]: chartYaml.replaceAll("1.3.0", "1.5.0") });
    await app.run("tag", "1.5.0");
    const wrongBranch = await check("1.5.0");
    assert.equal(wrongBranch.code, 3);
    assert.match(wrongBranch.stderr, /lies on no branch that releases are made from, must lie on "main"/);
    await app.commitLocally({
      [chart]: chartYaml.replaceAll("1.3.0", "1.6.0"),
      "charts/app/values.yaml": "image: { tag: 1.5.0 }",
    });
    await app.run("tag", "1.6.0");
    const wrongImage = await check("1.6.0", "--released-from", "feature");
    assert.equal(wrongImage.code, 3);
    assert.match(wrongImage.stderr, /image\.tag of values\.yaml is "1\.5\.0"/);
    await app.run("switch", "--quiet", "main");
    const wrongCheckout = await check("1.6.0");
    assert.match(wrongCheckout.stderr, /Check out the tag/);
    const noVersion = await check("latest");
    assert.match(noVersion.stderr, /"latest" is not a Git tag of a version with the prefix ""/);
    const noTag = await check("9.9.9");
    assert.match(noTag.stderr, /This clone has no Git tag 9\.9\.9: `git fetch --tags`/);
    const anyBranch = await authority(["publish", "1.3.0", "--check", "--image", "a/b", "--released-from", ""], {
      cwd: app.clone,
    });
    assert.equal(anyBranch.code, 2, "a tag of any branch could be published");
    assert.match(anyBranch.stderr, /`--released-from` is empty/);
  });

  it("refuses an image that does not say which commit it was built from", async () => {
    const { app, flags, commit } = await builtApplication((of) => ({ "org.opencontainers.image.version": of }));
    const { code, stderr } = await publish(app, "1.3.0", ...flags);
    assert.equal(code, 3);
    assert.match(
      stderr,
      new RegExp(`revision of the image for ${host}/acme/app:1.3.0 is missing, must be ${commit}: build it with`),
    );
    assert.match(stderr, new RegExp(`version of the image for ${host}/acme/worker:1.3.0 is ${commit}, must be 1.3.0`));
    assert.deepEqual(await published("1.3.0", "acme/worker"), { "acme/worker": undefined });
  });

  it("says what is wrong with the command line and the folders", async () => {
    const { app } = await builtApplication();
    const wrong = async (code: number, message: RegExp, ...args: string[]) => {
      const outcome = await publish(app, "1.3.0", ...args);
      assert.equal(outcome.code, code);
      assert.match(outcome.stderr, message);
    };
    await wrong(2, /Say where the image is that was built/, "--image", `${host}/acme/app`);
    await wrong(2, /`--image` is empty; expected .* such as `ghcr\.io\/acme\/app=images\/app`/, "--image", "");
    await wrong(2, /is not an image without a tag/, "--image", "ghcr.io/acme/app:1.3.0=images/app");
    await wrong(2, /Expected `--chart-to oci:/, "--image", `${host}/a=images/app`, "--chart-to", `${host}/charts/app`);
    await wrong(3, /images\/none\/index\.json is missing; expected the OCI layout/, "--image", `${host}/a=images/none`);
    const bin = directory();
    symlinkSync(findExecutable("git")!, join(bin, "git"));
    const withoutCrane = await authorityProcess(
      ["publish", "1.3.0", "--insecure-registry", "--released-from", "main", "--image", `${host}/a=images/app`],
      { cwd: app.clone, env: { PATH: bin } },
    );
    assert.equal(withoutCrane.code, 2);
    assert.match(withoutCrane.stderr, /`crane` is not on PATH\. Install it: https:\/\//);
    mkdirSync(join(app.clone, "images", "two"));
    writeFileSync(join(app.clone, "images", "two", "index.json"), '{"manifests":[{},{}]}');
    await wrong(3, /lists 2 images, must list one/, "--image", `${host}/a=images/two`);
  });
});
