import assert from "node:assert/strict";
import { join } from "node:path";
import { parsePrefix } from "../../src/cli/audit";
import { serveGit } from "../../demo/git-server";
import type { Audit } from "../../src/release/audit";
import { chartAt, makeRepository, type ScratchCommit } from "../release/scratch-repository";
import { temporaryDirectory } from "../support/directory";
import { makePodinfoRepository, podinfoTags } from "../support/podinfo-repository";
import { authority, authorityProcess } from "./command-line";

/** Valid if the chart's two versions are the tag's version, and the tag has the prefix. */
function expectedVerdicts(prefix: string): Record<string, boolean> {
  return Object.fromEntries(
    podinfoTags.map(({ tag, chartVersion, appVersion }) => [
      tag,
      tag === prefix + chartVersion && appVersion === chartVersion,
    ]),
  );
}

function verdicts({ tags }: Audit): Record<string, boolean> {
  return Object.fromEntries(tags.map(({ tag, valid }) => [tag, valid]));
}

describe("authority audit", () => {
  const directory = temporaryDirectory();

  async function repositoryOf(commits: readonly ScratchCommit[]): Promise<string> {
    return makeRepository(join(directory(), "app.git"), commits);
  }

  async function audited(...args: string[]): Promise<{ code: number; result: Audit }> {
    const { code, stdout } = await authority(["audit", "--json", ...args], { cwd: directory() });
    return { code, result: JSON.parse(stdout) as Audit };
  }

  it("prints the documented JSON", async () => {
    await repositoryOf([
      { files: chartAt("1.0.0"), lightweight: ["v1.0.0"] },
      { files: chartAt("1.1.0", "1.0.0"), annotated: ["v1.1.0"] },
      { files: { README: "no chart" }, lightweight: ["no-version"] },
    ]);
    const args = ["--repository", "app.git", "--chart", "charts/app", "--prefix", "git=v"];
    const { code, result } = await audited(...args);
    assert.equal(code, 3);
    const commits = result.tags.map(({ commit }) => commit!);
    for (const commit of commits) assert.match(commit, /^[0-9a-f]{40}$/);
    assert.deepEqual(result, {
      repository: "app.git",
      chart: "charts/app",
      prefix: { git: "v", chart: "", image: "" },
      tags: [
        {
          tag: "v1.0.0",
          version: "1.0.0",
          commit: commits[0],
          chartVersion: "1.0.0",
          appVersion: "1.0.0",
          valid: true,
          reasons: [],
        },
        {
          tag: "v1.1.0",
          version: "1.1.0",
          commit: commits[1],
          chartVersion: "1.1.0",
          appVersion: "1.0.0",
          valid: false,
          reasons: ['appVersion of Chart.yaml is "1.0.0", must be "1.1.0", the image tag'],
        },
      ],
    });
    const process = await authorityProcess(["audit", "--json", ...args], { cwd: directory() });
    assert.equal(process.code, 3);
    assert.deepEqual(JSON.parse(process.stdout), result);
    assert.match(process.stderr, /^reading the tags of /);
  });

  it("exits with 0 if every tag keeps the promise", async () => {
    await repositoryOf([{ files: chartAt("1.0.0"), lightweight: ["1.0.0"] }]);
    const { code, stdout } = await authority(["audit", "-r", "app.git", "-c", "./charts/app"], { cwd: directory() });
    assert.equal(code, 0);
    assert.deepEqual(
      stdout.split("\n").map((line) => line.split(/ {2,}/)),
      [
        ["TAG", "VERSION", "CHART", "APPVERSION", "PROMISE", "WHY"],
        ["1.0.0", "1.0.0", "1.0.0", "1.0.0", "kept"],
        [""],
        ["1 of 1 tag keeps the promise."],
        [""],
      ],
    );
  });

  it("suggests prefixes under which more tags keep the promise", async () => {
    await repositoryOf([
      { files: chartAt("1.0.0"), lightweight: ["v1.0.0"] },
      { files: chartAt("1.1.0"), lightweight: ["v1.1.0"] },
    ]);
    const { code, stdout } = await authority(["audit", "-r", "app.git", "-c", "charts/app"], { cwd: directory() });
    assert.equal(code, 3);
    assert.match(
      stdout,
      /\n0 of 2 tags keep the promise\.\nPrefixes: git=v would make 2 more tags keep the promise\.\n/,
    );
  });

  it("judges the branch only with --released-from", async () => {
    await repositoryOf([
      { files: chartAt("1.0.0"), lightweight: ["1.0.0"] },
      { files: chartAt("1.0.1"), branch: "side", from: "refs/tags/1.0.0", lightweight: ["1.0.1"] },
    ]);
    const args = ["--repository", "app.git", "--chart", "charts/app"];
    assert.equal((await audited(...args)).code, 0);
    const onMaster = await audited(...args, "--released-from", "master");
    assert.equal(onMaster.code, 3);
    assert.deepEqual(verdicts(onMaster.result), { "1.0.0": true, "1.0.1": false });
    assert.equal((await audited(...args, "--released-from", "master", "side")).code, 0);
  });

  it("escapes control characters of a Chart.yaml", async () => {
    await repositoryOf([{ files: chartAt("1.0.0", "\\e[31mred\\nforged"), lightweight: ["1.0.0"] }]);
    const { stdout } = await authority(["audit", "-r", "app.git", "-c", "charts/app"], { cwd: directory() });
    assert.ok(!stdout.includes("\u001b"), stdout);
    assert.doesNotMatch(stdout, /^forged/m);
  });

  it("reports if nothing can be judged: no repository, no version, no chart", async () => {
    await repositoryOf([{ files: chartAt("1.0.0"), lightweight: ["1.0.0"] }]);
    const run = (...args: string[]) => authority(["audit", ...args], { cwd: directory() });
    const missing = await run("-r", "gone.git", "-c", "charts/app");
    assert.equal(missing.code, 2);
    assert.match(missing.stderr, /error: gone\.git: /);
    const secret = await run("-r", "http://me:hunter2@127.0.0.1:1/app.git", "-c", "charts/app");
    assert.equal(secret.code, 2);
    assert.ok(!secret.stderr.includes("hunter2"), secret.stderr);
    const chart = await run("-r", "app.git", "-c", "chart/app");
    assert.equal(chart.code, 2);
    assert.match(chart.stderr, /No readable chart found at chart\/app in app\.git, at any of 1 tag\./);
    const outside = await run("-r", "app.git", "-c", "../app");
    assert.equal(outside.code, 2);
    assert.match(outside.stderr, /"\.\.\/app" must be inside the repository/);
    await makeRepository(join(directory(), "bare.git"), [{ files: chartAt("1.0.0"), lightweight: ["latest"] }]);
    const untagged = await run("-r", "bare.git", "-c", "charts/app", "--json");
    assert.equal(untagged.code, 2);
    assert.match(untagged.stderr, /bare\.git has no Git tag that is a SemVer version/);
    assert.deepEqual((JSON.parse(untagged.stdout) as Audit).tags, []);
  });

  it("reads a URL from its server, even if a folder has the same name", async () => {
    await repositoryOf([{ files: chartAt("1.0.0"), lightweight: ["1.0.0"] }]);
    const server = await serveGit({ root: directory() });
    try {
      const url = `${server.url}/app.git`;
      await makeRepository(join(directory(), url), [{ files: chartAt("6.6.6"), lightweight: ["6.6.6"] }]);
      const { code, result } = await audited("--repository", url, "--chart", "charts/app");
      assert.equal(code, 0);
      assert.deepEqual(
        result.tags.map(({ tag }) => tag),
        ["1.0.0"],
      );
    } finally {
      await server.close();
    }
  });

  it("parses prefixes, each at most once", () => {
    assert.deepEqual(parsePrefix(""), { git: "", chart: "", image: "" });
    assert.deepEqual(parsePrefix("git=v,chart=,image=v"), { git: "v", chart: "", image: "v" });
    assert.deepEqual(parsePrefix("image=rel-"), { git: "", chart: "", image: "rel-" });
    assert.throws(() => parsePrefix("got=v"), /has "got=v"; expected `git=v,chart=,image=v`\. Did you mean `git`\?/);
    assert.throws(() => parsePrefix("git"), /has "git"; .* Write `git=v`\./);
    assert.throws(() => parsePrefix("git=v,git="), /has `git=` twice/);
    assert.throws(() => parsePrefix("git=v1"), /no digit at the end/);
  });

  it("judges podinfo's tags by their recorded versions", async () => {
    await makePodinfoRepository(join(directory(), "podinfo.git"));
    for (const prefix of ["", "v"]) {
      const { code, result } = await audited("-r", "podinfo.git", "-c", "charts/podinfo", "-p", `git=${prefix}`);
      assert.equal(code, 3);
      assert.deepEqual(verdicts(result), expectedVerdicts(prefix));
    }
  });
});
