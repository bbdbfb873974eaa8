import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createServer, type IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { join } from "node:path";
import { git } from "../../demo/git";
import { serveGit } from "../../demo/git-server";
import { listenOnLoopback } from "../../demo/loopback";
import { GitError, withRepository, type GitOptions, type GitRepository } from "../../src/release/git";
import { temporaryDirectory } from "../support/directory";
import { projectRoot } from "../support/project";
import { chartAt, makeRepository } from "./scratch-repository";

const file = "charts/app/Chart.yaml";
const impatient: GitOptions = { retries: 0, timeoutMs: 20_000 };

describe("a Git repository", () => {
  const directory = temporaryDirectory();

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
      const read = `require("./bin/load").load(require("node:path").resolve("src/release/git.ts"))
        .withRepository("${server.url}/app.git", { retries: 0, timeoutMs: 1000 }, () => undefined)`;
      const env = { ...process.env, TMPDIR: directory() };
      const reader = spawn(process.execPath, ["-e", read], { cwd: projectRoot, env, stdio: "ignore" });
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
