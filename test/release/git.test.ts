import assert from "node:assert/strict";
import { chmodSync, existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { join } from "node:path";
import { git } from "../../lab/git";
import { serveGit } from "../../lab/git-server";
import { listenOnLoopback } from "../../lab/loopback";
import { GitError, withRepository, type GitOptions, type GitRepository } from "../../release/git";
import { temporaryDirectory } from "../support/directory";
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
    const { commit, content } = await repository.readFileAt("master", first, file);
    assert.equal(commit, first);
    assert.deepEqual(await repository.readFileAt("master", first, "nowhere"), {
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
    };
  }

  it("gives the same facts from here and from elsewhere", async () => {
    const path = await makeApp();
    const server = await serveGit({ root: directory() });
    try {
      const here = await withRepository(path, impatient, facts);
      assert.equal(here.commits.length, 2);
      const annotated = new Map(here.tags).get("1.0.0");
      assert.notEqual(annotated?.object, annotated?.peeled);
      assert.equal(annotated?.peeled, new Map(here.tags).get("1.0.0-light")?.object);
      assert.deepEqual(await withRepository(`${server.url}/app.git`, impatient, facts), here);
    } finally {
      await server.close();
    }
  });

  it("from elsewhere leaves nothing in the folder for temporary files", async () => {
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

  it("is read whole from a server that knows no filters", async () => {
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

  it("is not looked for in the folders around, nor where a Git hook's variables point", async () => {
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

  it("that does not answer is given up in time", async () => {
    const server = await listenOnLoopback(createServer(() => undefined));
    try {
      await assert.rejects(
        withRepository(`${server.url}/app.git`, { retries: 0, timeoutMs: 300 }, facts),
        /no answer within 0\.3 s/,
      );
      const abort = new AbortController();
      const reading = withRepository(`${server.url}/app.git`, { retries: 0, signal: abort.signal }, facts);
      abort.abort();
      await assert.rejects(reading, /aborted/);
    } finally {
      await server.close();
    }
  });

  it("is tried again when the server fails, or ends the connection, in passing", async () => {
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
      const url = server.url.replace("http://", "http://somebody:hunter2@");
      await assert.rejects(withRepository(`${url}/app.git`, impatient, facts), (error: Error) => {
        assert.ok(error instanceof GitError);
        assert.doesNotMatch(error.message, /hunter2/);
        return true;
      });
    } finally {
      await server.close();
    }
  });
});
