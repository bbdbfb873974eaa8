import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, renameSync } from "node:fs";
import { join } from "node:path";
import type { Status } from "../../src/cli/status";
import type { TenantStatus } from "../../src/cli/tenant-status";
import { git } from "../../demo/git";
import { projectRoot } from "../support/project";
import { authority } from "./command-line";
import { ScratchCluster, type ScratchRelease } from "./scratch-cluster";
import { ScratchEngine } from "./scratch-engine";
import { branchStack, running, scratchWorld, tagsStack } from "./scratch-world";

const authorityProgram = join(projectRoot, "bin", "authority.js");

describe("authority status", () => {
  const world = scratchWorld();
  const run = (...args: readonly string[]) => authority(["status", ...args], { cwd: world().root });
  const lines = (text: string) => text.trimEnd().split("\n");

  async function json(...args: readonly string[]): Promise<Status> {
    const { stdout } = await run("--json", ...args);
    return JSON.parse(stdout) as Status;
  }

  async function tenantOf(stack: string, ...args: readonly string[]): Promise<TenantStatus> {
    return (await json(...args)).stacks.find((one) => one.stack === stack)!.tenants[0]!;
  }

  /** State, reasons and command of the tenant `shop` in prod. */
  async function verdict(...args: readonly string[]): Promise<unknown[]> {
    const { state, why, command } = await tenantOf("prod", ...args);
    return [state, why, command];
  }

  async function publish(...versions: readonly string[]): Promise<void> {
    for (const version of versions) await world().application.publish({ version, message: version });
  }

  /** So that a status reads no Git repository. */
  async function lock(): Promise<void> {
    assert.equal((await authority(["lock"], { cwd: world().root })).code, 0);
  }

  /** @param tag may have a comment behind it */
  const prod = (tag: string, policy: string, ...keys: readonly string[]) =>
    world().write({
      "Pulumi.prod.yaml": tagsStack(
        world().tenant(`tag: "${tag}${tag.includes("#") ? "" : '"'}`, `policy: ${policy}`),
      ).replace("config:\n", ["config:\n", ...keys.map((key) => `  ${key}\n`)].join("")),
    });

  it("shows the stacks side by side in the order of promotion, and what needs attention with its command", async () => {
    await publish("1.0.0", "1.1.0");
    const head = await world().application.commit({ version: "1.2.0", message: "Next" });
    const { tenant, write } = world();
    write({
      "Pulumi.prod.yaml": tagsStack(tenant(...running("1.0.0"))),
      "Pulumi.dev.yaml": branchStack(tenant()),
      "Pulumi.canary.yaml": tagsStack().replace("tenants:", "tenants: {}"),
      "Pulumi.staging.yaml": tagsStack(
        tenant(...running("1.1.0")).replace("shop:", "cart:"),
        tenant(...running("1.1.0")),
      ),
    });
    const { code, stdout } = await run();
    assert.equal(code, 0);
    assert.deepEqual(
      lines(stdout).map((line) => line.split(/ {2,}/)),
      [
        ["TENANT", "DEV", "STAGING", "PROD", "CANARY"],
        ["cart", "-", "1.1.0", "-", "-"],
        ["shop", head.slice(0, 7), "1.1.0", "1.0.0 newer", "-"],
        [""],
        ["prod/shop: newer, 1.1.0 may run; automation is off: npx authority promote shop --stack prod"],
        [""],
        ["What runs: unknown in dev, staging, prod, canary."],
      ],
    );
    assert.equal(
      (await authority(["promote", "shop", "--stack", "prod", "--yes", "--no-commit"], { cwd: world().root })).code,
      0,
    );
    assert.doesNotMatch((await run()).stdout, /newer/, "the command that it names has acted on it");
  });

  it("gives the same as JSON, in a form that is documented", async () => {
    await publish("1.0.0", "1.1.0", "2.0.0");
    prod("1.0.0", '{ range: "<2.0.0", deny: ["1.1.0"] }');
    const [stack] = (await json()).stacks;
    const { tenants, ...rest } = stack!;
    assert.deepEqual(rest, {
      ...{ stack: "prod", follow: "tags", delivery: "cluster", runningFrom: "unknown", clusterProblem: null },
    });
    const { evidence, commit, ...tenant } = tenants[0]!;
    assert.equal(evidence?.commit, commit);
    assert.deepEqual(tenant, {
      ...{ tenant: "shop", version: "1.0.0", tag: "1.0.0", follows: null, source: "read", valid: true, reasons: [] },
      ...{
        allowed: true,
        running: null,
        runningAllowed: null,
        automation: "manual",
        pinned: null,
        held: null,
        openPaths: [],
      },
      ...{ newestAllowed: "1.0.0", newestKnown: true, newerBroken: [], state: "ok", why: [], command: null },
      ...{
        runningCommit: null,
        runningSince: null,
        rendered: null,
        range: "<2.0.0",
        denied: ["1.1.0"],
        decision: null,
      },
      newerNotAllowed: [
        { version: "2.0.0", reason: 'is outside the range "<2.0.0"' },
        { version: "1.1.0", reason: "is denied by the policy" },
      ],
    });
  });

  it("says why what is decided may not run, and which command helps", async () => {
    await publish("1.0.0", "1.1.0");
    const promote = "npx authority promote shop --stack prod";
    prod("1.1.0", '{ range: ">=1.0.0", deny: ["1.1.0"] }');
    assert.deepEqual(await verdict(), ["not allowed", ["the version 1.1.0 is denied by the policy"], promote]);
    prod("1.1.0", '{ range: "<1.1.0" }');
    assert.deepEqual(await verdict(), ["not allowed", ['the version 1.1.0 is outside the range "<1.1.0"'], promote]);
    await world().application.publish({ version: "1.2.0", appVersion: "1.1.0", message: "Forgotten" });
    const reason = 'appVersion of Chart.yaml is "1.1.0", must be "1.2.0", the image tag';
    prod("1.2.0", '{ range: ">=1.0.0" }');
    assert.deepEqual(await verdict(), ["broken", [reason], promote]);
    prod("1.1.0", '{ range: ">=1.0.0" }');
    assert.deepEqual(await verdict(), ["newer broken", [`1.2.0 may not run: ${reason}`], null]);
  });

  it("calls no release broken that cannot be read", async () => {
    await publish("1.0.0", "1.1.0");
    prod("1.1.0", '{ range: "<2.0.0" }');
    await lock();
    prod("1.0.0", '{ range: "<2.0.0" }');
    await lock();
    await publish("1.2.0");
    await world().cutGitHost();
    const { state, why, newestAllowed, newestKnown, newerBroken } = await tenantOf("prod");
    assert.deepEqual([state, newestAllowed, newestKnown], ["newer unverified", null, false]);
    assert.match(String(why), /^1\.2\.0 cannot be verified: release 1\.2\.0 is not in releases\.lock\.yaml/);
    assert.deepEqual(
      newerBroken.map(({ version, isUnread }) => [version, isUnread]),
      [["1.2.0", true]],
    );
    const { code, stdout } = await run("shop");
    assert.equal(code, 3);
    assert.match(stdout, /^ {2}newest +unknown\n +1\.2\.0 cannot be verified: .*the Git tag "1\.2\.0" in /m);
  });

  it("says who keeps a newer release back", async () => {
    await publish("1.0.0", "1.1.0");
    prod("1.1.0", '{ range: "<2.0.0" }');
    await lock();
    prod("1.0.0", '{ range: "<2.0.0" }');
    await lock();
    const repository = "shared-authority:configRepository: { url: https://git.example.com/shared }";
    const automated = async (automation: string) => {
      prod(
        '1.0.0" # {"$imagepolicy": "flux-system:shop:tag"}',
        `{ range: "<2.0.0", automation: ${automation} }`,
        repository,
      );
      return (await verdict())[1];
    };
    assert.deepEqual(await automated("auto"), ["1.1.0 may run; Flux commits it at its next run"]);
    const proposed = "1.1.0 may run; Flux proposes it, and `authority promotions` makes its branch: merge that";
    assert.deepEqual(await automated("pull-request"), [proposed]);

    prod("1.0.0", '{ range: "<2.0.0", pin: { by: ana, reason: audit, until: "2026-01-31" } }');
    const unpin = "npx authority unpin shop --stack prod";
    assert.deepEqual(await verdict(), [
      "pinned",
      ["by ana until 2026-01-31, which is over: audit", "1.1.0 may run"],
      unpin,
    ]);
    const { stdout } = await run("shop");
    assert.match(stdout, /^ {2}pinned +by ana until 2026-01-31 \(over\): audit$/m);
    assert.match(stdout, new RegExp(`^ {2}state +pinned: ${unpin}$`, "m"));

    const pinned = "pin: { by: ana, reason: audit }";
    prod("1.0.0", `{ range: "<2.0.0", ${pinned}, hold: { by: ben, reason: holidays } }`);
    assert.equal((await verdict())[2], "npx authority resume shop --stack prod");
  });

  it("waits for the render of a stack that delivers manifests", async () => {
    await publish("1.0.0", "1.1.0");
    const decide = (version: string) =>
      prod(version, '{ range: "<=1.1.0", automation: manual }', "shared-authority:delivery: { manifests: out/prod }");
    decide("1.1.0");
    const complete = "npx authority complete --push";
    assert.deepEqual(await verdict(), ["waits for render", ["out/prod has no files for it"], complete]);
    const rendered = await authority(["render", "--stack", "prod"], { cwd: world().root });
    assert.equal(rendered.code, 0, rendered.stderr);
    assert.deepEqual(await verdict(), ["ok", [], null]);
    decide("1.0.0");
    assert.deepEqual(await verdict("--offline", "--stack", "prod"), [
      "unverified",
      ["release 1.0.0 is not in releases.lock.yaml, and not all of its facts can be read"],
      "npx authority lock --stack prod",
    ]);
    assert.deepEqual(await verdict(), ["waits for render", ["out/prod has 1.1.0"], complete]);
  });

  it("takes what runs from the last deploy where no cluster is named", async () => {
    await publish("1.0.0", "1.1.0");
    prod("1.1.0", '{ range: "<2.0.0" }');
    mkdirSync(join(world().root, "engine"));
    const engine = new ScratchEngine(join(world().root, "engine"));
    const urn = "urn:pulumi:prod::shared-authority::pulumi:pulumi:Stack::shared-authority-prod";
    const outputs = { tenants: { shop: { version: "1.0.0" } } } as object;
    engine.state = { deployment: { resources: [{ urn, type: "pulumi:pulumi:Stack", custom: false, outputs }] } };
    const { code, stdout } = await engine.authority(["status"], world().root);
    assert.equal(code, 0);
    assert.match(stdout, /^shop +1\.1\.0 \(runs 1\.0\.0\) waits for up$/m);
    assert.match(stdout, /^prod\/shop: waits for up, the last deploy had 1\.0\.0: npx authority up --stack prod$/m);
    assert.match(stdout, /^What runs: from the last deploy in prod\.$/m);
  });

  it("asks no network with --offline, and guesses nothing", async () => {
    await publish("1.0.0", "1.1.0");
    prod("1.0.0", '{ range: "<2.0.0" }');
    world().write({ "Pulumi.dev.yaml": branchStack(world().tenant()) });
    await lock();
    await world().cutNetwork();
    const { code, stdout } = await run("--offline");
    assert.equal(code, 0);
    assert.deepEqual(lines(stdout), [
      "TENANT  DEV               PROD",
      "shop    latest of master  1.0.0",
      "",
      "What runs: unknown in dev, prod.",
    ]);
  });

  it("says once of each host that it does not answer, and exits with 3", async () => {
    await publish("1.0.0");
    const { tenant, write } = world();
    const other = tenant(...running("1.0.0")).replace("shop:", "cart:");
    write({ "Pulumi.prod.yaml": tagsStack(other, tenant(...running("1.0.0"))) });
    await lock();
    write({ "Pulumi.dev.yaml": branchStack(tenant(), other.replace(/ +(?:tag|policy):.*\n/g, "")) });
    await world().cutNetwork();
    const { code, stdout } = await run();
    assert.equal(code, 3);
    const silent = lines(stdout).filter((line) => line.includes("did not answer"));
    assert.deepEqual(silent.map((line) => line.split(" ")[0]).sort(), hosts().sort());
  });

  const hosts = () => [world().application.image.split("/")[0]!, new URL(world().repository).host];

  const ownGit = (...args: string[]) => git({ directory: world().root }, ...args);

  async function initRepository(): Promise<void> {
    await ownGit("init", "--quiet", "--initial-branch=main");
    await ownGit("config", "user.name", "Ana");
    await ownGit("config", "user.email", "ana@example.com");
  }

  async function commitAs(author: string, message: string): Promise<void> {
    await ownGit("add", "--all");
    const email = author === "Ana" ? "ana@example.com" : "shared-authority@localhost";
    await ownGit("commit", "--quiet", "--message", message, `--author=${author} <${email}>`);
  }

  it("says that automation has promoted again what was taken back", async () => {
    await publish("1.0.0", "1.1.0");
    const decide = async (version: string, author: string) => {
      prod(
        `${version}" # {"$imagepolicy": "flux-system:shop:tag"}`,
        '{ range: "<2.0.0", automation: auto }',
        "shared-authority:configRepository: { url: https://git.example.com/shared }",
        "shared-authority:delivery: { manifests: out/prod }",
      );
      await lock();
      await commitAs(author, `Decide ${version}`);
    };
    await initRepository();
    await decide("1.0.0", "Ana");
    const render = ["render", "--stack", "prod", "--out", "out/prod"];
    assert.equal((await authority(render, { cwd: world().root })).code, 0);
    await decide("1.1.0", "Shared Authority");
    assert.equal((await verdict("--offline"))[0], "waits for render");
    await decide("1.0.0", "Ana");
    assert.equal((await verdict("--offline"))[0], "ok");
    await decide("1.1.0", "Shared Authority");
    const [state, why] = await verdict("--offline");
    assert.equal(state, "taken back");
    assert.match(String(why), /^shop 1\.1\.0 was taken back in .* and promoted again by automation in /);
  });

  it("says since when a version is decided, by whom and why, from Git", async () => {
    await publish("1.0.0", "1.1.0");
    prod("1.0.0", '{ range: "<2.0.0" }');
    await initRepository();
    await commitAs("Ana", "First");
    const promote = ["promote", "shop", "--stack", "prod", "--reason", "a fix", "--yes"];
    assert.equal((await authority(promote, { cwd: world().root })).code, 0);
    const { stdout } = await run("shop");
    const commit = (await ownGit("rev-parse", "HEAD")).slice(0, 10);
    assert.match(stdout, /^ {2}decided +1\.1\.0 since \d{4}-\d\d-\d\dT[\d:.]+Z by Ana$/m);
    assert.match(stdout, new RegExp(`^ +commit ${commit}, Promote shop from 1\\.0\\.0 to 1\\.1\\.0 in prod$`, "m"));
    assert.match(stdout, /^ +reason: a fix$/m);
    assert.match((await run("--offline", "--history")).stdout, /^shop +1\.1\.0 0h$/m);
    prod("1.0.0", '{ range: "<2.0.0" }');
    assert.equal((await tenantOf("prod", "--offline", "--history")).decision, null, "that is not committed");
  });

  it("refuses a tenant that no stack has", async () => {
    prod("1.0.0", '{ range: "<2.0.0" }');
    const { code, stderr } = await run("shpo", "--offline");
    assert.equal(code, 2);
    assert.match(stderr, /No stack has a tenant "shpo"\. Did you mean `shop`\?/);
  });

  describe("with a cluster", () => {
    let cluster: ScratchCluster;

    beforeEach(async () => {
      cluster = await new ScratchCluster().start();
      await publish("1.0.0", "1.1.0");
      world().write({ kubeconfig: cluster.kubeconfig });
    });
    afterEach(() => cluster.close());

    const named = "kubernetes:kubeconfig: ./kubeconfig";

    async function seen(...releases: readonly ScratchRelease[]): Promise<unknown[]> {
      cluster.releases = releases;
      return verdict();
    }

    it("says what runs there, and what an `up` or Flux has still to do", async () => {
      prod("1.1.0", '{ range: "<2.0.0" }', named);
      await lock();
      const up = "npx authority up --stack prod";
      assert.deepEqual(await seen(), ["waits for up", ["it is not in the cluster"], up]);
      assert.deepEqual(await seen({ name: "shop", applied: "1.0.0" }), ["waits for up", ["the cluster has 1.0.0"], up]);
      const works = { name: "shop", applied: "1.1.0", deployed: "1.0.0", ready: "Unknown" } as const;
      assert.deepEqual(await seen(works), ["deploying", ["Flux works on it; 1.0.0 runs"], null]);
      assert.match((await run()).stdout, /^shop +1\.1\.0 \(runs 1\.0\.0\) deploying$/m);
      assert.deepEqual(await seen({ name: "shop", applied: "1.1.0" }), ["ok", [], null]);
      const { running: runs, runningSince } = await tenantOf("prod");
      assert.deepEqual([runs, runningSince], ["1.1.0", "2026-11-20T10:00:00Z"]);
      assert.match((await run()).stdout, /^What runs: from the cluster in prod\.$/m);
    });

    it("says why Flux does not run it, escaped, and how to have it try again", async () => {
      prod("1.1.0", '{ range: "<2.0.0" }', named);
      await lock();
      const failed = { name: "shop", applied: "1.1.0", deployed: "1.0.0", ready: "False" } as const;
      const message = "timed out\n\u001b[31m ::error::";
      const [state, why, command] = await seen({ ...failed, message });
      assert.deepEqual([state, command], ["failing", null], "Flux tries again by itself");
      assert.deepEqual(why, ["Flux reports Scratch: timed out \\u001b[31m \\u003a:error::", "1.0.0 runs"]);
      const [, , retry] = await seen({ ...failed, stalled: true });
      assert.equal(retry, "npx authority up --stack prod");
      const [suspended, , resume] = await seen({ name: "shop", applied: "1.1.0", suspend: true });
      assert.deepEqual([suspended, resume], ["suspended", "flux resume helmrelease shop --namespace flux-system"]);
    });

    it("shows the commit of a followed branch that runs", async () => {
      const head = await world().application.commit({ version: "1.2.0", message: "Next" });
      const stack = branchStack(world().tenant()).replace("config:\n", `config:\n  ${named}\n`);
      world().write({ "Pulumi.dev.yaml": stack });
      cluster.releases = [{ name: "shop", deployed: "1.1.0+0123456789ab" }];
      const { stdout } = await run();
      assert.match(stdout, new RegExp(`^shop +${head.slice(0, 7)} \\(runs 0123456\\) waits for Flux$`, "m"));
      cluster.releases = [{ name: "shop", deployed: `1.2.0+${head.slice(0, 12)}` }];
      assert.match((await run()).stdout, new RegExp(`^shop +${head.slice(0, 7)}$`, "m"));
    });

    it("asks it once for a stack, however many tenants it has", async () => {
      const { tenant, write } = world();
      const stack = tagsStack(tenant(...running("1.1.0")), tenant(...running("1.1.0")).replace("shop:", "cart:"));
      write({ "Pulumi.prod.yaml": stack.replace("config:\n", `config:\n  ${named}\n`) });
      cluster.releases = [{ name: "shop", applied: "1.1.0" }];
      assert.match((await run()).stdout, /^prod\/cart: waits for up, it is not in the cluster/m);
      assert.deepEqual(cluster.requests, ["GET /apis/helm.toolkit.fluxcd.io/v2/namespaces/flux-system/helmreleases"]);
      await run("--offline");
      assert.equal(cluster.requests.length, 1);
    });

    it("says that it does not answer, uses the last deploy, and exits with 3", async () => {
      prod("1.1.0", '{ range: "<2.0.0" }', named);
      await lock();
      await cluster.close();
      const { code, stdout } = await run();
      assert.equal(code, 3);
      assert.match(stdout, /^What runs: unknown in prod\.$/m);
      assert.match(stdout, /^Cannot read what runs in the cluster of prod: .*ECONNREFUSED/m);
    });
  });

  it("shows it again with --watch when a file changes, and ends on Ctrl-C", async () => {
    const { root } = world();
    prod("1.0.0", '{ range: "<2.0.0" }');
    const child = spawn(process.execPath, [authorityProgram, "status", "--offline", "--watch"], { cwd: root });
    const closed = once(child, "close");
    let stdout = "";
    const until = async (text: string) => {
      while (!stdout.includes(text)) stdout += String((await once(child.stdout, "data"))[0]);
    };
    await until("1.0.0 unverified");
    prod("1.1.0", '{ range: "<2.0.0" }');
    await until("1.1.0 unverified");
    child.kill("SIGINT");
    assert.deepEqual(await closed, [130, null]);
  });

  it("goes on with --watch when the folder cannot be watched, as while it is renamed", async () => {
    const { root } = world();
    prod("1.0.0", '{ range: "<2.0.0" }');
    const child = spawn(process.execPath, [authorityProgram, "status", "--offline", "--watch"], { cwd: root });
    const closed = once(child, "close");
    let output = "";
    child.stderr.on("data", (part) => (output += String(part)));
    await once(child.stdout, "data");
    const again = once(child.stdout, "data");
    renameSync(root, `${root}-moved`);
    assert.match(String(await again), /No Pulumi\.yaml found/);
    child.kill("SIGINT");
    assert.deepEqual([await closed, output], [[130, null], ""]);
  });
});
