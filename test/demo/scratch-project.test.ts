import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, realpathSync } from "node:fs";
import { join } from "node:path";
import { copyProject } from "../../demo/scratch-project";
import { temporaryDirectory } from "../support/directory";
import { projectRoot, scratchProject } from "../support/project";

describe("a scratch copy of the project", () => {
  const directory = temporaryDirectory();

  it("is a clean Git repository with the project's files", async () => {
    const project = await scratchProject(directory());
    assert.equal(await project.git("status", "--porcelain"), "");
    assert.equal(await project.git("rev-list", "--count", "HEAD"), "1");
    assert.ok(existsSync(join(project.directory, "package.json")));
    assert.ok(existsSync(join(project.directory, "src", "config", "stack-config.ts")));
  });

  it("resolves the installed packages, and its own policy pack", async () => {
    const project = await scratchProject(directory());
    const resolve = (name: string) =>
      execFileSync(process.execPath, ["-p", `require.resolve(${JSON.stringify(name)})`], {
        cwd: project.directory,
        encoding: "utf8",
      }).trim();
    assert.equal(resolve("semver"), realpathSync(join(projectRoot, "node_modules", "semver", "index.js")));
    const pack = resolve("shared-authority-policy-pack/package.json");
    assert.equal(pack, realpathSync(join(project.directory, "policy-pack", "package.json")));
  });

  it("commits written and removed files", async () => {
    const project = await scratchProject(directory());
    const commit = await project.commit("Change", { "tenants/new/values.yaml": "a: 1\n", "README.md": undefined });
    assert.equal(await project.git("show", `${commit}:tenants/new/values.yaml`), "a: 1");
    assert.equal(existsSync(join(project.directory, "README.md")), false);
    await project.git("revert", "--no-edit", commit);
    assert.equal(existsSync(join(project.directory, "tenants/new/values.yaml")), false);
  });

  it("reports missing packages", async () => {
    const root = join(directory(), "empty");
    execFileSync("git", ["init", "--quiet", root]);
    await assert.rejects(copyProject({ root, directory: join(directory(), "copy") }), /Run `npm ci` first\./);
  });
});
