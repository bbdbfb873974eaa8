import assert from "node:assert/strict";
import { readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { parse } from "yaml";
import { projectRoot } from "../support/project";
import { temporaryDirectory } from "../support/directory";

interface Job {
  readonly before_script?: readonly string[];
  readonly script?: readonly string[];
}

describe("a job of GitLab CI", () => {
  const directory = temporaryDirectory();
  const pipeline = parse(readFileSync(join(projectRoot, "template/.gitlab-ci.yml"), "utf8"), { merge: true }) as Record<
    string,
    Job
  >;
  const checkOut = /^git (?:fetch|worktree|checkout) /;
  const jobs = Object.entries(pipeline).flatMap(([name, { before_script: before = [], script = [] }]) => {
    const lines = [...before, ...script].filter((line) => typeof line === "string" && checkOut.test(line));
    return lines.length === 0 ? [] : [{ name, lines }];
  });

  // Who may push no branch may often push tags, and for Git a tag comes before the branch of its name.
  for (const { name, lines } of jobs) {
    it(`runs the code of the branch, not of a tag with its name: ${name}`, async () => {
      const [host, clone] = [join(directory(), "host"), join(directory(), "clone")];
      const git = async (...args: string[]) => (await execa("git", args)).stdout;
      const commit = (message: string) =>
        git(
          ...["-C", host, "-c", "user.name=Ana", "-c", "user.email=ana@example.com"],
          ...["commit", "--quiet", "--allow-empty", `--message=${message}`],
        );
      await git("init", "--quiet", "--initial-branch=main", host);
      await commit("Decided");
      await git("-C", host, "switch", "--quiet", "--create", "change");
      await commit("Evil");
      for (const tag of ["main", "origin/main"]) await git("-C", host, "tag", tag);
      await git("-C", host, "switch", "--quiet", "--detach");
      await git("clone", "--quiet", "--branch=change", host, clone);
      await execa("bash", ["-euo", "pipefail", "-c", lines.join("\n")], {
        cwd: clone,
        env: { CI_DEFAULT_BRANCH: "main", CI_MERGE_REQUEST_TARGET_BRANCH_NAME: "main" },
      });
      const place = lines.some((line) => line.includes("worktree")) ? join(directory(), "base") : clone;
      assert.equal(await git("-C", place, "log", "-1", "--format=%s"), "Decided");
    });
  }

  for (const name of ["judge", "comment"]) {
    it(`takes no report from the merge request, which may be a link to a secret: ${name}`, async () => {
      await execa("git", ["init", "--quiet", directory()]);
      const line = String(pipeline[name]?.before_script?.[0]);
      const run = () => execa("bash", ["-euo", "pipefail", "-c", line], { cwd: directory(), reject: false });
      assert.equal((await run()).exitCode, 0);
      symlinkSync("/proc/self/environ", join(directory(), "report.md"));
      await execa("git", ["-C", directory(), "add", "--all"]);
      const { exitCode, stdout } = await run();
      assert.deepEqual([exitCode, stdout.includes("Rename it")], [1, true]);
    });
  }

  it("is among these where it checks out", () => {
    assert.deepEqual(
      jobs.map(({ name }) => name),
      ["judge", "comment", "complete", ".deploy", "promotions"],
    );
  });
});
