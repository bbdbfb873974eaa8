import assert from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { parse, stringify } from "yaml";
import { git } from "../../demo/git";
import { type GitServer, serveGit } from "../../demo/git-server";
import { createApplication, type ScratchApplication } from "../../demo/scratch-application";
import { temporaryDirectory } from "../support/directory";
import { authority } from "./command-line";
import { scratchWorld, tagsStack } from "./scratch-world";

/** Two tenants of a stack that delivers manifests run 1.0.0. The release 1.1.0 of shop may run; that of cart breaks the promise. */
describe("authority complete", () => {
  const world = scratchWorld();
  const directory = temporaryDirectory();
  let host: GitServer;
  let cart: ScratchApplication;

  const run = (...args: string[]) => authority(["complete", ...args], { cwd: world().root });
  const ownGit = (...args: string[]) => git({ directory: world().root }, ...args);
  const remoteGit = (...args: string[]) => git({ directory: join(directory(), "shared.git") }, ...args);
  const read = (path: string) => readFileSync(join(world().root, path), "utf8");
  const release = (name: string) =>
    read(`rendered/prod/1-manifest/helm.toolkit.fluxcd.io_v2-helmrelease-flux-system-${name}.yaml`);

  const policyFile = (name: string) =>
    `rendered/prod/1-manifest/image.toolkit.fluxcd.io_v1-imagepolicy-flux-system-${name}.yaml`;
  /** The files of the folder by name. */
  const manifests = () =>
    new Map(
      readdirSync(join(world().root, "rendered/prod/1-manifest")).map((name) => [
        name,
        read(`rendered/prod/1-manifest/${name}`),
      ]),
    );

  const entry = (name: "shop" | "cart", version: string) =>
    world()
      .tenant(
        `tag: "${version}" # {"$imagepolicy": "flux-system:${name}:tag"}`,
        'policy: { range: ">=1.0.0 <2.0.0", automation: auto }',
      )
      .replaceAll("shop", name);

  /** What Flux commits: the stack file alone. */
  const promote = async (versions: Readonly<Record<"shop" | "cart", string>>, ...more: readonly string[]) => {
    const entries = [entry("cart", versions.cart), entry("shop", versions.shop)];
    const settings = [
      "  shared-authority:delivery: {manifests: rendered/prod}\n",
      `  shared-authority:configRepository: {url: "${host.url}/shared.git", branch: main}\n`,
      ...more,
    ];
    world().write({ "Pulumi.prod.yaml": tagsStack(...entries).replace("config:\n", `config:\n${settings.join("")}`) });
    await ownGit("add", "--all");
    await ownGit("commit", "--quiet", "--message", "Promote");
    await ownGit("push", "--quiet", "origin", "main");
  };

  beforeEach(async () => {
    host = await serveGit({ root: directory(), allowPush: true });
    const { application } = world();
    const registry = `http://${application.image.split("/")[0] ?? ""}`;
    cart = await createApplication({ directory: dirname(application.repository), name: "cart", registry });
    for (const version of ["1.0.0", "1.1.0"]) await application.publish({ version, message: version });
    await cart.publish({ version: "1.0.0", message: "1.0.0" });
    await cart.publish({ version: "1.1.0", appVersion: "1.0.0", message: "Forgotten" });
    await ownGit("init", "--quiet", "--initial-branch=main");
    await ownGit("remote", "add", "origin", `${host.url}/shared.git`);
    await promote({ shop: "1.0.0", cart: "1.0.0" });
  });
  afterEach(() => host.close());

  /** @returns the hook of the Git host that refuses them */
  function refusePushes(): string {
    const hook = join(directory(), "shared.git/hooks/update");
    mkdirSync(dirname(hook), { recursive: true });
    writeFileSync(hook, "#!/bin/sh\necho 'GH006: Protected branch update failed' >&2\nexit 1\n", { mode: 0o755 });
    return hook;
  }

  it("locks and renders in a commit of its own, pushes it, and has nothing to do after that", async () => {
    const first = await run("--push");
    assert.equal(first.code, 0, first.stderr);
    assert.match(first.stdout, /^Committed \w+: Add lock and render of what is decided\nPushed\.$/m);
    assert.equal(await remoteGit("rev-parse", "main"), await ownGit("rev-parse", "HEAD"));
    await promote({ shop: "1.1.0", cart: "1.0.0" });
    assert.equal((await run("--push")).code, 0);
    assert.match(read("releases.lock.yaml"), /^ {2}"1\.1\.0":$/m);
    assert.match(release("shop"), /shop-1\.1\.0/);
    const files = (await ownGit("show", "--name-only", "--format=", "HEAD")).split("\n");
    assert.deepEqual(
      files.filter((path) => !/^rendered\/prod\/1-manifest\/|^releases\.lock\.yaml$/.test(path)),
      [],
    );
    const checked = await authority(["check"], { cwd: world().root });
    assert.equal(checked.code, 0, checked.stdout);
    const before = await ownGit("rev-parse", "HEAD");
    const again = await run("--push");
    assert.match(again.stdout, /^Nothing to commit/m);
    assert.equal(await ownGit("rev-parse", "HEAD"), before);
  });

  it("completes the other tenants where one release breaks the promise, and says so by its exit code", async () => {
    assert.equal((await run("--push")).code, 0);
    const cartBefore = release("cart");
    await promote({ shop: "1.1.0", cart: "1.1.0" });
    const { code, stderr } = await run("--push");
    assert.equal(code, 3, stderr);
    assert.match(stderr, /appVersion of Chart\.yaml is "1\.0\.0", must be "1\.1\.0"/);
    assert.match(stderr, /rendered\/prod: cart stays as it is/);
    assert.match(release("shop"), /shop-1\.1\.0/);
    assert.equal(release("cart"), cartBefore);
    assert.equal(await remoteGit("rev-parse", "main"), await ownGit("rev-parse", "HEAD"));
    assert.doesNotMatch(read("releases.lock.yaml").replace(/^shop:[^]*/m, ""), /1\.1\.0/);
  });

  it("completes what belongs to the whole stack, also where a tenant is blocked", async () => {
    assert.equal((await run()).code, 0);
    const alerts = "  shared-authority:alerts: {type: slack, secret: shared-authority-alerts}\n";
    await promote({ shop: "1.1.0", cart: "1.1.0" }, alerts);
    assert.equal((await run()).code, 3);
    assert.equal([...manifests().keys()].filter((name) => name.includes("-alert-")).length, 1);
  });

  describe("where another tenant's release breaks the promise", () => {
    const cartFiles = () => [...manifests()].filter(([name]) => name.includes("cart") && !name.includes("image"));
    const decide = async (code: number, ...args: string[]) => {
      const ended = await authority([...args, "--stack", "prod"], { cwd: world().root });
      assert.equal(ended.code, code, ended.stderr);
      return ended.stderr;
    };
    let before: ReturnType<typeof cartFiles>;

    beforeEach(async () => {
      assert.equal((await run()).code, 0);
      await promote({ shop: "1.1.0", cart: "1.0.0" });
      assert.equal((await run()).code, 0);
      before = cartFiles();
      assert.ok(before.length > 3);
      await promote({ shop: "1.1.0", cart: "1.1.0" });
    });

    afterEach(async () => {
      assert.deepEqual(cartFiles(), before);
      assert.equal(await ownGit("status", "--porcelain"), "");
    });

    it("a rollback goes its way", async () => {
      await decide(0, "rollback", "shop", "--reason", "leaks memory");
      assert.match(release("shop"), /shop-1\.0\.0/);
    });

    it("a hold of all tenants closes the broken one's path too", async () => {
      await decide(0, "hold", "--reason", "holidays", "--by", "ana", "--accept-open");
      for (const name of ["shop", "cart"]) {
        assert.match(read(policyFile(name)), /shared-authority\/automation: manual/);
      }
    });

    it("a decision is refused if nothing of the other is rendered yet, because its objects would go", async () => {
      const path = "Pulumi.prod.yaml";
      world().write({ [path]: read(path).replace("rendered/prod", "rendered/new") });
      await ownGit("commit", "--quiet", "--all", "--message", "Another folder");
      const said = await decide(3, "rollback", "shop", "--reason", "leaks memory");
      assert.match(said, /^prod\/cart: the promise is broken$/m);
    });

    it("a further version of the broken one can be denied", async () => {
      assert.doesNotMatch(read(policyFile("cart")), /!=1\.2\.0/);
      await decide(0, "deny", "cart", "1.2.0", "--reason", "forgotten as well");
      assert.match(read(policyFile("cart")), /!=1\.2\.0/);
    });

    it("a decision that renders the broken one is refused", async () => {
      assert.match(await decide(3, "rename-tenant", "cart", "basket"), /the promise is broken[^]*Nothing was written/);
    });
  });

  it("commits the lock alone where Git ignores the folder of the manifests", async () => {
    world().write({ ".gitignore": "rendered/\n" });
    await ownGit("add", ".gitignore");
    await ownGit("commit", "--quiet", "--message", "Ignore the manifests");
    const { code, stderr } = await run();
    assert.equal(code, 0, stderr);
    assert.equal(await ownGit("show", "--name-only", "--format=", "HEAD"), "releases.lock.yaml");
    assert.match(release("shop"), /shop-1\.0\.0/);
  });

  it("pushes to the branch, also where somebody has pushed a tag with its name", async () => {
    await ownGit("tag", "main");
    const { code, stderr } = await run("--push");
    assert.equal(code, 0, stderr);
    assert.equal(await remoteGit("for-each-ref", "--format=%(refname)"), "refs/heads/main");
    assert.equal(await remoteGit("rev-parse", "refs/heads/main"), await ownGit("rev-parse", "HEAD"));
  });

  it("leaves it to the next run if the main branch has moved on meanwhile", async () => {
    const other = join(directory(), "other");
    await git({ directory: directory() }, "clone", "--quiet", "--branch=main", `${host.url}/shared.git`, other);
    await git({ directory: other }, "commit", "--quiet", "--allow-empty", "--message", "Meanwhile");
    await git({ directory: other }, "push", "--quiet", "origin", "main");
    const { code, stdout } = await run("--push");
    assert.equal(code, 0);
    assert.match(stdout, /^Not pushed: main has moved on\. The run of its newest commit completes it\.$/m);
    assert.equal(await remoteGit("log", "-1", "--format=%s", "main"), "Meanwhile");
  });

  it("says why the Git host refuses the commit, and pushes it when the host takes it", async () => {
    const hook = refusePushes();
    const { code, stdout } = await run("--push");
    assert.equal(code, 3);
    assert.match(stdout, /The commit is made, but not pushed: [^]*Protected branch update failed/);
    assert.equal((await run("--push")).code, 3);
    // A clone need not have a copy of the host's branch.
    await ownGit("update-ref", "-d", "refs/remotes/origin/main");
    const still = await run("--push");
    assert.equal(still.code, 3);
    assert.match(still.stdout, /Protected branch update failed/);
    rmSync(hook);
    const again = await run("--push");
    assert.deepEqual([again.code, /^Pushed\.$/m.test(again.stdout)], [0, true], again.stdout);
    assert.equal(await remoteGit("rev-parse", "main"), await ownGit("rev-parse", "HEAD"));
    assert.doesNotMatch((await run("--push")).stdout, /Pushed/);
  });

  it("says why the Git host refuses it together with a commit of one's own", async () => {
    refusePushes();
    await ownGit("commit", "--quiet", "--allow-empty", "--message", "Write notes");
    const { code, stdout } = await run("--push");
    assert.equal(code, 3);
    assert.match(stdout, /The commit is made, but not pushed: [^]*Protected branch update failed/);
  });

  it("commits beside a stack without tenants, of whose folder Git knows nothing", async () => {
    assert.equal((await run()).code, 0);
    const settings = "config:\n  shared-authority:delivery: {manifests: rendered/dev}\n";
    world().write({
      "Pulumi.dev.yaml": `${settings}  shared-authority:follow: tags\n  shared-authority:tenants: {}\n`,
    });
    await promote({ shop: "1.1.0", cart: "1.0.0" });
    const { code, stderr } = await run();
    assert.equal(code, 0, stderr);
    assert.match(release("shop"), /shop-1\.1\.0/);
    assert.equal(await ownGit("status", "--porcelain"), "");
  });

  it("keeps the values of a blocked tenant that name another one, in the form that Pulumi renders", async () => {
    world().write({ "tenants/cart/values.yaml": "from:\n  shared-authority/tenant: shop\n" });
    await promote({ shop: "1.0.0", cart: "1.0.0" });
    assert.equal((await run()).code, 0);
    for (const [name, text] of manifests()) {
      const sorted = stringify(parse(text), { sortMapEntries: true });
      world().write({ [`rendered/prod/1-manifest/${name}`]: sorted });
    }
    await promote({ shop: "1.1.0", cart: "1.1.0" });
    const names = [...manifests().keys()];
    assert.equal((await run()).code, 3);
    const isCart = (name: string) => name.includes("cart");
    assert.deepEqual([...manifests().keys()].filter(isCart), names.filter(isCart));
  });

  it("is alone in rendering a tenant whose values a policy has blocked", async () => {
    await promote({ shop: "1.1.0", cart: "1.0.0" });
    assert.equal((await run()).code, 0);
    world().write({ "tenants/cart/values.yaml": "database:\n  password: hunter2-Xk39vQp8\n" });
    await promote({ shop: "1.1.0", cart: "1.0.0" });
    assert.equal((await run()).code, 3);
    const decided = await authority(["rollback", "shop", "--to", "1.0.0", "--reason", "leaks", "--stack", "prod"], {
      cwd: world().root,
    });
    assert.equal(decided.code, 0, decided.stderr);
    assert.match(release("shop"), /shop-1\.0\.0/);
    assert.doesNotMatch([...manifests().values()].join("\n"), /hunter2/);
  });

  it("refuses changes that are not committed", async () => {
    world().write({ "releases.lock.yaml": "shop: {}\n" });
    const { code, stderr } = await run();
    assert.equal(code, 2);
    assert.match(stderr, /Changed since the last commit: releases\.lock\.yaml\./);
    assert.equal(existsSync(join(world().root, "rendered")), false);
  });

  it("publishes no decision that is not committed", async () => {
    for (const path of ["Pulumi.prod.yaml", "tenants/shop/values.yaml"]) {
      world().write({ [path]: existsSync(join(world().root, path)) ? `${read(path)}# changed\n` : "replicas: 2\n" });
      const { code, stderr } = await run("--push");
      assert.equal(code, 2, path);
      assert.match(stderr, new RegExp(`Changed since the last commit: ${path}\\.`));
      await ownGit("stash", "--quiet", "--include-untracked");
    }
    assert.equal(await remoteGit("log", "-1", "--format=%s", "main"), "Promote");
  });

  it("makes no commit that it has no branch to push to", async () => {
    await ownGit("switch", "--quiet", "--detach");
    const before = await ownGit("rev-parse", "HEAD");
    const { code, stderr } = await run("--push");
    assert.equal(code, 2);
    assert.match(stderr, /This is a commit without a branch[^]*`git checkout -B <branch>`/);
    assert.equal(await ownGit("rev-parse", "HEAD"), before);
    assert.equal(existsSync(join(world().root, "rendered")), false);
  });
});
