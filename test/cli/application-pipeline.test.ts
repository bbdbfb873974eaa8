import assert from "node:assert/strict";
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { parse } from "yaml";
import { git } from "../../demo/git";
import { createRegistry } from "../../src/release/registry";
import { temporaryDirectory } from "../support/directory";
import { writeImage } from "../support/image-layout";
import { projectRoot } from "../support/project";
import { type RunningRegistry, startDistribution } from "../support/registry";
import { requireTools } from "../support/tools";
import { chartYaml, makeApplication, type ScratchApplication } from "./application";
import { authority } from "./command-line";

/** What a pipeline gets from the application's repository. */
interface Settings {
  readonly image: string;
  readonly otherImages: string;
  readonly chartTo: string;
  readonly test: string;
  readonly build: string;
}

/** Runs a pipeline's scripts as they stand, in a fresh checkout of the tag. */
interface Pipeline {
  readonly name: string;
  /** @throws the failure of the first script that fails */
  readonly run: (checkout: Checkout, settings: Settings) => Promise<void>;
}

interface Checkout {
  readonly folder: string;
  readonly tag: string;
  /** Runs a script with these variables. */
  readonly script: (text: string, environment: Readonly<Record<string, string>>) => Promise<void>;
}

interface Job {
  readonly steps: readonly { readonly run?: string; readonly env?: Readonly<Record<string, string>> }[];
  readonly outputs?: Readonly<Record<string, string>>;
}

function readYaml(...path: readonly string[]): unknown {
  return parse(readFileSync(join(projectRoot, ...path), "utf8"));
}

const github: Pipeline = {
  name: ".github/workflows/release-application.yml",
  run: async ({ folder, tag, script }, { image, otherImages, chartTo, test, build }) => {
    const { jobs, on } = readYaml(".github", "workflows", "release-application.yml") as {
      readonly jobs: Readonly<Record<"check" | "build" | "publish", Job>>;
      readonly on: {
        readonly workflow_call: { readonly inputs: Readonly<Record<string, { readonly default?: string }>> };
      };
    };
    const given: Readonly<Record<string, string>> = {
      image,
      test,
      build,
      "other-images": otherImages,
      "chart-to": chartTo,
    };
    const values: Record<string, string> = { "github.ref_name": tag, "github.event.repository.default_branch": "main" };
    for (const [name, input] of Object.entries(on.workflow_call.inputs)) {
      values[`inputs.${name}`] = given[name] ?? input.default ?? "";
    }
    const evaluate = (text: string) =>
      text.replace(/\$\{\{ (.*?) \}\}/g, (_, expression: string) => {
        const names = expression.split(" || ");
        for (const name of names) assert.ok(name in values, `the test does not know ${name}`);
        return names.map((name) => values[name]).find((value) => value !== "") ?? "";
      });
    const [output, path] = ["output", "path"].map((name) => join(folder, "..", `github-${name}`)) as [string, string];
    for (const { steps, outputs = {} } of [jobs.check, jobs.build, jobs.publish]) {
      writeFileSync(output, "");
      for (const { run, env = {} } of steps) {
        if (run === undefined) continue;
        const environment = Object.entries(env).map(([name, value]) => [name, evaluate(value)] as const);
        await script(run, { ...Object.fromEntries(environment), GITHUB_OUTPUT: output, GITHUB_PATH: path });
      }
      for (const [, name = "", value = ""] of readFileSync(output, "utf8").matchAll(/^(\w+)=(.*)$/gm)) {
        values[`steps.check.outputs.${name}`] = value;
      }
      for (const [name, value] of Object.entries(outputs)) values[`needs.check.outputs.${name}`] = evaluate(value);
    }
  },
};

const gitlab: Pipeline = {
  name: "gitlab/release-application.yml",
  run: async ({ folder, tag, script }, { image, otherImages, chartTo, test, build }) => {
    type Script = readonly string[];
    const template = readYaml("gitlab", "release-application.yml") as {
      readonly variables: Readonly<Record<string, string>>;
      readonly ".release-programs": { readonly before_script: Script };
      readonly "release-check": { readonly script: Script };
      readonly "release-build": { readonly script: Script };
      readonly "release-publish": { readonly script: Script };
    };
    const variables = {
      ...template.variables,
      ...{ RELEASE_IMAGE: image, RELEASE_OTHER_IMAGES: otherImages, RELEASE_CHART_TO: chartTo },
      ...{ RELEASE_TEST: test, RELEASE_BUILD: build, RELEASE_FROM: "main" },
      ...{
        CI_COMMIT_TAG: tag,
        CI_REGISTRY: image.split("/")[0] ?? "",
        CI_REGISTRY_USER: "u",
        CI_REGISTRY_PASSWORD: "p",
      },
    };
    assert.equal(template.variables.RELEASE_FROM, "$CI_DEFAULT_BRANCH");
    const programs = template[".release-programs"].before_script;
    const run = (lines: Script, more: Readonly<Record<string, string>> = {}) =>
      script(lines.join("\n"), { ...variables, ...more });
    await run([...programs, ...template["release-check"].script]);
    const facts = readFileSync(join(folder, "release.env"), "utf8").matchAll(/^(\w+)=(.*)$/gm);
    await run(
      template["release-build"].script,
      Object.fromEntries([...facts].map(([, name = "", value = ""]) => [name, value] as const)),
    );
    await run([...programs, ...template["release-publish"].script]);
  },
};

for (const pipeline of [github, gitlab]) {
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

    /** Runs the pipeline of a tag. `npx` runs this project's program, for a registry without TLS. */
    async function runPipeline(
      { remote }: ScratchApplication,
      tag: string,
      more: Partial<Settings> = {},
    ): Promise<void> {
      const folder = join(directory(), `checkout-${tag}`);
      const bin = join(directory(), "bin");
      mkdirSync(folder);
      mkdirSync(bin, { recursive: true });
      const shim = (name: string, text: string) => {
        writeFileSync(join(bin, name), `#!/bin/sh\n${text}\n`);
        chmodSync(join(bin, name), 0o755);
      };
      const program = join(projectRoot, "bin", "authority.js");
      shim("npx", `[ "$1" = --yes ] && shift 2 && exec "${process.execPath}" "${program}" "$@" --insecure-registry`);
      shim("apk", "exit 0");
      shim("go", "exit 0");
      // As the hosts' runners make it: the refs of the remote, and the tag's commit without a branch.
      await git({ directory: folder }, "init", "--quiet");
      await git({ directory: folder }, "remote", "add", "origin", remote);
      const refs = ["+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*"];
      await git({ directory: folder }, "fetch", "--quiet", "--no-tags", "origin", ...refs);
      await git({ directory: folder }, "checkout", "--quiet", "--detach", `refs/tags/${tag}`);
      await pipeline.run(
        {
          folder,
          tag,
          script: async (text, environment) => {
            const { PATH = "" } = process.env;
            const env = {
              ...environment,
              PATH: `${bin}:${PATH}`,
              HOME: directory(),
              BUILT: join(directory(), "built"),
            };
            await execa("bash", ["--noprofile", "--norc", "-eo", "pipefail", "-c", text], {
              cwd: folder,
              env,
              extendEnv: false,
            });
          },
        },
        {
          image: `${host}/acme/app=images/app`,
          otherImages: `${host}/acme/worker=images/worker`,
          chartTo: `oci://${host}/charts/app`,
          test: 'grep -q "name: app" charts/app/Chart.yaml',
          build: 'echo "$VERSION $IMAGE_TAG $REVISION" > "$BUILT/facts"; cp -R "$BUILT/images/." images',
          ...more,
        },
      );
    }

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
