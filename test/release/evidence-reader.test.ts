import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import type { StackConfig, Tenant } from "../../src/config/stack-config";
import { serveRegistry } from "../../demo/embedded-registry";
import { git } from "../../demo/git";
import { serveGit, type GitServer } from "../../demo/git-server";
import { listenOnLoopback, type Listening } from "../../demo/loopback";
import { pushChart, pushImage } from "../../demo/push";
import type { Evidence } from "../../src/release/evidence";
import { createEvidenceReader, type EvidenceReader } from "../../src/release/evidence-reader";
import { withEvidence, type Lock } from "../../src/release/lock";
import { resolveAgain, resolveBranch, resolveRelease, resolveStack } from "../../src/release/resolve";
import { verifyLock } from "../../src/release/verify";
import { temporaryDirectory } from "../support/directory";
import { chartAt, makeRepository } from "./scratch-repository";
import { makeTenant } from "./tenants";

const noLock: Lock = { releases: new Map() };

function makeReader(): EvidenceReader {
  return createEvidenceReader({ git: { retries: 0, timeoutMs: 20_000 }, registry: { retries: 0, timeoutMs: 5000 } });
}

/** A reader for tests in which nothing may be read. */
const noReader = new Proxy({} as EvidenceReader, {
  get: (_, name) => () => assert.fail(`${String(name)} must not be asked`),
});

describe("releases on a Git server and in a registry", () => {
  const directory = temporaryDirectory();
  let gitServer: GitServer;
  let registry: Listening;
  let host: string;
  let path: string;

  beforeEach(async () => {
    path = await makeRepository(join(directory(), "app.git"), [
      { files: chartAt("1.0.0"), annotated: ["1.0.0"] },
      { files: chartAt("1.1.0", "1.0.0"), annotated: ["1.1.0"] },
      { files: chartAt("1.2.0"), lightweight: ["1.2.0"] },
      { files: chartAt("1.3.0"), branch: "feature", from: "refs/heads/master", lightweight: ["1.3.0"] },
      {
        files: { "README.md": "", "charts/app/Chart.yaml": "version: {{ v }}" },
        branch: "broken",
        from: "refs/heads/master",
      },
    ]);
    gitServer = await serveGit({ root: directory() });
    registry = await serveRegistry();
    host = registry.url.replace("http://", "");
    for (const tag of ["1.0.0", "1.1.0", "1.3.0", "1.10.0", "2.0.0-rc.1", "2.0.0", "latest"]) {
      await pushImage(registry.url, "team/app", tag);
    }
  });

  afterEach(async () => {
    await gitServer.close();
    await registry.close();
  });

  function tenant(parts: Partial<Tenant> = {}): Tenant {
    return makeTenant({ repository: `${gitServer.url}/app.git`, images: [`${host}/team/app`], tag: "1.0.0", ...parts });
  }

  async function readEvidence(wanted: Tenant, reader = makeReader()): Promise<Evidence> {
    const read = await reader.readRelease(wanted);
    assert.ok("evidence" in read, JSON.stringify(read));
    return read.evidence;
  }

  it("have all facts of a release that keeps the promise", async () => {
    const evidence = await readEvidence(tenant());
    assert.deepEqual(evidence, {
      version: "1.0.0",
      repository: `${gitServer.url}/app.git`,
      chart: "./charts/app",
      gitTag: "1.0.0",
      tagObject: await git({ directory: path }, "rev-parse", "1.0.0"),
      commit: await git({ directory: path }, "rev-parse", "1.0.0^{commit}"),
      branch: "master",
      chartVersion: "1.0.0",
      appVersion: "1.0.0",
      images: [{ reference: `${host}/team/app:1.0.0`, digest: evidence.images[0]?.digest }],
    });
    assert.deepEqual(await resolveRelease(tenant(), noLock, makeReader()), {
      tenant: tenant(),
      source: "read",
      evidence,
      reasons: [],
    });
  });

  it("are blocked with the broken facts as reasons", async () => {
    const reasons = async (parts: Partial<Tenant>) =>
      (await resolveRelease(tenant(parts), noLock, makeReader())).reasons;
    assert.deepEqual(await reasons({ tag: "1.1.0" }), [
      'appVersion of Chart.yaml is "1.0.0", must be "1.1.0", the image tag',
    ]);
    assert.deepEqual(await reasons({ tag: "1.2.0" }), [`the image ${host}/team/app:1.2.0 is not in the registry`]);
    assert.match(
      (await reasons({ tag: "1.3.0" })).join(),
      /^the commit \w{40} lies on no branch that releases are made from, must lie on "master"$/,
    );
    assert.match((await reasons({ tag: "1.10.0" })).join(), /^there is no Git tag "1\.10\.0" in \S+app\.git$/);
    assert.match(
      (await reasons({ prefix: { git: "v", chart: "", image: "" } })).join(),
      /^there is no Git tag "v1\.0\.0" in \S+; there is "1\.0\.0": set prefix: \{ git: "" \}/,
    );
    assert.deepEqual(await reasons({ tag: "1.3.0", releasedFrom: ["master", "feature"] }), []);
    assert.deepEqual(await reasons({ releasedFrom: ["main", "release/*"] }), [
      `no branch "main" or "release/*" in ${gitServer.url}/app.git; the remote's HEAD is "master": set releasedFrom: [master]`,
    ]);
    assert.deepEqual(await reasons({ chart: { kind: "git", path: "./charts/x" } }), [
      `there is no file charts/x/Chart.yaml at the commit ${await git({ directory: path }, "rev-parse", "1.0.0^{commit}")}`,
    ]);
    assert.deepEqual(await reasons({ tag: "latest" }), [
      'the image tag is "latest", must be a version such as "1.0.0"',
    ]);
  });

  it("are blocked when a dependency is not pinned", async () => {
    const dependencies = (version: string) =>
      `dependencies: [{name: redis, version: "${version}", repository: "https://me:hunter2@charts.example.com"}]\n`;
    const chart = (version: string) => {
      const [[name, content] = ["", ""]] = Object.entries(chartAt(version));
      return { [name]: content + dependencies(">=0.0.0") };
    };
    const commits = [
      { files: chart("1.0.0"), lightweight: ["1.0.0"] },
      { files: { ...chart("1.1.0"), "charts/app/Chart.lock": dependencies("7.1.2") }, lightweight: ["1.1.0"] },
    ];
    const other = await makeRepository(join(directory(), "other.git"), commits);
    const parts = { repository: `${gitServer.url}/other.git` };
    const unpinned =
      'Chart.yaml depends on redis ">=0.0.0" of https://***@charts.example.com, which neither charts/ nor Chart.lock pins at ' +
      "that commit: Flux would use the newest version when it builds the chart; commit Chart.lock or the chart itself";
    const { evidence: loose, reasons } = await resolveRelease(tenant(parts), noLock, makeReader());
    assert.deepEqual([reasons, loose?.chartProblems, loose?.chartVersion], [[unpinned], [unpinned], "1.0.0"]);
    assert.ok(loose !== undefined);
    assert.throws(() => withEvidence(noLock, "app", loose), TypeError);
    const pinned = await resolveRelease(tenant({ ...parts, tag: "1.1.0" }), noLock, makeReader());
    assert.deepEqual([pinned.reasons, pinned.evidence?.chartProblems], [[], undefined]);

    // What an older program has locked is told of, and is not said to have changed.
    const lock = withEvidence(noLock, "app", { ...loose, chartProblems: undefined });
    const [verified] = await verifyLock(lock, [tenant(parts)], makeReader());
    assert.deepEqual(verified?.changes, [`the chart ./charts/app breaks the promise: ${unpinned}`]);

    // A followed branch moves anyway; the commit of an image must stay as it was.
    assert.deepEqual((await resolveBranch(tenant({ ...parts, tag: undefined }), makeReader())).reasons, []);
    const commit = await git({ directory: other }, "rev-parse", "1.0.0");
    const tag = `master-${commit.slice(0, 12)}-900`;
    await pushImage(registry.url, "team/app", tag);
    const branchImage = { pattern: "^master-(?P<sha>[0-9a-f]+)-(?P<ts>[0-9]+)$", value: { tag: "image.tag" } };
    const ofImage = await resolveBranch(tenant({ ...parts, tag, branchImage }), makeReader());
    assert.deepEqual(ofImage.reasons, [unpinned]);
  });

  it("are blocked when a fact cannot be read, unless the lock has it", async () => {
    const evidence = await readEvidence(tenant());
    const lock = withEvidence(noLock, "app", evidence);
    const other = tenant({ tag: "1.3.0" });
    await registry.close();
    const resolution = await resolveRelease(other, lock, makeReader());
    assert.equal(resolution.source, "none");
    assert.equal(resolution.evidence, undefined);
    assert.equal(
      resolution.reasons[0],
      "release 1.3.0 is not in releases.lock.yaml, and not all of its facts can be read",
    );
    assert.match(
      resolution.reasons[1] ?? "",
      /^the image 127.*:1\.3\.0 cannot be read: HEAD 127\.0\.0\.1:\d+\/v2\/team\/app\/manifests\/1\.3\.0: cannot be reached \(ECONNREFUSED\)$/,
    );
    assert.equal(resolution.reasons.length, 2);
    assert.deepEqual(await resolveRelease(tenant(), lock, noReader), {
      tenant: tenant(),
      source: "lock",
      evidence,
      reasons: [],
    });
    await gitServer.close();
    rmSync(path, { recursive: true });
    const both = await resolveRelease(other, lock, makeReader());
    assert.equal(both.reasons.length, 3);
    assert.match(both.reasons.join("\n"), /the Git tag "1\.3\.0" in http.*app\.git cannot be read: git ls-remote: /);
    registry = await serveRegistry();
    gitServer = await serveGit({ root: directory() });
  });

  it("are read again when the tenant's declaration differs from the lock", async () => {
    const lock = withEvidence(noLock, "app", await readEvidence(tenant()));
    const images = [`${host}/team/app`, `${host}/team/more`] as const;
    const resolution = await resolveRelease(tenant({ images }), lock, makeReader());
    assert.deepEqual(
      [resolution.source, resolution.reasons],
      ["read", [`the image ${host}/team/more:1.0.0 is not in the registry`]],
    );
    const digest = `sha256:${"b".repeat(64)}`;
    const changed = await resolveRelease(tenant({ digest }), lock, noReader);
    assert.match(
      changed.reasons.join(),
      /^the digest of .* is "sha256:\w+", must be "sha256:b+", as the stack file says$/,
    );
  });

  it("are read for many tenants at once, each fact once", async () => {
    const tenants = Array.from({ length: 30 }, (_, index) =>
      tenant({ name: `app-${index}`, tag: ["1.0.0", "1.1.0", "1.3.0"][index % 3] }),
    );
    const config = { tenants, follow: "tags" } as unknown as StackConfig;
    const reader = makeReader();
    const { tenants: resolutions } = await resolveStack(config, noLock, reader);
    assert.deepEqual(
      resolutions.map((one) => one.tenant.name),
      tenants.map(({ name }) => name),
    );
    assert.deepEqual(
      resolutions.slice(0, 3).map(({ reasons }) => reasons.length),
      [0, 1, 1],
    );
    await gitServer.close();
    await registry.close();
    assert.deepEqual((await resolveStack(config, noLock, reader)).tenants, resolutions);
    registry = await serveRegistry();
    gitServer = await serveGit({ root: directory() });
  });

  it("are those that the policy allows, the newest first", async () => {
    const allowed = (policy: Partial<Tenant["policy"]>, parts: Partial<Tenant> = {}) =>
      makeReader().readAllowed(
        tenant({ ...parts, policy: { range: ">=1.0.0", automation: "auto", deny: [], ...policy } }),
      );
    const newest = async (...args: Parameters<typeof allowed>) => (await allowed(...args))[0];
    assert.deepEqual((await allowed({ range: ">=1.3.0" })).slice(0, 3), ["2.0.0", "1.10.0", "1.3.0"]);
    assert.equal(await newest({}), "2.0.0");
    assert.equal(await newest({ range: "<2.0.0" }), "1.10.0");
    assert.equal(await newest({ range: "1.x", deny: ["1.10.0"] }), "1.3.0");
    assert.equal(await newest({ range: ">=2.0.0-0 <2.0.0" }), "2.0.0-rc.1");
    assert.equal(await newest({ range: ">=3" }), undefined);
    assert.equal(await newest({}, { prefix: { git: "", chart: "", image: "v" } }), undefined);
  });

  it("may have their chart in the registry", async () => {
    const commit = await git({ directory: path }, "rev-parse", "1.0.0^{commit}");
    const push = (version: string, revision: string) =>
      pushChart(
        registry.url,
        "charts/app",
        version,
        { "Chart.yaml": `apiVersion: v2\nname: app\nversion: ${version}\nappVersion: ${version}\n` },
        { "org.opencontainers.image.revision": revision },
      );
    const chartDigest = await push("1.0.0", commit);
    const chart = { kind: "oci", url: `oci://${host}/charts/app` } as const;
    const evidence = await readEvidence(tenant({ chart }));
    assert.deepEqual(
      [evidence.chartDigest, evidence.commit, evidence.branch, evidence.revision],
      [chartDigest, commit, "master", commit],
    );
    assert.deepEqual((await resolveRelease(tenant({ chart }), noLock, makeReader())).reasons, []);
    const alone = await readEvidence(tenant({ chart, repository: undefined }));
    assert.deepEqual([alone.gitTag, alone.repository, alone.chartVersion], [undefined, undefined, "1.0.0"]);
    assert.deepEqual((await resolveAgain(tenant({ chart }), evidence, makeReader())).reasons, []);
    await push("1.0.0", "0123");
    assert.match(
      (await resolveAgain(tenant({ chart }), evidence, makeReader())).reasons.join("\n"),
      /^the chart's digest was "sha256:\w+", and is "sha256:\w+"\n`authority verify` lists [^\n]* and lock it again$/,
    );
    assert.match(
      (await resolveRelease(tenant({ chart }), noLock, makeReader())).reasons.join(),
      /image\.revision is "0123", must be/,
    );
    const gone = await resolveRelease(tenant({ chart, tag: "1.3.0", releasedFrom: ["feature"] }), noLock, makeReader());
    assert.match(gone.reasons.join("\n"), /the chart oci:.* of this version is not in the registry/);
  });

  it("can be followed by branch, with the chart of its head", async () => {
    const head = await resolveBranch(tenant({ tag: undefined }), makeReader());
    assert.deepEqual([head.evidence?.chartVersion, head.evidence?.appVersion, head.reasons], ["1.2.0", "1.2.0", []]);
    assert.deepEqual((await resolveBranch(tenant({ branch: "nowhere" }), makeReader())).reasons, [
      `no branch "nowhere" in ${gitServer.url}/app.git; the remote's HEAD is "master": set branch: master`,
    ]);
    assert.match(
      (await resolveBranch(tenant({ branch: "broken" }), makeReader())).reasons.join(),
      /version in Chart\.yaml is a map or a list/,
    );
    const config = {
      tenants: [tenant(), tenant({ name: "b", repository: `${gitServer.url}/none.git` })],
      follow: "branch",
    } as unknown as StackConfig;
    const [good, bad] = (await resolveStack(config, noLock, makeReader())).tenants;
    assert.deepEqual([good?.source, bad?.source], ["read", "none"]);
    assert.match(bad?.reasons.join() ?? "", /the branch "master" in .*none\.git cannot be read/);
  });

  it("can be followed by branch, with an image for each commit", async () => {
    const commitOf = (revision: string) => git({ directory: path }, "rev-parse", `${revision}^{commit}`);
    const [first, second, feature] = [await commitOf("1.0.0"), await commitOf("1.1.0"), await commitOf("1.3.0")];
    const tagOf = (commit: string, ts: number) => `master-${commit.slice(0, 12)}-${ts}`;
    const digests = new Map<string, string>();
    for (const [commit, ts] of [
      [first, 900],
      [second, 1000],
      [feature, 800],
    ] as const) {
      digests.set(commit, await pushImage(registry.url, "team/app", tagOf(commit, ts)));
    }
    const branchImage = { pattern: "^master-(?P<sha>[0-9a-f]+)-(?P<ts>[0-9]+)$", value: { tag: "image.tag" } };
    const resolve = (tag: string) => resolveBranch(tenant({ tag, branchImage }), makeReader());

    const { evidence, reasons } = await resolve(tagOf(first, 900));
    assert.deepEqual(reasons, []);
    assert.deepEqual(evidence, {
      repository: `${gitServer.url}/app.git`,
      branch: "master",
      chart: "./charts/app",
      commit: first,
      chartVersion: "1.0.0",
      appVersion: "1.0.0",
      images: [{ reference: `${host}/team/app:${tagOf(first, 900)}`, digest: digests.get(first) }],
    });
    assert.equal((await makeReader().readAllowed(tenant({ branchImage })))[0], tagOf(second, 1000));

    assert.deepEqual((await resolve(tagOf(second, 1000))).reasons, [
      'appVersion of Chart.yaml is "1.0.0", must be "1.1.0", the same as version "1.1.0"',
    ]);
    assert.match((await resolve(tagOf(first, 901))).reasons.join(), /^the image .*-901 is not in the registry$/);
    const elsewhere = await resolve(tagOf(feature, 800));
    assert.equal(elsewhere.source, "none");
    assert.match(
      elsewhere.reasons.join(),
      /^no commit on the branch "master" of .* has an id that begins with "\w{12}", must be one$/,
    );
    const noBranch = await resolveBranch(
      tenant({ tag: tagOf(first, 900), branchImage, branch: "nowhere" }),
      makeReader(),
    );
    assert.match(
      noBranch.reasons.join(),
      /^no branch "nowhere" in .*; the remote's HEAD is "master": set branch: master$/,
    );
    await registry.close();
    await gitServer.close();
    const unread = await resolve(tagOf(first, 900));
    assert.equal(unread.reasons.length, 2);
    assert.match(unread.reasons.join("\n"), /the commit \w{12} of the branch "master" in .* cannot be read/);
    registry = await serveRegistry();
    gitServer = await serveGit({ root: directory() });
  });

  it("can be followed by branch, with a chart for each commit", async () => {
    const push = (version: string, tag = version) =>
      pushChart(registry.url, "charts/app", tag, {
        "Chart.yaml": `apiVersion: v2\nname: app\nversion: ${version}\nappVersion: ${version}\n`,
      });
    const branchChart = { range: ">=0.0.0-0", pattern: "^0\\.0\\.0-master\\.[0-9]+$" };
    const wanted = tenant({ tag: undefined, branchChart, chart: { kind: "oci", url: `oci://${host}/charts/app` } });
    const resolve = (parts: Partial<Tenant> = {}) => resolveBranch({ ...wanted, ...parts }, makeReader());

    assert.match((await resolve()).reasons.join(), /^no version of the chart oci:.* is in the range ">=0.0.0-0"/);
    for (const version of ["0.0.0-master.9", "0.0.0-master.10", "0.0.0-feature.11", "1.0.0"]) await push(version);
    const { evidence, reasons } = await resolve();
    assert.deepEqual(reasons, []);
    assert.deepEqual(evidence, {
      repository: wanted.repository,
      branch: "master",
      chart: `oci://${host}/charts/app`,
      chartVersion: "0.0.0-master.10",
      appVersion: "0.0.0-master.10",
    });
    const ranged = await resolve({ branchChart: { ...branchChart, range: "<0.0.0-master.10" } });
    assert.equal(ranged.evidence?.chartVersion, "0.0.0-master.9");
    assert.equal((await resolve({ branchChart: { ...branchChart, range: "*" } })).evidence?.chartVersion, undefined);
    await push("0.0.0-master.12", "0.0.0-master.13");
    assert.match((await resolve()).reasons.join(), /0-master\.13 is "0\.0\.0-master\.12", must be its tag$/);
    await registry.close();
    assert.match((await resolve()).reasons.join(), /^the chart oci:.* cannot be read/);
    registry = await serveRegistry();
  });

  it("are verified: nothing changed", async () => {
    const lock = withEvidence(
      withEvidence(noLock, "app", await readEvidence(tenant())),
      "gone",
      await readEvidence(tenant({ tag: "1.1.0" })),
    );
    assert.deepEqual(
      await verifyLock(lock, [tenant()], makeReader()).then((all) => all.map(({ changes }) => changes)),
      [[], []],
    );
  });

  it("are verified: a release branch that was merged and deleted is not a change", async () => {
    const released = tenant({ tag: "1.3.0", releasedFrom: ["master", "feature"] });
    const lock = withEvidence(noLock, "app", await readEvidence(released));
    assert.equal(lock.releases.get("app")?.get("1.3.0")?.branch, "feature");
    await git({ directory: path }, "update-ref", "refs/heads/master", "refs/heads/feature");
    await git({ directory: path }, "branch", "--quiet", "--delete", "--force", "feature");
    const [verified] = await verifyLock(lock, [released], makeReader());
    assert.deepEqual([verified?.changes, verified?.unread], [[], []]);
  });

  it("are verified over plain HTTP when the chart has moved since, but only at a registry that is still declared", async () => {
    const chart = { kind: "oci", url: `oci://${host}/charts/app` } as const;
    await pushChart(registry.url, "charts/app", "1.0.0", {
      "Chart.yaml": "apiVersion: v2\nname: app\nversion: 1.0.0\nappVersion: 1.0.0\n",
    });
    const lock = withEvidence(noLock, "app", await readEvidence(tenant({ chart, repository: undefined })));
    const verified = async (parts: Partial<Tenant>) => {
      const [{ changes, unread } = assert.fail()] = await verifyLock(lock, [tenant(parts)], makeReader());
      assert.deepEqual(changes, []);
      return unread.join();
    };
    assert.equal(await verified({}), "");
    const moved = { kind: "oci", url: `oci://${host}/charts/moved` } as const;
    assert.equal(await verified({ chart: moved }), "");
    const overTls = /the chart oci:.*\/charts\/app:1\.0\.0 cannot be read: .*the server does not speak TLS/;
    assert.match(await verified({ insecureRegistry: false }), overTls);
    assert.match(await verified({ chart: moved, insecureRegistry: false }), overTls);
    assert.match(await verified({ images: ["other.example:5000/team/app"] }), overTls);
    assert.match(await verified({ chart: moved, name: "another" }), overTls);
  });

  it("are not verified over plain HTTP at a registry that the application has left", async () => {
    const lock = withEvidence(noLock, "app", await readEvidence(tenant()));
    const [{ unread } = assert.fail()] = await verifyLock(
      lock,
      [tenant({ images: ["other.example:5000/team/app"] })],
      makeReader(),
    );
    assert.match(unread.join(), /the server does not speak TLS/);
  });

  it("are verified: changes are reported", async () => {
    let lock = noLock;
    for (const one of [tenant(), tenant({ tag: "1.1.0" }), tenant({ tag: "1.3.0", releasedFrom: ["feature"] })]) {
      lock = withEvidence(lock, "app", await readEvidence(one));
    }
    const before = await git({ directory: path }, "rev-parse", "1.0.0^{commit}");
    const after = await git({ directory: path }, "rev-parse", "1.2.0");
    await git({ directory: path }, "tag", "--force", "1.0.0", "1.2.0");
    await git({ directory: path }, "tag", "--delete", "1.1.0");
    await git({ directory: path }, "update-ref", "refs/heads/feature", "refs/heads/master");
    await pushImage(registry.url, "team/app", "1.0.0", { labels: { built: "again" } });
    const [first, second, third] = await verifyLock(lock, [tenant()], makeReader());
    assert.equal(first?.changes[0], `the Git tag "1.0.0" moved from ${before} to ${after}`);
    assert.deepEqual(first.changes.slice(1, 3), [
      'version of Chart.yaml was "1.0.0", and is "1.2.0"',
      'appVersion of Chart.yaml was "1.0.0", and is "1.2.0"',
    ]);
    assert.match(first.changes[3] ?? "", /^the digest of .*:1\.0\.0 was "sha256:\w+", and is "sha256:\w+"$/);
    assert.deepEqual(second?.changes, [`the Git tag "1.1.0" is gone from ${gitServer.url}/app.git`]);
    assert.match(third?.changes.join() ?? "", /^the branch "feature" no longer holds the commit \w{40}$/);
    const silent = await listenOnLoopback(createServer((_, response) => response.writeHead(500).end()));
    try {
      const elsewhere = { ...(await readEvidence(tenant({ tag: "1.3.0" }))), repository: `${silent.url}/app.git` };
      const [unread] = await verifyLock(withEvidence(noLock, "app", elsewhere), [tenant()], makeReader());
      assert.deepEqual(unread?.changes, []);
      assert.match(unread.unread.join(), /the Git tag "1\.3\.0" in .* cannot be read: /);
    } finally {
      await silent.close();
    }
  });
});
