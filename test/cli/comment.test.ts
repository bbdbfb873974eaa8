import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryDirectory } from "../support/directory";
import { temporaryEnvironment } from "../support/environment";
import { type HostedRepository, StandInHost } from "../support/git-host/stand-in";
import { startProxy } from "../support/proxy";
import { authority, authorityProcess } from "./command-line";

const bot = { login: "authority[bot]", token: "bot-token", isApp: true };
const name = "acme/shared";

/** The verbs `comment` and `issue`, with a file in the current folder and no project. */
describe("authority comment and authority issue", () => {
  const directory = temporaryDirectory();
  const setEnvironment = temporaryEnvironment();
  let host: StandInHost;
  let repository: HostedRepository;

  beforeEach(async () => {
    host = await StandInHost.start({ kind: "github", directory: directory(), users: [bot] });
    repository = await host.createRepository(name);
    repository.openIssue("Stands for a pull request", "", bot);
    setEnvironment({ ...host.environment(name, bot.token), GITHUB_REF: "refs/pull/1/merge", GITHUB_RUN_ID: "7" });
  });
  afterEach(() => host.close());

  const write = (file: string, content: string) => writeFileSync(join(directory(), file), content);
  const run = (...args: string[]) => authority(args, { cwd: directory() });

  it("writes a comment on the pull request of the pipeline, or on the named one", async () => {
    write("report.md", "## Report\r\n");
    const first = await run("comment", "--body-file", "report.md");
    assert.deepEqual([first.code, first.stdout], [0, "#1: comment created\n"], first.stderr);
    assert.equal(repository.comments[0]?.body, "## Report\n\n<!-- shared-authority:comment report -->");
    const again = await run("comment", "--body-file", "report.md", "--pull-request", "1");
    assert.equal(again.stdout, "#1: comment unchanged\n");
  });

  it("refuses a file, a number or a name that it cannot use, before it asks the host", async () => {
    write("empty.md", " \n");
    write("long.md", "x".repeat(65_100));
    write("binary.md", "\u0000");
    writeFileSync(join(directory(), "latin.md"), Buffer.from([0xe4]));
    write("ok.md", "ok");
    const cases: readonly (readonly [args: string, message: RegExp])[] = [
      ["--body-file none.md", /The file of `--body-file` cannot be read: ENOENT/],
      ["--body-file latin.md", /cannot be read: it is not UTF-8/],
      ["--body-file empty.md", /The file empty\.md of `--body-file` is empty/],
      ["--body-file long.md", /has 65100 characters\. The Git host takes 65036/],
      ["--body-file ok.md --pull-request x1", /`--pull-request` is "x1", must be a number/],
      ["--body-file ok.md --name <!--", /`--name` is "<!--", must be of letters/],
    ];
    for (const [args, message] of cases) {
      const { code, stderr } = await run("comment", ...args.split(" "));
      assert.equal(code, 2, args);
      assert.match(stderr, message);
    }
    setEnvironment({ GITHUB_REF: "refs/heads/main" });
    const { code, stderr } = await run("comment", "--body-file", "ok.md");
    assert.equal(code, 2);
    assert.match(stderr, /The environment names no pull request .*Name it with `--pull-request <number>`/);
    assert.deepEqual(host.requests, []);
  });

  it("reports that there is no such pull request", async () => {
    write("ok.md", "ok");
    const { code, stderr } = await run("comment", "--body-file", "ok.md", "--pull-request", "9");
    assert.equal(code, 3);
    assert.match(
      stderr,
      /^error: GitHub: GET 127\.0\.0\.1:\d+\/api\/v3\/repos\/acme\/shared\/issues\/9\/comments: not found/,
    );
  });

  it("opens, updates and closes one issue with the log and a link to the run", async () => {
    const issue = (...args: string[]) => run("issue", "--title", "Nightly verify fails", ...args);
    write("verify.log", "prod/shop: the tag was moved\n```\n@everyone ::error::x\n");
    const opened = await issue("--log-file", "verify.log");
    assert.deepEqual([opened.code, opened.stdout], [0, `created ${host.url}/acme/shared/issues/2\n`], opened.stderr);
    const run7 = `[The run](${host.url}/acme/shared/actions/runs/7)`;
    assert.equal(
      repository.issues[1]?.body,
      "````text\nprod/shop: the tag was moved\n```\n@everyone \\u003a:error::x\n````\n\n" +
        `${run7}\n\n<!-- shared-authority:issue Nightly%20verify%20fails -->`,
    );
    write("verify.log", `${"\u0007".repeat(50_000)}\nthe end\n`);
    assert.match((await issue("--log-file", "verify.log")).stdout, /^updated /);
    assert.match(repository.issues[1].body, /^```text\n\(The beginning is left out\.\)\n[^]*the end\n```/);
    assert.match((await issue("--close")).stdout, /^closed .*\/issues\/2$/m);
    assert.deepEqual([repository.issues[1].state, repository.comments[0]?.body], ["closed", `Resolved.\n\n${run7}`]);
    assert.equal((await issue("--close")).stdout, "no such issue is open\n");
  });

  it("refuses an issue without a purpose or a readable title", async () => {
    write("verify.log", "x");
    for (const args of [[], ["--close", "--log-file", "verify.log"]]) {
      const { code, stderr } = await run("issue", "--title", "x", ...args);
      assert.equal(code, 2);
      assert.match(stderr, /`--log-file <file>` opens or updates it, `--close` closes it/);
    }
    const { code, stderr } = await run("issue", "--title", "two\nlines", "--close");
    assert.deepEqual([code, stderr.includes("`--title` must be one line")], [2, true]);
    assert.deepEqual(host.requests, []);
  });

  it("goes through the proxy of the environment, without the token in its output", async () => {
    write("ok.md", "ok");
    const env = { ...host.environment(name, bot.token), GITHUB_REF: "refs/pull/1/merge" };
    const proxy = await startProxy({ "host.invalid": host.url });
    const outcome = await authorityProcess(["comment", "--body-file", "ok.md"], {
      cwd: directory(),
      env: { ...env, GITHUB_API_URL: "http://host.invalid/api/v3", http_proxy: proxy.url },
    });
    await proxy.close();
    assert.equal(outcome.stdout, "#1: comment created\n", outcome.stderr);
    const path = "host.invalid/api/v3/repos/acme/shared/issues/1/comments";
    assert.deepEqual(proxy.asked, [`GET ${path}`, `POST ${path}`]);
    assert.doesNotMatch(outcome.stderr, /bot-token/);
  });
});
