import assert from "node:assert/strict";
import { join } from "node:path";
import { git } from "../../demo/git";
import { authorityProcess } from "./command-line";
import { running, scratchWorld, tagsStack } from "./scratch-world";

/** What `authority up` does before it starts the engine. The tests of `engine/` and `e2e/` run the engine. */
describe("authority up, before it deploys", () => {
  const world = scratchWorld();
  const gitHere = (...parameters: string[]) => git({ directory: world().root }, ...parameters);
  const url = () => world().repository.replace("shop.git", "shared.git");

  async function commit(files: Readonly<Record<string, string>>): Promise<void> {
    world().write(files);
    await gitHere("add", "--all");
    await gitHere("commit", "--quiet", "--message", "Decide");
  }

  const push = () =>
    gitHere("push", "--quiet", join(world().root, "../repositories/shared.git"), "HEAD:refs/heads/main");

  const stack = (version: string) =>
    tagsStack(world().tenant(...running(version))).replace(
      "  shared-authority:tenants",
      `  shared-authority:configRepository: { url: "${url()}" }\n  shared-authority:tenants`,
    );

  const up = (flags: readonly string[] = [], env: Readonly<Record<string, string>> = {}, ...own: readonly string[]) =>
    authorityProcess(["up", "--stack", "prod", ...own, "--", ...flags], {
      cwd: world().root,
      env: { PULUMI: join(world().root, "no-engine"), ...env },
    });

  const engineStarted = /Cannot run `.*no-engine`/;

  beforeEach(async () => {
    const { application, root, write } = world();
    await application.publish({ version: "1.0.0", message: "First" });
    await git({ directory: root }, "init", "--quiet", "--bare", join(root, "../repositories/shared.git"));
    await gitHere("init", "--quiet");
    write({ "policy-pack/index.ts": "export {};\n" });
    await commit({ "Pulumi.prod.yaml": stack("1.0.0") });
    await push();
  });

  it("goes on if the decision is committed and pushed", async () => {
    assert.match((await up()).stderr, engineStarted);
  });

  it("refuses what is not committed before the engine starts, also in another policy pack", async () => {
    world().write({ "policy-pack/index.ts": "// Empty.\n", "my-pack/index.ts": "\n", "levels.json": "{}\n" });
    const { code, stderr } = await up(["--policy-pack=my-pack", "--policy-pack-config", "levels.json", "--yes"]);
    assert.equal(code, 3);
    assert.equal(
      stderr,
      [
        "Commit before deploy:",
        "  policy-pack/index.ts is changed since the last commit",
        "  levels.json is not in Git",
        "  my-pack/index.ts is not in Git",
        "  Correct this and run `up` again. In an emergency set SHARED_AUTHORITY_EMERGENCY to the reason.",
        "",
      ].join("\n"),
    );
  });

  it("judges by one config of the policy pack, which is committed as well", async () => {
    const other = await up(["--policy-pack-config", "levels.json", "--yes"]);
    assert.equal(other.code, 2);
    assert.match(other.stderr, /would judge the stack by another config than the check before it/);
    world().write({ "levels.json": '{ "pin-not-expired": "mandatory" }' });
    const uncommitted = await up(["--yes"], {}, "--policy-pack-config", "levels.json");
    assert.equal(uncommitted.code, 3);
    assert.match(uncommitted.stderr, / {2}levels\.json is not in Git\n/);
    world().write({ "levels.json": '{ "pin-not-expired": "sometimes" }' });
    const invalid = await up(["--yes"], {}, "--policy-pack-config", "levels.json");
    assert.equal(invalid.code, 2);
    assert.match(invalid.stderr, /^levels\.json: pin-not-expired\.enforcementLevel: /);
  });

  it("refuses what is not pushed, and the rerun of an old job", async () => {
    const old = await gitHere("rev-parse", "HEAD");
    await commit({ "Pulumi.prod.yaml": stack("1.1.0") });
    const refused = await up();
    assert.equal(refused.code, 3);
    assert.match(refused.stderr, /^Push before deploy:\n {2}the commit \w{10} is not on the branch main of http/);
    await push();
    await gitHere("checkout", "--quiet", old);
    const rerun = await up();
    assert.equal(rerun.code, 3);
    assert.match(rerun.stderr, /^Push before deploy:\n.* has a newer decision for this stack \(Pulumi\.prod\.yaml at /);
  });

  it("leaves it to the program to judge an emergency and a Git host that does not answer", async () => {
    const { code } = await authorityProcess(["lock", "--stack", "prod"], { cwd: world().root });
    assert.equal(code, 0);
    assert.match((await up([], { SHARED_AUTHORITY_EMERGENCY: "issue 123" })).stderr, engineStarted);
    await commit({});
    await push();
    await world().cutNetwork();
    const { stderr } = await up();
    assert.match(stderr, /^the branch main of .* cannot be read: .*\. Only a step back can be deployed now\.\n/);
    assert.match(stderr, engineStarted);
  });

  it("needs no commit for a preview", async () => {
    await commit({ "Pulumi.prod.yaml": `${stack("1.0.0")}# A note.\n` });
    assert.match((await up(["--preview-only"])).stderr, engineStarted);
  });
});
