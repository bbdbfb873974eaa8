import assert from "node:assert/strict";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { git } from "../../demo/git";
import { readStackConfig } from "../../src/config/read-stack-config";
import { backsFrom } from "../../src/release/taken-back";
import { temporaryEnvironment } from "../support/environment";
import { authority } from "./command-line";
import { scratchWorld, tagsStack } from "./scratch-world";

const settings = "config:\n  shared-authority:configRepository: {url: https://git.example.com/shared, branch: main}\n";

describe("a version that a person has taken back", () => {
  const world = scratchWorld();
  const setEnvironment = temporaryEnvironment();
  const run = (...args: string[]) => authority(args, { cwd: world().root });
  const path = () => join(world().root, "Pulumi.prod.yaml");

  const ownGit = (author: string, ...args: string[]) =>
    git(
      {
        directory: world().root,
        environment: { GIT_AUTHOR_NAME: author, GIT_AUTHOR_EMAIL: emails[author] ?? "" },
      },
      ...args,
    );
  const emails: Readonly<Record<string, string>> = {
    Ana: "ana@example.com",
    Bob: "bob@example.com",
    "Shared Authority": "shared-authority@localhost",
  };

  async function decide(author: string, version: string, message: string): Promise<string> {
    writeFileSync(path(), readFileSync(path(), "utf8").replace(/tag: "[^"]*"/, `tag: "${version}"`));
    await ownGit(author, "commit", "--quiet", "--all", "-m", message);
    return (await ownGit(author, "rev-parse", "HEAD")).slice(0, 10);
  }
  const flux = (version: string) => decide("Shared Authority", version, `Promote ${version}`);

  /** `shop` is automated and at 1.1.0, which automation has promoted. */
  beforeEach(async () => {
    const { application, write, tenant } = world();
    for (const version of ["1.0.0", "1.1.0", "1.2.0"]) await application.publish({ version, message: version });
    const shop = tenant(
      'tag: "1.0.0" # {"$imagepolicy": "flux-system:shop:tag"}',
      'policy: { range: ">=1.0.0 <2.0.0", automation: auto }',
    );
    const other = tenant('tag: "1.0.0"', 'policy: { range: ">=1.0.0 <2.0.0" }', "namespace: cart").replace(
      "    shop:",
      "    cart:",
    );
    write({ "Pulumi.prod.yaml": tagsStack(shop, other).replace("config:\n", settings) });
    await ownGit("Ana", "init", "--quiet", "--initial-branch=main");
    await ownGit("Ana", "config", "user.name", "Ana");
    await ownGit("Ana", "config", "user.email", "ana@example.com");
    assert.equal((await run("lock")).code, 0);
    await ownGit("Ana", "add", "--all");
    await ownGit("Ana", "commit", "--quiet", "-m", "Start");
    await flux("1.1.0");
  });

  const check = (stack = "prod") => run("check", "--stack", stack, "--json");
  const violations = async (stack?: string) => {
    const { stdout, code } = await check(stack);
    const { stacks } = JSON.parse(stdout) as {
      stacks: { violations: { policy: string; tenant: string; message: string }[] }[];
    };
    return { code, found: stacks[0]!.violations };
  };

  it("is refused for its tenant when automation promotes it again, until a person promotes it by name", async () => {
    assert.equal((await check()).code, 0);
    await ownGit("Ana", "revert", "--no-edit", "HEAD");
    const back = (await ownGit("Ana", "rev-parse", "HEAD")).slice(0, 10);
    assert.equal((await check()).code, 0);
    const again = await flux("1.1.0");
    const { code, found } = await violations();
    assert.equal(code, 3);
    assert.deepEqual(
      found.map(({ policy, tenant }) => [policy, tenant]),
      [["not-taken-back", "shop"]],
    );
    const { message } = found[0]!;
    assert.ok(message.includes(`shop 1.1.0 was taken back in ${back} (Ana: "Revert \\"Promote 1.1.0\\"")`), message);
    assert.ok(
      message.includes(`promoted again by automation in ${again} (Shared Authority: "Promote 1.1.0")`),
      message,
    );
    assert.match(message, /`npx authority rollback shop --stack prod --reason "\.\.\."`/);
    assert.match(message, /`npx authority promote shop 1\.1\.0 --stack prod`/);
    const status = await run("status", "--offline");
    assert.match(status.stdout, /^prod\/shop: taken back, shop 1\.1\.0 was taken back in /m);
    const verify = await run("verify");
    assert.equal(verify.code, 3);
    assert.match(verify.stdout, /^taken back prod\/shop: shop 1\.1\.0 was taken back in /m);
    const render = await run("render", "--stack", "prod", "--out", "rendered");
    assert.equal(render.code, 3);
    assert.match(render.stderr, /^prod\/shop: shop 1\.1\.0 was taken back in .*Nothing was written\.$/ms);

    const promoted = await run("promote", "shop", "1.1.0", "--stack", "prod", "--reason", "it was the network");
    assert.equal(promoted.code, 0, promoted.stderr);
    assert.match(promoted.stdout, /^Committed \w+: Promote shop to 1\.1\.0 again in prod$/m);
    assert.equal((await check()).code, 0);
    assert.equal((await run("promote", "shop", "1.1.0", "--stack", "prod")).code, 2);
    // The promise to accept it holds until somebody takes it back again.
    await decide("Ana", "1.0.0", "Back to 1.0.0");
    await flux("1.1.0");
    assert.equal((await violations()).found.length, 1);
    const rolledBack = await run("rollback", "shop", "--stack", "prod", "--reason", "leaks memory");
    assert.match(rolledBack.stdout, /^Committed \w+: Roll back shop from 1\.1\.0 to 1\.0\.0 in prod$/m);
    assert.equal((await check()).code, 0);
  });

  it("stays accepted when tenant or stack is renamed, and when automation returns to it from a newer one", async () => {
    await ownGit("Ana", "revert", "--no-edit", "HEAD");
    await flux("1.1.0");
    const { stderr, code } = await run("promote", "shop", "1.1.0", "--stack", "prod");
    assert.equal(code, 0, stderr);
    assert.doesNotMatch(stderr, /Flux promotes 1\.1\.0 again/);
    await flux("1.2.0");
    await flux("1.1.0");
    assert.deepEqual((await violations()).found, []);
    assert.equal((await run("rename-tenant", "shop", "store", "--stack", "prod")).code, 0);
    assert.deepEqual((await violations()).found, []);
    await ownGit("Ana", "mv", "Pulumi.prod.yaml", "Pulumi.live.yaml");
    await ownGit("Ana", "commit", "--quiet", "-m", "Rename the stack");
    assert.deepEqual((await violations("live")).found, []);
  });

  it("is refused when a person only merges what automation has committed, as `git pull` does", async () => {
    await ownGit("Ana", "revert", "--no-edit", "HEAD");
    await ownGit("Ana", "checkout", "--quiet", "-b", "own");
    world().write({ "notes.md": "ours\n" });
    await ownGit("Ana", "add", "--all");
    await ownGit("Ana", "commit", "--quiet", "-m", "Write notes");
    await ownGit("Ana", "checkout", "--quiet", "main");
    await flux("1.1.0");
    await ownGit("Ana", "checkout", "--quiet", "own");
    await ownGit("Ana", "merge", "--quiet", "--no-edit", "main");
    assert.equal((await violations()).found.length, 1);
    // A pin keeps what is decided; it does not say that it may run.
    for (const [start, ...more] of [
      ["pin", "--by", "ana", "--reason", "wait"],
      ["unpin"],
      ["hold", "--by", "ana", "--reason", "wait", "--accept-open"],
      ["resume"],
    ]) {
      const { code, stderr } = await run(String(start), "shop", "--stack", "prod", ...more);
      assert.equal(code, 0, stderr);
      assert.equal((await violations()).found.length, 1, start);
    }
  });

  for (const automation of ["auto", "pull-request"]) {
    for (const [start, commit] of [
      ["Start", "HEAD~1"],
      ["Promote 1.1.0", "HEAD"],
    ] as const) {
      it(`is found behind a pull onto own commits since "${start}", with ${automation}, until a person decides`, async () => {
        for (const branch of ["bobs", "cleos"]) await ownGit("Ana", "branch", branch, commit);
        const text = readFileSync(path(), "utf8").replace("automation: auto", `automation: ${automation}`);
        writeFileSync(path(), text);
        const back = await decide("Ana", "1.0.0", "Leaks memory");
        await flux("1.1.0");
        const pull = async (own: string, other: string) => {
          await ownGit("Bob", "checkout", "--quiet", own);
          await ownGit("Bob", "commit", "--quiet", "--allow-empty", "-m", `Notes of ${own}`);
          await ownGit("Bob", "merge", "--quiet", "--no-edit", other);
          const { found } = await violations();
          assert.equal(found.length, 1, own);
          assert.ok(found[0]!.message.includes(back), found[0]!.message);
          const config = readStackConfig({ root: world().root, stack: "prod" });
          const backs = await backsFrom(config, config.tenants, "HEAD");
          assert.equal(backs.get("shop")?.commit.slice(0, 10), back);
        };
        await pull("bobs", "main");
        // The first pull is hidden behind the second.
        await pull("cleos", "bobs");
        assert.equal((await run("promote", "shop", "1.1.0", "--stack", "prod", "--yes")).code, 0);
        assert.equal((await check()).code, 0);
      });
    }
  }

  it("is told apart from what stands, in all that was decided behind a pull onto own commits", async () => {
    await ownGit("Ana", "checkout", "--quiet", "-b", "own", "HEAD~1");
    await ownGit("Ana", "commit", "--quiet", "--allow-empty", "-m", "Write notes");
    await ownGit("Ana", "checkout", "--quiet", "main");
    await decide("Ana", "1.0.0", "Leaks memory");
    await decide("Bob", "1.1.0", "It was fine");
    const newest = await flux("1.2.0");
    await ownGit("Ana", "checkout", "--quiet", "own");
    await ownGit("Ana", "merge", "--quiet", "--no-edit", "main");
    const { stdout } = await run("history", "shop", "--stack", "prod", "--json");
    const { decisions } = JSON.parse(stdout) as { decisions: { changes: string[]; author: { name: string } }[] };
    assert.deepEqual(
      decisions.map(({ changes, author }) => `${changes.join()} by ${author.name}`),
      [
        "1.1.0 -> 1.2.0 by Shared Authority",
        "1.0.0 -> 1.1.0 by Bob",
        "1.1.0 -> 1.0.0 by Ana",
        "1.0.0 -> 1.1.0 by Shared Authority",
        "added at 1.0.0 by Ana",
      ],
    );
    const status = await run("status", "shop", "--offline");
    assert.match(status.stdout, new RegExp(`commit ${newest}, Promote 1\\.2\\.0, by Flux's automation`));
    const rolledBack = await run("rollback", "shop", "--stack", "prod", "--reason", "leaks", "--no-commit");
    assert.equal(rolledBack.code, 0, rolledBack.stderr);
    assert.match(readFileSync(path(), "utf8"), /tag: "1\.1\.0"/);
  });

  it("is not taken back by a branch that merges the main branch before it is merged itself", async () => {
    await ownGit("Ana", "checkout", "--quiet", "-b", "own");
    await ownGit("Ana", "commit", "--quiet", "--allow-empty", "-m", "Write notes");
    await ownGit("Ana", "checkout", "--quiet", "main");
    await decide("Ana", "1.0.0", "Back to 1.0.0");
    await decide("Ana", "1.1.0", "It was fine");
    await ownGit("Ana", "checkout", "--quiet", "own");
    await ownGit("Ana", "merge", "--quiet", "--no-edit", "main");
    assert.equal((await check()).code, 0);
    await ownGit("Ana", "checkout", "--quiet", "main");
    await ownGit("Ana", "merge", "--quiet", "--no-ff", "--no-edit", "own");
    assert.equal((await check()).code, 0);
  });

  it("runs when a person merges what a person has decided", async () => {
    await decide("Ana", "1.0.0", "Back to 1.0.0");
    await ownGit("Ana", "checkout", "--quiet", "-b", "own");
    await decide("Ana", "1.1.0", "It was fine");
    await ownGit("Ana", "checkout", "--quiet", "main");
    await ownGit("Ana", "merge", "--quiet", "--no-ff", "--no-edit", "own");
    assert.equal((await check()).code, 0);
  });

  it("runs when a person decides it again by hand, or automation goes on to a newer one", async () => {
    await decide("Ana", "1.0.0", "Back to 1.0.0");
    await decide("Ana", "1.1.0", "It was fine");
    assert.equal((await check()).code, 0);
    await flux("1.2.0");
    assert.equal((await check()).code, 0);
    // 1.2.0 replaced 1.1.0, which nobody took back: automation may return to it where 1.2.0 is denied.
    await flux("1.1.0");
    assert.equal((await check()).code, 0);
  });

  it("cannot be told in a shallow clone, if automation has decided what the clone lacks the history of", async () => {
    const clone = async (name: string) => {
      const directory = join(world().root, "..", name);
      const url = pathToFileURL(world().root).href;
      await git({ directory: world().root }, "clone", "--quiet", "--depth", "2", url, directory);
      return authority(["check", "--stack", "prod"], { cwd: directory });
    };
    await flux("1.2.0");
    const unknown = await clone("unknown");
    assert.equal(unknown.code, 3);
    assert.match(unknown.stdout, /shallow, so it cannot tell .* shop 1\.2\.0,.*`git fetch --unshallow`/);
    const directory = join(world().root, "..", "unknown");
    const accepted = await authority(["promote", "shop", "1.2.0", "--stack", "prod", "--yes"], { cwd: directory });
    assert.equal(accepted.code, 2, accepted.stdout);
    assert.match(
      accepted.stderr,
      /shop is at 1\.2\.0 in the stack prod already, and this clone is shallow, .*--unshallow/,
    );
    const status = await authority(["status", "--offline"], { cwd: directory });
    assert.match(status.stdout, /^prod\/shop: unverified, this clone is shallow, so it cannot tell /m);
    await decide("Ana", "1.1.0", "Back to 1.1.0");
    const person = await clone("person");
    assert.equal(person.code, 0, person.stdout);
  });

  it("is found whatever Git makes of a path by its environment", async () => {
    await ownGit("Ana", "revert", "--no-edit", "HEAD");
    await flux("1.1.0");
    for (const kind of ["LITERAL", "GLOB", "ICASE", "NOGLOB"]) {
      const name = `GIT_${kind}_PATHSPECS`;
      setEnvironment({ [name]: "1" });
      assert.equal((await violations()).code, 3, name);
      setEnvironment({ [name]: undefined });
    }
    setEnvironment({ GIT_GLOB_PATHSPECS: "1" });
    const rolledBack = await run("rollback", "shop", "--stack", "prod", "--reason", "leaks memory");
    assert.equal(rolledBack.code, 0, rolledBack.stderr);
  });

  it("cannot be told where Git refuses to open the repository", async () => {
    const expectUnknown = async (why: RegExp) => {
      const { code, found } = await violations();
      assert.equal(code, 3);
      assert.match(found[0]?.message ?? "", / this clone cannot tell whether a person has taken back the version/);
      assert.match(found[0]?.message ?? "", why);
      assert.match((await run("status", "--offline")).stdout, /^prod\/shop: unverified, this clone cannot tell /m);
    };
    setEnvironment({ GIT_TEST_ASSUME_DIFFERENT_OWNER: "1" });
    await expectUnknown(/dubious ownership.*`git config --global --add safe\.directory /);
    setEnvironment({ GIT_TEST_ASSUME_DIFFERENT_OWNER: undefined });
    writeFileSync(join(world().root, ".git/HEAD"), "garbled\n");
    await expectUnknown(/not a git repository/);
  });

  it("is not looked for outside of a repository, or before the first commit", async () => {
    await ownGit("Ana", "checkout", "--quiet", "--orphan", "new");
    assert.equal((await check()).code, 0);
    rmSync(join(world().root, ".git"), { recursive: true });
    assert.equal((await check()).code, 0);
  });
});
