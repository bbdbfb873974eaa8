import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { parse } from "yaml";
import { git } from "../../demo/git";
import { temporaryDirectory } from "../support/directory";
import { projectRoot } from "../support/project";

const manifest = JSON.parse(readFileSync(join(projectRoot, "package.json"), "utf8")) as {
  readonly version: string;
  readonly engines: { readonly node: string };
};

describe("this repository's pipelines", () => {
  const directory = temporaryDirectory();

  it("pin each action by one commit id, with its version", () => {
    const folders = [".github/workflows", "template/.github/workflows"];
    const files = folders.flatMap((folder) => {
      try {
        return readdirSync(join(projectRoot, folder)).map((name) => join(projectRoot, folder, name));
      } catch {
        return [];
      }
    });
    const used = files.flatMap((file) => [...readFileSync(file, "utf8").matchAll(/uses: (?!\.\/)(.*)$/gm)]);
    const pins = new Map<string, Set<string>>();
    for (const [, text = ""] of used) {
      const [, action = "", pin = ""] = /^([\w./-]+)@([0-9a-f]{40} # v\d+\.\d+\.\d+)$/.exec(text) ?? [];
      assert.notEqual(pin, "", `${text} is not pinned as <id> # v<version>`);
      pins.set(action, (pins.get(action) ?? new Set()).add(pin));
    }
    assert.ok(pins.size > 3);
    for (const [action, ids] of pins) assert.equal(ids.size, 1, `${action} has several pins: ${[...ids].join(", ")}`);
  });

  it("run .ci/run on each Node that the package supports", () => {
    const text = readFileSync(join(projectRoot, ".github", "workflows", "ci.yml"), "utf8");
    const { jobs } = parse(text) as { jobs: { check: { strategy: { matrix: { node: number[] } } } } };
    assert.deepEqual(jobs.check.strategy.matrix.node, [22, 24, 26]);
    assert.equal(manifest.engines.node, ">=22");
  });

  it("publish only a tag that keeps our own promise", async () => {
    const clone = join(directory(), "clone");
    await git({ directory: directory() }, "clone", "--quiet", "--no-hardlinks", projectRoot, clone);
    // What is not committed yet is judged too.
    const paths = ["package.json", "package-lock.json", "CHANGELOG.md", "template", "gitlab", ".github", ".ci"];
    execFileSync("cp", ["-R", ...paths.map((path) => join(projectRoot, path)), clone]);
    await git({ directory: clone }, "add", ".");
    await git({ directory: clone }, "commit", "--quiet", "--allow-empty", "--message", "Release");
    await git({ directory: clone }, "update-ref", "refs/remotes/origin/main", "HEAD");
    const { version } = manifest;
    await git({ directory: clone }, "tag", version);
    const check = (tag: string) => {
      try {
        return execFileSync(join(clone, ".ci", "check-release"), [tag], { encoding: "utf8" });
      } catch (error) {
        return (error as { stdout: string }).stdout;
      }
    };
    assert.equal(check(version), "");
    await git({ directory: clone }, "tag", "99.0.0");
    assert.match(
      check("99.0.0"),
      /version of package\.json is .* must be "99\.0\.0"[^]*the first section of CHANGELOG\.md/,
    );
    await git({ directory: clone }, "update-ref", "refs/remotes/origin/main", "HEAD~1");
    assert.match(check(version), /is not on refs\/remotes\/origin\/main/);
  });

  it("install no package that an application's repository names", async () => {
    // In the checkout, npx would take the registry of `.npmrc` or a package in `node_modules`, with the registry's credentials.
    const checkout = join(directory(), "checkout");
    const bin = join(directory(), "bin");
    for (const folder of [checkout, bin]) mkdirSync(folder);
    writeFileSync(join(bin, "npx"), '#!/bin/sh\necho "$PWD"\nprintf "%s\\n" "$@"\n', { mode: 0o755 });
    const read = (...path: string[]) => parse(readFileSync(join(projectRoot, ...path), "utf8")) as unknown;
    const { jobs } = read(".github", "workflows", "release-application.yml") as Workflow;
    const gitlab = read("gitlab", "release-application.yml") as Readonly<
      Record<string, { script?: readonly string[] }>
    >;
    const runs = Object.values(jobs).flatMap(({ steps }) => steps.flatMap(({ run }) => run ?? []));
    const scripts = [...runs, ...Object.values(gitlab).flatMap(({ script }) => script ?? [])];
    const calls = scripts.filter((script) => script.includes("npx"));
    assert.equal(calls.length, 4);
    for (const call of calls) {
      const env = { PATH: `${bin}:${process.env.PATH ?? ""}`, AUTHORITY: "authority", RELEASE_AUTHORITY: "authority" };
      const { stdout } = await execa("sh", ["-c", call], { cwd: checkout, env, extendEnv: false });
      const [folder = "", ...args] = stdout.split("\n");
      assert.ok(!`${folder}/`.startsWith(`${checkout}/`), call);
      assert.deepEqual(args.slice(0, 5), ["--yes", "authority", "-C", checkout, "publish"]);
    }
  });

  it("are called in the documentation with inputs and variables that they have", () => {
    const text = readFileSync(join(projectRoot, "docs", "application-team.md"), "utf8");
    const examples = [...text.matchAll(/^```yaml\n(.*?)^```$/gms)].map(([, yaml = ""]) => parse(yaml) as Example);
    const [call] = examples.flatMap(({ jobs }) => jobs?.release ?? []);
    const file = readFileSync(join(projectRoot, ".github", "workflows", "release-application.yml"), "utf8");
    const workflow = parse(file) as {
      readonly on: {
        readonly workflow_call: { readonly inputs: Readonly<Record<string, { readonly required?: boolean }>> };
      };
      readonly jobs: Readonly<Record<string, { readonly permissions: Readonly<Record<string, string>> }>>;
    };
    const { inputs } = workflow.on.workflow_call;
    const given = Object.keys(call?.with ?? {});
    assert.deepEqual(
      given.filter((name) => !(name in inputs)),
      [],
    );
    assert.deepEqual(
      Object.keys(inputs).filter((name) => inputs[name]?.required === true && !given.includes(name)),
      [],
    );
    assert.deepEqual(call?.permissions, workflow.jobs.publish?.permissions);
    const listed = [...text.matchAll(/^\| (`.*?) +\|/gm)].flatMap(([, names = ""]) =>
      names.replaceAll("`", "").split(", "),
    );
    for (const name of Object.keys(inputs)) assert.ok(listed.includes(name), `the page does not list ${name}`);

    const gitlab = parse(readFileSync(join(projectRoot, "gitlab", "release-application.yml"), "utf8")) as Example;
    const [included] = examples.filter(({ include }) => include !== undefined);
    assert.deepEqual(
      Object.keys(included?.variables ?? {}).filter((name) => !(name in (gitlab.variables ?? {}))),
      [],
    );
    assert.equal(Object.keys(included?.variables ?? {}).length, 3);
  });
});

interface Workflow {
  readonly jobs: Readonly<Record<string, { readonly steps: readonly { readonly run?: string }[] }>>;
}

/** What a YAML example of the documentation may hold. */
interface Example {
  readonly jobs?: Readonly<
    Record<string, { readonly with?: object; readonly permissions?: Readonly<Record<string, string>> }>
  >;
  readonly include?: readonly unknown[];
  readonly variables?: Readonly<Record<string, string>>;
}
