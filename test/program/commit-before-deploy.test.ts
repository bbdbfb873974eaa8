import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { appendFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { uncommittedReasons } from "../../src/program/commit-before-deploy";
import { readStackConfig } from "../../src/config/read-stack-config";
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
  });

  const reasons = () => uncommittedReasons(readStackConfig({ root: project.directory, stack: "prod" }));
  const at = (path: string) => join(project.directory, path);

  it("allows an `up` if all of its files are committed, whatever else was changed", async () => {
    assert.deepEqual(await reasons(), []);
    await writeFile(at("tenants/podinfo/values.dev.yaml"), "replicaCount: 9\n");
    await appendFile(at("README.md"), "\nA note.\n");
    assert.deepEqual(await reasons(), []);
  });

  it("reports changes of the stack file, special config, lock and program", async () => {
    for (const path of ["Pulumi.prod.yaml", own, shared, "releases.lock.yaml", "index.ts", "src/manifests/source.ts"]) {
      await appendFile(at(path), path.endsWith(".ts") ? "// A change.\n" : "# A change.\n");
    }
    assert.deepEqual((await reasons()).sort(), [
      "Pulumi.prod.yaml is changed since the last commit",
      "index.ts is changed since the last commit",
      "releases.lock.yaml is changed since the last commit",
      "src/manifests/source.ts is changed since the last commit",
      `${own} is changed since the last commit`,
      `${shared} is changed since the last commit`,
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
    await project.commit("Ignore it", { ".gitignore": "values.prod.yaml\n" });
    assert.deepEqual(await reasons(), [`${own} is not in Git`]);
  });

  it("reports a missing Git repository", async () => {
    rmSync(at(".git"), { recursive: true });
    assert.match((await reasons()).join(), /cannot check whether the files are committed/);
  });
});
