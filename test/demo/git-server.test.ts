import assert from "node:assert/strict";
import { execFile, execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import { promisify } from "node:util";
import { gzipSync } from "node:zlib";
import { serveGit, type GitServer, type GitServerOptions } from "../../demo/git-server";
import { temporaryDirectory } from "../support/directory";

const run = promisify(execFile);

describe("the Git server", () => {
  const directory = temporaryDirectory();
  const servers: GitServer[] = [];

  async function serve(options: Partial<GitServerOptions> = {}): Promise<GitServer> {
    const server = await serveGit({ root: directory(), ...options });
    servers.push(server);
    return server;
  }

  function git(...parameters: string[]): string {
    return execFileSync("git", parameters, { cwd: directory(), encoding: "utf8", stdio: "pipe" }).trim();
  }

  /** Runs Git without blocking, since the server lives in this process. */
  async function gitAsClient(...parameters: string[]): Promise<string> {
    const { stdout } = await run("git", parameters, { cwd: directory() });
    return stdout.trim();
  }

  beforeEach(() => {
    git("init", "--quiet", "--initial-branch=master", "work");
    git("-C", "work", "config", "user.name", "Someone");
    git("-C", "work", "config", "user.email", "someone@example.com");
    for (const name of ["one", "two"]) {
      writeFileSync(join(directory(), "work", name), randomBytes(200_000));
      git("-C", "work", "add", ".");
      git("-C", "work", "commit", "--quiet", "-m", name);
    }
    git("clone", "--quiet", "--bare", "work", "app.git");
  });

  afterEach(() => Promise.all(servers.splice(0).map((server) => server.close())));

  it("serves a clone of every repository under its root", async () => {
    const { url } = await serve();
    await gitAsClient("clone", "--quiet", `${url}/app.git`, "clone");
    assert.equal(git("-C", "clone", "rev-parse", "HEAD"), git("-C", "work", "rev-parse", "HEAD"));
    assert.equal(git("-C", "clone", "fsck", "--full"), "");
  });

  it("allows partial clones, and fetches of any single commit", async () => {
    const { url } = await serve();
    await gitAsClient("clone", "--quiet", "--bare", "--filter=tree:0", `${url}/app.git`, "partial.git");
    const missing = git("-C", "partial.git", "rev-list", "--objects", "--all", "--missing=print");
    assert.match(missing, /^\?/m);
    const first = git("-C", "work", "rev-parse", "HEAD~1");
    git("init", "--quiet", "single");
    await gitAsClient("-C", "single", "fetch", "--quiet", "--depth=1", `${url}/app.git`, first);
    assert.equal(git("-C", "single", "rev-list", "--all", "--count", "FETCH_HEAD"), "1");
  });

  it("answers many clients at once", async () => {
    const { url } = await serve();
    const clones = Array.from({ length: 8 }, (_, index) =>
      gitAsClient("clone", "--quiet", "--bare", `${url}/app.git`, `clone-${index}.git`),
    );
    await Promise.all(clones);
    assert.equal(git("-C", "clone-7.git", "rev-list", "--count", "HEAD"), "2");
  });

  it("creates a repository only at the first push, and only if pushes are allowed", async () => {
    const { url } = await serve({ allowPush: true });
    const head = git("-C", "work", "rev-parse", "HEAD");
    for (const name of ["new.git", ".hidden.git"]) {
      await assert.rejects(gitAsClient("ls-remote", `${url}/${name}`));
      assert.equal(existsSync(join(directory(), name)), false);
    }
    await gitAsClient("-C", "work", "push", "--quiet", `${url}/new.git`, "master");
    assert.equal(await gitAsClient("ls-remote", `${url}/new.git`, "master"), `${head}\trefs/heads/master`);
    await gitAsClient("-C", "work", "push", "--quiet", `${url}/new.git`, "master:other");
    assert.equal(git("-C", "new.git", "for-each-ref", "--format=%(refname:short)"), "master\nother");
    for (const name of [".hidden.git", "folder/new.git", "no-suffix"]) {
      await assert.rejects(gitAsClient("-C", "work", "push", "--quiet", `${url}/${name}`, "master"));
    }
    assert.deepEqual(readdirSync(directory()).sort(), ["app.git", "new.git", "work"]);

    const closed = await serve();
    await assert.rejects(gitAsClient("-C", "work", "push", "--quiet", `${closed.url}/another.git`, "master"));
    assert.equal(existsSync(join(directory(), "another.git")), false);
  });

  it("makes the first branch that is pushed the default branch", async () => {
    const { url } = await serve({ allowPush: true });
    git("-C", "work", "branch", "main");
    await gitAsClient("-C", "work", "push", "--quiet", `${url}/new.git`, "main");
    await gitAsClient("-C", "work", "push", "--quiet", `${url}/new.git`, "master");
    assert.equal(git("-C", "new.git", "symbolic-ref", "HEAD"), "refs/heads/main");
  });

  it("accepts a push that is larger than Git's post buffer, if pushes are allowed", async () => {
    const { url } = await serve({ allowPush: true });
    writeFileSync(join(directory(), "work", "big"), randomBytes(3_000_000));
    git("-C", "work", "add", ".");
    git("-C", "work", "commit", "--quiet", "-m", "big");
    await gitAsClient("-C", "work", "push", "--quiet", `${url}/app.git`, "master");
    assert.equal(git("-C", "app.git", "rev-parse", "master"), git("-C", "work", "rev-parse", "HEAD"));
  });

  it("rejects a push if pushes are not allowed", async () => {
    const { url } = await serve();
    await assert.rejects(gitAsClient("-C", "work", "push", "--quiet", `${url}/app.git`, "master:other"), /403/);
    assert.equal(git("-C", "app.git", "branch", "--list", "other"), "");
  });

  it("reports missing repositories, and serves nothing outside its root", async () => {
    const { url } = await serve({ root: join(directory(), "work") });
    await assert.rejects(gitAsClient("ls-remote", `${url}/none.git`), /not found/);
    assert.equal(await statusOf(url, "/%2e%2e/app.git/HEAD"), 500);
    assert.equal(await statusOf(url, "/%"), 400);
  });

  it("accepts compressed request bodies", async () => {
    const { url } = await serve();
    const head = git("-C", "work", "rev-parse", "HEAD");
    const wants = `${packet(`want ${head}\n`)}0000${packet("done\n")}`;
    const response = await fetch(`${url}/app.git/git-upload-pack`, {
      method: "POST",
      headers: { "Content-Type": "application/x-git-upload-pack-request", "Content-Encoding": "gzip" },
      body: gzipSync(wants),
    });
    const answer = Buffer.from(await response.arrayBuffer()).toString("latin1");
    assert.equal(response.status, 200);
    assert.match(answer, /NAK\n.*PACK/s);
  });

  it("ends open requests when it is closed", async () => {
    const server = await serve();
    const unfinished = request(`${server.url}/app.git/git-upload-pack`, {
      method: "POST",
      headers: { "Content-Type": "application/x-git-upload-pack-request", "Content-Length": "1000" },
    });
    const cut = new Promise<void>((resolve) => unfinished.once("error", () => resolve()));
    await new Promise<void>((resolve) => unfinished.write("0000", () => resolve()));
    servers.splice(servers.indexOf(server), 1);
    await Promise.all([server.close(), cut]);
    await assert.rejects(fetch(server.url));
  });
});

/** One line in Git's wire format: its length in four hex digits, then the line. */
function packet(line: string): string {
  return (line.length + 4).toString(16).padStart(4, "0") + line;
}

/** The status for a path that is sent as it stands; `fetch` would fix it first. */
async function statusOf(url: string, path: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    request(url, { path }, (response) => {
      response.resume();
      resolve(response.statusCode);
    })
      .on("error", reject)
      .end();
  });
}
