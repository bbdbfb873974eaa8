import assert from "node:assert/strict";
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { git } from "../../demo/git";
import type { CheckResult } from "../../src/cli/check";
import { authority } from "./command-line";
import { running, scratchWorld, tagsStack } from "./scratch-world";

/** A tenant that leaves is found in the pull request, before anything is merged. */
describe("a tenant that a work tree removes", () => {
  const world = scratchWorld();
  const here = (...parameters: string[]) => git({ directory: world().root }, ...parameters);
  const shared = () => join(world().root, "../repositories/shared.git");
  const run = (...args: string[]) => authority(args, { cwd: world().root });
  const tenant = (name: string, ...more: string[]) =>
    world()
      .tenant(...running("1.0.0"), ...more)
      .replace("shop:", `${name}:`);
  const removed = "  shared-authority:removed: { cart: { namespace: cart, by: Ada, reason: unused } }\n";

  async function commit(text: string): Promise<void> {
    world().write({ "Pulumi.prod.yaml": text });
    await here("add", "--all");
    await here("commit", "--quiet", "--message", "Decide");
  }

  beforeEach(async () => {
    await world().application.publish({ version: "1.0.0", message: "First" });
    mkdirSync(shared());
    await git({ directory: shared() }, "init", "--quiet", "--bare", "--initial-branch=main");
    await here("init", "--quiet", "--initial-branch=main");
    await here("remote", "add", "origin", shared());
    await commit(tagsStack(tenant("shop"), tenant("cart")));
    await here("push", "--quiet", "origin", "main");
  });

  it("blocks `check` until it is declared, and is a row of `plan`", async () => {
    assert.equal((await run("check")).code, 0);
    await here("checkout", "--quiet", "-b", "leave");
    await commit(tagsStack(tenant("shop")));
    const { code, stdout, stderr } = await run("check");
    assert.equal(code, 3);
    assert.match(stdout, /^cart: it is not in Pulumi\.prod\.yaml\. This would uninstall .* the namespace cart /m);
    assert.match(stdout, /^ {2}shared-authority:removed:\n {4}cart: \{ namespace: cart, by: "\.\.\."/m);
    assert.match(stdout, /^prod: blocked/m);
    assert.doesNotMatch(stderr, /not compared/);
    const [stack] = (JSON.parse((await run("check", "--json")).stdout) as CheckResult).stacks;
    assert.deepEqual(stack?.removals?.removals, [
      { tenant: "cart", namespace: "cart", authorityNamespace: "flux-system", kind: "leaves" },
    ]);
    assert.match((await run("plan")).stdout, /^prod +cart +removed, with the namespace cart +not declared/m);

    await commit(tagsStack(tenant("shop")) + removed);
    assert.equal((await run("check")).code, 0);
    assert.match((await run("plan", "--offline")).stdout, /^prod +cart +removed, .* by Ada: unused/m);
  });

  it("leaves no folder behind that Flux applies and nobody judges", async () => {
    const into = (folder: string) =>
      tagsStack(tenant("shop"), tenant("cart")).replace(
        "  shared-authority:tenants",
        `  shared-authority:delivery: { manifests: ${folder} }\n  shared-authority:tenants`,
      );
    const render = async (folder: string) => {
      await commit(into(folder));
      assert.equal((await run("render", "--stack", "prod", "--out", folder)).code, 0);
      await commit(into(folder));
    };
    await render("rendered/prod");
    await here("push", "--quiet", "origin", "main");
    await render("rendered/other");
    assert.equal((await run("check")).code, 0);
    world().write({ "rendered/prod/1-manifest/mine.yaml": "kind: Secret\n" });
    await commit(into("rendered/other"));
    const changed = await run("check");
    assert.equal(changed.code, 3, changed.stdout);
    assert.match(changed.stdout, /^rendered\/prod: it is changed, but Pulumi\.prod\.yaml no longer renders into it/m);
    rmSync(join(world().root, "rendered/prod"), { recursive: true });
    await commit(into("rendered/other"));
    assert.equal((await run("check")).code, 0);
  });

  it("leaves no folder behind when its whole stack goes", async () => {
    const stack = tagsStack(tenant("shop"), tenant("cart")).replace(
      "  shared-authority:tenants",
      "  shared-authority:delivery: { manifests: rendered/prod }\n  shared-authority:tenants",
    );
    world().write({ "Pulumi.dev.yaml": tagsStack(tenant("pay")) });
    await commit(stack);
    assert.equal((await run("render", "--stack", "prod", "--out", "rendered/prod")).code, 0);
    await commit(stack);
    await here("push", "--quiet", "origin", "main");
    rmSync(join(world().root, "Pulumi.prod.yaml"));
    await here("commit", "--quiet", "--all", "--message", "Remove the stack");
    assert.equal((await run("check")).code, 0);
    world().write({ "rendered/prod/1-manifest/mine.yaml": "kind: Secret\n" });
    await here("add", "--all");
    await here("commit", "--quiet", "--message", "Change what Flux applies");
    const changed = await run("check");
    assert.equal(changed.code, 3, changed.stdout);
    assert.match(changed.stdout, /^rendered\/prod: it is changed, but Pulumi\.prod\.yaml no longer renders into it/m);
    await here("mv", "rendered/prod/1-manifest/mine.yaml", "mine.yaml");
    await here("commit", "--quiet", "--message", "Restore the folder");
    assert.equal((await run("check")).code, 0);
  });

  it("is one with another namespace too, and none with another name", async () => {
    await commit(tagsStack(tenant("shop"), tenant("cart", "namespace: trolley")));
    assert.match((await run("check")).stdout, /^cart: it has another namespace/m);
    await commit(tagsStack(tenant("shop"), tenant("trolley", "formerly: cart")));
    assert.equal((await run("check")).code, 0);
    await commit(tagsStack(tenant("shop"), tenant("trolley", "namespace: cart")));
    assert.match((await run("check")).stdout, /write `formerly: cart` at trolley/);
  });

  it("is one with another authority namespace, if this work tree changes it", async () => {
    const authority = "  shared-authority:authorityNamespace: flux-prod\n";
    await commit(tagsStack(tenant("shop"), tenant("cart")) + authority);
    const { code, stdout } = await run("check");
    assert.equal(code, 3);
    assert.match(stdout, /^cart, shop: .*, flux-prod instead of flux-system\. This would delete the HelmReleases /m);
    await here("push", "--quiet", "origin", "main");
    assert.equal((await run("check")).code, 0);
    await here("checkout", "--quiet", "-b", "before", "HEAD~1");
    assert.equal((await run("check")).code, 0);
  });

  it("is not one that others have added since", async () => {
    await here("checkout", "--quiet", "-b", "other");
    await commit(tagsStack(tenant("shop"), tenant("cart"), tenant("pay")));
    await here("push", "--quiet", "origin", "other:main");
    await here("checkout", "--quiet", "main");
    assert.equal((await run("check")).code, 0);
    await commit(tagsStack(tenant("shop")));
    const { stdout } = await run("check");
    assert.match(stdout, /^cart: it is not in/m);
    assert.doesNotMatch(stdout, /^pay: it is not in/m);
  });

  it("is not one that others have moved since", async () => {
    await here("checkout", "--quiet", "-b", "other");
    await commit(tagsStack(tenant("shop"), tenant("cart", "namespace: trolley")) + removed);
    await here("push", "--quiet", "origin", "other:main");
    await here("checkout", "--quiet", "main");
    const { code, stdout } = await run("check");
    assert.equal(code, 0, stdout);
  });

  it("is found at `configRepository.branch`, if the stack has one", async () => {
    const repository =
      '  shared-authority:configRepository: { url: "https://git.example.com/shared.git", branch: live }\n';
    await here("push", "--quiet", "origin", "main:live");
    await here("config", "url." + shared() + ".insteadOf", "https://git.example.com/shared.git");
    await commit(tagsStack(tenant("shop")) + repository);
    await here("push", "--quiet", "origin", "main");
    assert.match((await run("check")).stdout, /^cart: it is not in/m);
  });

  it("cannot be found where the tip has problems: `check` names the first", async () => {
    await commit("<<<<<<< HEAD\nconfig:\n=======\nconfig: {}\n>>>>>>> x\n");
    await here("push", "--quiet", "origin", "main");
    await commit(tagsStack(tenant("shop")));
    assert.match(
      (await run("check")).stderr,
      /^prod: not compared .*: at the tip of the branch that decides: Pulumi\.prod\.yaml:1:1: Git has left a merge conflict here\. [^\n\\]*$/m,
    );
  });

  it("cannot be found without a remote, or if it does not answer: `check` says so", async () => {
    await commit(tagsStack(tenant("shop")));
    await here("remote", "set-url", "origin", join(shared(), "missing"));
    const unanswered = await run("check");
    assert.equal(unanswered.code, 0);
    assert.match(unanswered.stderr, /^prod: not compared with what was decided before, .*: .*missing/m);
    await here("remote", "remove", "origin");
    assert.match((await run("check")).stderr, /a removed tenant is not noticed: this clone has no remote\n$/);
  });
});
