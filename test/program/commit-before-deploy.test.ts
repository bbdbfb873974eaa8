import assert from "node:assert/strict";
import { cpSync, mkdirSync, renameSync, rmSync, symlinkSync } from "node:fs";
import { appendFile, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { git } from "../../demo/git";
import { uncommittedReasons } from "../../src/program/commit-before-deploy";
import { readStackConfig } from "../../src/config/read-stack-config";
import type { StackConfig } from "../../src/config/stack-config";
import type { ScratchProject } from "../../demo/scratch-project";
import { temporaryDirectory } from "../support/directory";
import { scratchProject } from "../support/project";

describe("commit before deploy", () => {
  const directory = temporaryDirectory();
  const shared = "tenants/podinfo/values.yaml";
  const own = "tenants/podinfo/values.prod.yaml";
  let project: ScratchProject;

  beforeEach(async () => {
    project = await scratchProject(directory());
    await project.commit("Values for production", { [own]: "replicaCount: 3\n" });
    config = readStackConfig({ root: project.directory, stack: "prod" });
  });

  let config: StackConfig;

  const reasons = () => uncommittedReasons(readStackConfig({ root: project.directory, stack: "prod" }));
  const at = (path: string) => join(project.directory, path);

  it("allows an `up` if all of its files are committed, whatever else was changed", async () => {
    assert.deepEqual(await reasons(), []);
    await writeFile(at("tenants/podinfo/values.dev.yaml"), "replicaCount: 9\n");
    await appendFile(at("README.md"), "\nA note.\n");
    assert.deepEqual(await reasons(), []);
  });

  it("reports changes of the stack file, special config, lock, program and policy pack", async () => {
    for (const path of [
      "Pulumi.prod.yaml",
      own,
      shared,
      "releases.lock.yaml",
      "index.ts",
      "tsconfig.pulumi.json",
      "policy-pack/index.ts",
    ]) {
      await appendFile(at(path), path.endsWith(".ts") ? "// A change.\n" : "# A change.\n");
    }
    assert.deepEqual((await reasons()).sort(), [
      "Pulumi.prod.yaml is changed since the last commit",
      "index.ts is changed since the last commit",
      "policy-pack/index.ts is changed since the last commit",
      "releases.lock.yaml is changed since the last commit",
      `${own} is changed since the last commit`,
      `${shared} is changed since the last commit`,
      "tsconfig.pulumi.json is changed since the last commit",
    ]);
  });

  it("reports deleted special config: the release would run without it", async () => {
    rmSync(at(own));
    assert.deepEqual(await reasons(), [`${own} is changed since the last commit`]);
    rmSync(at("tenants/podinfo"), { recursive: true });
    assert.deepEqual((await reasons()).length, 2);
  });

  it("reports special config that is not in Git, also if .gitignore excludes it", async () => {
    await project.git("rm", "--quiet", "--cached", own);
    await project.commit("Ignore it", { ".gitignore": "node_modules/\nvalues.prod.yaml\n" });
    assert.deepEqual(await reasons(), [`${own} is not in Git`]);
  });

  for (const flag of ["--assume-unchanged", "--skip-worktree"]) {
    it(`reports a change that \`git update-index ${flag}\` hides`, async () => {
      await project.git("update-index", flag, "Pulumi.prod.yaml", "policy-pack/index.ts");
      assert.deepEqual(await reasons(), []);
      for (const path of ["Pulumi.prod.yaml", "policy-pack/index.ts"]) await appendFile(at(path), "\n");
      assert.equal(await project.git("status", "--porcelain"), "");
      assert.deepEqual((await reasons()).sort(), [
        "Pulumi.prod.yaml is changed since the last commit",
        "policy-pack/index.ts is changed since the last commit",
      ]);
      assert.match(
        await project.git("ls-files", "-v", "Pulumi.prod.yaml"),
        /^[hS] /,
        "the user's index stays as it is",
      );
    });
  }

  const filter = "Pulumi.prod.yaml filter=hide\npolicy-pack/index.ts filter=hide\n";
  const hidden: [string, () => Promise<unknown>][] = [
    ["a clean filter of this clone", async () => writeFile(at(".git/info/attributes"), filter)],
    ["a committed clean filter", () => project.commit("A filter", { ".gitattributes": filter })],
    [
      "`core.worktree`",
      async () => {
        cpSync(project.directory, join(directory(), "clean"), { recursive: true });
        await project.git("config", "core.worktree", join(directory(), "clean"));
      },
    ],
  ];
  for (const [how, hide] of hidden) {
    it(`reports a change that ${how} hides`, async () => {
      await project.git("config", "filter.hide.clean", "git show HEAD:%f");
      await hide();
      for (const path of ["Pulumi.prod.yaml", "policy-pack/index.ts"]) await appendFile(at(path), "\n");
      assert.deepEqual(await reasons(), [
        "Pulumi.prod.yaml is changed since the last commit",
        "policy-pack/index.ts is changed since the last commit",
      ]);
    });
  }

  it("reports a change in a submodule, even if Git is configured to ignore it", async () => {
    const pack = join(directory(), "pack");
    cpSync(at("policy-pack"), pack, { recursive: true });
    for (const args of [
      ["init", "--quiet"],
      ["add", "--all"],
      ["commit", "--quiet", "--message", "A pack"],
    ]) {
      await git({ directory: pack }, ...args);
    }
    await project.git("rm", "-r", "--quiet", "policy-pack");
    await project.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", pack, "policy-pack");
    await project.git("config", "-f", ".gitmodules", "submodule.policy-pack.ignore", "all");
    await project.commit("A submodule", {});
    assert.deepEqual(await reasons(), []);
    await appendFile(at("policy-pack/index.ts"), "// A change.\n");
    assert.equal(await project.git("status", "--porcelain"), "");
    assert.deepEqual(await reasons(), ["policy-pack/index.ts is changed since the last commit"]);
    await git({ directory: at("policy-pack") }, "commit", "--quiet", "--all", "--message", "Another pack");
    assert.deepEqual(await reasons(), ["policy-pack/index.ts is changed since the last commit"]);
  });

  for (const path of ["policy-pack", "policy-pack/index.ts", "releases.lock.yaml", "index.ts"]) {
    it(`refuses ${path} as a symbolic link, which leads to what is not committed`, async () => {
      renameSync(at(path), join(directory(), "elsewhere"));
      symlinkSync(join(directory(), "elsewhere"), at(path));
      assert.match((await reasons()).join("\n"), new RegExp(`^${path}(/\\S+)? is changed since the last commit`));
      await project.commit("A link", {});
      assert.deepEqual(await reasons(), [`${path} is a symbolic link, and a commit does not show what that leads to`]);
    });
  }

  it("reports the program that `main` of Pulumi.yaml names", async () => {
    const text = await project.read("Pulumi.yaml");
    await project.commit("Another program", { "Pulumi.yaml": text.replace("main: index.ts", "main: ./other/") });
    mkdirSync(at("other"));
    await writeFile(at("other/index.ts"), "export {};\n");
    assert.deepEqual(await reasons(), ["other/index.ts is not in Git"]);
  });

  it("takes line ends that Git converts for the same content", async () => {
    await project.commit("No attributes", { ".gitattributes": undefined });
    await project.git("config", "core.autocrlf", "true");
    for (const path of [shared, "Pulumi.prod.yaml", "index.ts"]) {
      await writeFile(at(path), (await project.read(path)).replaceAll("\n", "\r\n"));
    }
    assert.deepEqual(await reasons(), []);
    await project.git("config", "core.autocrlf", "false");
    assert.deepEqual(await reasons(), [`${shared} is changed since the last commit`], "the chart gets this text");
  });

  it("reports a change that leaves the size and the times of the file as they were", async () => {
    const path = at("Pulumi.prod.yaml");
    const before = await project.read("Pulumi.prod.yaml");
    const past = new Date(1e12);
    await utimes(path, past, past);
    await project.git("update-index", "--refresh");
    await writeFile(path, before.replace("follow: tags", "follow: tAgs"));
    await utimes(path, past, past);
    await project.git("config", "core.trustctime", "false");
    assert.equal(await project.git("status", "--porcelain"), "");
    assert.deepEqual(await uncommittedReasons(config), ["Pulumi.prod.yaml is changed since the last commit"]);
  });

  it("reports a file that would be loaded in place of a committed one, also if Git ignores it", async () => {
    await writeFile(at(".git/info/exclude"), "*.js\nload\ntsconfig.json\n");
    mkdirSync(at("src"));
    for (const path of ["policy-pack/index.js", "src/load", "tsconfig.json"]) await writeFile(at(path), "\n");
    mkdirSync(at("policy-pack/node_modules/a"), { recursive: true });
    await writeFile(at("policy-pack/node_modules/a/index.js"), "\n");
    assert.equal(await project.git("status", "--porcelain"), "");
    assert.deepEqual(await reasons(), [
      "policy-pack/index.js is not in Git",
      "src/load is not in Git",
      "tsconfig.json is not in Git",
    ]);
  });

  it("reports a file that is staged and not committed", async () => {
    await writeFile(at("policy-pack/more.ts"), "export {};\n");
    await appendFile(at("index.ts"), "// A change.\n");
    await project.git("add", "--all");
    assert.deepEqual(await reasons(), [
      "index.ts is changed since the last commit",
      "policy-pack/more.ts is not in Git",
    ]);
  });

  it("reports further files, such as the policy pack of the command line", async () => {
    await writeFile(at("levels.json"), "{}\n");
    assert.deepEqual(await uncommittedReasons(config, ["docs", "levels.json"]), ["levels.json is not in Git"]);
  });

  it("reports a missing Git repository", async () => {
    rmSync(at(".git"), { recursive: true });
    assert.match((await reasons()).join(), /cannot check whether the files are committed/);
  });
});
