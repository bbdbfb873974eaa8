import assert from "node:assert/strict";
import type { PlannedStack } from "../../src/cli/tenant-plan";
import { authority, authorityProcess } from "./command-line";
import { branchStack, running, scratchWorld, tagsStack } from "./scratch-world";

describe("authority plan", () => {
  const world = scratchWorld();

  interface Planned {
    stacks: PlannedStack[];
  }

  async function planned(...args: string[]): Promise<{ code: number; stacks: Planned["stacks"]; stderr: string }> {
    const { code, stdout, stderr } = await authority(["plan", "--json", ...args], { cwd: world().root });
    return { code, stderr, stacks: (JSON.parse(stdout) as Planned).stacks };
  }

  it("shows what each stack runs, and why, as a table and as JSON", async () => {
    const { application, tenant, write, root } = world();
    const { commit } = await application.publish({ version: "1.0.0", message: "First" });
    await application.publish({ version: "1.0.1", message: "Fix" });
    const head = await application.commit({ version: "1.1.0", message: "Next" });
    write({ "Pulumi.dev.yaml": branchStack(tenant()), "Pulumi.prod.yaml": tagsStack(tenant(...running("1.0.0"))) });

    const { code, stacks } = await planned();
    assert.equal(code, 0);
    const common = {
      ...{ tenant: "shop", valid: true, reasons: [], automation: "manual", pinned: null, held: null, source: "read" },
      allowed: true,
    };
    assert.deepEqual(stacks, [
      {
        stack: "dev",
        follow: "branch",
        tenants: [
          {
            ...{ ...common, version: "1.1.0", tag: null, follows: "latest of master", commit: head },
          },
        ],
        removed: [],
      },
      {
        stack: "prod",
        follow: "tags",
        tenants: [
          {
            ...{ ...common, version: "1.0.0", tag: "1.0.0", follows: null, commit },
          },
        ],
        removed: [],
      },
    ]);

    const heads = [..."STACK TENANT DECIDED VERDICT EVIDENCE AUTOMATION".split(" "), "PINNED OR HELD"];
    const read = ["read", "manual", "-"];
    const { stdout, stderr, code: tableCode } = await authorityProcess(["plan"], { cwd: root });
    assert.equal(tableCode, 0);
    assert.deepEqual(
      stdout
        .trimEnd()
        .split("\n")
        .map((line) => line.split(/ {2,}/)),
      [
        heads,
        ["dev", "shop", `latest of master (1.1.0, ${head.slice(0, 7)})`, "kept", ...read],
        ["prod", "shop", "1.0.0", "kept", ...read],
      ],
    );
    assert.equal(stderr, "reading from Git and registries\n");
  });

  it("shows which commit's image runs, and check agrees", async () => {
    const { application, tenant, write, root } = world();
    const commit = await application.commit({ version: "1.0.0", message: "First" });
    await application.commit({ version: "1.1.0", message: "Next" });
    const tag = `master-${commit.slice(0, 7)}-999`;
    for (const pushed of [tag, "master-0000000-1000", "1.0.0"]) await application.pushImage(pushed);
    const pattern = "^master-(?P<sha>[0-9a-f]+)-(?P<ts>[0-9]+)$";
    const image = [`branchImage: { pattern: '${pattern}', value: image.tag }`, `tag: ${tag}`];
    write({ "Pulumi.dev.yaml": branchStack(tenant(...image)) });
    const [dev] = (await planned()).stacks;
    const { version, tag: runs, commit: of, valid } = dev!.tenants[0]!;
    assert.deepEqual([version, runs, of, valid], ["1.0.0", tag, commit, true]);
    const { stdout } = await authority(["plan"], { cwd: root });
    assert.match(stdout, new RegExp(`${tag} \\(1\\.0\\.0, ${commit.slice(0, 7)}\\)`));
    const checked = await authority(["check"], { cwd: root });
    assert.equal(checked.code, 0, checked.stdout);

    write({ "Pulumi.dev.yaml": branchStack(tenant(...image)).replace(tag, "master-0000000-1000") });
    const refused = await planned();
    assert.equal(refused.code, 3);
    assert.match(JSON.stringify(refused.stacks), /no commit on the branch/);
  });

  it("calls a followed chart in a registry by its name", async () => {
    const { application, tenant, write } = world();
    await application.publish({ version: "1.0.0", message: "First" });
    const url = `oci://${application.image}-chart`;
    const entry = tenant("branchChart: { pattern: '^0.0.0-[0-9]+$' }").replace("./charts/shop", url);
    write({ "Pulumi.dev.yaml": branchStack(entry) });
    const { stacks } = await planned();
    assert.equal(stacks[0]!.tenants[0]!.follows, `newest chart of ${url}`);
  });

  it("shows the pin, or the hold", async () => {
    const { application, tenant, write, root } = world();
    await application.publish({ version: "1.0.0", message: "First" });
    const policy = 'policy: { range: ">=1.0.0", pin: { reason: "audit week", by: alice, until: "2999-01-02" } }';
    write({ "Pulumi.prod.yaml": tagsStack(tenant('tag: "1.0.0"', policy)) });
    const { stacks } = await planned();
    assert.deepEqual(stacks[0]!.tenants[0]!.pinned, { by: "alice", reason: "audit week", until: "2999-01-02" });
    const { stdout } = await authority(["plan"], { cwd: root });
    assert.match(stdout, / pinned by alice until 2999-01-02: audit week/);
    write({ "Pulumi.prod.yaml": tagsStack(tenant('tag: "1.0.0"', policy.replace("pin:", "hold:"))) });
    assert.match((await authority(["plan"], { cwd: root })).stdout, / held by alice until 2999-01-02: audit week/);
  });

  it("exits with 3 and the reasons if the promise is broken", async () => {
    const { application, tenant, write, root } = world();
    await application.publish({ version: "1.0.0", appVersion: "0.9.0", message: "Forgotten" });
    write({ "Pulumi.prod.yaml": tagsStack(tenant(...running("1.0.0"))) });
    const reason = 'appVersion of Chart.yaml is "0.9.0", must be "1.0.0", the image tag';
    const { code, stacks, stderr } = await planned();
    assert.equal(code, 3);
    assert.deepEqual(stacks[0]!.tenants[0]!.reasons, [reason]);
    assert.doesNotMatch(stderr, /appVersion/);
    const table = await authority(["plan"], { cwd: root });
    assert.equal(table.code, 3);
    assert.match(table.stdout, /broken \(1\)/);
    assert.ok(table.stderr.includes(`prod/shop: the promise is broken\n  - ${reason}\n`), table.stderr);
  });

  it("uses no network with --offline: releases that are not in the lock are not verified", async () => {
    const { application, tenant, write, cutNetwork, root } = world();
    await application.publish({ version: "1.0.0", message: "First" });
    write({ "Pulumi.dev.yaml": branchStack(tenant()), "Pulumi.prod.yaml": tagsStack(tenant(...running("1.0.0"))) });
    assert.equal((await authority(["lock"], { cwd: root })).code, 0);
    await cutNetwork();

    const locked = await planned("--offline");
    assert.equal(locked.code, 0);
    assert.deepEqual(
      locked.stacks.map(({ tenants }) => [tenants[0]!.source, tenants[0]!.valid]),
      [
        ["none", null],
        ["lock", true],
      ],
    );
    write({ "Pulumi.prod.yaml": tagsStack(tenant(...running("1.1.0"))) });
    const missing = await planned("--offline", "--stack", "prod");
    assert.equal(missing.code, 3);
    assert.match(String(missing.stacks[0]!.tenants[0]!.reasons), /1\.1\.0 is not in releases\.lock\.yaml.*--offline/);
  });

  it("says of a version that the policy does not allow that it is not, also if nothing of it is read", async () => {
    const { tenant, write, root } = world();
    write({ "Pulumi.prod.yaml": tagsStack(tenant('tag: "2.0.0"', 'policy: { range: "<2.0.0" }')) });
    const { code, stdout, stderr } = await authority(["plan", "--offline"], { cwd: root });
    assert.match(stdout, / 2\.0\.0 +not allowed +none /);
    assert.match(stderr, /^prod\/shop: not allowed\n {2}- the version 2\.0\.0 is outside the range "<2\.0\.0"\n/);
    assert.equal(code, 3);
  });

  it("plans a stack without tenants", async () => {
    world().write({ "Pulumi.prod.yaml": "config:\n  shared-authority:follow: tags\n  shared-authority:tenants: {}\n" });
    const { code, stdout } = await authority(["plan"], { cwd: world().root });
    assert.equal(code, 0);
    assert.equal(stdout, "The stacks have no tenants.\n");
  });
});
