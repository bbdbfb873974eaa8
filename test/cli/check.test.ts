import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { CheckResult } from "../../src/cli/check";
import { badInputs, writeInput } from "../config/bad-inputs";
import { temporaryDirectory } from "../support/directory";
import { authority, authorityProcess } from "./command-line";
import { branchStack, running, scratchWorld, tagsStack } from "./scratch-world";

describe("authority check", () => {
  const world = scratchWorld();
  const check = (...args: string[]) => authority(["check", ...args], { cwd: world().root });

  it("reports stacks without problems", async () => {
    const { application, tenant, write, root } = world();
    await application.publish({ version: "1.0.0", message: "First" });
    write({ "Pulumi.dev.yaml": branchStack(tenant()), "Pulumi.prod.yaml": tagsStack(tenant(...running("1.0.0"))) });
    const { code, stdout } = await authorityProcess(["check"], { cwd: root });
    const lacking =
      "prod: releases.lock.yaml lacks shop 1.0.0, so a rollback needs the network. " +
      "`npx authority lock --stack prod` adds what is missing: commit it.\n";
    const fine = /^dev: fine, 1 tenant, \d+ objects\nprod: fine, 1 tenant, \d+ objects\n2 of 2 stacks are fine\n$/;
    assert.ok(stdout.includes(lacking), stdout);
    assert.match(stdout.replace(lacking, ""), fine);
    assert.equal(code, 0);
    assert.deepEqual(world().files(), ["Pulumi.dev.yaml", "Pulumi.prod.yaml", "Pulumi.yaml"]);
  });

  it("calls no stack fine whose file has a problem, such as the namespace of another stack in the same cluster", async () => {
    const { application, tenant, write, root } = world();
    await application.publish({ version: "1.0.0", message: "First" });
    const inCluster = `${tagsStack(tenant(...running("1.0.0")))}  kubernetes:context: lab\n`;
    write({ "Pulumi.prod.yaml": inCluster, "Pulumi.staging.yaml": inCluster });
    const { code, stdout } = await authorityProcess(["check"], { cwd: root });
    assert.equal(code, 2);
    assert.match(stdout, /^Pulumi\.staging\.yaml:\d+: .*The stack prod, which is in the same cluster/);
    assert.match(stdout, /\nprod: fine, .*\nstaging: releases.*\nstaging: blocked, .*\n1 of 2 stacks is fine\n$/);
  });

  it("reports a tag or a branch that does not exist once, without what could be read of it", async () => {
    const { application, tenant, write, root } = world();
    await application.commit({ version: "1.0.0", message: "First" });
    await application.pushImage("1.0.0");
    await application.pushImage("master-abcdef0-1");
    const pattern = "^master-(?P<sha>[0-9a-f]+)-(?P<ts>[0-9]+)$";
    const image = [`branchImage: { pattern: '${pattern}', value: image.tag }`, "tag: master-abcdef0-1"];
    const noBranch = /no branch "nowhere" in \S+; the remote's HEAD is "master": set branch: master/;
    for (const [stack, expected] of [
      [tagsStack(tenant(...running("1.0.0"))), /there is no Git tag "1\.0\.0" in/],
      [branchStack(tenant("branch: nowhere")), noBranch],
      [branchStack(tenant("branch: nowhere", ...image)), noBranch],
    ] as const) {
      write({ "Pulumi.prod.yaml": stack });
      for (const verb of ["check", "plan"]) {
        const { code, stdout, stderr } = await authority([verb], { cwd: root });
        const reasons = (stdout + stderr).match(/^ {2}- .*$/gm) ?? [];
        assert.equal(reasons.length, 1, `${verb}: ${stdout}${stderr}`);
        assert.match(String(reasons), expected);
        assert.equal(code, 3);
      }
    }
  });

  it("names what the repository has instead in the policy's message, so that it is told once", async () => {
    const { application, tenant, write } = world();
    await application.commit({ version: "1.0.0", message: "First" });
    await application.pushImage("1.0.0");
    await application.tag("v1.0.0");
    write({ "Pulumi.prod.yaml": tagsStack(tenant(...running("1.0.0"))) });
    const noTag = await check();
    assert.match(noTag.stdout, /no Git tag "1\.0\.0" in \S+; there is "v1\.0\.0": set prefix: \{ git: "v" \}\n/);
    await application.tag("1.0.0");
    write({ "Pulumi.prod.yaml": tagsStack(tenant(...running("1.0.0"), "releasedFrom: [main]")) });
    const noBranch = await check();
    assert.match(
      noBranch.stdout,
      /no branch "main" in \S+; the remote's HEAD is "master": set releasedFrom: \[master\]\n/,
    );
    for (const { stdout } of [noTag, noBranch]) assert.equal(stdout.match(/^ {2}- /gm)?.length, 1, stdout);
  });

  it("reports a broken promise, with the policy that blocks it", async () => {
    const { application, tenant, write, root } = world();
    await application.publish({ version: "1.0.0", appVersion: "0.9.0", message: "Forgotten" });
    write({ "Pulumi.prod.yaml": tagsStack(tenant(...running("1.0.0"))) });
    const { code, stdout } = await authorityProcess(["check"], { cwd: root });
    assert.equal(code, 3);
    assert.match(stdout, /release-synced: .*\n[^]*appVersion of Chart\.yaml is "0\.9\.0", must be "1\.0\.0"/);
    assert.doesNotMatch(stdout, /the promise is broken/, "already reported by the policy");
    assert.match(stdout, /\nprod: blocked, 1 tenant, \d+ objects\n$/);
    const found = JSON.parse((await check("--json")).stdout) as CheckResult;
    assert.deepEqual(found.problems, []);
    const [stack] = found.stacks;
    assert.deepEqual(stack!.releases, [
      {
        tenant: "shop",
        source: "read",
        reasons: ['appVersion of Chart.yaml is "0.9.0", must be "1.0.0", the image tag'],
      },
    ]);
    assert.ok(
      stack!.violations.some(({ policy, enforcement }) => policy === "release-synced" && enforcement === "mandatory"),
    );
  });

  it("escapes what a chart says, here and in other verbs", async () => {
    const { application, repository, tenant, write } = world();
    const appVersion = "1.0.0\u001b]0;title\u0007\u202e\n::stop-commands::x\n##[add-path]x";
    await application.publish({ version: "1.0.0", appVersion, message: "Evil" });
    write({ "Pulumi.prod.yaml": tagsStack(tenant(...running("1.0.0"))) });
    for (const args of [
      ["check"],
      ["check", "--json"],
      ["plan"],
      ["plan", "--json"],
      ["lock"],
      ["audit", "--repository", repository, "--chart", "charts/shop"],
      ["audit", "--repository", repository, "--chart", "charts/shop", "--json"],
    ]) {
      const { code, stdout, stderr } = await authority(args, { cwd: world().root });
      const output = `${stdout}${stderr}`;
      assert.equal(code, 3, output);
      assert.match(output, /appVersion of Chart\.yaml is .*title/, args.join(" "));
      assert.doesNotMatch(output, /(?!\n)\p{Cc}|\p{Cf}|^\s*::.*::|##\w*\[/mu, args.join(" "));
    }
  });

  it("reports a violation without the secret", async () => {
    const { application, tenant, write } = world();
    await application.publish({ version: "1.0.0", message: "First" });
    const secret = "hunter2-Zq8kLw03xN";
    write({
      "Pulumi.prod.yaml": tagsStack(tenant(...running("1.0.0"))),
      "tenants/shop/values.yaml": `database:\n  password: ${secret}\n`,
    });
    const { code, stdout, stderr } = await check();
    assert.equal(code, 3);
    assert.match(stdout, /no-secrets-in-values: /);
    assert.ok(!`${stdout}${stderr}`.includes(secret));
  });

  it("reports an expired pin, and exits with 0", async () => {
    const { application, tenant, write } = world();
    await application.publish({ version: "1.0.0", message: "First" });
    const policy = 'policy: { range: ">=1.0.0", pin: { reason: "audit week", by: alice, until: "2020-01-02" } }';
    write({ "Pulumi.prod.yaml": tagsStack(tenant('tag: "1.0.0"', policy)) });
    const { code, stdout } = await check();
    assert.match(stdout, /pin-not-expired \(advisory\): /);
    assert.equal(code, 0);
  });

  it("applies the levels of the policy pack's config", async () => {
    const { application, tenant, write } = world();
    await application.publish({ version: "1.0.0", message: "First" });
    const policy = 'policy: { range: ">=1.0.0", pin: { reason: "audit week", by: alice, until: "2020-01-02" } }';
    write({ "Pulumi.prod.yaml": tagsStack(tenant('tag: "1.0.0"', policy)) });
    for (const [config, code] of [
      [{ "pin-not-expired": "mandatory" }, 3],
      [{ all: "mandatory", "pin-not-expired": { enforcementLevel: "disabled" } }, 0],
      [{ all: "disabled" }, 0],
    ] as const) {
      write({ "policies.json": JSON.stringify(config) });
      assert.equal((await check("--policy-pack-config", "policies.json")).code, code, JSON.stringify(config));
    }
  });

  it("reports all problems of the policy pack's config", async () => {
    const { application, tenant, write } = world();
    await application.publish({ version: "1.0.0", message: "First" });
    write({ "Pulumi.prod.yaml": tagsStack(tenant(...running("1.0.0"))) });
    const allow = [{ kind: "Alert", namespace: "flux-system", name: "x" }];
    for (const [text, reason] of [
      ["{", /^policies\.json: The policy pack's config is not JSON\./],
      [
        '{ "release-sync": "advisory" }',
        /^policies\.json: There is no policy `release-sync`\. Did you mean `release-synced`\?$/m,
      ],
      ['{ "pin-not-expired": { "until": 1 } }', /^policies\.json: pin-not-expired\.until: This key is unknown\.$/m],
      ['{ "pin-not-expired": "sometimes" }', /^policies\.json: pin-not-expired\.enforcementLevel: /],
      [
        JSON.stringify({ "decided-objects": { scope: "all", allow }, "evidence-verified": { mode: "maybe" } }),
        /decided-objects\.scope: [^]*decided-objects\.allow\.0\.reason: This key is missing\.[^]*evidence-verified\.mode: /,
      ],
    ] as const) {
      write({ "policies.json": text });
      const { code, stdout } = await check("--policy-pack-config", "policies.json");
      assert.equal(code, 2, text);
      assert.match(stdout, reason);
      assert.doesNotMatch(stdout, /: fine/, "Without the config nothing is judged.");
    }
    assert.equal((await check("--policy-pack-config", "missing.json")).code, 2);
  });

  it("reports a release that cannot be verified", async () => {
    const { tenant, write, cutNetwork } = world();
    write({ "Pulumi.prod.yaml": tagsStack(tenant(...running("1.0.0"))) });
    await cutNetwork();
    const { code, stdout } = await check();
    assert.equal(code, 3);
    assert.match(stdout, /prod\/shop: cannot be verified\n {2}- release 1\.0\.0 is not in releases\.lock\.yaml/);
  });

  it("reports all problems of all files at once, and checks the other stacks", async () => {
    const { application, tenant, write } = world();
    await application.publish({ version: "1.0.0", message: "First" });
    write({
      "Pulumi.dev.yaml": branchStack(tenant()).replace("charts/shop", "../shop"),
      "Pulumi.prod.yaml": tagsStack(tenant(...running("1.0.0"))),
      "Pulumi.test.yaml": tagsStack(tenant("tag: 1.10", 'policy: { range: ">=1" }')),
    });
    const { code, stdout } = await check();
    assert.equal(code, 2);
    assert.match(
      stdout,
      /^Pulumi\.dev\.yaml:\d+:\d+: .*\n(.*\n)*Pulumi\.test\.yaml:\d+:\d+: .*\n(.*\n)*\d problems in the files\nprod: releases.*\nprod: fine.*\n(dev|test): not checked.*\ntest: not checked.*\n1 of 3 stacks is fine\n$/,
    );
    const found = JSON.parse((await check("--json")).stdout) as CheckResult;
    assert.deepEqual([...new Set(found.problems.map(({ file }) => file))], ["Pulumi.dev.yaml", "Pulumi.test.yaml"]);
    assert.deepEqual(
      found.stacks.map(({ stack }) => stack),
      ["prod"],
    );
    assert.deepEqual(found.unchecked, ["dev", "test"]);
  });

  it("reports problems of the lock", async () => {
    const { tenant, write } = world();
    write({ "Pulumi.prod.yaml": tagsStack(tenant(...running("1.0.0"))), "releases.lock.yaml": "shop: [1]\n" });
    const { code, stdout } = await check();
    assert.equal(code, 2);
    assert.match(
      stdout,
      /^releases\.lock\.yaml:1:7: shop: expected a map\n1 problem in the files\nprod: not checked, because of the problems above\n$/,
    );
  });
});

describe("authority check of bad input", () => {
  const root = temporaryDirectory();

  for (const input of badInputs) {
    it(`exits with 2 on ${input.title}`, async () => {
      writeFileSync(join(root(), "Pulumi.yaml"), "name: shared-authority\nruntime: nodejs\n");
      writeInput(root(), input);
      const { code, stdout, stderr } = await authority(["check", "--stack", input.stack], { cwd: root() });
      assert.equal(code, 2, `${stdout}${stderr}`);
      const { file, words, hidden } = input.expect;
      const told = stdout
        .split("\n")
        .some((line) => line.startsWith(file) && words.every((word) => line.includes(word)));
      assert.ok(told, `expected ${file}: ${words.join(", ")}; got:\n${stdout}`);
      assert.doesNotMatch(`${stdout}${stderr}`, /\n +at |internal error/);
      if (hidden !== undefined) assert.ok(!`${stdout}${stderr}`.includes(hidden));
    });
  }

  for (const input of badInputs.filter((_, index) => index % 40 === 0)) {
    it(`exits the process with 2 on ${input.title}, and a render writes nothing`, async () => {
      writeFileSync(join(root(), "Pulumi.yaml"), "name: shared-authority\nruntime: nodejs\n");
      writeInput(root(), input);
      const checked = await authorityProcess(["check", "--stack", input.stack], { cwd: root() });
      assert.equal(checked.code, 2);
      assert.doesNotMatch(`${checked.stdout}${checked.stderr}`, /\n +at /);
      const rendered = await authorityProcess(["render", "--stack", input.stack, "--out", "out"], { cwd: root() });
      assert.equal(rendered.code, 2);
      assert.equal(rendered.stdout, "");
      assert.ok(rendered.stderr.includes(input.expect.file), rendered.stderr);
    });
  }
});
