import assert from "node:assert/strict";
import { join } from "node:path";
import { parsePrefix } from "../../src/cli/audit";
import { serveRegistry } from "../../demo/embedded-registry";
import { serveGit } from "../../demo/git-server";
import { pushChart } from "../../demo/push";
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
      others: [],
      nearly: [],
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

  it("names tags that are nearly versions, and the prefix that judges them, without counting them as broken", async () => {
    await repositoryOf([
      { files: chartAt("1.0.0"), lightweight: ["shop@1.0.0", "cart/v2.0.0", "v1.0.0-beta", "latest"] },
      { files: chartAt("1.1.0"), lightweight: ["shop@1.1.0", "cart/v2.1.0", "cart/v2.2.0"] },
    ]);
    const run = (...args: string[]) =>
      authority(["audit", "-r", "app.git", "-c", "charts/app", ...args], { cwd: directory() });
    const { stdout } = await run();
    assert.match(stdout, /^3 tags such as "cart\/v2\.0\.0" are not judged: .* pass `--prefix git=cart\/v`\.$/m);
    assert.match(stdout, /^2 tags such as "shop@1\.0\.0" are not judged: .* pass `--prefix git=shop@`\.$/m);
    assert.match(stdout, /^0 of 1 tag keep/m, "only v1.0.0-beta");
    const judged = await run("--prefix", "git=shop@");
    assert.equal(judged.code, 0, judged.stdout);
    assert.match(judged.stdout, /^2 of 2 tags keep the promise\.$/m);
    assert.match(
      judged.stdout,
      /^1 tag such as "v1\.0\.0-beta" is not judged: if it belongs .* pass `--prefix git=v`\.$/m,
    );
  });

  it("names tags that no prefix makes versions, and suggests none for them", async () => {
    const near = ["release-1.2", "1.2", "v1.2.3.4", "2024.01.15", "1.2.3.Final"];
    await repositoryOf([
      { files: chartAt("1.0.0"), lightweight: ["1.0.0", "v1", "nightly", "php8.1-v1.0.0", ...near] },
    ]);
    const args = ["audit", "-r", "app.git", "-c", "charts/app"];
    const { code, stdout } = await authority(args, { cwd: directory() });
    assert.equal(code, 0, stdout);
    assert.match(stdout, /^5 tags such as "[^"]*" cannot become a version with any prefix: /m);
    assert.deepEqual(
      [...stdout.matchAll(/--prefix git=([^`]*)/g)].map(([, prefix]) => prefix),
      ["php8.1-v"],
    );
    assert.deepEqual([...(await audited("-r", "app.git", "-c", "charts/app")).result.nearly].sort(), near.sort());
  });

  it("judges charts in a registry", async () => {
    const registry = await serveRegistry();
    try {
      await repositoryOf([
        { files: { README: "1" }, lightweight: ["1.0.0"] },
        { files: { README: "2" }, lightweight: ["1.1.0"] },
        { files: { README: "3" }, lightweight: ["1.2.0"] },
      ]);
      for (const version of ["1.0.0", "1.1.0"]) {
        const files = { "Chart.yaml": `apiVersion: v2\nname: app\nversion: ${version}\nappVersion: "1.0.0"\n` };
        await pushChart(registry.url, "charts/app", version, files);
      }
      const chart = `oci://${new URL(registry.url).host}/charts/app`;
      const { code, result } = await audited("-r", "app.git", "-c", chart, "--insecure-registry");
      assert.equal(code, 3);
      assert.deepEqual(verdicts(result), { "1.0.0": true, "1.1.0": false, "1.2.0": false });
      assert.match(String(result.tags[1]?.reasons), /appVersion of Chart\.yaml is "1\.0\.0", must be "1\.1\.0"/);
      assert.match(String(result.tags[2]?.reasons), /the chart oci:.* of this version is not in the registry/);
    } finally {
      await registry.close();
    }
    const unread = await authority(["audit", "-r", "app.git", "-c", "oci://127.0.0.1:1/app"], { cwd: directory() });
    assert.equal(unread.code, 2);
    assert.match(unread.stderr, /^error: oci:\/\/127\.0\.0\.1:1\/app: GET /m);
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
    assert.deepEqual(parsePrefix("git=shop@"), { git: "shop@", chart: "", image: "" });
    assert.throws(() => parsePrefix("git=v1"), /does not end in a digit/);
    assert.throws(() => parsePrefix("image=a/"), /has "image=a\/"; expected a prefix of letters/);
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
