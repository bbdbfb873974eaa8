import assert from "node:assert/strict";
import { connectGitHost, type GitHost } from "../../src/git-host/git-host";
import type { HostClientOptions } from "../../src/git-host/host-client";
import { hostSettings } from "../../src/git-host/host-settings";
import { temporaryDirectory } from "../support/directory";
import { type HostedRepository, StandInHost } from "../support/git-host/stand-in";

const bot = { login: "authority[bot]", token: "secret-of-the-bot", isApp: true };
const name = "acme/shared";

for (const kind of ["github", "gitlab"] as const) {
  describe(`the client of a Git host (${kind})`, () => {
    const directory = temporaryDirectory();
    let standIn: StandInHost;
    let repository: HostedRepository;
    /** The milliseconds that the client would have waited. */
    let waits: number[];

    beforeEach(async () => {
      standIn = await StandInHost.start({ kind, directory: directory(), users: [bot], pageSize: 2 });
      repository = await standIn.createRepository(name);
      waits = [];
    });
    afterEach(() => standIn.close());

    function connect(options: HostClientOptions = {}): GitHost {
      const wait = (milliseconds: number) => Promise.resolve(waits.push(milliseconds));
      return connectGitHost(hostSettings(standIn.environment(name, bot.token)), { wait, ...options });
    }

    const titles = () => repository.issues.map(({ title }) => title);

    it("reads all pages", async () => {
      for (const number of [1, 2, 3, 4, 5]) repository.openIssue(`Issue ${number}`, `text ${number}`, bot);
      const found = await connect().openIssues();
      assert.deepEqual(
        found.map(({ body }) => body),
        ["text 5", "text 4", "text 3", "text 2", "text 1"],
      );
      assert.equal(standIn.requests.length, 3);
    });

    it("sends its token to no other host than the API's", async () => {
      const headers = { link: '<http://127.0.0.1:9/next>; rel="next"' };
      standIn.fail({ status: 200, headers, body: "[]" });
      await assert.rejects(
        connect().openIssues(),
        /points at http:\/\/127\.0\.0\.1:9, expected http:\/\/127\.0\.0\.1:\d+$/,
      );
      standIn.fail({ status: 301, headers: { location: "http://127.0.0.1:9/" } });
      await assert.rejects(connect().openIssues(), /a redirect is not followed with credentials/);
    });

    it("waits as long as the host asks, also before it creates something, and says so", async () => {
      const said: string[] = [];
      standIn.fail({ status: 429, headers: { "retry-after": "7" }, times: 2 });
      const { number } = await connect({ onLimit: (message) => said.push(message) }).openIssue("Broken", "text");
      assert.deepEqual([number, titles(), waits], [1, ["Broken"], [7000, 7000]]);
      assert.match(said[0] ?? "", /^Git(Hub|Lab) asks to wait 7 s$/);
      standIn.fail({ status: 503, headers: { "retry-after": new Date(Date.now() + 60_000).toUTCString() } });
      await connect().openIssues();
      assert.ok(waits[2]! > 50_000 && waits[2]! <= 60_000);
    });

    it("waits until its rate limit is reset, unless that is long after", async () => {
      const prefix = kind === "github" ? "x-ratelimit" : "ratelimit";
      const limit = (seconds: number) => ({
        status: kind === "github" ? 403 : 429,
        headers: {
          [`${prefix}-remaining`]: "0",
          [`${prefix}-reset`]: String(Math.floor(Date.now() / 1000) + seconds),
        },
        body: '{"message": "API rate limit exceeded"}',
      });
      standIn.fail(limit(100));
      await connect().openIssues();
      assert.equal(waits.length, 1);
      assert.ok(waits[0]! > 90_000 && waits[0]! <= 101_000);
      standIn.fail(limit(3600));
      await assert.rejects(
        connect().openIssues(),
        /a rate limit; Git\w+ answers again after \d{4}-.*Z\. Run the command again/,
      );
      assert.equal(waits.length, 1);
    });

    it("tries again after 5xx and a connection that ends, and gives up", async () => {
      standIn.fail({ status: 502, body: "<html>" });
      standIn.fail({});
      assert.deepEqual(await connect().openIssues(), []);
      assert.deepEqual(waits, [1000, 2000]);
      standIn.fail({ status: 500, times: 9 });
      await assert.rejects(connect({ retries: 2 }).openIssues(), /: GET .*\/issues: HTTP 500, after 2 retries$/);
    });

    it("does not wait longer for an answer than its time limit", async () => {
      standIn.fail({ delayMs: 600_000, times: 2 });
      await assert.rejects(
        connect({ timeoutMs: 100, retries: 1 }).openIssues(),
        /no answer within 0\.1 s, after 1 retries$/,
      );
    });

    it("creates nothing twice when the answer is lost", async () => {
      for (const fault of [{ status: 502 }, {}]) {
        standIn.fail({ on: /^POST .*issues$/, isCarriedOut: true, ...fault });
        const { number } = await connect().openIssue("Broken", `text ${JSON.stringify(fault)}`);
        assert.equal(number, repository.issues.length);
      }
      assert.deepEqual(titles(), ["Broken", "Broken"]);
      standIn.fail({ on: /^POST .*(comments|notes)$/, isCarriedOut: true });
      const thread = { kind: "issue", number: 1 } as const;
      await connect().addComment(thread, "once");
      assert.deepEqual(
        (await connect().comments(thread)).map(({ body }) => body),
        ["once"],
      );
      standIn.fail({ on: /^POST .*issues$/ });
      await connect().openIssue("Again", "text");
      assert.deepEqual(titles(), ["Broken", "Broken", "Again"]);
    });

    it("says in the host's words why it refuses, escaped and without the token", async () => {
      const cases: readonly (readonly [status: number, body: string, message: RegExp])[] = [
        [
          401,
          '{"message": "Bad credentials"}',
          /: the token is refused \(HTTP 401\): Bad credentials; it is wrong or has expired$/,
        ],
        [
          403,
          '{"message": "no\\u001b[2J::error::"}',
          /: the token may not do that \(HTTP 403\): no\\u001b\[2J::error::$/,
        ],
        [404, "<html>", /: not found \(HTTP 404\); there is none, or the token may not see it$/],
        [
          422,
          '{"message": "Validation Failed", "errors": [{"message": "too long"}, "odd"]}',
          /HTTP 422: Validation Failed; too long; odd$/,
        ],
        [400, '{"message": {"title": ["is too long"]}}', /HTTP 400: title is too long$/],
      ];
      for (const [status, body, message] of cases) {
        standIn.fail({ status, body });
        await assert.rejects(connect().openIssue("Broken", "text"), (error: Error) => {
          assert.match(error.message, message);
          assert.doesNotMatch(error.message, /secret-of-the-bot/);
          return error.name === "GitHostError";
        });
      }
      assert.deepEqual([titles(), waits], [[], []]);
    });

    it("refuses an answer that is none of the API, or too long", async () => {
      standIn.fail({ status: 200, body: "<html>" });
      await assert.rejects(connect().openIssues(), /GET .*: the answer is not one of its API: it: /);
      standIn.fail({ status: 200, body: '[{"number": 1, "iid": "1"}]' });
      await assert.rejects(connect().openIssues(), /the answer is not one of its API: 0\.\w+: /);
      standIn.fail({ status: 200, body: " ".repeat(33 * 1024 * 1024) });
      await assert.rejects(connect().openIssues(), /the answer has more than \d+ bytes/);
    });

    it("pauses between writes when there are many", async () => {
      const host = connect();
      for (let number = 1; number <= 22; number += 1) await host.openIssue(`Issue ${number}`, String(number));
      assert.deepEqual(waits, [1000, 1000]);
    });
  });
}

describe("the client of GitHub", () => {
  const directory = temporaryDirectory();
  let standIn: StandInHost;
  afterEach(() => standIn.close());

  it("waits a minute for a secondary limit that names no time", async () => {
    standIn = await StandInHost.start({ kind: "github", directory: directory(), users: [bot] });
    await standIn.createRepository(name);
    const waits: number[] = [];
    const wait = (milliseconds: number) => Promise.resolve(waits.push(milliseconds));
    const host = connectGitHost(hostSettings(standIn.environment(name, bot.token)), { wait });
    standIn.fail({ status: 403, body: '{"message": "You have exceeded a secondary rate limit."}' });
    await host.openIssue("Broken", "text");
    assert.deepEqual(waits, [60_000]);
  });
});
