import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { devNull } from "node:os";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { setTimeout } from "node:timers/promises";
import { git } from "../../demo/git";
import { serveGit } from "../../demo/git-server";
import { listenOnLoopback, type Listening } from "../../demo/loopback";
import { GitError, withRepository, type GitOptions, type GitRepository } from "../../src/release/git";
import { temporaryDirectory } from "../support/directory";
import { temporaryEnvironment } from "../support/environment";
import { projectRoot } from "../support/project";
import { startProxy } from "../support/proxy";
import { chartAt, makeRepository } from "./scratch-repository";

const file = "charts/app/Chart.yaml";
const impatient: GitOptions = { retries: 0, timeoutMs: 20_000 };

/**
 * Starts a Git host with Git's second oldest protocol and without filters, in front of another.
 *
 * @param pause milliseconds after so many bytes of an answer
 */
async function startOldHost(
  behind: string,
  pause: (bytes: number, path: string) => number = () => 0,
): Promise<Listening> {
  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    const { method, url = "" } = request;
    const { "content-type": type = "", "content-encoding": encoding = "identity" } = request.headers;
    const headers = { "content-type": type, "content-encoding": encoding };
    const body = method === "POST" ? await buffer(request) : undefined;
    const found = await fetch(`${behind}${url}`, { method, headers, body });
    response.writeHead(found.status, { "content-type": found.headers.get("content-type") ?? "" });
    const content = Buffer.from(await found.arrayBuffer());
    const text = content.toString("latin1").replace(" filter ", " fxlter ");
    for (let sent = 0; sent < text.length && !response.destroyed; sent += 2000) {
      response.write(text.slice(sent, sent + 2000), "latin1");
      await setTimeout(pause(2000, url), undefined, { ref: false });
    }
    response.end();
  };
  return listenOnLoopback(createServer((request, response) => void answer(request, response)));
}

describe("a Git repository", () => {
  const directory = temporaryDirectory();
  const environment = temporaryEnvironment();

  async function makeApp(): Promise<string> {
    return makeRepository(join(directory(), "app.git"), [
      {
        files: { ...chartAt("1.0.0"), "large.bin": "x".repeat(200_000) },
        annotated: ["1.0.0"],
        lightweight: ["1.0.0-light"],
      },
      { files: { ...chartAt("1.1.0"), "large.bin": "y".repeat(200_000) }, lightweight: ["1.1.0"] },
    ]);
  }

  /** The chart's file at the branch's first commit, which no branch names. */
  async function firstOf(repository: GitRepository) {
    const first = [...(await repository.readCommits("master"))].at(-1) ?? "";
    const { commit, content } = (await repository.readFiles([first], file)).get(first) ?? {};
    assert.equal(commit, first);
    assert.deepEqual((await repository.readFiles([first], "nowhere")).get(first), {
      commit,
      absent: `there is no file nowhere at the commit ${first}`,
    });
    return content?.toString();
  }

  async function facts(repository: GitRepository) {
    const { tags, branches } = repository.refs;
    const names = [...tags.keys()].map((tag) => `refs/tags/${tag}`);
    const files = await repository.readFiles([...names, "refs/heads/master"], file);
    return {
      tags: [...tags].sort(),
      branches: [...branches],
      files: [...files].map(([name, { commit, content }]) => [name, commit, content?.toString()]).sort(),
      commits: [...(await repository.readCommits("master"))],
      first: await firstOf(repository),
      head: await repository.readHead(),
    };
  }

  for (const format of ["sha1", "sha256"]) {
    it(`of ${format} objects gives the same facts by path, URL and bundle`, async () => {
      await git({ directory: directory() }, "init", "--quiet", "--bare", `--object-format=${format}`, "app.git");
      const path = await makeApp();
      const bundle = join(directory(), "app.bundle");
      await git({ directory: path }, "bundle", "create", "--quiet", bundle, "--all");
      const server = await serveGit({ root: directory() });
      try {
        const here = await withRepository(path, impatient, facts);
        assert.equal(here.commits.length, 2);
        assert.equal(here.commits[0]?.length, format === "sha1" ? 40 : 64);
        assert.equal(here.head, "master");
        const annotated = new Map(here.tags).get("1.0.0");
        assert.notEqual(annotated?.object, annotated?.peeled);
        assert.equal(annotated?.peeled, new Map(here.tags).get("1.0.0-light")?.object);
        assert.deepEqual(await withRepository(`${server.url}/app.git`, impatient, facts), here);
        assert.deepEqual(await withRepository(bundle, impatient, facts), here);
      } finally {
        await server.close();
      }
    });
  }

  it("is never a folder with the name of its URL", async () => {
    await makeApp();
    const server = await serveGit({ root: directory() });
    const url = `${server.url}/app.git`;
    // Git knows no scheme in capitals, and says so; that is no reason to look at folders.
    const shouted = url.replace("http", "HTTP");
    const work = join(directory(), "work");
    for (const name of [url, shouted]) {
      await makeRepository(join(work, name), [{ files: chartAt("6.6.6"), lightweight: ["6.6.6"] }]);
    }
    const before = process.cwd();
    process.chdir(work);
    try {
      const tags = await withRepository(url, impatient, ({ refs }) => Promise.resolve([...refs.tags.keys()]));
      assert.deepEqual(tags.sort(), ["1.0.0", "1.0.0-light", "1.1.0"]);
      await assert.rejects(withRepository(shouted, impatient, facts), GitError);
    } finally {
      process.chdir(before);
      await server.close();
    }
  });

  it("is read with the files beside a file, and the names in a folder", async () => {
    const vendored = { "charts/app/charts/pg-1.0.0.tgz": "\0", "charts/app/charts/redis/Chart.yaml": "name: redis\n" };
    const path = await makeRepository(join(directory(), "app.git"), [
      { files: chartAt("1.0.0"), lightweight: ["1.0.0"] },
      {
        files: { ...chartAt("1.1.0"), ...vendored, "charts/app/Chart.lock": "lock", "charts/app/charts/redis/a/b": "" },
        lightweight: ["1.1.0"],
      },
      {
        files: { ...chartAt("1.2.0"), "charts/app/Chart.lock": "x".repeat(1024 * 1024 + 1), "charts/app/more/a": "" },
        lightweight: ["1.2.0"],
      },
    ]);
    // A link is a file; a submodule is somebody else's repository, which Flux leaves empty.
    const index = (...parameters: string[]) =>
      git({ directory: path, environment: { GIT_INDEX_FILE: join(directory(), "index") } }, ...parameters);
    await index("read-tree", "1.0.0");
    const target = await git({ directory: path, input: "../pg" }, "hash-object", "-w", "--stdin");
    await index("update-index", "--add", "--cacheinfo", `120000,${target},charts/app/charts/link`);
    const submodule = await git({ directory: path }, "rev-parse", "1.0.0");
    await index("update-index", "--add", "--cacheinfo", `160000,${submodule},charts/app/charts/submodule`);
    const linked = await git({ directory: path }, "commit-tree", "-m", "links", await index("write-tree"));
    await git({ directory: path }, "tag", "1.3.0", linked);
    const beside = { files: ["charts/app/Chart.lock", "charts/app/more"], folder: "charts/app/charts" };
    const names = ["1.0.0", "1.1.0", "1.2.0", "1.3.0"].map((tag) => `refs/tags/${tag}`);
    const read = async (repository: GitRepository) => {
      const files = await repository.readFiles(names, file, beside);
      const first = [...(await repository.readCommits("master"))].at(-2) ?? "";
      const older = await repository.readFiles([first], file, beside);
      return [...files.values(), ...older.values()].map((found) => ({
        files: [...(found.beside?.files ?? [])].map(([name, content]) => [name, content?.toString()]),
        names: found.beside?.names,
      }));
    };
    const middle = {
      files: [["charts/app/Chart.lock", "lock"]],
      names: ["pg-1.0.0.tgz", "redis/Chart.yaml"],
    };
    const expected = [
      { files: [], names: [] },
      middle,
      { files: [["charts/app/Chart.lock", undefined]], names: middle.names },
      { files: [], names: ["link"] },
      middle,
    ];
    assert.deepEqual(await withRepository(path, impatient, read), expected);
    const server = await serveGit({ root: directory() });
    try {
      assert.deepEqual(await withRepository(`${server.url}/app.git`, impatient, read), expected);
    } finally {
      await server.close();
    }
  });

  it("leaves no temporary files when it is remote", async () => {
    await makeApp();
    const server = await serveGit({ root: directory() });
    const { TMPDIR: before } = process.env;
    // One of its own: other tests work in the usual one at the same time.
    process.env.TMPDIR = join(directory(), "temporary");
    mkdirSync(process.env.TMPDIR);
    try {
      const used = await withRepository(`${server.url}/app.git`, impatient, () =>
        Promise.resolve(readdirSync(String(process.env.TMPDIR)).length),
      );
      assert.equal(used, 1);
      assert.deepEqual(readdirSync(process.env.TMPDIR), []);
    } finally {
      if (before === undefined) delete process.env.TMPDIR;
      else process.env.TMPDIR = before;
      await server.close();
    }
  });

  it("shares one exit listener with others that are read at the same time", async () => {
    await makeApp();
    const server = await serveGit({ root: directory() });
    const before = process.listenerCount("exit");
    try {
      const during = await Promise.all(
        Array.from({ length: 12 }, () =>
          withRepository(`${server.url}/app.git`, impatient, () => Promise.resolve(process.listenerCount("exit"))),
        ),
      );
      assert.deepEqual(new Set(during), new Set([before + 1]));
      assert.equal(process.listenerCount("exit"), before);
    } finally {
      await server.close();
    }
  });

  it("is cloned whole when the server does not support filters", async () => {
    const path = await makeApp();
    await git({ directory: path }, "update-server-info");
    await git({ directory: path }, "repack", "-adq");
    await git({ directory: path }, "update-server-info");
    // A plain file server: Git's oldest protocol, which knows neither filters nor shallow fetches.
    const server = await listenOnLoopback(
      createServer((request, response) => {
        readFile(join(directory(), new URL(request.url ?? "/", "http://localhost").pathname)).then(
          (content) => response.end(content),
          () => response.writeHead(404).end(),
        );
      }),
    );
    try {
      const here = await withRepository(path, impatient, facts);
      assert.deepEqual(await withRepository(`${server.url}/app.git`, impatient, facts), here);
    } finally {
      await server.close();
    }
  });

  it("runs no hook and no other program of the repository or the user", async () => {
    const path = await makeApp();
    const trace = join(directory(), "ran");
    const hook = join(path, "hooks", "reference-transaction");
    mkdirSync(join(path, "hooks"), { recursive: true });
    writeFileSync(hook, `#!/bin/sh\ntouch ${trace}\n`);
    chmodSync(hook, 0o755);
    await git({ directory: path }, "config", "core.fsmonitor", `touch ${trace}`);
    await withRepository(path, impatient, facts);
    assert.equal(existsSync(trace), false);
  });

  it("is not looked up in parent folders or a Git hook's variables", async () => {
    await makeApp();
    const inner = join(directory(), "app.git", "inner");
    mkdirSync(inner);
    await assert.rejects(withRepository(inner, impatient, facts), /not a git repository/);
    process.env.GIT_DIR = join(directory(), "app.git");
    try {
      await assert.rejects(withRepository(inner, impatient, facts), /not a git repository/);
    } finally {
      delete process.env.GIT_DIR;
    }
  });

  it("times out or is aborted, and leaves no process behind", async () => {
    const silent = createServer(() => undefined);
    const server = await listenOnLoopback(silent);
    try {
      await assert.rejects(
        withRepository(`${server.url}/app.git`, { retries: 0, timeoutMs: 300 }, facts),
        /no answer within 0\.3 s/,
      );
      const abort = new AbortController();
      const connected = once(silent, "connection") as Promise<[Socket]>;
      const reading = withRepository(`${server.url}/app.git`, { retries: 0, signal: abort.signal }, facts);
      const [socket] = await connected;
      // It is Git's helper that holds the connection, and nothing but its end closes it.
      const hungUp = once(socket, "close");
      abort.abort();
      await assert.rejects(reading, /aborted/);
      await hungUp;
    } finally {
      await server.close();
    }
  });

  it("times out in Git itself when the reader was killed", async () => {
    const silent = createServer();
    const server = await listenOnLoopback(silent);
    try {
      const asked = once(silent, "request") as Promise<[IncomingMessage]>;
      const read = `require("./src/release/git").withRepository("${server.url}/app.git", { retries: 0, timeoutMs: 1000 }, () => undefined)`;
      const env = { ...process.env, TMPDIR: directory() };
      const reader = spawn(process.execPath, ["--require", "tsx/cjs", "-e", read], {
        cwd: projectRoot,
        env,
        stdio: "ignore",
      });
      const [{ socket }] = await asked;
      const hungUp = once(socket, "close");
      reader.kill("SIGKILL");
      await hungUp;
    } finally {
      await server.close();
    }
  });

  it("is read again after a transient failure of the server", async () => {
    let requests = 0;
    const path = await makeApp();
    const good = await serveGit({ root: directory() });
    const flaky = await listenOnLoopback(
      createServer((request, response) => {
        requests += 1;
        if (requests === 1) {
          request.socket.destroy();
          return;
        }
        if (requests <= 2) {
          response.writeHead(503).end();
          return;
        }
        response.writeHead(302, { location: `${good.url}${request.url ?? ""}` }).end();
      }),
    );
    try {
      const here = await withRepository(path, impatient, facts);
      const patient = { retries: 2, retryDelayMs: 1, timeoutMs: 20_000 };
      assert.deepEqual(await withRepository(`${flaky.url}/app.git`, patient, facts), here);
      requests = -100;
      await assert.rejects(withRepository(`${flaky.url}/app.git`, { ...patient, retries: 1 }, facts), /503/);
      assert.equal(requests, -98);
    } finally {
      await flaky.close();
      await good.close();
    }
  });

  it("is read where its host redirects to, unless that is a private address that is not declared", async () => {
    const path = await makeApp();
    const good = await serveGit({ root: directory() });
    let location = "";
    const authorizations: unknown[] = [];
    const front = await listenOnLoopback(
      createServer((request, response) => {
        authorizations.push(request.headers.authorization);
        response.writeHead(301, { location: location.replace("<path>", request.url ?? "") }).end();
      }),
    );
    const read = () => withRepository(`${front.url}/app.git`, impatient, facts);
    try {
      const here = await withRepository(path, impatient, facts);
      const elsewhere = good.url.replace("127.0.0.1", "localhost");
      location = `${good.url}<path>`;
      assert.deepEqual(await read(), here);
      location = `${elsewhere.replace("//", "//me:hunter2@")}<path>`;
      await assert.rejects(read(), (error: Error) => {
        assert.ok(error instanceof GitError);
        assert.match(
          error.message,
          /a redirect leads to localhost, .*private address .*SHARED_AUTHORITY_PRIVATE_HOSTS/,
        );
        return !error.message.includes("hunter2");
      });
      for (const address of ["http://169.254.169.254<path>", "http://[::1]:1<path>", "https://10.0.0.1<path>"]) {
        location = address;
        await assert.rejects(read(), /a redirect leads to .*private address/);
      }
      for (const address of ["file:///etc/passwd", `${good.url}/somewhere`, "http://nowhere.invalid<path>"]) {
        location = address;
        await assert.rejects(read(), /a redirect leads to .*write the address at which the repository is now/);
      }
      location = "<path>";
      await assert.rejects(read(), /returned error: 301/);
      process.env.SHARED_AUTHORITY_PRIVATE_HOSTS = "localhost";
      location = `${elsewhere}<path>`;
      assert.deepEqual(await read(), here);
    } finally {
      delete process.env.SHARED_AUTHORITY_PRIVATE_HOSTS;
      await front.close();
      await good.close();
    }
    assert.deepEqual(new Set(authorizations), new Set([undefined]));
  });

  it("is judged from a clone only if the clone is whole", async () => {
    const path = await makeApp();
    await git({ directory: path }, "branch", "other", "1.0.0");
    await git({ directory: path }, "config", "uploadpack.allowFilter", "true");
    const clone = async (name: string, ...options: string[]) => {
      await git({ directory: directory() }, "clone", "--quiet", ...options, `file://${path}`, name);
      return join(directory(), name);
    };
    const read = (repository: string) =>
      withRepository(repository, impatient, async (opened) => ({
        branches: [...opened.refs.branches].sort(),
        commits: [[...(await opened.readCommits("master"))], [...(await opened.readCommits("other"))]],
        tags: [...opened.refs.tags].sort(),
        content: (await opened.readFiles(["refs/tags/1.0.0"], file)).get("refs/tags/1.0.0")?.content?.toString(),
      }));
    const whole = await read(path);
    const usual = await clone("usual");
    assert.deepEqual(await read(usual), whole);
    for (const filter of ["blob:none", "tree:0"]) {
      assert.deepEqual(
        await read(await clone(filter.replace(":", "-"), "--no-checkout", `--filter=${filter}`)),
        whole,
        filter,
      );
    }
    // As GitLab leaves it; and one whose own branch is behind its remote's.
    await git({ directory: usual }, "checkout", "--quiet", "--detach");
    await git({ directory: usual }, "branch", "--quiet", "-D", "master");
    assert.deepEqual(await read(usual), whole);
    await git({ directory: usual }, "branch", "--quiet", "master", "1.0.0");
    assert.deepEqual((await read(usual)).commits, whole.commits);
    const lacking: [name: string, options: string[], expected: RegExp][] = [
      ["depth", ["--depth=1"], /depth is not a whole clone.*its history is shallow \(`git fetch --unshallow --tags`/],
      ["deep", ["--depth=1", "--no-single-branch"], /its history is shallow/],
      ["single", ["--single-branch"], /it has single branches only \(`git remote set-branches origin '\*'`/],
      ["tagless", ["--no-tags"], /it has no tags \(`git config --unset remote\.origin\.tagOpt`/],
      ["all", ["--depth=1", "--no-tags"], /shallow .*single branches .*no tags .*the address of the remote$/],
    ];
    for (const [name, options, expected] of lacking) {
      const place = await clone(name, ...options);
      await assert.rejects(read(place), (error: Error) => {
        assert.ok(error instanceof GitError);
        assert.match(error.message, expected);
        return true;
      });
    }
    // A shallow repository behind a URL lacks the same.
    await git({ directory: directory() }, "clone", "--quiet", "--bare", "--depth=1", `file://${path}`, "depth.git");
    const server = await serveGit({ root: directory() });
    const old = await startOldHost(server.url);
    try {
      const reading = withRepository(`${old.url}/depth.git`, impatient, (opened) => opened.readCommits("master"));
      await assert.rejects(reading, GitError);
    } finally {
      await old.close();
      await server.close();
    }
  });

  it("is read from a host that is slow, but not from one that is silent", async () => {
    const path = await makeRepository(join(directory(), "app.git"), [
      { files: { ...chartAt("1.0.0"), large: randomBytes(400_000).toString("base64") }, lightweight: ["1.0.0"] },
    ]);
    const names = Array.from({ length: 400 }, (_, index) => `create refs/tags/0.${index}.0 1.0.0\n`);
    await git({ directory: path, input: names.join("") }, "update-ref", "--stdin");
    const server = await serveGit({ root: directory() });
    // The names take 3 s, and so do the files.
    const pause = (bytes: number, of: string) => (bytes / (of.includes("/info/refs") ? 8000 : 180_000)) * 1000;
    const slow = await startOldHost(server.url, pause);
    const silent = await startOldHost(server.url, (_, of) => (of.includes("/info/refs") ? 0 : 1e9));
    const read = (url: string) =>
      withRepository(`${url}/app.git`, { retries: 0, timeoutMs: 2000 }, (opened) =>
        opened.readFiles(["refs/tags/1.0.0"], file),
      );
    try {
      assert.match(String((await read(slow.url)).get("refs/tags/1.0.0")?.content), /version: 1\.0\.0/);
      await assert.rejects(read(silent.url), /^GitError: git fetch: no answer within 2 s$/);
    } finally {
      await slow.close();
      await silent.close();
      await server.close();
    }
  });

  it("is read with the user's SSH program and settings, and those of the folder", async () => {
    const path = await makeApp();
    const here = await withRepository(path, impatient, facts);
    const log = join(directory(), "log");
    // In place of ssh: writes its name and what it was told, and runs the command for the host here.
    const program = (name: string) => {
      const script = [
        "#!/bin/sh",
        `echo "${name} $*" >> ${log}`,
        'while :; do case "$1" in -o|-p|-i) shift 2;; -*) shift;; *) break;; esac; done',
        'shift; exec sh -c "$*"',
      ];
      writeFileSync(join(directory(), name), `${script.join("\n")}\n`, { mode: 0o755 });
      return join(directory(), name);
    };
    const work = await makeRepository(join(directory(), "work"), [{ files: {} }]);
    const global = join(directory(), "gitconfig");
    const read = async (url: string, variables: Record<string, string | undefined>) => {
      writeFileSync(log, "");
      environment({
        GIT_SSH: undefined,
        GIT_SSH_COMMAND: undefined,
        GIT_SSH_VARIANT: "ssh",
        GIT_CONFIG_GLOBAL: global,
        ...variables,
      });
      const before = process.cwd();
      process.chdir(work);
      try {
        assert.deepEqual(await withRepository(url, impatient, facts), here);
      } finally {
        process.chdir(before);
      }
      const used = readFileSync(log, "utf8").trim().split("\n");
      assert.ok(used.length > 2);
      const [first = ""] = used[0]?.split(" git-upload-pack") ?? [];
      for (const line of used) assert.ok(line.startsWith(first), line);
      return first;
    };
    const url = `ssh://git@git.invalid${path}`;
    writeFileSync(global, "");
    assert.match(await read(url, { GIT_SSH: program("a") }), /^a .*git@git\.invalid$/);
    assert.match(await read(`git@git.invalid:${path}`, { GIT_SSH: program("a") }), /^a .*git@git\.invalid$/);
    const withPort = `ssh://git@git.invalid:2222${path}`;
    assert.match(
      await read(withPort, { GIT_SSH: program("a"), GIT_SSH_VARIANT: "ssh" }),
      /^a .*-p 2222 git@git\.invalid$/,
    );
    // Git's own order.
    assert.match(await read(url, { GIT_SSH: program("a"), GIT_SSH_COMMAND: `${program("b")} -i key` }), /^b -i key /);
    writeFileSync(global, `[core]\n\tsshCommand = ${program("c")} -i global\n`);
    assert.match(await read(url, { GIT_SSH: program("a") }), /^c -i global /);
    assert.match(await read(url, { GIT_SSH_COMMAND: program("b") }), /^b /);
    // The folder's own settings, and those that belong to it.
    await git({ directory: work }, "config", "core.sshCommand", `${program("d")} -i local`);
    assert.match(await read(url, {}), /^d -i local /);
    await git({ directory: work }, "config", "--unset", "core.sshCommand");
    writeFileSync(join(directory(), "included"), `[core]\n\tsshCommand = ${program("e")}\n`);
    writeFileSync(global, `[includeIf "gitdir:${work}/"]\n\tpath = ${join(directory(), "included")}\n`);
    assert.match(await read(url, {}), /^e /);
    await git({ directory: work }, "config", "url.ssh://other.invalid/.insteadOf", "ssh://git@git.invalid/");
    assert.match(await read(url, {}), /^e .*other\.invalid$/);
  });

  it("that cannot be reached is named with what to do", async () => {
    const host = await listenOnLoopback(
      createServer((_, response) => {
        const headers = { "www-authenticate": 'Basic realm="host"' };
        response.writeHead(401, headers).end();
      }),
    );
    const closed = await listenOnLoopback(createServer());
    await closed.close();
    const proxy = await startProxy({}, "Basic none");
    const noHelper = { GIT_CONFIG_GLOBAL: devNull, GIT_ASKPASS: "", SSH_ASKPASS: "" };
    const faults: [url: string, variables: Record<string, string>, expected: RegExp][] = [
      [host.url, noHelper, /Git has no credentials for this host: set up a credential helper/],
      [host.url.replace("//", "//me:hunter2@"), noHelper, /the host refuses the credentials that Git has for it$/],
      [closed.url, {}, /if this network has a proxy, set `https_proxy` or Git's `http\.proxy`$/],
      ["https://nowhere.invalid", {}, /if this network has a proxy, set/],
      ["http://nowhere.invalid", { http_proxy: "http://proxy.invalid:1" }, /the address of the proxy comes from/],
      ["http://nowhere.invalid", { http_proxy: closed.url }, /the address of the proxy comes from/],
      ["http://nowhere.invalid", { http_proxy: proxy.url }, /the proxy asks for credentials: write them into its/],
    ];
    try {
      for (const [url, variables, expected] of faults) {
        environment({ http_proxy: undefined, ...variables });
        await assert.rejects(withRepository(`${url}/app.git`, impatient, facts), (error: Error) => {
          assert.match(error.message, expected);
          return !error.message.includes("hunter2");
        });
      }
    } finally {
      await Promise.all([host.close(), proxy.close()]);
    }
  });

  it("may not be larger than its bound", async () => {
    await makeApp();
    const server = await serveGit({ root: directory() });
    try {
      const read = (maxBytes: number) => withRepository(`${server.url}/app.git`, { ...impatient, maxBytes }, facts);
      await assert.rejects(read(1000), /git \w+: it writes more than 1000 bytes/);
      await read(1_000_000);
    } finally {
      await server.close();
    }
  });

  it("takes no name of a branch, tag or chart for an option", async () => {
    const ran = join(directory(), "ran");
    const chart = "-x/--output=out";
    const name = `--upload-pack=touch${ran}`.replaceAll("/", "_");
    const path = await makeRepository(join(directory(), "app.git"), [
      { files: chartAt("1.0.0", "1.0.0", chart), lightweight: ["1.0.0"], branch: "release/--exec=x" },
    ]);
    for (const kind of ["heads", "tags"]) {
      await git({ directory: path }, "update-ref", `refs/${kind}/${name}`, "1.0.0");
    }
    const server = await serveGit({ root: directory() });
    const read = async (repository: GitRepository) => {
      assert.deepEqual([...repository.refs.branches.keys()], ["release/--exec=x"]);
      assert.deepEqual([...repository.refs.tags.keys()], ["1.0.0"]);
      const charts = await repository.readFiles(["refs/tags/1.0.0"], `${chart}/Chart.yaml`);
      assert.match(charts.get("refs/tags/1.0.0")?.content?.toString() ?? "", /version: 1\.0\.0/);
      assert.equal((await repository.readCommits("release/--exec=x")).size, 1);
    };
    try {
      await withRepository(path, impatient, read);
      await withRepository(`${server.url}/app.git`, impatient, read);
    } finally {
      await server.close();
    }
    assert.deepEqual(
      readdirSync(directory()).filter((file) => file !== "app.git"),
      [],
    );
  });

  it("lists no name that Git would not create", async () => {
    const id = "0123456789abcdef0123456789abcdef01234567";
    const line = (text: string) => `${(text.length + 4).toString(16).padStart(4, "0")}${text}`;
    const names = ["-x", "a b", "a\u001b[8m", "a:b", "..", "a\u202e", "good"];
    const server = await listenOnLoopback(
      createServer((_, response) => {
        const lines = names.map((name, index) =>
          line(`${id} refs/tags/${name}${index === 0 ? "\0 agent=git/2" : ""}\n`),
        );
        response.writeHead(200, { "content-type": "application/x-git-upload-pack-advertisement" });
        response.end([line("# service=git-upload-pack\n"), "0000", ...lines, "0000"].join(""), "latin1");
      }),
    );
    try {
      const tags = await withRepository(`${server.url}/app.git`, impatient, ({ refs }) => Promise.resolve(refs.tags));
      const safe = [...tags.keys()].filter((name) => !/[\p{Cc}\p{Cf}\s:]|^-|\.\./u.test(name));
      assert.deepEqual([...tags.keys()], safe);
      assert.ok(safe.includes("good"));
    } finally {
      await server.close();
    }
  });

  it("never shows the credentials of its URL", async () => {
    const server = await listenOnLoopback(createServer((_, response) => response.writeHead(401).end()));
    try {
      const url = server.url.replace("http://", "http://somebody:hun@ter2@");
      for (const repository of [`${url}/app.git`, `${url}/app.git\n`]) {
        await assert.rejects(withRepository(repository, impatient, facts), (error: Error) => {
          assert.ok(error instanceof GitError);
          assert.doesNotMatch(error.message, /hun|ter2/);
          return true;
        });
      }
    } finally {
      await server.close();
    }
  });
});
