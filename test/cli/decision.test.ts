import assert from "node:assert/strict";
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { git } from "../../demo/git";
import { readLock } from "../../src/release/lock";
import { decisionWorld } from "./decision-world";

/** What a person types while somebody else changes the repository. */
async function* typedAfter(change: () => Promise<unknown>): AsyncGenerator<string> {
  await change();
  yield "y";
}

describe("the verbs that decide", () => {
  const { world, run, ownGit, stackFile, stackText, commitAll, files, trailers, refused, decided } = decisionWorld();

  it("write nothing while a merge, a rebase or a revert is not finished", async () => {
    const promote = ["promote", "shop", "1.1.0", "--stack", "prod"];
    await ownGit("checkout", "--quiet", "-b", "other");
    for (const text of ["theirs", "mine"]) {
      writeFileSync(join(world().root, "README.md"), `${text}\n`);
      await ownGit("commit", "--quiet", "--all", "--message", text);
      if (text === "theirs") await ownGit("checkout", "--quiet", "-b", "mine", "HEAD~1");
    }
    for (const command of ["merge", "rebase", "cherry-pick"]) {
      await assert.rejects(ownGit(command, "other"));
      const message = new RegExp(`A \`git ${command}\` is not finished.*\`git ${command} --abort\``);
      await refused(promote, 2, message);
      await ownGit(command, "--abort");
    }
    await ownGit("revert", "--no-commit", "HEAD");
    await refused(promote, 2, /A `git revert` is not finished/);
    await ownGit("revert", "--abort");
    await decided("promote", "shop", "1.1.0");
  });

  it("promote the named release: tag, digest, lock, in one commit that holds nothing else and can be reverted", async () => {
    const before = stackFile();
    writeFileSync(join(world().root, "README.md"), "staged\n");
    await ownGit("add", "README.md");
    const output = await decided("promote", "shop", "1.1.0", "--reason", "new prices");
    assert.match(output, /^--- Pulumi\.prod\.yaml\n\+\+\+ Pulumi\.prod\.yaml\n@@ /);
    assert.match(output, /^- {6}tag: "1\.0\.0" # .*\n- {6}digest: .*\n\+ {6}tag: "1\.1\.0" # /m);
    assert.equal(stackFile(), stackText("1.1.0"));
    assert.deepEqual(await files("HEAD"), ["Pulumi.prod.yaml", "releases.lock.yaml"]);
    assert.equal(await ownGit("status", "--porcelain"), "M  README.md");
    assert.equal(await ownGit("log", "-1", "--format=%s"), "Promote shop from 1.0.0 to 1.1.0 in prod");
    assert.deepEqual(await trailers(), {
      Tenant: "shop",
      Stack: "prod",
      From: "1.0.0",
      To: "1.1.0",
      Reason: "new prices",
    });
    assert.deepEqual([...readLock(world().root).releases.get("shop")!.keys()], ["1.0.0", "1.1.0"]);
    await ownGit("stash", "--quiet");
    await ownGit("revert", "--no-edit", "HEAD");
    assert.equal(stackFile(), before);
    assert.equal((await run(["check", "--stack", "prod"])).code, 0);
  });

  it("promote the newest release that may run, past those that break the promise", async () => {
    const passedOver = 'Passed over 1.2.0: appVersion of Chart.yaml is "1.1.0", must be "1.2.0", the image tag\\.';
    assert.match(await decided("promote", "shop"), new RegExp(`^${passedOver}$`, "m"));
    assert.equal(stackFile(), stackText("1.1.0"));
    const { code, stderr } = await run(["promote", "shop", "--stack", "prod"]);
    assert.equal(code, 2);
    assert.match(
      stderr,
      /^error: shop is at 1\.1\.0 in the stack prod already, the newest that may run\. Passed over 1\.2/m,
    );
    const back = await decided("promote", "shop", "1.0.0");
    assert.match(back, /Flux promotes 1\.1\.0 again at its next run, unless shop is pinned or 1\.1\.0 is denied\./);
    assert.equal(stackFile(), stackText("1.0.0"));
  });

  it("take no older release in the place of one that cannot be read", async () => {
    const promote = ["promote", "shop", "--stack", "prod"];
    const unread =
      /^prod\/shop: no release to promote\n {2}- 1\.3\.0 cannot be verified\n(?: {4}- .*\n)* {4}- the Git tag "1\.3\.0" in .* cannot be read: .*\n {2}- `npx authority promote shop <version> --stack prod` decides the version that you name\nNothing was written\.$/m;
    await decided("promote", "shop");
    await decided("promote", "shop", "1.0.0");
    await world().application.publish({ version: "1.3.0", message: "1.3.0" });
    await world().cutGitHost();
    await refused(promote, 3, unread);
    await decided("promote", "shop", "1.1.0");
    await refused(promote, 3, unread);
    await decided("pin", "shop", "--reason", "audit", "--by", "ana");
    assert.match(
      await decided("unpin", "shop"),
      /^Which version the policy would take for shop is unknown: 1\.3\.0 cannot be verified\.$/m,
    );
  });

  it("promote the release of another stack", async () => {
    world().write({
      "Pulumi.staging.yaml": stackText("1.1.0", "  shared-authority:authorityNamespace: flux-staging\n").replaceAll(
        "flux-system",
        "flux-staging",
      ),
    });
    await commitAll();
    await decided("promote", "shop", "--from", "staging");
    assert.equal(stackFile(), stackText("1.1.0"));
    assert.equal((await trailers())["From-Stack"], "staging");
    await refused(
      ["promote", "shop", "--from", "stagin", "--stack", "prod"],
      2,
      /There is no stack "stagin".*`staging`/s,
    );
  });

  it("refuse to promote what may not run", async () => {
    const promote = (...args: string[]) => ["promote", ...args, "--stack", "prod"];
    await refused(
      promote("shop", "1.2.0"),
      3,
      /prod\/shop: the promise is broken\n {2}- appVersion of Chart\.yaml is "1\.1\.0"/,
    );
    await refused(promote("shop", "2.0.0"), 3, /the version 2\.0\.0 is outside the range ">=1\.0\.0 <2\.0\.0"/);
    await refused(promote("shop", "1.0.0"), 2, /shop is at 1\.0\.0 in the stack prod already\./);
    await refused(promote("shop", "1.9.0"), 3, /prod\/shop: .*\n {2}- /);
    await refused(promote("shop", "latest"), 2, /Expected a SemVer version such as 6\.15\.0, got "latest"/);
    await refused(promote("shp"), 2, /The stack prod has no tenant "shp"\. Did you mean `shop`\?/);
    await refused(["promote", "shop"], 2, /`authority promote` needs a stack; name one with `--stack`: prod\./);
    await decided("deny", "shop", "1.1.0", "--reason", "leaks");
    await refused(promote("shop", "1.1.0"), 3, /the version 1\.1\.0 is denied by the policy/);
    await decided("pin", "shop", "--reason", "audit", "--by", "ana");
    await refused(
      promote("shop", "1.0.0"),
      2,
      /shop is pinned at 1\.0\.0 by ana: audit\. `authority unpin shop --stack prod`/,
    );
  });

  it("pin and unpin: no marker while the pin holds, then the file as it was", async () => {
    const before = stackFile();
    await decided("pin", "shop", "--reason", "frozen: the audit", "--by", "ana", "--until", "2099-01-31");
    assert.doesNotMatch(stackFile(), /"\$imagepolicy"/);
    assert.match(
      stackFile(),
      /automation: auto, pin: \{reason: "frozen: the audit", by: "ana", until: "2099-01-31"\} \} # by/,
    );
    const { Reason, By, Until, To } = await trailers();
    assert.deepEqual(
      { Reason, By, Until, To },
      { Reason: "frozen: the audit", By: "ana", Until: "2099-01-31", To: "1.0.0" },
    );
    const pin = ["pin", "shop", "--stack", "prod", "--reason", "again", "--by", "ben"];
    await refused(pin, 2, /shop is pinned already: by ana until 2099-01-31: frozen: the audit\./);
    const output = await decided("unpin", "shop");
    assert.match(
      output,
      /^The policy takes 1\.1\.0\.\nFlux promotes again after the next `authority up --stack prod`\.$/m,
    );
    assert.equal(stackFile(), before);
    await refused(["unpin", "shop", "--stack", "prod"], 2, /shop is not pinned in the stack prod\./);
    await refused([...pin, "--until", "2020-01-31"], 2, /The day 2020-01-31 of `--until` is over/);
    await refused(
      [...pin, "--until", "31.1.2099"],
      2,
      /Expected a day, YYYY-MM-DD, after `--until`, got "31\.1\.2099"/,
    );
    await refused([...pin.slice(0, -1), "a\nb"], 2, /Expected one line of text after `--by`/);
    await refused(pin.slice(0, 4), 2, /required option '--reason <text>' not specified/);
  });

  it("write new markers where a pin by hand has left none", async () => {
    const byHand = stackText("1.0.0")
      .replace(/ +# \{"\$imagepolicy".*$/gm, "")
      .replace("auto }", "auto, pin: {reason: audit, by: ana} }");
    world().write({ "Pulumi.prod.yaml": byHand });
    await commitAll();
    await decided("unpin", "shop");
    assert.equal(stackFile(), stackText("1.0.0").replace("'  #", "' #"));
  });

  it("deny and allow a version", async () => {
    const before = stackFile();
    await refused(
      ["deny", "shop", "1.0.0", "--reason", "r", "--stack", "prod"],
      2,
      /1\.0\.0 is the version that prod decides/,
    );
    await refused(
      ["deny", "shop", "v1.1.0", "--reason", "r", "--stack", "prod"],
      2,
      /without prefix, such as 1\.1\.0, got "v1/,
    );
    await refused(["allow", "shop", "1.1.0", "--stack", "prod"], 2, /shop 1\.1\.0 is not denied .* No version is\./);
    await decided("deny", "shop", "1.1.0", "--reason", "leaks");
    assert.match(stackFile(), /automation: auto, deny: \["1\.1\.0"\] \} # by the platform/);
    assert.equal((await trailers()).Denied, "1.1.0");
    await refused(["deny", "shop", "1.1.0", "--reason", "r", "--stack", "prod"], 2, /shop 1\.1\.0 is denied already\./);
    await refused(["allow", "shop", "1.2.0", "--stack", "prod"], 2, /is not denied .* Denied: 1\.1\.0\./);
    await decided("allow", "shop", "1.1.0");
    assert.equal(stackFile(), before);
  });

  it("show the lines of a checkout with Windows line ends as they read", async () => {
    world().write({ "Pulumi.prod.yaml": stackText("1.0.0").replaceAll("\n", "\r\n") });
    await commitAll();
    const output = await decided("deny", "shop", "1.1.0", "--reason", "leaks memory");
    assert.match(output, /^\+ {6}policy: .*deny: \["1\.1\.0"\] \} # by the platform$/m);
    assert.doesNotMatch(output, /\\u000d/);
    assert.equal(
      stackFile()
        .split("\n")
        .slice(0, -1)
        .every((line) => line.endsWith("\r")),
      true,
    );
  });

  it("make commits that can each be reverted", async () => {
    const before = [stackFile()];
    for (const args of [
      ["deny", "shop", "1.3.0", "--reason", "r"],
      ["promote", "shop", "1.1.0"],
      ["pin", "shop", "--reason", "r", "--by", "ana"],
      ["deny", "shop", "1.4.0", "--reason", "r"],
      ["unpin", "shop"],
      ["allow", "shop", "1.3.0"],
    ]) {
      const { code, stderr } = await run([...args, "--stack", "prod"]);
      assert.equal(code, 0, stderr);
      before.push(stackFile());
    }
    const commits = (await ownGit("rev-list", "HEAD~6..HEAD")).split("\n");
    before.pop();
    for (const commit of commits) {
      await ownGit("revert", "--no-edit", commit);
      assert.equal(stackFile(), before.pop());
    }
  });

  it("work in a folder of a repository", async () => {
    const { root } = world();
    await ownGit("init", "--quiet", "--initial-branch=main", join(root, ".."));
    const outer = (...args: string[]) => git({ directory: join(root, "..") }, ...args);
    await outer("config", "user.name", "Ana");
    await outer("config", "user.email", "ana@example.com");
    rmSync(join(root, ".git"), { recursive: true });
    writeFileSync(join(root, "..", "outer.txt"), "a\n");
    await outer("add", "project", "outer.txt");
    await outer("commit", "--quiet", "--message", "Before");
    writeFileSync(join(root, "..", "outer.txt"), "b\n");
    await decided("promote", "shop", "1.1.0");
    assert.deepEqual(await files("HEAD"), ["project/Pulumi.prod.yaml", "project/releases.lock.yaml"]);
    const manifests = "config:\n  shared-authority:delivery: {manifests: rendered/prod}\n";
    world().write({ "Pulumi.prod.yaml": stackFile().replace("config:\n", manifests) });
    await outer("commit", "--quiet", "--message", "Manifests", "project/Pulumi.prod.yaml");
    world().write({ "tenants/shop/values.yaml": "replicaCount: 3\n" });
    const back = ["promote", "shop", "1.0.0", "--stack", "prod"];
    await refused(back, 2, /Changed since the last commit: project\/tenants\/shop\/values\.yaml\. /);
    rmSync(join(root, "..", ".git"), { recursive: true });
    const { code, stderr } = await run(["deny", "shop", "1.3.0", "--reason", "r", "--stack", "prod"]);
    assert.equal(code, 2);
    assert.match(stderr, /is not in a Git repository, so nothing can be committed\. Use `--no-commit`\./);
  });

  it("refuse a stack file that is changed and not committed, unless nothing is to be committed", async () => {
    const deny = ["deny", "shop", "1.1.0", "--reason", "leaks", "--stack", "prod"];
    world().write({ "Pulumi.prod.yaml": stackFile().replace("# Which may run", "# What may run") });
    await refused(deny, 2, /Changed since the last commit: Pulumi\.prod\.yaml\. Commit or discard the change/);
    await refused([...deny, "--no-commit", "--push"], 2, /`--push` pushes the commit, and `--no-commit` makes none/);
    const head = await ownGit("rev-parse", "HEAD");
    const { code, stdout } = await run([...deny, "--no-commit"]);
    assert.equal(code, 0);
    assert.match(
      stdout,
      /Written, not committed\. .*\n\nDeny shop 1\.1\.0 in prod\n\nTenant: shop\nStack: prod\nDenied: 1\.1\.0\nReason: leaks\n$/,
    );
    assert.equal(await ownGit("rev-parse", "HEAD"), head);
    assert.match(stackFile(), /# What may run\n.*deny: \["1\.1\.0"\]/);
  });

  it("ask the person who is watching", async () => {
    const pin = ["pin", "shop", "--reason", "audit", "--by", "ana", "--stack", "prod"];
    const head = await ownGit("rev-parse", "HEAD");
    for (const typed of [["n"], [""], ["perhaps", "no"], []]) {
      const { code, stderr } = await run(pin, { isTTY: true, typed });
      assert.equal(code, typed.length === 0 ? 2 : 3);
      assert.match(stderr, /Commit this \(y or n\)\? \[n\]: [^]*Nothing was written\.\n$/);
      assert.equal(await ownGit("rev-parse", "HEAD"), head);
    }
    const late = await run(pin, {
      isTTY: true,
      typed: typedAfter(() => ownGit("commit", "--allow-empty", "-m", "Pulled")),
    });
    assert.equal(late.code, 2);
    assert.match(late.stderr, /The repository was changed meanwhile\. Nothing was written; run the command again\./);
    assert.doesNotMatch(stackFile(), /pin:/);
    assert.equal((await run(pin, { isTTY: true, typed: ["y"] })).code, 0);
    const unpin = await run(["unpin", "shop", "--stack", "prod", "--yes"], { isTTY: true, typed: [] });
    assert.equal(unpin.code, 0);
    assert.doesNotMatch(unpin.stderr, /y or n/);
  });

  it("push the commit, and say so if the Git host refuses it", async () => {
    const deny = (version: string) => run(["deny", "shop", version, "--reason", "r", "--stack", "prod", "--push"]);
    const unpushed = await deny("1.3.0");
    assert.equal(unpushed.code, 3);
    assert.match(unpushed.stderr, /The commit is made, but not pushed: /);
    const remote = join(world().root, "..", "remote.git");
    await ownGit("init", "--quiet", "--bare", remote);
    await ownGit("push", "--quiet", "--set-upstream", remote, "main");
    const pushed = await deny("1.4.0");
    assert.equal(pushed.code, 0, pushed.stderr);
    assert.equal(await git({ directory: remote }, "rev-parse", "main"), await ownGit("rev-parse", "HEAD"));
    assert.doesNotMatch(pushed.stderr, /ot pushed/);
    await ownGit("reset", "--quiet", "--hard", "HEAD~1");
    const rejected = await deny("1.5.0");
    assert.equal(rejected.code, 3);
    assert.match(
      rejected.stderr,
      /but not pushed: [^]*\[rejected\][^]*\nOthers have pushed meanwhile\. Run `git pull --rebase`, then `git push`\.\n$/,
    );
    assert.doesNotMatch(rejected.stderr, /^hint:/m);
    await ownGit("remote", "add", "origin", remote);
    const kept = await run(["deny", "shop", "1.6.0", "--reason", "r", "--stack", "prod"]);
    assert.match(kept.stderr, /^Not pushed yet: run `git push`\.$/m);
  });

  it("say how the commit comes into a pull request if the branch takes nothing else", async () => {
    const remote = join(world().root, "..", "remote.git");
    await ownGit("init", "--quiet", "--bare", remote);
    await ownGit("remote", "add", "origin", remote);
    await ownGit("push", "--quiet", "--set-upstream", "origin", "main");
    const before = await ownGit("rev-parse", "HEAD");
    const hook = join(remote, "hooks", "update");
    writeFileSync(
      hook,
      "#!/bin/sh\n[ $1 != refs/heads/main ] || { echo 'GH013: Changes need a pull request' >&2; exit 1; }\n",
    );
    chmodSync(hook, 0o755);
    const { code, stderr } = await run(["deny", "shop", "1.3.0", "--reason", "r", "--stack", "prod", "--push"]);
    assert.equal(code, 3);
    const decided = await ownGit("rev-parse", "HEAD");
    const advice = /^If the branch main takes pull requests only: .*$/m.exec(stderr)?.[0] ?? "";
    for (const [, command = ""] of advice.matchAll(/`git ([^`]+)`/g)) await ownGit(...command.split(" "));
    assert.equal(await git({ directory: remote }, "rev-parse", `decision-${decided.slice(0, 7)}`), decided);
    assert.equal(await ownGit("rev-parse", "main"), before);
    assert.equal(await ownGit("rev-parse", "HEAD"), decided);
  });

  it("commit no render of values, or of applications, that are not committed", async () => {
    const { write, root } = world();
    write({ "Pulumi.prod.yaml": stackText("1.0.0", "  shared-authority:delivery: {manifests: rendered/prod}\n") });
    await commitAll();
    const promote = ["promote", "shop", "1.1.0", "--stack", "prod"];
    for (const path of ["tenants/shop/values.yaml", "tenants/shop/values.prod.yaml"]) {
      write({ [path]: "replicaCount: 3\n" });
      await refused(promote, 2, new RegExp(`Changed since the last commit: ${path}\\. Commit or discard the change`));
      rmSync(join(root, path));
    }
    const project = readFileSync(join(root, "Pulumi.yaml"), "utf8");
    write({ "Pulumi.yaml": `${project}# Not committed\n`, "tenants/shop/values.staging.yaml": "replicaCount: 3\n" });
    await refused(promote, 2, /Changed since the last commit: Pulumi\.yaml\. /);
    write({ "Pulumi.yaml": project });
    await decided("promote", "shop", "1.1.0");
    assert.equal(await ownGit("status", "--porcelain"), "?? tenants/");
  });

  it("commit no render that Git ignores, also with uncommitted values", async () => {
    const { write, root } = world();
    write({ "Pulumi.prod.yaml": stackText("1.0.0", "  shared-authority:delivery: {manifests: rendered/prod}\n") });
    write({ ".gitignore": "rendered/prod/\n" });
    await commitAll();
    write({ "tenants/shop/values.yaml": "replicaCount: 3\n" });
    await decided("promote", "shop", "1.1.0");
    assert.deepEqual(await files("HEAD"), ["Pulumi.prod.yaml", "releases.lock.yaml"]);
    assert.ok(existsSync(join(root, "rendered", "prod")));
  });

  it("commit the render too, and leave everything as it was if the commit fails", async () => {
    const delivered = stackText("1.0.0", "  shared-authority:delivery: {manifests: rendered/prod}\n");
    world().write({ "Pulumi.prod.yaml": delivered });
    await commitAll();
    const hook = join(world().root, ".git", "hooks", "pre-commit");
    mkdirSync(join(hook, ".."), { recursive: true });
    writeFileSync(hook, "#!/bin/sh\necho 'ask the board first' >&2\nexit 1\n");
    chmodSync(hook, 0o755);
    const promote = ["promote", "shop", "1.1.0", "--stack", "prod"];
    await refused(promote, 2, /ask the board first\nThe files are as before\./);
    assert.equal(existsSync(join(world().root, "rendered", "prod")), false);
    chmodSync(hook, 0o644);
    assert.match(await decided("promote", "shop", "1.1.0"), /^rendered\/prod: rendered with this decision$/m);
    const committed = await files("HEAD");
    assert.deepEqual(
      committed.filter((file) => !file.startsWith("rendered/prod/")),
      ["Pulumi.prod.yaml", "releases.lock.yaml"],
    );
    assert.ok(
      committed.includes("rendered/prod/1-manifest/helm.toolkit.fluxcd.io_v2-helmrelease-flux-system-shop.yaml"),
      String(committed),
    );
    assert.equal(await ownGit("status", "--porcelain"), "");
    chmodSync(hook, 0o755);
    await refused(["promote", "shop", "1.0.0", "--stack", "prod"], 2, /The files are as before\./);
    chmodSync(hook, 0o644);
    await decided("promote", "shop", "1.0.0");
    assert.equal(stackFile(), delivered);
    await world().cutNetwork();
    await decided("pin", "shop", "--reason", "audit", "--by", "ana");
    assert.deepEqual(
      (await files("HEAD")).filter((file) => !file.startsWith("rendered")),
      ["Pulumi.prod.yaml"],
    );
    assert.match(
      await decided("unpin", "shop"),
      /The registry does not say which version the policy would take for shop/,
    );
    assert.equal(stackFile(), delivered);
  });
});
