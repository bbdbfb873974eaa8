import assert from "node:assert/strict";
import { chmodSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { git } from "../../demo/git";
import { temporaryDirectory } from "../support/directory";
import { chartYaml, makeApplication, type ScratchApplication } from "./application";
import { authority, type Outcome } from "./command-line";

const chart = "charts/app/Chart.yaml";

describe("authority release", () => {
  const directory = temporaryDirectory();

  const run = ({ clone }: ScratchApplication, ...args: string[]): Promise<Outcome> => authority(args, { cwd: clone });
  const remoteTag = ({ remote }: ScratchApplication, tag: string) =>
    git({ directory: remote }, "rev-parse", `refs/tags/${tag}^{commit}`);
  const textOf = ({ clone }: ScratchApplication, path = chart) => readFileSync(join(clone, path), "utf8");

  /** Asserts that the command is refused and leaves branches, tags and files as they are. */
  async function assertRefused(app: ScratchApplication, args: readonly string[], reason: RegExp, code = 2) {
    const state = async () => [
      await app.run("for-each-ref"),
      await app.run("ls-remote", "origin"),
      await app.run("status", "--porcelain", "--branch"),
      textOf(app),
    ];
    const before = await state();
    const outcome = await run(app, "release", ...args);
    assert.equal(outcome.code, code, outcome.stderr);
    assert.match(outcome.stderr, reason);
    assert.deepEqual(await state(), before);
  }

  it("sets both versions, commits, tags and pushes, and leaves every other byte of the chart", async () => {
    const text = `\uFEFF# A chart\r\nname:   app\r\nappVersion: '1.3.0'   # image\r\nversion: 1.3.0\r\napiVersion: v2\r\n`;
    const app = await makeApplication(directory(), { [chart]: text });
    const { code, stdout } = await run(app, "release", "1.4.0", "--push");
    assert.equal(code, 0);
    assert.match(stdout, /Pushed\./);
    assert.equal(textOf(app), text.replaceAll("1.3.0", "1.4.0"));
    assert.equal(await app.run("cat-file", "-t", "1.4.0"), "tag");
    assert.equal(await remoteTag(app, "1.4.0"), await app.run("rev-parse", "HEAD"));
    assert.equal(await app.run("rev-parse", "origin/main"), await app.run("rev-parse", "HEAD"));
    assert.equal(await app.run("log", "-1", "--format=%s"), "Release 1.4.0");
    const audit = await authority(["audit", "--repository", app.remote, "--chart", "charts/app"]);
    assert.equal(audit.code, 0, audit.stdout);
  });

  it("adds a missing appVersion below version, and moves the image tag of values.yaml", async () => {
    const values = "# own\nimage:\n  repository: ghcr.io/acme/app\n  tag: '1.3.0' # moved\nother:\n  tag: 1.3.0\n";
    const app = await makeApplication(directory(), {
      [chart]: "name: app\nversion: 1.3.0\napiVersion: v2\n",
      "charts/app/values.yaml": values,
    });
    const { code } = await run(app, "release", "1.4.0", "--prefix", "git=");
    assert.equal(code, 0);
    assert.equal(textOf(app), 'name: app\nversion: 1.4.0\nappVersion: "1.4.0"\napiVersion: v2\n');
    assert.equal(textOf(app, "charts/app/values.yaml"), values.replace("'1.3.0'", "'1.4.0'"));
    assert.equal(await app.run("status", "--porcelain"), "");
  });

  it("takes the prefixes of the newest tag that keeps the promise, and asks when none does", async () => {
    const text = chartYaml.replace('"1.3.0"', '"v1.3.0"');
    const app = await makeApplication(directory(), { [chart]: text }, "v1.3.0");
    const { code, stderr } = await run(app, "release", "1.4.0", "--push");
    assert.equal(code, 0);
    assert.match(stderr, /prefixes are those of the tag v1\.3\.0: git=v,chart=,image=v/);
    assert.match(textOf(app), /^version: 1\.4\.0 # also the Git tag\nappVersion: "v1\.4\.0"$/m);
    assert.equal(await remoteTag(app, "v1.4.0"), await app.run("rev-parse", "HEAD"));

    const other = await makeApplication(join(directory(), "other"), undefined, "v1.2.0");
    await assertRefused(other, ["1.4.0"], /Pass `--prefix git=` for the tag 1\.4\.0, or `--prefix git=v` for v1\.4\.0/);
  });

  it("makes the release in two steps where the branch is protected", async () => {
    const app = await makeApplication(directory());
    const prepared = await run(app, "release", "1.4.0", "--prepare", "--push");
    assert.equal(prepared.code, 0);
    assert.match(prepared.stdout, /After the merge .* tag 1\.4\.0: `git switch main`/);
    assert.equal(await app.run("ls-remote", "--tags", "origin", "1.4.0"), "");
    await app.run("switch", "--quiet", "main");
    assert.match(textOf(app), /version: 1\.3\.0/);
    await assertRefused(
      app,
      ["1.4.0", "--tag"],
      /Chart\.yaml of the branch main is not at 1\.4\.0\. Merge the pull request/,
    );
    await assertRefused(app, ["--tag"], /The tag 1\.3\.0 is in origin already\. Merge the pull request .*`git pull`/);
    await app.run("merge", "--quiet", "--no-ff", "--message", "Merge", "prepare-1.4.0");
    await assertRefused(app, ["--tag"], /The last commit is not on the branch main of origin/);
    await app.run("push", "--quiet");
    const merge = await app.run("rev-parse", "HEAD");
    await app.commit({ "later.txt": "not in the release" });
    const tagged = await run(app, "release", "--tag", "--push");
    assert.equal(tagged.code, 0, tagged.stderr);
    assert.equal(await remoteTag(app, "1.4.0"), merge);
  });

  /** A clone of an application whose last commit but one brought the version 1.4.0. */
  async function clonedAfterRelease(flag: string) {
    const app = await makeApplication(directory());
    await app.commit({ [chart]: chartYaml.replaceAll("1.3.0", "1.4.0") });
    await app.commit({ "later.txt": "not in the release" });
    const clone = join(directory(), "partial");
    await git({ directory: directory() }, "clone", "--quiet", flag, `file://${app.remote}`, clone);
    return { app, clone };
  }

  it("says how to complete a clone in which it cannot judge the commit that it would tag", async () => {
    const { app, clone } = await clonedAfterRelease("--single-branch");
    await git({ directory: clone }, "config", "user.name", "Lab");
    await git({ directory: clone }, "config", "user.email", "lab@shared-authority.invalid");
    const single = (...args: string[]) => authority(["release", "1.4.0", "--tag", ...args], { cwd: clone });
    const refused = await single("--prefix", "git=");
    assert.equal(refused.code, 2);
    assert.match(refused.stderr, /^error: .* is not a whole clone, .*single branches only/m);
    assert.doesNotMatch(refused.stderr, /bug/);
    for (const command of commandsIn(refused.stderr)) {
      await git({ directory: clone }, ...command.replaceAll("'", "").split(" ").slice(1));
    }
    assert.equal((await single("--push")).code, 0);
    assert.equal(await remoteTag(app, "1.4.0"), await app.run("rev-parse", "HEAD~1"));
  });

  it("tags nothing in a shallow clone, which may lack the commit that brought the version", async () => {
    const { clone } = await clonedAfterRelease("--depth=1");
    const tag = await authority(["release", "--tag", "--prefix", "git="], { cwd: clone });
    assert.equal(tag.code, 2, tag.stderr);
    assert.match(tag.stderr, /This clone is shallow.*`git fetch --unshallow`/);
  });

  it("pushes the tag of a run whose push failed", async () => {
    const app = await makeApplication(directory());
    const hook = join(app.remote, "hooks", "pre-receive");
    app.write({ "../remote.git/hooks/pre-receive": "#!/bin/sh\necho the branch is protected\nexit 1\n" });
    chmodSync(hook, 0o755);
    const refused = await run(app, "release", "1.4.0", "--push");
    assert.equal(refused.code, 3);
    assert.match(refused.stderr, /the branch is protected[^]*`npx shared-authority release 1\.4\.0 --tag --push`/);
    assert.equal(await app.run("ls-remote", "--tags", "origin", "1.4.0"), "");
    rmSync(hook);
    await assertRefused(app, ["1.4.0"], /The tag 1\.4\.0 already exists locally, on this commit\. `--push` pushes it/);
    assert.equal((await run(app, "release", "1.4.0", "--push")).code, 0);
    assert.equal(await remoteTag(app, "1.4.0"), await app.run("rev-parse", "HEAD"));
  });

  it("says how to push what a refused push leaves here", async () => {
    const app = await makeApplication(directory());
    const hook = join(app.remote, "hooks", "pre-receive");
    app.write({ "../remote.git/hooks/pre-receive": "#!/bin/sh\nexit 1\n" });
    chmodSync(hook, 0o755);
    const prepared = await run(app, "release", "1.4.0", "--prepare", "--push");
    assert.equal(prepared.code, 3);
    assert.match(prepared.stderr, /When the cause is gone: `git push --set-upstream origin prepare-1\.4\.0`/);
    await app.run("switch", "--quiet", "main");
    await assertRefused(
      app,
      ["1.4.0", "--prepare"],
      /prepare-1\.4\.0 exists already.* Push and merge it, or delete it/,
    );
    for (const attempt of ["first", "again"]) {
      const { stderr } = await run(app, "release", "1.5.0", "--push");
      assert.match(stderr, /When the cause is gone: `git push --atomic origin main 1\.5\.0`/, attempt);
      assert.match(stderr, /If the branch main is protected: `git tag --delete 1\.5\.0`/, attempt);
    }
  });

  /** Has somebody push a commit, or to another branch, between our look at the remote and our push. */
  async function pushMeanwhile(app: ScratchApplication, folder: string, refs: string, hook = "post-commit") {
    const other = join(folder, "other");
    await git({ directory: folder }, "clone", "--quiet", app.remote, other);
    const theirs = (...args: string[]) => git({ directory: other }, ...args);
    await theirs("config", "user.name", "Another");
    await theirs("config", "user.email", "another@shared-authority.invalid");
    await theirs("commit", "--quiet", "--allow-empty", "--message", "Theirs");
    const path = join(app.clone, ".git", "hooks", hook);
    const push = `rm "$0"\nunset $(git rev-parse --local-env-vars)\ngit -C '${other}' push --quiet origin ${refs}`;
    app.write({ [`.git/hooks/${hook}`]: `#!/bin/sh\n${push}\n` });
    chmodSync(path, 0o755);
    return theirs("rev-parse", "HEAD");
  }

  /** The commands that a text names in backquotes. */
  const commandsIn = (text: string) => [...text.matchAll(/`(git [^`]+)`/g)].map(([, command = ""]) => command);
  const runAll = async (app: ScratchApplication, commands: readonly string[]) => {
    for (const command of commands) await app.run(...command.split(" ").slice(1));
  };

  it("says how to release on top of what others push meanwhile, and keeps the commits that are only here", async () => {
    const folder = directory();
    const app = await makeApplication(folder);
    await app.commitLocally({ "mine.txt": "not pushed" }, "Mine");
    const theirs = await pushMeanwhile(app, folder, "HEAD:main");
    const refused = await run(app, "release", "1.4.0", "--push");
    assert.equal(refused.code, 3);
    assert.match(
      refused.stderr,
      /Others have pushed meanwhile\. .*`git tag --delete 1\.4\.0`, `git reset --keep \w+`, `git pull --rebase origin main`, then run this again\.$/m,
    );
    assert.doesNotMatch(refused.stderr, /When the cause is gone|protected|hint:/);
    await runAll(app, commandsIn(refused.stderr));
    assert.equal((await run(app, "release", "1.4.0", "--push")).code, 0);
    assert.equal(await remoteTag(app, "1.4.0"), await app.run("rev-parse", "origin/main"));
    assert.equal(await app.run("log", "-3", "--format=%s", "origin/main"), "Release 1.4.0\nMine\nTheirs");
    assert.equal(await app.run("rev-parse", "HEAD~2"), theirs);
  });

  it("takes no commit back when a refused push of a tag has made none", async () => {
    const folder = directory();
    const app = await makeApplication(folder);
    await app.commit({ [chart]: chartYaml.replaceAll("1.3.0", "1.4.0") });
    // Git runs this hook when it makes the tag.
    await pushMeanwhile(app, folder, "HEAD:refs/tags/1.4.0", "reference-transaction");
    const refused = await run(app, "release", "--tag", "--push");
    assert.equal(refused.code, 3);
    const commands = ["git tag --delete 1.4.0", "git pull --rebase origin main"];
    assert.deepEqual(commandsIn(refused.stderr), commands);
    await runAll(app, commands);
    await assertRefused(app, ["--tag", "--push"], /The tag 1\.4\.0 is in origin already\./);
  });

  it("says what to do when others prepare the same release meanwhile", async () => {
    const folder = directory();
    const app = await makeApplication(folder);
    const theirs = await pushMeanwhile(app, folder, "HEAD:refs/heads/prepare-1.4.0");
    const refused = await run(app, "release", "1.4.0", "--prepare", "--push");
    assert.equal(refused.code, 3);
    assert.match(refused.stderr, /Others have pushed the branch prepare-1\.4\.0 meanwhile\. .* merge theirs/);
    assert.doesNotMatch(refused.stderr, /When the cause is gone/);
    await runAll(app, commandsIn(refused.stderr));
    assert.equal(await app.run("branch", "--format=%(refname:short)"), "main");
    assert.equal(await git({ directory: app.remote }, "rev-parse", "prepare-1.4.0"), theirs);
  });

  it("names a way to a pull request that keeps the commits that are only here", async () => {
    const app = await makeApplication(directory());
    await app.commitLocally({ "mine.txt": "not pushed" }, "Mine");
    const hook = join(app.remote, "hooks", "update");
    app.write({ "../remote.git/hooks/update": '#!/bin/sh\n[ "$1" != refs/heads/main ]\n' });
    chmodSync(hook, 0o755);
    const refused = await run(app, "release", "1.4.0", "--push");
    assert.equal(refused.code, 3);
    const [, advice = ""] = refused.stderr.split("If the branch main is protected: ");
    const [toPullRequest = "", afterMerge = ""] = advice.split("After the merge of its pull request into main");
    await runAll(app, commandsIn(toPullRequest));
    assert.equal(await app.run("log", "-2", "--format=%s", "origin/prepare-1.4.0"), "Release 1.4.0\nMine");
    rmSync(hook);
    await git({ directory: app.remote }, "update-ref", "refs/heads/main", "refs/heads/prepare-1.4.0");
    await runAll(app, commandsIn(afterMerge));
    const tagged = await run(app, "release", "1.4.0", "--tag", "--push");
    assert.equal(tagged.code, 0, tagged.stderr);
    assert.equal(await remoteTag(app, "1.4.0"), await app.run("rev-parse", "origin/main"));
  });

  it("asks at a terminal, and does nothing without a yes", async () => {
    const app = await makeApplication(directory());
    const at = async (answer: string) =>
      authority(["release", "1.4.0", "--push"], { cwd: app.clone, isTTY: true, typed: [answer] });
    const before = await app.run("for-each-ref");
    const declined = await at("n");
    assert.equal(declined.code, 3);
    assert.match(declined.stderr, /Commit this as 1\.4\.0 \(y or n\)\?[^]*Nothing was written/);
    assert.equal(await app.run("for-each-ref"), before);
    assert.equal((await at("y")).code, 0);
    assert.equal(await remoteTag(app, "1.4.0"), await app.run("rev-parse", "HEAD"));
  });

  it("refuses a work tree that is not what would be released", async () => {
    const app = await makeApplication(directory(), { [chart]: chartYaml, README: "one" });
    app.write({ README: "two" });
    await assertRefused(app, ["1.4.0"], /Changed since the last commit: README\./);
    await app.run("checkout", "--quiet", "README");
    app.write({ "charts/app/templates/new.yaml": "a: 1\n" });
    await assertRefused(app, ["1.4.0"], /Changed since the last commit: charts\/app\/templates\/new\.yaml\./);
  });

  it("refuses another branch, a branch that is behind, and a commit without a branch", async () => {
    const app = await makeApplication(directory());
    await app.run("switch", "--quiet", "--create", "feature");
    await assertRefused(
      app,
      ["1.4.0"],
      /This is the branch feature, and releases are made from main\. `git switch main`/,
    );
    await app.run("switch", "--quiet", "--detach", "main");
    await assertRefused(app, ["1.4.0"], /This is a commit without a branch/);
    await app.commit({ later: "1" });
    await app.run("switch", "--quiet", "main");
    await assertRefused(app, ["1.4.0"], /The branch main of origin has commits that are not here\. `git pull` first/);
    await assertRefused(app, ["1.4.0", "--branch", "release/1.x"], /The remote origin has no branch release\/1\.x/);
  });

  it("refuses a tag that exists, here or in the remote", async () => {
    const app = await makeApplication(directory());
    await app.run("tag", "1.4.0", "HEAD");
    await app.commit({ later: "1" });
    await assertRefused(app, ["1.4.0"], /The tag 1\.4\.0 already exists locally, on another commit, and not in origin/);
    await app.run("push", "--quiet", "origin", "1.4.0");
    await app.run("tag", "--delete", "1.4.0");
    await assertRefused(app, ["1.4.0"], /The tag 1\.4\.0 is in origin already\. A published tag never moves/);
  });

  it("refuses a version that is not newer than the releases of its branch, and takes a fix of an old one", async () => {
    const app = await makeApplication(directory());
    await app.run("branch", "release/1.3");
    await app.run("push", "--quiet", "origin", "release/1.3");
    assert.equal((await run(app, "release", "2.0.0", "--push")).code, 0);
    await assertRefused(app, ["1.3.1"], /The branch main has the release 2\.0\.0 already, and 1\.3\.1 is not newer/);
    await app.run("switch", "--quiet", "release/1.3");
    const fix = await run(app, "release", "1.3.1", "--branch", "release/1.3", "--push");
    assert.equal(fix.code, 0, fix.stderr);
    assert.equal(await app.run("rev-parse", "origin/release/1.3"), await remoteTag(app, "1.3.1"));
  });

  it("refuses what is not a version of a release", async () => {
    const app = await makeApplication(directory());
    await assertRefused(app, ["v1.4.0"], /Write it without a prefix: 1\.4\.0\./);
    await assertRefused(app, ["1.4"], /expected three numbers, such as 1\.4\.0/);
    await assertRefused(app, ["1.4.0+build"], /and no "\+"/);
    await assertRefused(app, [], /Name the version/);
  });

  it("refuses a chart that is ambiguous, missing, or not vendored alone", async () => {
    const app = await makeApplication(directory(), {
      [chart]: chartYaml,
      "charts/app/charts/part/Chart.yaml": "name: part\nversion: 0.1.0\n",
    });
    await assertRefused(app, ["1.4.0", "--chart", "chart/app"], /There is no chart at chart\/app .*charts\/app/);
    await app.commit({ "other/Chart.yaml": chartYaml });
    await app.run("rm", "--quiet", "-r", "--cached", "charts", "other");
    await assertRefused(app, ["1.4.0"], /has no chart that Git knows\. Expected .*`git add`/);
    await app.run("add", "--all");
    await assertRefused(app, ["1.4.0"], /has the charts charts\/app, other\. Name one with `--chart`/);
    assert.equal((await run(app, "release", "1.4.0", "--chart", "charts/app")).code, 0);
  });

  it("refuses a tag that would break the promise, and a chart that cannot be edited in place", async () => {
    const app = await makeApplication(directory());
    await app.commit({
      [chart]: `${chartYaml}dependencies:\n  - name: redis\n    version: ^1.0.0\n    repository: https://charts.example.com\n`,
    });
    await assertRefused(app, ["1.4.0"], /would break the promise[^]*depends on redis .*commit Chart\.lock/, 3);
    await app.commit({ [chart]: chartYaml.replace('"1.3.0"', "|\n  1.3.0") });
    await assertRefused(app, ["1.4.0"], /appVersion in Chart\.yaml at line 5 .*Write `appVersion: "1\.4\.0"`/);
  });

  it("writes nothing when a hook refuses the commit", async () => {
    const app = await makeApplication(directory());
    const hook = join(app.clone, ".git", "hooks", "pre-commit");
    app.write({ ".git/hooks/pre-commit": "#!/bin/sh\necho no release on a Friday\nexit 1\n" });
    chmodSync(hook, 0o755);
    await assertRefused(app, ["1.4.0"], /no release on a Friday\s+The files are as before/);
    await assertRefused(app, ["1.4.0", "--prepare"], /no release on a Friday/);
  });
});

describe("authority audit --here", () => {
  const directory = temporaryDirectory();

  it("says whether the next tag would keep the promise, from the files of the work tree", async () => {
    const app = await makeApplication(directory(), {
      [chart]: chartYaml,
      "charts/app/values.yaml": "image: { tag: '' }\n",
    });
    const here = (...args: string[]) => authority(["audit", "--here", ...args], { cwd: app.clone });
    const fine = await here();
    assert.equal(fine.code, 0);
    assert.match(
      fine.stdout,
      /^The tag 1\.3\.0 would keep the promise: charts\/app\/Chart\.yaml, .* of the tag 1\.3\.0\./,
    );
    app.write({
      [chart]: `${chartYaml.replace('"1.3.0"', '"1.2.0"')}dependencies: [{ name: redis, version: ^1, repository: "https://charts.example.com" }]\n`,
      "charts/app/values.yaml": "image: { tag: 1.1.0 }\n",
    });
    const broken = await here("--json");
    assert.equal(broken.code, 3);
    const { reasons, ...facts } = JSON.parse(broken.stdout) as { reasons: string[] };
    assert.deepEqual(facts, {
      chart: "charts/app",
      prefix: { git: "", chart: "", image: "" },
      chartVersion: "1.3.0",
      appVersion: "1.2.0",
      nextTag: "1.3.0",
      valid: false,
    });
    assert.equal(reasons.length, 3);
    assert.match(reasons[0]!, /depends on redis/);
    assert.equal(reasons[1], 'appVersion of Chart.yaml is "1.2.0", must be "1.3.0", the same as version "1.3.0"');
    assert.match(reasons[2]!, /^image\.tag of values\.yaml is "1\.1\.0", must be empty, .* or "1\.2\.0"$/);
  });

  it("runs in a shallow clone without tags and without a remote", async () => {
    const app = await makeApplication(directory());
    const shallow = join(directory(), "shallow");
    await git(
      { directory: directory() },
      "clone",
      "--quiet",
      "--depth=1",
      "--no-tags",
      `file://${app.remote}`,
      shallow,
    );
    await git({ directory: shallow }, "remote", "remove", "origin");
    const { code, stdout } = await authority(["audit", "--here"], { cwd: shallow });
    assert.equal(code, 0, stdout);
    const { code: wrong } = await authority(["audit", "--here", "--prefix", "image=v"], { cwd: shallow });
    assert.equal(wrong, 3);
  });

  it("does not count a vendored chart that Git ignores", async () => {
    const app = await makeApplication(directory());
    await app.commit({
      ".gitignore": "charts/app/charts\n",
      [chart]: `${chartYaml}dependencies: [{ name: redis, version: ^1, repository: "https://charts.example.com" }]\n`,
    });
    app.write({ "charts/app/charts/redis/Chart.yaml": "name: redis\nversion: 1.0.0\n" });
    const { code, stdout } = await authority(["audit", "--here"], { cwd: app.clone });
    assert.equal(code, 3);
    assert.match(stdout, /depends on redis/);
  });

  it("judges no file that the work tree has deleted", async () => {
    const list = (version: string) =>
      `dependencies: [{ name: redis, version: ${version}, repository: "https://charts.example.com" }]\n`;
    const app = await makeApplication(directory(), {
      [chart]: chartYaml + list("^1"),
      "charts/app/Chart.lock": list("1.2.0"),
      "charts/app/charts/redis/Chart.yaml": "name: redis\nversion: 1.2.0\n",
    });
    const here = () => authority(["audit", "--here", "--prefix", "git="], { cwd: app.clone });
    rmSync(join(app.clone, "charts/app/Chart.lock"));
    const vendored = await here();
    assert.equal(vendored.code, 0, vendored.stdout);
    rmSync(join(app.clone, "charts/app/charts"), { recursive: true });
    const { code, stdout } = await here();
    assert.equal(code, 3);
    assert.match(stdout, /depends on redis .* which neither charts\/ nor Chart\.lock pins/);
    assert.doesNotMatch(stdout, /too large/);
  });

  it("needs a repository, and takes no option of the remote audit", async () => {
    const outside = await authority(["audit", "--here"], { cwd: directory() });
    assert.equal(outside.code, 2);
    assert.match(outside.stderr, /is not in a Git repository/);
    const both = await authority(["audit", "--here", "--repository", "x"], { cwd: directory() });
    assert.equal(both.code, 2);
    const neither = await authority(["audit", "--chart", "x"], { cwd: directory() });
    assert.match(neither.stderr, /`--repository` is missing\. `--here` checks the chart of this repository instead/);
  });
});
