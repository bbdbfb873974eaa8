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
    assert.match(stdout, /^dev: fine, 1 tenant, \d+ objects\nprod: fine, 1 tenant, \d+ objects\n$/);
    assert.equal(code, 0);
    assert.deepEqual(world().files(), ["Pulumi.dev.yaml", "Pulumi.prod.yaml", "Pulumi.yaml"]);
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
      /^Pulumi\.dev\.yaml:\d+:\d+: .*\n(.*\n)*Pulumi\.test\.yaml:\d+:\d+: .*\n(.*\n)*\d problems in the files\nprod: fine/,
    );
    const found = JSON.parse((await check("--json")).stdout) as CheckResult;
    assert.deepEqual([...new Set(found.problems.map(({ file }) => file))], ["Pulumi.dev.yaml", "Pulumi.test.yaml"]);
    assert.deepEqual(
      found.stacks.map(({ stack }) => stack),
      ["prod"],
    );
  });

  it("reports problems of the lock", async () => {
    const { tenant, write } = world();
    write({ "Pulumi.prod.yaml": tagsStack(tenant(...running("1.0.0"))), "releases.lock.yaml": "shop: [1]\n" });
    const { code, stdout } = await check();
    assert.equal(code, 2);
    assert.match(stdout, /^releases\.lock\.yaml:1:7: shop: expected a map\n1 problem in the files\n$/);
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
