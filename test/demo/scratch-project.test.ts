import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, realpathSync } from "node:fs";
import { join } from "node:path";
import { copyProject } from "../../demo/scratch-project";
import { temporaryDirectory } from "../support/directory";
import { projectRoot, scratchProject } from "../support/project";

describe("a scratch copy of the project", () => {
  const directory = temporaryDirectory();

  it("is a clean Git repository with a user's files", async () => {
    const project = await scratchProject(directory());
    assert.equal(await project.git("status", "--porcelain"), "");
    assert.equal(await project.git("rev-list", "--count", "HEAD"), "1");
    assert.ok(existsSync(join(project.directory, "package.json")));
    assert.ok(!existsSync(join(project.directory, "src")));
  });

  it("resolves the installed packages, and a package of its own", async () => {
    const project = await scratchProject(directory());
    const resolve = (name: string) =>
      execFileSync(process.execPath, ["-p", `require.resolve(${JSON.stringify(name)})`], {
        cwd: project.directory,
        encoding: "utf8",
      }).trim();
    assert.equal(resolve("semver"), realpathSync(join(projectRoot, "node_modules", "semver", "index.js")));
    const pack = resolve("shared-authority/policy-pack");
    const installed = join(project.directory, "node_modules", "shared-authority");
    assert.equal(pack, realpathSync(join(installed, "dist", "policy-pack.js")));
  });

  it("commits written and removed files", async () => {
    const project = await scratchProject(directory());
    const commit = await project.commit("Change", { "tenants/new/values.yaml": "a: 1\n", "index.ts": undefined });
    assert.equal(await project.git("show", `${commit}:tenants/new/values.yaml`), "a: 1");
    assert.equal(existsSync(join(project.directory, "index.ts")), false);
    await project.git("revert", "--no-edit", commit);
    assert.equal(existsSync(join(project.directory, "tenants/new/values.yaml")), false);
  });

  it("reports missing packages", async () => {
    const root = join(directory(), "empty");
    execFileSync("git", ["init", "--quiet", root]);
    await assert.rejects(copyProject({ root, directory: join(directory(), "copy") }), /Run `npm ci` first\./);
  });
});
