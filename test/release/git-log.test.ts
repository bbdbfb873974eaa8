import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { git } from "../../demo/git";
import { type GitServer, serveGit } from "../../demo/git-server";
import { GitError, withRepository } from "../../src/release/git";
import { temporaryDirectory } from "../support/directory";
import { chartAt, makeRepository } from "./scratch-repository";

/** What a report reads beside the facts of a release: in place, and from a remote repository. */
describe("commits and folders of a repository", () => {
  const directory = temporaryDirectory();
  let server: GitServer | undefined;
  let bare = "";

  beforeEach(async () => {
    const root = join(directory(), "git");
    mkdirSync(root);
    bare = await makeRepository(join(root, "app.git"), [
      { files: chartAt("1.0.0"), annotated: ["1.0.0"], subject: "First" },
      { files: { "README.md": "a\n" }, subject: "Second", author: "Ines" },
      {
        branch: "fix",
        from: "refs/heads/master",
        files: { "README.md": "fix\n" },
        annotated: ["1.0.1"],
        subject: "Fix",
      },
      {
        files: { ...chartAt("1.1.0"), "charts/app/templates/a.yaml": "a: 1\n" },
        lightweight: ["1.1.0"],
        subject: "Third",
      },
    ]);
    // A link in the folder, which may lead anywhere.
    const environment = { GIT_INDEX_FILE: join(root, "index") };
    const own = (...args: string[]) => git({ directory: bare, environment, input: "/etc/passwd" }, ...args);
    await own("read-tree", "1.1.0");
    const link = await own("hash-object", "-w", "--stdin");
    await own("update-index", "--add", "--cacheinfo", `120000,${link},charts/app/values.yaml`);
    const commit = await own("commit-tree", await own("write-tree"), "-p", "1.1.0", "-m", "Link");
    await own("update-ref", "refs/tags/linked", commit);
    server = await serveGit({ root });
  });
  afterEach(() => server?.close());

  const places = {
    "in place": () => bare,
    "from a remote repository": () => `${server?.url ?? ""}/app.git`,
  };

  for (const [name, place] of Object.entries(places)) {
    const open = <Result>(use: Parameters<typeof withRepository<Result>>[2]) => withRepository(place(), {}, use);

    describe(name, () => {
      it("lists the commits between two tags, the newest first, and counts those it leaves out", async () => {
        const log = await open((repository) => repository.readLog("1.1.0", "1.0.0", 5));
        assert.deepEqual(
          log.commits.map(({ subject, author }) => [subject, author]),
          [
            ["Third", "Lab"],
            ["Second", "Ines"],
          ],
        );
        assert.equal(log.commits[0]?.commit, await git({ directory: bare }, "rev-parse", "1.1.0"));
        assert.equal((await open((repository) => repository.readLog("1.1.0", "1.0.0", 1))).count, 2);
      });

      it("lists what one of two branches has, and nothing where the other has it all", async () => {
        const subjects = async (tag: string, without: string) =>
          (await open((repository) => repository.readLog(tag, without, 5))).commits.map(({ subject }) => subject);
        assert.deepEqual(await subjects("1.1.0", "1.0.1"), ["Third"]);
        assert.deepEqual(await subjects("1.0.1", "1.1.0"), ["Fix"]);
        assert.deepEqual(await subjects("1.0.0", "1.1.0"), []);
      });

      it("reads a folder without links, at a tag or a commit", async () => {
        const commit = await git({ directory: bare }, "rev-parse", "linked");
        for (const revision of ["refs/tags/linked", commit]) {
          const files = await open((repository) => repository.readFolder(revision, "charts/app"));
          assert.deepEqual(
            files.map(({ path, content }) => [path, content.length > 0]),
            [
              ["Chart.yaml", true],
              ["templates/a.yaml", true],
            ],
          );
        }
      });

      it("says what is not there", async () => {
        const missing = open((repository) => repository.readLog("9.9.9", "1.0.0", 5));
        await assert.rejects(missing, new GitError('there is no Git tag "9.9.9"'));
        const folder = open((repository) => repository.readFolder("refs/tags/1.0.0", "charts/other"));
        await assert.rejects(folder, /^GitError: there is no folder charts\/other at the commit [0-9a-f]{40}$/);
      });
    });
  }
});
