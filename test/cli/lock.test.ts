import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { readLock } from "../../release/lock";
import { authority, authorityProcess } from "./command-line";
import { branchStack, running, scratchWorld, tagsStack } from "./scratch-world";

describe("authority lock", () => {
  const world = scratchWorld();
  const lock = (...args: string[]) => authority(["lock", ...args], { cwd: world().root });
  const lockPath = () => join(world().root, "releases.lock.yaml");

  it("adds the evidence of each release that the stacks name, and says which", async () => {
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
      stdout: "releases.lock.yaml holds every release that the stacks name.\n",
      stderr: "",
    });
    assert.equal(readFileSync(lockPath(), "utf8"), before);
  });

  it("does not lock what breaks the promise, and locks what is in order all the same", async () => {
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

  it("does not lock a chart that depends on whatever is newest, which plan and audit tell as well", async () => {
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
      "that commit: Flux would run whatever is newest when it builds the chart; commit Chart.lock or the chart itself";
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

  it("writes nothing where nothing can be read", async () => {
    const { tenant, write, cutNetwork } = world();
    write({ "Pulumi.prod.yaml": tagsStack(tenant(...running("1.0.0"))) });
    await cutNetwork();
    const { code, stdout, stderr } = await lock();
    assert.equal(code, 3);
    assert.equal(stdout, "");
    assert.match(stderr, /Not locked:\nprod\/shop: cannot be verified/);
    assert.equal(existsSync(lockPath()), false);
  });

  it("refuses two stacks that mean two things by one release", async () => {
    const { tenant, write } = world();
    const other = tenant(...running("1.0.0")).replace("charts/shop", "charts/other");
    write({ "Pulumi.prod.yaml": tagsStack(tenant(...running("1.0.0"))), "Pulumi.test.yaml": tagsStack(other) });
    const { code, stderr } = await lock();
    assert.equal(code, 2);
    assert.match(stderr, /The stacks prod and test both run shop 1\.0\.0, but declare another/);
    assert.equal(existsSync(lockPath()), false);
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

  it("says that nothing has changed", async () => {
    await lockRelease();
    const { code, stdout } = await authorityProcess(["verify"], { cwd: world().root });
    assert.equal(code, 0);
    assert.equal(stdout, "1 of 1 release in releases.lock.yaml are as they were locked.\n");
  });

  it("tells a Git tag that moved and an image that was pushed again", async () => {
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

  it("does not take for unchanged what it cannot read", async () => {
    await lockRelease();
    await world().cutNetwork();
    const { code, stdout } = await verify();
    assert.equal(code, 3);
    assert.match(stdout, /^not verified shop 1\.0\.0: the Git tag "1\.0\.0" in .* cannot be read/m);
  });
});
