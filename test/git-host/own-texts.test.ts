import assert from "node:assert/strict";
import { connectGitHost, type GitHost } from "../../src/git-host/git-host";
import { hostSettings } from "../../src/git-host/host-settings";
import { closeIssue, fenced, hiddenMarker, lastPart, writeComment, writeIssue } from "../../src/git-host/own-texts";
import { temporaryDirectory } from "../support/directory";
import { type HostedRepository, StandInHost } from "../support/git-host/stand-in";

const bot = { login: "authority[bot]", token: "bot-token", isApp: true };
const ana = { login: "ana", token: "ana-token" };
const name = "acme/shared";

for (const kind of ["github", "gitlab"] as const) {
  describe(`texts of our own on a Git host (${kind})`, () => {
    const directory = temporaryDirectory();
    let standIn: StandInHost;
    let repository: HostedRepository;
    let host: GitHost;

    beforeEach(async () => {
      standIn = await StandInHost.start({ kind, directory: directory(), users: [ana, bot], pageSize: 2 });
      repository = await standIn.createRepository(name);
      host = connectGitHost(hostSettings(standIn.environment(name, bot.token)));
      repository.openIssue("A thread", "text", ana);
    });
    afterEach(() => standIn.close());

    const writes = () => standIn.requests.filter((line) => !line.startsWith("GET ") && !line.endsWith("/graphql"));

    it("edits its comment and repeats none, and leaves the comments of others", async () => {
      const thread = { kind: "issue", number: 1 } as const;
      for (const text of ["hello", `quoted\n${hiddenMarker("comment", "report")}`, "there"]) {
        repository.comment("issue", 1, text, ana);
      }
      const write = (text: string, key = "report") => writeComment(host, thread, key, text);
      assert.equal(await write("first\n"), "created");
      assert.equal(await write("second"), "updated");
      assert.equal(await write("other", "plan"), "created");
      const bodies = repository.comments.map(({ body, author }) => [author.login, body.split("\n")[0]]);
      assert.deepEqual(bodies, [
        ["ana", "hello"],
        ["ana", "quoted"],
        ["ana", "there"],
        [bot.login, "second"],
        [bot.login, "other"],
      ]);
      standIn.requests.length = 0;
      assert.equal(await write("second\n\n"), "unchanged");
      assert.deepEqual(writes(), []);
    });

    it("keeps to its own issue, also where another one of its own quotes the marker", async () => {
      const other = await writeIssue(host, "Other", `log\n${hiddenMarker("issue", "Nightly")}\nend`);
      assert.equal(await closeIssue(host, "Nightly", "fine"), undefined);
      assert.notEqual((await writeIssue(host, "Nightly", "first")).number, other.number);
    });

    it("has one issue for a title, closes it, and opens another one later", async () => {
      const title = "Nightly verify fails --> <b>";
      repository.openIssue("Quoted", hiddenMarker("issue", title), ana);
      const opened = await writeIssue(host, title, "first");
      assert.equal(opened.state, "created");
      assert.equal((await writeIssue(host, title, "second")).state, "updated");
      standIn.requests.length = 0;
      assert.deepEqual(await writeIssue(host, title, "second"), {
        ...opened,
        body: `second\n\n${hiddenMarker("issue", title)}`,
        state: "unchanged",
      });
      assert.deepEqual(writes(), []);
      assert.equal((await closeIssue(host, title, "fine"))?.number, opened.number);
      assert.equal(await closeIssue(host, title, "fine"), undefined);
      assert.deepEqual(
        repository.issues.map(({ state }) => state),
        ["open", "open", "closed"],
      );
      assert.deepEqual(
        repository.comments.map(({ on, body }) => [on, body]),
        [[opened.number, "fine"]],
      );
      assert.equal((await writeIssue(host, title, "third")).number, opened.number + 1);
    });
  });
}

describe("texts of our own on GitLab", () => {
  const directory = temporaryDirectory();
  let standIn: StandInHost;
  afterEach(() => standIn.close());

  it("have no line that GitLab carries out as a command", async () => {
    standIn = await StandInHost.start({ kind: "gitlab", directory: directory(), users: [bot] });
    const { issues } = await standIn.createRepository(name);
    const host = connectGitHost(hostSettings(standIn.environment(name, bot.token)));
    const text = "first\n/close\n/merge now\n//\na/b";
    await writeIssue(host, "Broken", text);
    assert.match(issues[0]!.body, /^first\n\\\/close\n\\\/merge now\n\/\/\na\/b\n/);
    assert.equal((await writeIssue(host, "Broken", text)).state, "unchanged");
  });
});

describe("fenced", () => {
  it("shows any text as it is", () => {
    assert.equal(fenced("a\r\nb\n"), "```text\na\nb\n```");
    assert.equal(fenced("a\n````\n<b>"), "`````text\na\n````\n<b>\n`````");
    assert.equal(fenced("\u001b[2J\u202e"), "```text\n\\u001b[2J\\u202e\n```");
  });
});

describe("lastPart", () => {
  it("keeps the end of a long text, from the beginning of a line", () => {
    assert.equal(lastPart("short", 5), "short");
    const part = lastPart(`${"x".repeat(100)}\n${"line\n".repeat(20)}`, 60);
    assert.match(part, /^\(The beginning is left out\.\)\n(line\n)+$/);
    assert.ok(part.length <= 60 && part.length > 50);
  });
});
