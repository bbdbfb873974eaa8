import assert from "node:assert/strict";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { git } from "../../demo/git";
import { type GitServer, serveGit } from "../../demo/git-server";
import type { StackPromotions } from "../../src/cli/promotions";
import { temporaryDirectory } from "../support/directory";
import { authority, type Outcome } from "./command-line";
import { flux, fluxBranch, PromotionWorld, shopBranch, withTag } from "./promotion-world";
import { scratchWorld } from "./scratch-world";

const ana = { name: "Ana", email: "ana@example.com" };

describe("authority promotions", () => {
  const world = scratchWorld();
  const directory = temporaryDirectory();
  let host: GitServer;
  let remote: string;
  let promotion: PromotionWorld;

  const run = (...args: string[]) => authority(["promotions", ...args], { cwd: world().root });
  const ownGit = (...args: string[]) => promotion.ownGit(...args);
  const remoteGit = (...args: string[]) => promotion.remoteGit(...args);
  const head = (branch: string) => remoteGit("rev-parse", branch);
  const show = (branch: string, file = "Pulumi.prod.yaml") => remoteGit("show", `${branch}:${file}`);
  const entry: PromotionWorld["entry"] = (...given) => promotion.entry(...given);
  const stackFile: PromotionWorld["stackFile"] = (...given) => promotion.stackFile(...given);
  const commitMain: PromotionWorld["commitMain"] = (...given) => promotion.commitMain(...given);
  const commitTo: PromotionWorld["commitTo"] = (...given) => promotion.commitTo(...given);
  const fluxFinds: PromotionWorld["fluxFinds"] = (tags) => promotion.fluxFinds(tags);

  beforeEach(async () => {
    host = await serveGit({ root: directory(), allowPush: true });
    remote = join(directory(), "shared.git");
    promotion = await PromotionWorld.begin(world(), { url: `${host.url}/shared.git`, directory: remote }, directory());
  });
  afterEach(() => host.close());

  const branches = async () => (await remoteGit("for-each-ref", "--format=%(refname:short)", "refs/heads")).split("\n");

  async function pushed(code = 0): Promise<StackPromotions> {
    const outcome = await run("--stack", "prod", "--push", "--json");
    assert.equal(outcome.code, code, outcome.stderr + outcome.stdout);
    return stacksOf(outcome)[0]!;
  }

  const stacksOf = ({ stdout }: Outcome) => (JSON.parse(stdout) as { stacks: StackPromotions[] }).stacks;

  const states = ({ promotions }: StackPromotions) =>
    Object.fromEntries(promotions.map(({ tenant, state, from, to }) => [tenant, [state, from, to]]));

  /** The branch is one commit on the main branch, which changes these files, and the stack file says this version. */
  async function isPromotion(branch: string, version: string, files = ["Pulumi.prod.yaml", "releases.lock.yaml"]) {
    assert.equal(await head(`${branch}^`), await head("main"));
    assert.deepEqual((await remoteGit("diff", "--name-only", "main", branch)).split("\n"), files);
    const name = branch.split("/").at(-1) ?? "";
    assert.equal(await show(branch), withTag(name, version)(await show("main")));
  }

  it("makes a branch for the release that may run, and says why the other one gets none", async () => {
    await fluxFinds({ shop: "1.1.0", cart: "1.1.0" });
    writeFileSync(join(world().root, "README.md"), "not committed\n");
    const before = [
      await ownGit("status", "--porcelain"),
      await ownGit("for-each-ref", "refs/heads"),
      await branches(),
    ];

    const dry = await run();
    assert.equal(dry.code, 3, dry.stderr);
    assert.match(dry.stdout, /^prod +shop +1\.0\.0 +1\.1\.0 +promote\/prod\/shop +created$/m);
    assert.match(dry.stdout, /^prod +cart +1\.0\.0 +- +promote\/prod\/cart +blocked$/m);
    assert.match(dry.stderr, /^prod\/cart: the promise is broken\n {2}- appVersion of Chart\.yaml is "1\.0\.0"/m);
    assert.match(dry.stderr, /^Nothing was pushed\. `--push` pushes the branches\.$/m);
    assert.deepEqual(
      [await ownGit("status", "--porcelain"), await ownGit("for-each-ref", "refs/heads"), await branches()],
      before,
    );

    const { flux: state, base, promotions } = await pushed(3);
    assert.deepEqual(await branches(), ["main", shopBranch, fluxBranch]);
    await isPromotion(shopBranch, "1.1.0");
    assert.equal(await remoteGit("log", "-1", "--format=%an <%ae>", shopBranch), `${flux.name} <${flux.email}>`);
    assert.equal(
      await remoteGit("log", "-1", "--format=%B", shopBranch),
      "Promote shop from 1.0.0 to 1.1.0 in prod\n\nTenant: shop\nStack: prod\nFrom: 1.0.0\nTo: 1.1.0\nBranch: promote/prod/shop\n",
    );
    assert.deepEqual(
      [base, state],
      [
        { branch: "main", commit: await head("main") },
        { branch: fluxBranch, commit: await head(fluxBranch), state: "current", deleted: false, reason: null },
      ],
    );
    const [broken, good] = promotions;
    assert.equal(broken?.state, "blocked");
    assert.equal(broken.blocked[0]?.version, "1.1.0");
    assert.match(broken.blocked[0].reasons.join("\n"), /appVersion of Chart\.yaml is "1\.0\.0"/);
    const { evidence, ...rest } = good!;
    assert.deepEqual(rest, {
      stack: "prod",
      tenant: "shop",
      branch: shopBranch,
      state: "created",
      from: "1.0.0",
      to: "1.1.0",
      title: "Promote shop from 1.0.0 to 1.1.0 in prod",
      commit: await head(shopBranch),
      reason: null,
      blocked: [],
      takenBack: null,
      pushed: true,
    });
    assert.equal(evidence?.version, "1.1.0");
    assert.equal(evidence.images[0]?.reference, `${world().application.image}:1.1.0`);
    assert.deepEqual(
      [await ownGit("status", "--porcelain"), await ownGit("for-each-ref", "refs/heads")],
      before.slice(0, 2),
    );
  });

  it("makes branches that `check` accepts, and leaves them alone the next time", async () => {
    await fluxFinds({ shop: "1.1.0" });
    await pushed();
    const commit = await head(shopBranch);
    assert.deepEqual(states(await pushed()), { shop: ["unchanged", "1.0.0", "1.1.0"] });
    assert.equal(await head(shopBranch), commit);
    await ownGit("fetch", "--quiet", "origin", shopBranch);
    await ownGit("checkout", "--quiet", "FETCH_HEAD");
    const check = await authority(["check", "--stack", "prod"], { cwd: world().root });
    assert.equal(check.code, 0, check.stdout);
    assert.doesNotMatch(check.stderr, /lacks/);
  });

  it("replaces a version by the next one, and keeps the branch while the next one may not run", async () => {
    await fluxFinds({ shop: "1.1.0" });
    await pushed();
    await fluxFinds({ shop: "1.2.0" });
    assert.deepEqual(states(await pushed()), { shop: ["updated", "1.0.0", "1.2.0"] });
    await isPromotion(shopBranch, "1.2.0");
    await world().application.publish({ version: "1.3.0", appVersion: "1.2.0", message: "Forgotten" });
    await fluxFinds({ shop: "1.3.0" });
    const { promotions } = await pushed(3);
    assert.deepEqual(
      [promotions[0]?.state, promotions[0]?.to, promotions[0]?.blocked[0]?.version],
      ["unchanged", "1.2.0", "1.3.0"],
    );
    await isPromotion(shopBranch, "1.2.0");
  });

  it("makes the branch again when the main branch moves on", async () => {
    await fluxFinds({ shop: "1.1.0" });
    await pushed();
    await commitMain("Other", { "README.md": "newer\n" });
    assert.deepEqual(states(await pushed()), { shop: ["updated", "1.0.0", "1.1.0"] });
    await isPromotion(shopBranch, "1.1.0");
    assert.equal(await show(shopBranch, "README.md"), "newer");
  });

  it("deletes the branch when it is merged, and keeps it while Flux's branch does not exist", async () => {
    await fluxFinds({ shop: "1.1.0" });
    await pushed();
    await remoteGit("update-ref", "-d", `refs/heads/${fluxBranch}`);
    assert.deepEqual(states(await pushed()), { shop: ["unchanged", "1.0.0", "1.1.0"] });
    await ownGit("fetch", "--quiet", "origin", shopBranch);
    await ownGit("merge", "--quiet", "--squash", "FETCH_HEAD");
    await commitMain("Merged", {});
    const { promotions } = await pushed();
    assert.deepEqual([promotions[0]?.state, promotions[0]?.reason], ["deleted", "the main branch has 1.1.0"]);
    assert.deepEqual(await branches(), ["main"]);
    assert.deepEqual((await pushed()).promotions, []);
  });

  it("deletes the branch of a version that is superseded by hand, denied, or of a tenant that is pinned or gone", async () => {
    const manual = entry("cart", "1.0.0", "automation: manual");
    const changes: readonly (readonly [shop: string, reason: RegExp, code: number])[] = [
      [entry("shop", "1.2.0"), /the main branch has moved on to 1\.2\.0/, 0],
      [entry("shop", "1.0.0", 'automation: pull-request, deny: ["1.1.0"]'), /no release may run/, 3],
      [entry("shop", "1.0.0", "automation: manual"), /the automation of shop is `manual`/, 0],
      [entry("shop", "1.0.0", "pin: {reason: audit, by: ana}"), /shop is pinned/, 0],
      ["", /the stack prod has no tenant shop/, 0],
    ];
    for (const [shop, reason, code] of changes) {
      await commitMain("Before", { "Pulumi.prod.yaml": stackFile([manual, entry("shop", "1.0.0")]) });
      await fluxFinds({ shop: "1.1.0" });
      await pushed();
      assert.ok((await branches()).includes(shopBranch));
      await commitMain("After", { "Pulumi.prod.yaml": stackFile([manual, shop]) });
      const { promotions } = await pushed(code);
      assert.equal(promotions[0]?.state, "deleted");
      assert.match(promotions[0].reason ?? "", reason);
      assert.ok(!(await branches()).includes(shopBranch));
    }
  });

  it("says in the branch and in the output that a person took the version back", async () => {
    await fluxFinds({ shop: "1.1.0" });
    await pushed();
    await ownGit("fetch", "--quiet", "origin", shopBranch);
    await ownGit("merge", "--quiet", "--no-ff", "--message", "Merge shop", "FETCH_HEAD");
    await ownGit("push", "--quiet", "origin", "main");
    assert.deepEqual(states(await pushed()), { shop: ["deleted", "1.1.0", "1.1.0"] });
    await ownGit("revert", "--no-edit", "--mainline", "1", "HEAD");
    await ownGit("push", "--quiet", "origin", "main");
    const back = (await ownGit("rev-parse", "HEAD")).slice(0, 10);
    await fluxFinds({ shop: "1.1.0" });
    const day = new Date().toISOString().slice(0, 10);
    const { stderr } = await run("--push", "--stack", "prod");
    const said = new RegExp(
      `${shopBranch}: Shared Authority lab took 1\\.1\\.0 back on ${day} in ${back} .*To merge this branch is a decision to run it again`,
    );
    assert.match(stderr, said);
    assert.match(stderr, /pushing \d+ branch(es)?$/m);
    assert.match(
      await remoteGit("log", "-1", "--format=%b", shopBranch),
      new RegExp(`took 1\\.1\\.0 back on ${day} in ${back}`),
    );
    assert.equal(await remoteGit("log", "-1", "--format=%(trailers:key=To,valueonly)", shopBranch), "1.1.0\n");
    assert.equal((await pushed()).promotions[0]?.takenBack?.commit.slice(0, 10), back);
  });

  it("takes nothing but tags from Flux's branch", async () => {
    await fluxFinds({ shop: "1.1.0" });
    await commitTo(
      fluxBranch,
      {
        "Pulumi.prod.yaml": (text) =>
          withTag("cart", "1.1.0; rm -rf /")(text).replace("automation: pull-request", "deny: []"),
        "tenants/shop/values.yaml": () => "replicaCount: 100\n",
      },
      ana,
    );
    const { flux: state, promotions } = await pushed(3);
    await isPromotion(shopBranch, "1.1.0");
    assert.match(
      promotions[0]?.blocked[0]?.reasons[0] ?? "",
      /^prod\/cart: .* the tag "1\.1\.0; rm -rf \/", which is not a version/,
    );
    assert.equal(state.state, "edited");
    await commitTo(fluxBranch, { "Pulumi.prod.yaml": () => "config: [*nobody\n" }, ana);
    assert.deepEqual(states(await pushed()), { shop: ["unchanged", "1.0.0", "1.1.0"] });
    assert.ok((await branches()).includes(fluxBranch));
  });

  it("has Flux begin again from the main branch when the stack file there is another one", async () => {
    await fluxFinds({ shop: "1.1.0" });
    assert.equal((await pushed()).flux.state, "current");
    await commitMain("Narrower", { "Pulumi.prod.yaml": (await show("main")).replaceAll("<2.0.0", "<1.9.0") + "\n" });
    const dry = await run();
    assert.match(
      dry.stderr,
      /^promotions\/prod: is to be deleted: it lacks the main branch's stack file, .*; Flux makes it again$/m,
    );
    assert.ok((await branches()).includes(fluxBranch));
    const after = await pushed();
    assert.deepEqual([after.flux.state, states(after)], ["stale", { shop: ["updated", "1.0.0", "1.1.0"] }]);
    assert.equal(after.flux.deleted, true);
    assert.deepEqual(await branches(), ["main", shopBranch]);
  });

  it("leaves branches that others have made or changed", async () => {
    await fluxFinds({ shop: "1.1.0" });
    await pushed();
    await commitTo(shopBranch, { "tenants/shop/values.yaml": () => "replicaCount: 2\n" }, ana);
    await commitTo("promote/prod/mine", { "README.md": () => "mine\n" }, ana);
    const before = [await head(shopBranch), await head("promote/prod/mine")];
    await commitMain("Other", { "README.md": "newer\n" });
    const after = await pushed();
    assert.deepEqual(states(after), { shop: ["edited", "1.0.0", null], mine: ["edited", null, null] });
    assert.deepEqual([await head(shopBranch), await head("promote/prod/mine")], before);
    await remoteGit("update-ref", "-d", `refs/heads/${shopBranch}`);
    await pushed();
    await commitTo(shopBranch, { "README.md": () => "amended\n" }, ana, "--amend", "--no-edit");
    assert.deepEqual(states(await pushed()).shop, ["edited", "1.0.0", null]);
  });

  it("does not overwrite a branch that somebody moves meanwhile", async () => {
    await fluxFinds({ shop: "1.1.0" });
    await pushed();
    await fluxFinds({ shop: "1.2.0" });
    const hook = join(world().root, ".git", "hooks", "pre-push");
    mkdirSync(dirname(hook), { recursive: true });
    writeFileSync(hook, `#!/bin/sh\nunset GIT_DIR\ngit -C '${remote}' update-ref refs/heads/${shopBranch} main\n`);
    chmodSync(hook, 0o755);
    const { promotions } = await pushed(3);
    assert.equal(promotions[0]?.pushed, false);
    assert.match(promotions[0].reason ?? "", /stale info|rejected/);
    assert.equal(await head(shopBranch), await head("main"));
  });

  it("keeps a branch while the registry does not answer", async () => {
    await fluxFinds({ shop: "1.1.0" });
    await pushed();
    const commit = await head(shopBranch);
    await world().cutNetwork();
    const { promotions } = await pushed(3);
    assert.deepEqual(
      [promotions[0]?.state, promotions[0]?.reason],
      ["unchanged", "a fact of its release cannot be read now"],
    );
    assert.equal(await head(shopBranch), commit);
  });

  it("says that the Git host does not answer", async () => {
    await host.close();
    const { code, stdout, stderr } = await run("--stack", "prod", "--push");
    assert.match(stderr, /^error: git ls-remote: .*shared\.git/m);
    assert.deepEqual([code, stdout], [2, ""]);
  });

  it("renders the tenant's manifests, and no others", async () => {
    const delivery = "  shared-authority:delivery: {manifests: rendered/prod}\n";
    await commitMain("Manifests", {
      "Pulumi.prod.yaml": stackFile([entry("cart", "1.0.0"), entry("shop", "1.0.0")], delivery),
    });
    const render = await authority(["render", "--stack", "prod", "--out", "rendered/prod"], { cwd: world().root });
    assert.equal(render.code, 0, render.stderr);
    await commitMain("Render", {});
    await fluxFinds({ shop: "1.1.0", cart: "1.1.0" });
    await pushed(3);
    const changed = (await remoteGit("diff", "--name-status", "--no-renames", "main", shopBranch)).split("\n");
    const folder = "rendered/prod/1-manifest";
    const source = `${folder}/source.toolkit.fluxcd.io_v1-gitrepository-flux-system-shop`;
    assert.deepEqual(changed, [
      "M\tPulumi.prod.yaml",
      "M\treleases.lock.yaml",
      `M\t${folder}/helm.toolkit.fluxcd.io_v2-helmrelease-flux-system-shop.yaml`,
      `D\t${source}-1.0.0.yaml`,
      `A\t${source}-1.1.0.yaml`,
    ]);
    await ownGit("fetch", "--quiet", "origin", shopBranch);
    await ownGit("checkout", "--quiet", "FETCH_HEAD");
    const check = await authority(["check", "--stack", "prod"], { cwd: world().root });
    assert.equal(check.code, 0, check.stdout + check.stderr);
    const again = await authority(["render", "--stack", "prod", "--out", "rendered/prod"], { cwd: world().root });
    assert.equal(again.code, 0, again.stderr);
    assert.equal(await ownGit("status", "--porcelain"), "");
  });

  it("works in a folder of the repository, and in a shallow clone", async () => {
    mkdirSync(join(world().root, "team a"));
    for (const name of ["Pulumi.yaml", "Pulumi.prod.yaml", "releases.lock.yaml"]) {
      await ownGit("mv", name, `team a/${name}`);
    }
    await commitMain("In a folder", {});
    await commitTo(fluxBranch, { "team a/Pulumi.prod.yaml": withTag("shop", "1.1.0") });
    const shallow = join(directory(), "shallow");
    await git({ directory: directory() }, "clone", "--quiet", "--depth=1", `file://${remote}`, shallow);
    await git({ directory: shallow }, "remote", "set-url", "origin", `${host.url}/shared.git`);
    const outcome = await authority(["promotions", "--push"], { cwd: join(shallow, "team a") });
    assert.equal(outcome.code, 0, outcome.stderr);
    const branch = "promote/team-a/prod/shop";
    assert.equal(await head(`${branch}^`), await head("main"));
    assert.deepEqual((await remoteGit("diff", "--name-only", "main", branch)).split("\n"), [
      "team a/Pulumi.prod.yaml",
      "team a/releases.lock.yaml",
    ]);
    assert.match(await show(branch, "team a/Pulumi.prod.yaml"), /tag: "1\.1\.0"/);
  });

  it("refuses a Flux branch that conflicts with them, and a stack without promotions", async () => {
    await commitMain("In the way", {
      "Pulumi.prod.yaml":
        (await show("main")).replace("branch: main}", "branch: main, promotionBranch: promote/prod}") + "\n",
      "Pulumi.dev.yaml": "config:\n  shared-authority:follow: branch\n  shared-authority:tenants: {}\n",
    });
    const blocked = await run("--stack", "prod");
    assert.equal(blocked.code, 2);
    assert.match(blocked.stderr, /The branch promote\/prod \(`configRepository\.promotionBranch`\) conflicts with/);
    const none = await run("--stack", "dev");
    assert.equal(none.code, 2);
    assert.match(
      none.stderr,
      /The stack dev has no promotion branches: it needs `follow: tags` and a `configRepository`/,
    );
  });
});
