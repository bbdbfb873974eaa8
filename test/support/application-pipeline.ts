/** Runs the pipelines that publish an application's release: each script as it stands, in a fresh checkout of the tag. */
import assert from "node:assert/strict";
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { parse } from "yaml";
import { git } from "../../demo/git";
import { projectRoot } from "./project";

/** What a pipeline gets from the application's repository. */
export interface ApplicationSettings {
  readonly image: string;
  readonly otherImages?: string;
  /** Default: the only chart. */
  readonly chart?: string;
  readonly chartTo: string;
  /** Default: a test that passes. */
  readonly test?: string;
  readonly build: string;
  /** The repository's default branch. Default: `main`. */
  readonly from?: string;
}

/** Runs a pipeline's scripts as they stand, in a fresh checkout of the tag. */
export interface ApplicationPipeline {
  readonly name: string;
  /** @throws the failure of the first script that fails */
  readonly run: (checkout: Checkout, settings: ApplicationSettings) => Promise<void>;
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

export const githubRelease: ApplicationPipeline = {
  name: ".github/workflows/release-application.yml",
  run: async (
    { folder, tag, script },
    { image, otherImages = "", chartTo, chart = "", test = "true", build, from = "main" },
  ) => {
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
      chart,
      "other-images": otherImages,
      "chart-to": chartTo,
    };
    const values: Record<string, string> = { "github.ref_name": tag, "github.event.repository.default_branch": from };
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

export const gitlabRelease: ApplicationPipeline = {
  name: "gitlab/release-application.yml",
  run: async (
    { folder, tag, script },
    { image, otherImages = "", chartTo, chart = "", test = "true", build, from = "main" },
  ) => {
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
      ...{ RELEASE_TEST: test, RELEASE_BUILD: build, RELEASE_FROM: from, RELEASE_CHART: chart },
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

/** Where a release is published from, and with what. */
export interface ApplicationRun {
  /** An existing folder for the checkout. What was built is in its `built`, as `$BUILT` tells the build. */
  readonly directory: string;
  /** The application's repository. */
  readonly remote: string;
  readonly tag: string;
  /** Whether the registry speaks plain HTTP. */
  readonly insecure: boolean;
  readonly settings: ApplicationSettings;
}

/** Runs the pipeline of a tag. `npx` runs this project's program. */
export async function runApplicationPipeline(pipeline: ApplicationPipeline, run: ApplicationRun): Promise<void> {
  const { directory, remote, tag, insecure, settings } = run;
  const folder = join(directory, `checkout-${tag}`);
  const bin = join(directory, "bin");
  mkdirSync(folder);
  mkdirSync(bin, { recursive: true });
  const shim = (name: string, text: string) => {
    writeFileSync(join(bin, name), `#!/bin/sh\n${text}\n`);
    chmodSync(join(bin, name), 0o755);
  };
  const program = join(projectRoot, "bin", "authority.js");
  const more = insecure ? " --insecure-registry" : "";
  shim("npx", `[ "$1" = --yes ] && shift 2 && exec "${process.execPath}" "${program}" "$@"${more}`);
  shim("apk", "exit 0");
  shim("go", "exit 0");
  // As the hosts' runners make it: the refs of the remote, and the tag's commit without a branch.
  await git({ directory: folder }, "init", "--quiet");
  await git({ directory: folder }, "remote", "add", "origin", remote);
  const refs = ["+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*"];
  await git({ directory: folder }, "fetch", "--quiet", "--no-tags", "origin", ...refs);
  await git({ directory: folder }, "checkout", "--quiet", "--detach", `refs/tags/${tag}`);
  const { PATH = "" } = process.env;
  const script: Checkout["script"] = async (text, environment) => {
    const env = { ...environment, PATH: `${bin}:${PATH}`, HOME: directory, BUILT: join(directory, "built") };
    const options = { cwd: folder, env, extendEnv: false } as const;
    await execa("bash", ["--noprofile", "--norc", "-eo", "pipefail", "-c", text], options);
  };
  await pipeline.run({ folder, tag, script }, settings);
}
