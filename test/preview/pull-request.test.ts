import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { execa } from "execa";
import { readPullRequest } from "../../src/preview/pull-request";
import { writeScratchProject } from "../../src/preview/scratch-project";
import { temporaryDirectory } from "../support/directory";

describe("a pull request, read from a clone", () => {
  const directory = temporaryDirectory();
  const clone = () => join(directory(), "clone");
  const git = async (...args: string[]) => (await execa("git", ["-C", clone(), ...args])).stdout;

  async function commit(files: Readonly<Record<string, string>>): Promise<string> {
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(clone(), path)), { recursive: true });
      writeFileSync(join(clone(), path), text);
    }
    await git("add", "--all");
    await git("-c", "user.name=Ana", "-c", "user.email=ana@example.com", "commit", "--quiet", "--message=Change");
    return git("rev-parse", "HEAD");
  }

  const stackFile = (folder: string) =>
    `config:\n  shared-authority:delivery: { manifests: ${folder} }\n  shared-authority:tenants: {}\n`;
  let base: string;

  beforeEach(async () => {
    await execa("git", ["init", "--quiet", "--initial-branch=main", clone()]);
    base = await commit({
      "Pulumi.yaml": "name: shared-authority\nruntime: nodejs\n",
      "Pulumi.prod.yaml": stackFile("rendered"),
      "index.ts": "// base\n",
    });
    await git("update-ref", "refs/remotes/origin/main", base);
    await git("switch", "--quiet", "--create", "change");
  });

  it("is judged by the branch, not by a tag with its name", async () => {
    const evil = await commit({ "index.ts": "// evil\n" });
    await git("tag", "origin/main", evil);
    await git("tag", "main", evil);
    const { code } = await readPullRequest(clone(), "origin/main", "HEAD");
    assert.deepEqual(code, ["index.ts"]);
    assert.equal((await readPullRequest(clone(), "main", "HEAD")).base, base);
  });

  const repositories: [title: string, repository: string][] = [
    ["an address that no program takes", '{ url: "https://git.example\\0/a", branch: main }'],
    ["a branch that cannot be beside the base branch", "{ url: https://git.example/a, branch: main/a }"],
    ["a branch with a name that no disk takes", `{ url: https://git.example/a, branch: ${"a".repeat(300)} }`],
  ];
  for (const [title, repository] of repositories) {
    it(`is written for \`check\`, which refuses ${title}`, async () => {
      await commit({
        "Pulumi.prod.yaml": `${stackFile("rendered")}  shared-authority:configRepository: ${repository}\n`,
      });
      const pullRequest = await readPullRequest(clone(), "main", "HEAD");
      const scratch = join(directory(), "scratch");
      const { root } = await writeScratchProject(clone(), pullRequest, "main", scratch);
      assert.match(readFileSync(join(root, "Pulumi.prod.yaml"), "utf8"), /configRepository/);
    });
  }
});
