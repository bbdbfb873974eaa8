import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { git } from "../../demo/git";
import { type GitServer, serveGit } from "../../demo/git-server";
import { readStackConfig } from "../../src/config/read-stack-config";
import { pushVerdict } from "../../src/program/push-before-deploy";
import { temporaryDirectory } from "../support/directory";

describe("push before deploy", () => {
  const directory = temporaryDirectory();
  let server: GitServer;
  /** The platform team's clone. */
  let clone: string;

  const url = () => `${server.url}/shared.git`;
  const stackFile = (tag: string, more = "") => `config:
  shared-authority:follow: tags
  shared-authority:configRepository: { url: "${url()}" }
${more}  shared-authority:tenants:
    shop:
      repository: https://git.example.com/shop.git
      chart: ./charts/shop
      image: registry.example.com/shop
      tag: "${tag}"
      policy: { range: ">=1.0.0" }
`;
  const lock = (tenant: string, ...versions: readonly string[]) =>
    `${tenant}:\n${versions
      .map(
        (version) =>
          `  "${version}":\n    repository: https://git.example.com/shop.git\n    chart: ./charts/shop\n` +
          `    images: { "registry.example.com/shop:${version}": sha256:${"0".repeat(64)} }\n`,
      )
      .join("")}`;

  const run = (...parameters: string[]) => git({ directory: clone }, ...parameters);

  async function commit(files: Readonly<Record<string, string>>): Promise<string> {
    for (const [path, content] of Object.entries(files)) {
      mkdirSync(dirname(join(clone, path)), { recursive: true });
      writeFileSync(join(clone, path), content);
    }
    await run("add", "--all");
    await run("commit", "--quiet", "--message", "Decide");
    return run("rev-parse", "HEAD");
  }

  const push = () => run("push", "--quiet", "origin", "HEAD:refs/heads/main");
  const verdict = (root = clone) => pushVerdict(readStackConfig({ root, stack: "prod" }));

  beforeEach(async () => {
    const served = join(directory(), "served");
    clone = join(directory(), "clone");
    for (const folder of [served, clone]) mkdirSync(folder);
    server = await serveGit({ root: served, allowPush: true });
    await run("init", "--quiet", "--initial-branch=main");
    await run("remote", "add", "origin", url());
    await commit({
      "Pulumi.yaml": "name: shared-authority\nruntime: nodejs\n",
      "Pulumi.prod.yaml": stackFile("1.0.0"),
      "releases.lock.yaml": lock("shop", "1.0.0"),
      "tenants/shop/values.yaml": "replicaCount: 2\n",
    });
    await push();
  });

  afterEach(() => server.close());

  it("allows the branch's last commit, and an older one if only other files are newer", async () => {
    assert.deepEqual(await verdict(), { reasons: [] });
    const before = await run("rev-parse", "HEAD");
    await commit({
      "README.md": "A note.\n",
      "Pulumi.dev.yaml": stackFile("1.1.0"),
      "tenants/shop/values.dev.yaml": "a: 1\n",
      "releases.lock.yaml": lock("shop", "1.0.0", "1.1.0") + lock("cart", "2.0.0"),
    });
    await push();
    await run("checkout", "--quiet", before);
    assert.deepEqual(await verdict(), { reasons: [] });
  });

  it("refuses a commit that is not pushed", async () => {
    const head = await commit({ "Pulumi.prod.yaml": stackFile("1.1.0") });
    assert.deepEqual(await verdict(), {
      reasons: [`the commit ${head.slice(0, 10)} is not on the branch main of ${url()}; push or merge it first`],
    });
    await run("push", "--quiet", "origin", "HEAD:refs/heads/promotion");
    assert.match(String((await verdict()).reasons), /is not on the branch main/);
    await push();
    assert.deepEqual(await verdict(), { reasons: [] });
  });

  for (const [title, changed, files] of [
    ["stack file", "Pulumi.prod.yaml", () => ({ "Pulumi.prod.yaml": stackFile("1.1.0") })],
    ["applications", "Pulumi.yaml", () => ({ "Pulumi.yaml": "name: shared-authority\nruntime: nodejs\nmain: a.js\n" })],
    ["values", "tenants/shop/values.yaml", () => ({ "tenants/shop/values.yaml": "replicaCount: 3\n" })],
    ["new values", "tenants/shop/values.prod.yaml", () => ({ "tenants/shop/values.prod.yaml": "replicaCount: 3\n" })],
    [
      "lock entry",
      "releases.lock.yaml",
      () => ({ "releases.lock.yaml": lock("shop", "1.0.0").replace("0000", "1111") }),
    ],
    ["unreadable lock", "releases.lock.yaml", () => ({ "releases.lock.yaml": "shop: [1]\n" })],
  ] as const) {
    it(`refuses to run an old job again: the branch has a newer ${title}`, async () => {
      const old = await run("rev-parse", "HEAD");
      const newest = await commit(files());
      await push();
      await run("checkout", "--quiet", old);
      assert.deepEqual(await verdict(), {
        reasons: [
          `the branch main of ${url()} has a newer decision for this stack (${changed} at ${newest.slice(0, 10)}); ` +
            "pull it and run this there. To go back to an older decision, revert the newer commit",
        ],
      });
      // What a colleague pushed meanwhile is fetched.
      const job = join(directory(), "job");
      await run("clone", "--quiet", "--no-local", clone, job);
      await git({ directory: job }, "remote", "set-url", "origin", url());
      await git({ directory: job }, "checkout", "--quiet", old);
      assert.match(String((await verdict(job)).reasons), /has a newer decision/);
    });
  }

  it("refuses it also for a project below the top of the repository", async () => {
    await run("rm", "-r", "--quiet", "--cached", ".");
    const inFolder = (tag: string) => ({
      "fleet/Pulumi.yaml": "name: shared-authority\nruntime: nodejs\n",
      "fleet/Pulumi.prod.yaml": stackFile(tag),
      "fleet/releases.lock.yaml": lock("shop", "1.0.0"),
    });
    const old = await commit(inFolder("1.0.0"));
    await commit({ ...inFolder("1.0.0"), "Pulumi.prod.yaml": "# Of another project.\n" });
    await commit({ "fleet/releases.lock.yaml": lock("shop", "1.0.0", "1.1.0") });
    await push();
    await run("checkout", "--quiet", old);
    assert.deepEqual(await verdict(join(clone, "fleet")), { reasons: [] });
    await run("checkout", "--quiet", "main");
    await commit(inFolder("1.1.0"));
    await push();
    await run("checkout", "--quiet", old);
    assert.match(String((await verdict(join(clone, "fleet"))).reasons), /newer decision .* \(Pulumi\.prod\.yaml at /);
  });

  it("allows an older commit with the same decision, as after a revert", async () => {
    const old = await run("rev-parse", "HEAD");
    await commit({ "Pulumi.prod.yaml": stackFile("1.1.0") });
    await run("revert", "--no-edit", "HEAD");
    await push();
    await run("checkout", "--quiet", old);
    assert.deepEqual(await verdict(), { reasons: [] });
  });

  it("allows a rollback that Flux has undone, because its policy denies what Flux has committed", async () => {
    const decided = (tag: string, digit: string) =>
      stackFile(tag)
        .replace('" }\n', '" } # ours\n')
        .replace(
          /( +)policy: .*/,
          `$1digest: sha256:${digit.repeat(64)}\n$1policy: { range: ">=1.0.0", deny: ["1.1.0"] }`,
        );
    await commit({ "Pulumi.prod.yaml": stackFile("1.1.0") });
    const rollback = await commit({ "Pulumi.prod.yaml": decided("1.0.0", "0") });
    await push();
    const head = async () => {
      await push();
      await run("checkout", "--quiet", "--detach", rollback);
      const { reasons } = await verdict();
      await run("checkout", "--quiet", "main");
      return String(reasons);
    };
    await commit({ "Pulumi.prod.yaml": decided("1.1.0", "1").replace(" # ours", "") });
    assert.equal(await head(), "");
    const withoutDigest = decided("1.1.0", "1").replace(/ +digest: .*\n/, "");
    await commit({ "Pulumi.prod.yaml": withoutDigest });
    assert.match(await head(), /has a newer decision/, "somebody has removed the digest");
    await commit({ "Pulumi.prod.yaml": decided("1.2.0", "2") });
    assert.match(await head(), /has a newer decision for this stack \(Pulumi\.prod\.yaml at /);
    await commit({ "Pulumi.prod.yaml": decided("1.1.0", "1").replace(', deny: ["1.1.0"]', "") });
    assert.match(await head(), /has a newer decision/);
  });

  it("allows it for a tenant without a digest too", async () => {
    const decided = (tag: string) => stackFile(tag).replace(">=1.0.0", "<1.1.0");
    const rollback = await commit({ "Pulumi.prod.yaml": decided("1.0.0") });
    await commit({ "Pulumi.prod.yaml": decided("1.1.0") });
    await push();
    await run("checkout", "--quiet", rollback);
    assert.deepEqual(await verdict(), { reasons: [] });
  });

  describe("in a shallow clone", () => {
    const job = () => join(directory(), "job");
    const inJob = (...parameters: string[]) => git({ directory: job() }, ...parameters);
    let old: string;

    beforeEach(async () => {
      old = await run("rev-parse", "HEAD");
      for (const note of ["a", "b", "c"]) await commit({ "README.md": `${note}\n` });
      await push();
      mkdirSync(job());
      await inJob("init", "--quiet");
      await inJob("remote", "add", "origin", url());
    });

    async function checkOut(commit: string): Promise<void> {
      await inJob("fetch", "--quiet", "--depth=1", "origin", commit);
      await inJob("checkout", "--quiet", commit);
    }

    it("fetches what it needs to find an old commit on the branch", async () => {
      await checkOut("refs/heads/main").catch(() => inJob("checkout", "--quiet", "FETCH_HEAD"));
      await checkOut(old);
      assert.deepEqual(await verdict(job()), { reasons: [] });
    });

    it("refuses an old job without its history", async () => {
      await commit({ "Pulumi.prod.yaml": stackFile("1.1.0") });
      await push();
      await checkOut(old);
      assert.match(String((await verdict(job())).reasons), /has a newer decision/);
    });

    it("refuses a commit of another branch", async () => {
      const other = await commit({ "Pulumi.prod.yaml": stackFile("1.1.0") });
      await run("push", "--quiet", "origin", "HEAD:refs/heads/promotion");
      await checkOut(other);
      assert.match(String((await verdict(job())).reasons), /is not on the branch main/);
      assert.equal(await inJob("branch", "--all"), `* (HEAD detached at ${other.slice(0, 7)})`);
    });
  });

  it("refuses a commit that only `git replace` or a graft of this clone puts on the branch", async () => {
    const pushed = await run("rev-parse", "HEAD");
    const head = await commit({ "Pulumi.prod.yaml": stackFile("1.1.0") });
    await run("replace", "--graft", pushed, head);
    mkdirSync(join(clone, ".git/info"), { recursive: true });
    writeFileSync(join(clone, ".git/info/grafts"), `${pushed} ${head}\n`);
    const expected = `the commit ${head.slice(0, 10)} is not on the branch main of ${url()}; push or merge it first`;
    assert.deepEqual(await verdict(), { reasons: [expected] });
  });

  it("asks no remote that has the repository as a second address only, to push to", async () => {
    const head = await commit({ "Pulumi.prod.yaml": stackFile("1.1.0") });
    const other = join(directory(), "served/other.git");
    await git({ directory: clone }, "clone", "--quiet", "--bare", clone, other);
    await run("remote", "set-url", "origin", `${server.url}/other.git`);
    await run("remote", "set-url", "--add", "origin", url());
    assert.match(
      (await verdict()).reasons.join(),
      new RegExp(`the commit ${head.slice(0, 10)} is not on the branch main`),
    );
  });

  it("uses the credentials of the remote that is the same repository", async () => {
    await run("config", `http.${server.url}/.extraHeader`, "Authorization: Basic YTpi");
    await run("remote", "set-url", "origin", url().replace("http://", "http://ci:hunter2@"));
    assert.deepEqual(await verdict(), { reasons: [] });
    await server.close();
    const { unreachable } = await verdict();
    assert.match(String(unreachable), /cannot be read/);
    assert.doesNotMatch(String(unreachable), /hunter2/);
    server = await serveGit({ root: join(directory(), "served"), allowPush: true });
  });

  it("asks the URL if no remote is this repository, also by the user's `insteadOf`", async () => {
    await run("remote", "set-url", "origin", "https://elsewhere.example.com/shared.git");
    assert.deepEqual(await verdict(), { reasons: [] });
    await commit({ "Pulumi.prod.yaml": stackFile("1.0.0").replace(url(), "https://git.example.com/a/shared.git") });
    await run("remote", "remove", "origin");
    await run("config", `url.${url()}.insteadOf`, "https://git.example.com/a/shared.git");
    assert.match(String((await verdict()).reasons), /is not on the branch main of https:\/\/git\.example\.com/);
  });

  it("asks the web server of this clone if the stack names the SSH server of the same host", async () => {
    const ssh = url().replace(/^http:\/\/([^:/]+):\d+/, "ssh://git@$1:2222");
    const head = await commit({ "Pulumi.prod.yaml": stackFile("1.0.0").replace(url(), ssh) });
    await push();
    assert.equal((await run("ls-remote", "origin", "refs/heads/main")).slice(0, 40), head);
    assert.deepEqual(await verdict(), { reasons: [] });
  });

  it("reports a host that does not answer, and asks nobody if the stack needs no branch", async () => {
    await server.close();
    assert.match(String((await verdict()).unreachable), /^the branch main of .* cannot be read: git ls-remote: /);
    assert.deepEqual((await verdict()).reasons, []);
    for (const [from, to] of [
      [/follow: tags([^]*)\n.*tag:.*\n.*policy:.*/, "follow: branch$1"],
      [
        "  shared-authority:tenants",
        "  shared-authority:delivery: { manifests: rendered }\n  shared-authority:tenants",
      ],
      [/ {2}shared-authority:configRepository.*\n/, ""],
    ] as const) {
      writeFileSync(join(clone, "Pulumi.prod.yaml"), stackFile("1.0.0").replace(from, to));
      assert.deepEqual(await verdict(), { reasons: [] });
    }
    server = await serveGit({ root: join(directory(), "served"), allowPush: true });
  });

  it("refuses if the host knows no such repository or branch", async () => {
    await run("push", "--quiet", "origin", "HEAD:refs/heads/other", ":refs/heads/main").catch(() => undefined);
    await commit({ "Pulumi.prod.yaml": stackFile("1.0.0").replace('" }', '", branch: absent }') });
    assert.deepEqual((await verdict()).reasons, [
      `there is no branch absent in ${url()}; push it, or correct \`configRepository.branch\``,
    ]);
    await run("remote", "set-url", "origin", `${server.url}/nothing.git`);
    writeFileSync(join(clone, "Pulumi.prod.yaml"), stackFile("1.0.0").replace("shared.git", "nothing.git"));
    assert.match(
      String((await verdict()).reasons),
      /cannot be read: .*not found.* Correct `configRepository\.url`, or give Git/,
    );
  });
});
