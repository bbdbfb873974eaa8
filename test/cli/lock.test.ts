import assert from "node:assert/strict";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import type { PlannedStack } from "../../src/cli/tenant-plan";
import { git } from "../../demo/git";
import { listenOnLoopback } from "../../demo/loopback";
import { pushImage } from "../../demo/push";
import { readLock, withEvidence, writeLock } from "../../src/release/lock";
import { authority, authorityProcess } from "./command-line";
import { branchStack, running, scratchWorld, tagsStack } from "./scratch-world";

describe("authority lock", () => {
  const world = scratchWorld();
  const lock = (...args: string[]) => authority(["lock", ...args], { cwd: world().root });
  const lockPath = () => join(world().root, "releases.lock.yaml");

  it("adds the evidence of each release that the stacks name, and lists it", async () => {
    const { application, tenant, write, root } = world();
    const first = await application.publish({ version: "1.0.0", message: "First" });
    await application.publish({ version: "1.1.0", message: "Second" });
    write({
      "Pulumi.dev.yaml": branchStack(tenant()),
      "Pulumi.prod.yaml": tagsStack(tenant(...running("1.0.0"))),
      "Pulumi.test.yaml": tagsStack(tenant(...running("1.1.0"))),
    });
    const { code, stdout } = await authorityProcess(["lock", "--stack", "prod"], { cwd: root });
    assert.equal(code, 0);
    assert.equal(stdout, `added shop 1.0.0: commit ${first.commit}, ${application.image}:1.0.0@${first.digest}\n`);
    assert.deepEqual([...readLock(root).releases.get("shop")!.keys()], ["1.0.0"]);

    const all = await lock();
    assert.equal(all.code, 0);
    assert.match(all.stdout, /^added shop 1\.1\.0: [^\n]*\n$/);
    assert.deepEqual([...readLock(root).releases.get("shop")!.keys()], ["1.0.0", "1.1.0"]);

    const before = readFileSync(lockPath(), "utf8");
    const again = await lock();
    assert.deepEqual(again, {
      code: 0,
      stdout: "releases.lock.yaml already contains all releases of the stacks.\n",
      stderr: "",
    });
    assert.equal(readFileSync(lockPath(), "utf8"), before);
  });

  it("locks valid releases, and reports those that break the promise", async () => {
    const { application, tenant, write, root } = world();
    await application.publish({ version: "1.0.0", message: "First" });
    await application.publish({ version: "1.1.0", appVersion: "1.0.0", message: "Forgotten" });
    write({
      "Pulumi.prod.yaml": tagsStack(tenant(...running("1.0.0"))),
      "Pulumi.test.yaml": tagsStack(tenant(...running("1.1.0"))),
    });
    const { code, stdout, stderr } = await lock();
    assert.equal(code, 3);
    assert.match(stdout, /^added shop 1\.0\.0/);
    assert.match(
      stderr,
      /Not locked:\ntest\/shop: the promise is broken\n {2}- appVersion of Chart\.yaml is "1\.0\.0"/,
    );
    assert.deepEqual([...readLock(root).releases.get("shop")!.keys()], ["1.0.0"]);
  });

  it("does not lock a chart with an unpinned dependency, which plan and audit report too", async () => {
    const { application, tenant, write, root, repository } = world();
    const list = (version: string) =>
      `dependencies: [{name: redis, version: "${version}", repository: "https://charts.example.com"}]\n`;
    const more = { "Chart.yaml": list(">=0.0.0") };
    await application.publish({ version: "1.0.0", message: "Open", more });
    await application.publish({ version: "1.1.0", message: "Locked", more: { ...more, "Chart.lock": list("7.1.2") } });
    write({
      "Pulumi.prod.yaml": tagsStack(tenant(...running("1.0.0"))),
      "Pulumi.test.yaml": tagsStack(tenant(...running("1.1.0"))),
    });
    const reason =
      'Chart.yaml depends on redis ">=0.0.0" of https://charts.example.com, which neither charts/ nor Chart.lock pins at ' +
      "that commit: Flux would use the newest version when it builds the chart; commit Chart.lock or the chart itself";
    const { code, stdout, stderr } = await lock();
    assert.equal(code, 3);
    assert.match(stdout, /^added shop 1\.1\.0/);
    assert.ok(stderr.includes(`Not locked:\nprod/shop: the promise is broken\n  - ${reason}\n`), stderr);
    assert.deepEqual([...readLock(root).releases.get("shop")!.keys()], ["1.1.0"]);
    const plan = await authority(["plan", "--stack", "prod"], { cwd: root });
    assert.equal(plan.code, 3);
    assert.ok(plan.stderr.includes(`prod/shop: the promise is broken\n  - ${reason}\n`), plan.stderr);
    assert.equal((await authority(["plan", "--stack", "test", "--offline"], { cwd: root })).code, 0);
    const audit = await authority(["audit", "-r", repository, "-c", application.chartPath], { cwd: root });
    assert.equal(audit.code, 3);
    assert.ok(audit.stdout.includes(`broken   ${reason}\n`), audit.stdout);
    assert.match(audit.stdout, /^1 of 2 tags keep the promise\.$/m);
    assert.equal((await authority(["verify"], { cwd: root })).code, 0);
  });

  it("writes nothing if nothing can be read", async () => {
    const { tenant, write, cutNetwork } = world();
    write({ "Pulumi.prod.yaml": tagsStack(tenant(...running("1.0.0"))) });
    await cutNetwork();
    const { code, stdout, stderr } = await lock();
    assert.equal(code, 3);
    assert.equal(stdout, "");
    assert.match(stderr, /Not locked:\nprod\/shop: cannot be verified/);
    assert.equal(existsSync(lockPath()), false);
  });

  it("rejects two stacks that declare the same release differently", async () => {
    const { tenant, write } = world();
    const other = tenant(...running("1.0.0")).replace("charts/shop", "charts/other");
    write({ "Pulumi.prod.yaml": tagsStack(tenant(...running("1.0.0"))), "Pulumi.test.yaml": tagsStack(other) });
    const { code, stderr } = await lock();
    assert.equal(code, 2);
    assert.match(stderr, /The stacks prod and test both run shop 1\.0\.0, but with different repositories/);
    assert.equal(existsSync(lockPath()), false);
  });

  it("rejects them also with --stack, and keeps the other stack's entry", async () => {
    const { application, tenant, write } = world();
    await application.publish({ version: "1.0.0", message: "First" });
    write({ "Pulumi.prod.yaml": tagsStack(tenant(...running("1.0.0"))) });
    assert.equal((await lock()).code, 0);
    const before = readFileSync(lockPath(), "utf8");
    const mirror = tenant(...running("1.0.0")).replace(application.image, `${application.image}/mirror`);
    await pushImage(`http://${application.image.split("/")[0]}`, "shop/mirror", "1.0.0");
    write({ "Pulumi.test.yaml": tagsStack(mirror) });
    const { code, stderr } = await lock("--stack", "test");
    assert.equal(code, 2);
    assert.match(stderr, /The stacks prod and test both run shop 1\.0\.0, but with different repositories/);
    assert.equal(readFileSync(lockPath(), "utf8"), before);
  });

  it("locks a stack if another stack cannot be read, with a message", async () => {
    const { application, tenant, write, root } = world();
    await application.publish({ version: "1.0.0", message: "First" });
    write({
      "Pulumi.prod.yaml": tagsStack(tenant(...running("1.0.0"))),
      "Pulumi.test.yaml": tagsStack(tenant(...running("1.0.0"), "colour: red")),
    });
    const { code, stdout, stderr } = await lock("--stack", "prod");
    assert.equal(code, 0);
    assert.match(stdout, /^added shop 1\.0\.0/);
    assert.match(stderr, /^Cannot read the stack test, .*; `authority check --stack test` shows its problems\.$/m);
    assert.deepEqual([...readLock(root).releases.get("shop")!.keys()], ["1.0.0"]);
    assert.equal((await lock()).code, 2);
    assert.equal((await lock("--stack", "test")).code, 2);
  });

  it("keeps entries that were written while it was reading", async () => {
    const { application, tenant, write, root, repository } = world();
    for (const version of ["1.0.0", "1.1.0"]) await application.publish({ version, message: version });
    write({ "Pulumi.prod.yaml": tagsStack(tenant(...running("1.0.0"))) });
    assert.equal((await lock()).code, 0);
    const first = readLock(root).releases.get("shop")!.get("1.0.0")!;
    const others = withEvidence(readLock(root), "other", { ...first, version: "3.0.0" });
    const slow = await listenOnLoopback(
      createServer((request, response) => {
        void writeLock(root, others).then(() =>
          response.writeHead(302, { location: `${new URL(repository).origin}${request.url ?? ""}` }).end(),
        );
      }),
    );
    try {
      const slowly = tenant(...running("1.1.0")).replace(repository, `${slow.url}/shop.git`);
      write({ "Pulumi.prod.yaml": tagsStack(slowly) });
      const { code, stdout } = await lock();
      assert.equal(code, 0);
      assert.match(stdout, /^added shop 1\.1\.0: [^\n]*\n$/);
      const after = readLock(root).releases;
      assert.deepEqual([...after.keys()], ["other", "shop"]);
      assert.deepEqual([...after.get("shop")!.keys()], ["1.0.0", "1.1.0"]);
    } finally {
      await slow.close();
    }
  });

  it("does not overwrite an entry for the same release that was written while it was reading", async () => {
    const { application, tenant, write, root, repository } = world();
    const { commit } = await application.publish({ version: "1.0.0", message: "First" });
    write({ "Pulumi.prod.yaml": tagsStack(tenant(...running("1.0.0"))) });
    assert.equal((await lock()).code, 0);
    const read = readLock(root).releases.get("shop")!.get("1.0.0")!;
    rmSync(lockPath());
    const theirs = withEvidence({ releases: new Map() }, "shop", { ...read, commit: "d".repeat(40) });
    const slow = await listenOnLoopback(
      createServer((request, response) => {
        void writeLock(root, theirs).then(() =>
          response.writeHead(302, { location: `${new URL(repository).origin}${request.url ?? ""}` }).end(),
        );
      }),
    );
    try {
      const slowly = tenant(...running("1.0.0")).replace(repository, `${slow.url}/shop.git`);
      write({ "Pulumi.prod.yaml": tagsStack(slowly) });
      const { code, stdout, stderr } = await lock();
      assert.equal(code, 3);
      assert.equal(stdout, "");
      assert.match(
        stderr,
        /Not locked:\nshop 1\.0\.0: another process has just written a different entry\n {2}- run `authority lock` again/,
      );
      assert.notEqual(readLock(root).releases.get("shop")!.get("1.0.0")!.commit, commit);
    } finally {
      await slow.close();
    }
  });
});

describe("authority lock, after a tenant's declaration has changed", () => {
  const world = scratchWorld();
  const run = (verb: string, ...args: string[]) => authority([verb, ...args], { cwd: world().root });
  const entry = () => readLock(world().root).releases.get("shop")!.get("1.0.0")!;
  const declare = (...more: string[]) => {
    const { tenant, write } = world();
    write({ "Pulumi.prod.yaml": tagsStack(tenant(...running("1.0.0"), ...more)) });
  };
  const gitOf = (...args: string[]) => git({ directory: world().application.repository }, ...args);

  /** Locks shop 1.0.0 from `master`, then renames the branch and declares the new name in the stack file. */
  async function lockThenRename(): Promise<void> {
    await world().application.publish({ version: "1.0.0", message: "First" });
    declare("releasedFrom: [master]");
    assert.equal((await run("lock")).code, 0);
    await gitOf("branch", "-m", "master", "main");
    declare("releasedFrom: [main]");
  }

  it("reads a release again and replaces its entry if the branch was renamed", async () => {
    await lockThenRename();
    const before = entry();
    const { code, stdout, stderr } = await run("lock", "--stack", "prod");
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^replaced shop 1\.0\.0: commit [0-9a-f]{40}, [^\n]*\n$/);
    assert.deepEqual(entry(), { ...before, branch: "main" });
    assert.equal((await run("check")).code, 0);
    assert.equal((await run("lock")).stdout, "releases.lock.yaml already contains all releases of the stacks.\n");
  });

  it("is suggested by plan, check and render", async () => {
    await lockThenRename();
    const hint =
      "the evidence is from releases.lock.yaml; if the stack file has changed since, `npx authority lock --stack prod` reads it again";
    for (const verb of ["plan", "check", "render"]) {
      const { code, stdout, stderr } = await run(verb, "--stack", "prod", ...(verb === "render" ? ["-o", "out"] : []));
      assert.equal(code, 3);
      assert.match(`${stdout}${stderr}`, /lies on the branch "master", must lie on "main"/);
      assert.equal(`${stdout}${stderr}`.split(hint).length, 2, `${verb}: ${stdout}${stderr}`);
    }
    const [stack] = (JSON.parse((await run("plan", "--json")).stdout) as { stacks: PlannedStack[] }).stacks;
    assert.deepEqual(
      stack!.tenants[0]!.reasons.map((reason) => reason.replace(/[0-9a-f]{40}/, "<commit>")),
      ['the commit <commit> lies on the branch "master", must lie on "main"'],
    );
  });

  it("reads a release again if only the name of the Git tag has changed", async () => {
    await lockThenRename();
    const other = await world().application.commit({ version: "1.0.0", message: "Other", branch: "main" });
    await gitOf("tag", "v1.0.0", other);
    declare("releasedFrom: [main]", "prefix: { git: v }");
    const elsewhere = await run("lock");
    assert.equal(elsewhere.code, 3);
    assert.ok(
      elsewhere.stderr.includes(
        `the Git tag "v1.0.0" points at ${other}, but the locked tag "1.0.0" at ${String(entry().commit)}`,
      ),
      elsewhere.stderr,
    );
    await gitOf("tag", "--force", "--annotate", "v1.0.0", "-m", "again", "1.0.0^{commit}");
    const { code, stdout, stderr } = await run("lock");
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^replaced shop 1\.0\.0/);
    assert.equal(entry().gitTag, "v1.0.0");
  });

  it("reports why the promise is still broken", async () => {
    await lockThenRename();
    const before = readFileSync(join(world().root, "releases.lock.yaml"), "utf8");
    declare("releasedFrom: [stable]");
    const { code, stdout, stderr } = await run("lock");
    assert.equal(code, 3);
    assert.equal(stdout, "");
    assert.match(
      stderr,
      /Not locked:\nprod\/shop: the promise is broken\n {2}- no branch "stable" in http:.*; the remote's HEAD is "main": set releasedFrom: \[main\]\n$/,
    );
    assert.equal(readFileSync(join(world().root, "releases.lock.yaml"), "utf8"), before);
  });

  it("does not replace the entry of a moved tag or a re-pushed image", async () => {
    const { application } = world();
    await lockThenRename();
    const before = entry();
    const moved = await application.commit({ version: "1.0.0", message: "Moved", branch: "main" });
    await application.tag("1.0.0", moved);
    const tagMoved = await run("lock");
    assert.equal(tagMoved.code, 3);
    assert.match(
      tagMoved.stderr,
      new RegExp(
        `Not locked:\\nprod/shop: the promise is broken\\n {2}- the Git tag "1\\.0\\.0" moved from ${String(before.commit)} to ${moved}\\n {2}- \`authority verify\` lists everything that changed`,
      ),
    );
    await application.tag("1.0.0", before.commit);
    const tagAnew = await run("lock");
    assert.match(tagAnew.stderr, /the Git tag "1\.0\.0" was recreated at the same commit: its object was /);
    await gitOf("update-ref", "refs/tags/1.0.0", String(before.tagObject));
    await application.pushImage("1.0.0", { build: "again" });
    const pushedAgain = await run("lock");
    assert.equal(pushedAgain.code, 3);
    assert.match(pushedAgain.stderr, /the digest of .*:1\.0\.0 was "sha256:\w+", and is "sha256:\w+"/);
    assert.deepEqual(entry(), before);
  });

  it("reports why a release cannot be read again, and does not lock it", async () => {
    await lockThenRename();
    await world().cutNetwork();
    const { code, stderr } = await run("lock");
    assert.equal(code, 3);
    assert.match(stderr, /prod\/shop: cannot be verified\n {2}- the commit .*\n {2}- .* cannot be read: /);
  });

  it("does not replace an entry that another stack needs", async () => {
    await lockThenRename();
    await gitOf("branch", "master", "main");
    const { tenant, write } = world();
    write({ "Pulumi.test.yaml": tagsStack(tenant(...running("1.0.0"), "releasedFrom: [master]")) });
    const before = entry();
    const { code, stderr } = await run("lock", "--stack", "prod");
    assert.equal(code, 3);
    assert.match(
      stderr,
      /prod\/shop: the stack test also runs shop 1\.0\.0, and the new entry would break its promise\n {2}- the commit \w{40} lies on the branch "main", must lie on "master"\n {2}- declare the same `releasedFrom`/,
    );
    assert.deepEqual(entry(), before);
  });
});

describe("authority verify", () => {
  const world = scratchWorld();
  const verify = () => authority(["verify"], { cwd: world().root });

  async function lockRelease(): Promise<void> {
    const { application, tenant, write, root } = world();
    await application.publish({ version: "1.0.0", message: "First" });
    write({ "Pulumi.prod.yaml": tagsStack(tenant(...running("1.0.0"))) });
    assert.equal((await authority(["lock"], { cwd: root })).code, 0);
  }

  it("reports that nothing has changed", async () => {
    await lockRelease();
    const { code, stdout } = await authorityProcess(["verify"], { cwd: world().root });
    assert.equal(code, 0);
    assert.equal(stdout, "1 of 1 release in releases.lock.yaml unchanged.\n");
  });

  it("reports a moved Git tag and a re-pushed image", async () => {
    await lockRelease();
    const { application } = world();
    await application.tag("1.0.0", await application.commit({ version: "1.0.0", message: "Moved" }));
    await application.pushImage("1.0.0", { build: "again" });
    const { code, stdout } = await verify();
    assert.equal(code, 3);
    assert.match(stdout, /^changed shop 1\.0\.0: the Git tag "1\.0\.0" moved from [0-9a-f]{40} to [0-9a-f]{40}$/m);
    assert.match(stdout, /^changed shop 1\.0\.0: the digest of .*:1\.0\.0 was "sha256:.*", and is "sha256:.*"$/m);
    assert.match(stdout, /^0 of 1 release /m);
  });

  it("does not count a release as unchanged if it cannot be read", async () => {
    await lockRelease();
    await world().cutNetwork();
    const { code, stdout } = await verify();
    assert.equal(code, 3);
    assert.match(stdout, /^not verified shop 1\.0\.0: the Git tag "1\.0\.0" in .* cannot be read/m);
  });
});
