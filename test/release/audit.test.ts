import assert from "node:assert/strict";
import { join } from "node:path";
import { git } from "../../demo/git";
import { serveGit } from "../../demo/git-server";
import { audit, describeSuggestion, suggestPrefixes, type Audit } from "../../src/release/audit";
import { GitError } from "../../src/release/git";
import { temporaryDirectory } from "../support/directory";
import { makePodinfoRepository, podinfoTags } from "../support/podinfo-repository";
import { chartAt, makeRepository, type ScratchCommit } from "./scratch-repository";

const none = { git: "", chart: "", image: "" };
const withV = { ...none, git: "v" };

/** Ten of podinfo's releases broke the promise. */
const brokenPodinfo = [
  "0.2.2",
  "v0.4.0",
  "v0.5.0",
  "v1.1.1",
  "v1.4.0",
  "v1.4.1",
  "v1.4.2",
  "v1.6.0",
  "v1.7.0",
  "v1.8.0",
];

function validTags({ tags }: Audit): string[] {
  return tags.filter(({ valid }) => valid).map(({ tag }) => tag);
}

function reasonsOf({ tags }: Audit, wanted: string): readonly string[] | undefined {
  return tags.find(({ tag }) => tag === wanted)?.reasons;
}

/** With and without the prefix `v`: together 99 of 109 tags are valid, and the ten broken ones are never valid. */
async function assertPodinfo(repository: string, chart: string): Promise<[Audit, Audit]> {
  const releasedFrom = ["master"];
  const bare = await audit({ repository, chart, prefix: none, releasedFrom });
  const prefixed = await audit({ repository, chart, prefix: withV, releasedFrom });
  for (const audited of [bare, prefixed]) {
    assert.equal(audited.tags.length, 109);
    assert.deepEqual(
      brokenPodinfo.filter((tag) => validTags(audited).includes(tag)),
      [],
    );
  }
  assert.ok(validTags(bare).every((tag) => !tag.startsWith("v")));
  assert.ok(validTags(prefixed).every((tag) => tag.startsWith("v")));
  assert.equal(validTags(bare).length + validTags(prefixed).length, 99);
  return [bare, prefixed];
}

describe("an audit", () => {
  const directory = temporaryDirectory();

  it("judges podinfo's tags by their recorded versions", async () => {
    const repository = await makePodinfoRepository(join(directory(), "podinfo.git"));
    const [bare, prefixed] = await assertPodinfo(repository, "./charts/podinfo");
    for (const { tag, chartVersion, appVersion } of podinfoTags) {
      const verdict = (tag.startsWith("v") ? prefixed : bare).tags.find((found) => found.tag === tag);
      const version = tag.replace(/^v/, "");
      const valid = chartVersion === version && appVersion === version;
      const commit = await git({ directory: repository }, "rev-parse", `${tag}^{commit}`);
      assert.deepEqual(
        { ...verdict, reasons: [] },
        { tag, version, commit, chartVersion, appVersion, valid, reasons: [] },
      );
      assert.equal(verdict?.reasons.length === 0, valid);
    }
  });

  it("reports dependencies that the commit does not pin", async () => {
    const address = "https://charts.example.com";
    const list = (version: string) =>
      `dependencies: [{name: redis, version: "${version}", repository: "${address}"}]\n`;
    const chart = (version: string, more = "", apiVersion = "v2") => ({
      "charts/app/Chart.yaml": `apiVersion: ${apiVersion}\nname: app\nversion: ${version}\nappVersion: ${version}\n${more}`,
    });
    let count = 0;
    const commit = (tag: string, files: Record<string, string>): ScratchCommit => {
      count += 1;
      return { files, branch: `of-${count}`, lightweight: [tag] };
    };
    const open = list(">=0.0.0");
    const own = (name: string) => ({ [`charts/app/${name}`]: "name: redis\n" });
    const repository = await makeRepository(join(directory(), "app.git"), [
      commit("1.0.0", chart("1.0.0", open)),
      commit("1.0.1", { ...chart("1.0.1", open), "charts/app/Chart.lock": list("7.1.2") }),
      commit("1.0.2", { ...chart("1.0.2", open), "charts/app/Chart.lock": list("7.x") }),
      commit("1.0.3", { ...chart("1.0.3", open), ...own("charts/redis/Chart.yaml") }),
      commit("1.0.4", { ...chart("1.0.4", open), ...own("charts/redis-7.1.2.tgz") }),
      commit("1.0.5", { ...chart("1.0.5", open), ...own("charts/redis/values.yaml") }),
      commit("1.0.6", { ...chart("1.0.6", "", "v1"), "charts/app/requirements.yaml": open }),
      commit("1.0.7", {
        ...chart("1.0.7", "", "v1"),
        "charts/app/requirements.yaml": open,
        "charts/app/requirements.lock": list("7.1.2"),
        "charts/app/Chart.lock": list("7.x"),
      }),
      commit("1.0.8", {
        ...chart("1.0.8", open),
        "charts/app/requirements.yaml": open,
        "charts/app/Chart.lock": "- a\n",
      }),
      commit("1.0.9", { ...chart("1.0.9"), "charts/app/requirements.yaml": "appversion: 6.6.6\n" }),
      commit("1.0.10", { ...chart("1.0.10"), "charts/app/Chart.lock": list("7.x") }),
      commit("1.0.11", { ...chart("1.0.11", open), "charts/app/Chart.lock": `#${"x".repeat(1024 * 1024)}\n` }),
      commit("1.0.12", { ...chart("1.0.12", open), "charts/app/Chart.lock": "" }),
      commit("1.0.13", { ...chart("1.0.13", "dependencies: redis\n"), "charts/app/Chart.lock": list("7.1.2") }),
    ]);
    const tell = (file: string, lock: string) =>
      `${file} depends on redis ">=0.0.0" of ${address}, which neither charts/ nor ${lock} pins at that commit: ` +
      `Flux would use the newest version when it builds the chart; commit ${lock} or the chart itself`;
    const unpinned = [tell("Chart.yaml", "Chart.lock")];
    const audited = await audit({ repository, chart: "charts/app", prefix: none });
    assert.deepEqual(Object.fromEntries(audited.tags.map(({ tag, reasons }) => [tag, reasons])), {
      "1.0.0": unpinned,
      "1.0.1": [],
      "1.0.2": unpinned,
      "1.0.3": [],
      "1.0.4": [],
      "1.0.5": unpinned,
      "1.0.6": [tell("requirements.yaml", "requirements.lock")],
      "1.0.7": [],
      "1.0.8": [
        "both Chart.yaml and requirements.yaml list dependencies, and Helm uses only the latter; keep one list",
        "Chart.lock must be a map of keys, such as `dependencies: []`, not a list or text",
      ],
      "1.0.9": ['requirements.yaml has the key "appversion", which Helm uses instead of that of Chart.yaml; remove it'],
      "1.0.10": [
        `Chart.lock lists redis "7.x" of ${address}, which is not an exact version, and charts/ does not contain it at that commit: ` +
          "Flux would use the newest version when it builds the chart; commit Chart.lock as `helm dependency update` writes it",
      ],
      "1.0.11": ["Chart.lock is too large to be read"],
      "1.0.12": unpinned,
      "1.0.13": ["dependencies in Chart.yaml is not a list, must be a list of charts, such as `- name: redis`"],
    });
    const [first] = audited.tags;
    assert.deepEqual([first?.valid, first?.chartVersion, first?.appVersion], [false, "1.0.0", "1.0.0"]);
    assert.deepEqual(suggestPrefixes(audited), []);
    const server = await serveGit({ root: directory() });
    try {
      const elsewhere = await audit({ repository: `${server.url}/app.git`, chart: "charts/app", prefix: none });
      assert.deepEqual(elsewhere.tags, audited.tags);
    } finally {
      await server.close();
    }
  });

  it("lists only SemVer tags, by version, with their exact facts", async () => {
    const repository = await makeRepository(join(directory(), "app.git"), [
      { files: chartAt("1.0.0"), lightweight: ["1.0.0", "nightly", "release-1", "1.0"] },
      { files: chartAt("1.10.0"), annotated: ["1.10.0"] },
      { files: chartAt("1.9.0", "1.8.0"), annotated: ["1.9.0"] },
    ]);
    const audited = await audit({ repository, chart: "./charts/app/", prefix: none });
    const head = (tag: string) => git({ directory: repository }, "rev-parse", `${tag}^{commit}`);
    assert.deepEqual(audited, {
      repository,
      chart: "./charts/app/",
      prefix: none,
      nearly: ["1.0"],
      others: [],
      tags: [
        {
          tag: "1.0.0",
          version: "1.0.0",
          commit: await head("1.0.0"),
          chartVersion: "1.0.0",
          appVersion: "1.0.0",
          valid: true,
          reasons: [],
        },
        {
          tag: "1.9.0",
          version: "1.9.0",
          commit: await head("1.9.0"),
          chartVersion: "1.9.0",
          appVersion: "1.8.0",
          valid: false,
          reasons: ['appVersion of Chart.yaml is "1.8.0", must be "1.9.0", the image tag'],
        },
        {
          tag: "1.10.0",
          version: "1.10.0",
          commit: await head("1.10.0"),
          chartVersion: "1.10.0",
          appVersion: "1.10.0",
          valid: true,
          reasons: [],
        },
      ],
    });
  });

  it("judges unusual tags and charts", async () => {
    const file = (content: string) => ({ "charts/app/Chart.yaml": content });
    const repository = await makeRepository(join(directory(), "app.git"), [
      { files: chartAt("1.0.86"), lightweight: ["vv1.0.86"] },
      { files: chartAt("0.1.0"), lightweight: ["v0.1.0-cli", "v0.1.0"] },
      { files: file("version: 1.0.1\r\nappVersion: '1.0.1'\r\n"), annotated: ["v1.0.1"] },
      { files: file("\uFEFFversion: 1.0.2\nappVersion: 1.0.2\n"), annotated: ["v1.0.2"] },
      {
        files: file("dependencies:\n- version: 7.0.0\n  name: x\nversion: 1.0.3\nappVersion: 1.0.3\n"),
        annotated: ["v1.0.3"],
      },
      { files: file("version: 1.10.0\nappVersion: 1.10\n"), annotated: ["v1.10.0"] },
      { files: file("version: 1.10.1\n"), annotated: ["v1.10.1"] },
      { files: file("version: {{ v }}\nappVersion: {{ v }}\n"), annotated: ["v1.10.2"] },
      { files: file("version: @V@\n"), annotated: ["v1.10.3"] },
      { files: file("version: 1.10.4\nversion: 1.10.4\nappVersion: 1.10.4\n"), annotated: ["v1.10.4"] },
      {
        files: { "README.md": "", ...chartAt("1.0.5", "1.0.5", "other") },
        from: "refs/tags/vv1.0.86",
        branch: "other",
        annotated: ["v1.0.5"],
      },
      { files: file(`version: 1.0.6\nappVersion: 1.0.6\n#${"x".repeat(1024 * 1024)}\n`), annotated: ["v1.0.6"] },
      { files: chartAt("4.0.0+b.1"), annotated: ["v4.0.0+b.1"] },
      { files: chartAt("2.0.0-rc.1"), annotated: ["inner"] },
    ]);
    await git({ directory: repository }, "tag", "-a", "-m", "nested", "between", "inner");
    await git({ directory: repository }, "tag", "-a", "-m", "nested", "v2.0.0-rc.1", "between");
    await git({ directory: repository }, "tag", "v3.0.0", "v1.0.1^{tree}");
    const audited = await audit({ repository, chart: "charts/app", prefix: withV });
    assert.deepEqual(validTags(audited), ["v0.1.0", "v1.0.1", "v1.0.2", "v1.0.3", "v2.0.0-rc.1"]);
    const head = await git({ directory: repository }, "rev-parse", "inner^{commit}");
    assert.equal(audited.tags.find(({ tag }) => tag === "v2.0.0-rc.1")?.commit, head);
    assert.deepEqual(reasonsOf(audited, "vv1.0.86"), [
      'the Git tag "vv1.0.86" has the prefix "vv", must have the prefix "v"',
    ]);
    assert.deepEqual(reasonsOf(audited, "v0.1.0-cli"), [
      'version of Chart.yaml is "0.1.0", must be "0.1.0-cli", the version',
      'appVersion of Chart.yaml is "0.1.0", must be "0.1.0-cli", the image tag',
    ]);
    assert.deepEqual(reasonsOf(audited, "v1.10.0"), [
      "appVersion in Chart.yaml is 1.10 without quotes, which Helm reads as 1.1; it must be quoted",
      'appVersion of Chart.yaml is "1.10", must be "1.10.0", the image tag',
    ]);
    assert.deepEqual(reasonsOf(audited, "v1.10.1"), [
      'appVersion is missing in Chart.yaml, must be "1.10.1", the image tag',
    ]);
    assert.match(reasonsOf(audited, "v1.10.2")?.[0] ?? "", /version in Chart.yaml is a map or a list, must be text/);
    assert.match(reasonsOf(audited, "v1.10.3")?.[0] ?? "", /Chart.yaml cannot be read as YAML at line 1/);
    assert.match(reasonsOf(audited, "v1.10.4")?.[0] ?? "", /line 2: Map keys must be unique/);
    assert.match(reasonsOf(audited, "v1.0.6")?.[0] ?? "", /has \d+ bytes, must have at most 1048576/);
    assert.deepEqual(reasonsOf(audited, "v3.0.0"), ["refs/tags/v3.0.0 points at a tree, must point at a commit"]);
    assert.deepEqual(reasonsOf(audited, "v4.0.0+b.1"), [
      'the version "4.0.0+b.1" has build metadata, which no image tag can have: it cannot contain "+"',
    ]);
  });

  it("suggests prefixes with which more tags keep the promise", async () => {
    const repository = await makeRepository(join(directory(), "app.git"), [
      { files: chartAt("1.0.0"), lightweight: ["v1.0.0"] },
      { files: chartAt("1.1.0"), lightweight: ["v1.1.0"] },
      { files: chartAt("1.2.0", "v1.2.0"), lightweight: ["v1.2.0"] },
      { files: chartAt("1.2.9"), lightweight: ["v1.3.0"] },
      { files: chartAt("1.4.0"), lightweight: ["1.4.0"] },
    ]);
    const audited = await audit({ repository, chart: "charts/app", prefix: none });
    assert.deepEqual(validTags(audited), ["1.4.0"]);
    assert.deepEqual(suggestPrefixes(audited).map(describeSuggestion), [
      "git=v would make 2 more tags keep the promise, and 1 tag that keeps it now break it",
      "git=v,image=v would make 1 more tag keep the promise, and 1 tag that keeps it now break it",
    ]);
  });

  it("judges branches only with releasedFrom", async () => {
    const repository = await makeRepository(join(directory(), "app.git"), [
      { files: chartAt("1.0.0"), lightweight: ["1.0.0"] },
      { files: chartAt("1.0.1"), branch: "release/1.0", from: "refs/heads/master", lightweight: ["1.0.1"] },
      { files: chartAt("1.0.2"), branch: "feature", from: "refs/heads/master", lightweight: ["1.0.2"] },
    ]);
    const valid = async (...releasedFrom: string[]) =>
      validTags(await audit({ repository, chart: "charts/app", prefix: none, releasedFrom }));
    assert.deepEqual(await valid(), ["1.0.0", "1.0.1", "1.0.2"]);
    assert.deepEqual(await valid("master"), ["1.0.0"]);
    assert.deepEqual(await valid("master", "release/*"), ["1.0.0", "1.0.1"]);
  });

  it("reads a repository over HTTP, a bundle, a work tree and a file URL alike", async () => {
    const bare = await makeRepository(join(directory(), "app.git"), [
      { files: chartAt("1.0.0"), annotated: ["1.0.0"] },
      { files: chartAt("1.1.0", "1.0.9"), lightweight: ["1.1.0"] },
    ]);
    const bundle = join(directory(), "app.bundle");
    await git({ directory: bare }, "bundle", "create", "--quiet", bundle, "--all");
    const work = join(directory(), "work");
    await git({ directory: directory() }, "clone", "--quiet", bare, work);
    const server = await serveGit({ root: directory() });
    try {
      const expected = await audit({ repository: bare, chart: "charts/app", prefix: none, releasedFrom: ["master"] });
      assert.deepEqual(validTags(expected), ["1.0.0"]);
      for (const repository of [bundle, work, `file://${bare}`, `${server.url}/app.git`]) {
        const found = await audit({ repository, chart: "charts/app", prefix: none, releasedFrom: ["master"] });
        assert.deepEqual(found.tags, expected.tags, repository);
      }
    } finally {
      await server.close();
    }
  });

  it("finds 500 valid tags valid", async () => {
    const commits = Array.from({ length: 500 }, (_, patch): ScratchCommit => ({
      files: chartAt(`1.0.${patch}`),
      annotated: [`1.0.${patch}`],
    }));
    const repository = await makeRepository(join(directory(), "app.git"), commits);
    const audited = await audit({ repository, chart: "charts/app", prefix: none, releasedFrom: ["master"] });
    assert.equal(validTags(audited).length, 500);
  });

  it("reports a missing repository, and lists nothing without tags", async () => {
    const repository = await makeRepository(join(directory(), "app.git"), [{ files: chartAt("1.0.0") }]);
    assert.deepEqual((await audit({ repository, chart: "charts/app", prefix: none })).tags, []);
    const options = { chart: "charts/app", prefix: none };
    await assert.rejects(audit({ ...options, repository: join(directory(), "nowhere") }), GitError);
    await assert.rejects(audit({ ...options, repository: "--upload-pack=/bin/true" }), /expected a URL such as/);
    await assert.rejects(audit({ ...options, repository: "ext::sh -c true" }), /would run a program that it names/);
    await assert.rejects(audit({ ...options, repository, chart: "../../etc" }), /must be inside the repository/);
  });
});
