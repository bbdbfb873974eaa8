import assert from "node:assert/strict";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { git } from "../../demo/git";
import { readStackConfig } from "../../src/config/read-stack-config";
import { takenBackReasons } from "../../src/release/taken-back";
import { temporaryDirectory } from "../support/directory";
import { taggedTenants } from "./tagged-tenants";

const flux = "Shared Authority <shared-authority@localhost>";

/** A commit of a stack file. What it does not say is as in its first parent. */
interface Commit {
  readonly by: string;
  /** Default: the one before. */
  readonly from?: readonly string[];
  readonly app?: string;
  readonly cart?: string;
  readonly stack?: string;
  /** Whether the file names Bot as the author of automation. */
  readonly bot?: boolean;
}

type Commits = Readonly<Record<string, Commit>>;

/** Automation promotes, a person goes back, and automation promotes again. */
const again: Commits = {
  start: { by: "Ana", app: "1.0.0", cart: "1.0.0", stack: "prod" },
  first: { by: flux, app: "1.1.0" },
  back: { by: "Ana", app: "1.0.0" },
  again: { by: flux, app: "1.1.0" },
};

/** As `again`, and somebody with a commit of their own since the first promotion pulls it. */
const pull: Commits = {
  ...again,
  own: { by: "Bob", from: ["first"] },
  pull: { by: "Bob", from: ["own", "again"], app: "1.1.0" },
};

/** Changes of another tenant by both a person and automation. */
const others: Commits = { other: { by: "Ana", from: ["first"], cart: "1.0.1" }, auto: { by: flux, cart: "1.0.2" } };

function stackFile({ app = "", cart = "", bot = false }: Commit, automation: string): string {
  return [...taggedTenants({ app, cart }, { automation, bot }), ""].join("\n");
}

/** The commits as `git fast-import` reads them, and the last one. */
function importText(commits: Commits, automation: string) {
  const known: Record<string, Commit> = {};
  const names = Object.keys(commits);
  const text = names.flatMap((name, index) => {
    const { from = names.slice(index - 1, index), ...change } = commits[name]!;
    const before = known[from[0] ?? ""];
    const one = { ...before, ...change };
    known[name] = one;
    const author = one.by.includes("<") ? one.by : `${one.by} <${one.by}@example.com>`;
    const who = `${author} ${1_700_000_000 + index} +0000`;
    const content = stackFile(one, automation);
    return [
      "commit refs/heads/main",
      `mark :${index + 1}`,
      `author ${who}`,
      `committer ${who}`,
      `data ${name.length}`,
      name,
      ...from.map((parent, at) => `${at === 0 ? "from" : "merge"} :${names.indexOf(parent) + 1}`),
      "deleteall",
      `M 100644 inline Pulumi.${one.stack}.yaml`,
      `data ${content.length}`,
      content,
    ];
  });
  return { text: `${text.join("\n")}\n`, last: known[names.at(-1)!]! };
}

describe("a version that automation promotes again", () => {
  const directory = temporaryDirectory();

  async function reason(commits: Commits, automation = "auto", depth = 0): Promise<string> {
    let root = join(directory(), "shared");
    await git({ directory: directory() }, "init", "--quiet", "--initial-branch=main", root);
    const { text, last } = importText(commits, automation);
    await git({ directory: root, input: text }, "fast-import", "--quiet");
    await git({ directory: root }, "reset", "--quiet", "--hard");
    if (depth > 0) {
      const url = pathToFileURL(root).href;
      root = join(directory(), "shallow");
      await git({ directory: directory() }, "clone", "--quiet", "--depth", String(depth), url, root);
    }
    return (await takenBackReasons(readStackConfig({ root, stack: last.stack! }))).get("app") ?? "runs";
  }

  const histories: Readonly<Record<string, Commits>> = {
    "a pull, and then automation has another author": { ...pull, author: { by: "Ana", bot: true } },
    "a pull of commits that give automation another author": {
      ...again,
      author: { by: "Ana", bot: true },
      own: { by: "Bob", from: ["first"] },
      pull: { by: "Bob", from: ["own", "author"], app: "1.1.0", bot: true },
    },
    "a pull of the stack's new name": {
      ...again,
      rename: { by: "Ana", stack: "live" },
      own: { by: "Bob", from: ["first"] },
      pull: { by: "Bob", from: ["own", "rename"], stack: "live" },
    },
    "a pull onto one's own rename of the stack": {
      ...again,
      own: { by: "Bob", from: ["first"], stack: "live" },
      pull: { by: "Bob", from: ["own", "again"] },
    },
    "a pull of two branches at once": {
      ...again,
      ...others,
      own: { by: "Bob", from: ["first"] },
      pull: { by: "Bob", from: ["own", "again", "auto"], cart: "1.0.2" },
    },
    "a pull, and a merge of a branch from before it": {
      ...pull,
      ...others,
      merge: { by: "Bob", from: ["pull", "auto"], cart: "1.0.2" },
    },
  };

  for (const [name, commits] of Object.entries(histories)) {
    for (const automation of ["auto", "pull-request"]) {
      it(`is found behind ${name}, with ${automation}`, async () => {
        assert.match(await reason(commits, automation), /^app 1\.1\.0 was taken back in \w+ \(Ana: "back"\)/);
      });
    }
  }

  const merged: Commits = {
    ...again,
    own: { by: "Bob", from: ["back"] },
    pull: { by: "Bob", from: ["own", "again"], app: "1.1.0" },
  };
  const byHand: Commits = {
    ...again,
    hand: { by: "Bob", from: ["back"], app: "1.1.0" },
    merge: { by: "Bob", from: ["back", "hand"], app: "1.1.0" },
  };
  const returned: Commits = { newer: { by: flux, app: "1.2.0" }, older: { by: flux, app: "1.1.0" } };

  it("is not accepted by a pull, also if automation comes back to it from a newer one", async () => {
    assert.match(await reason({ ...merged, ...returned }), /^app 1\.1\.0 was taken back /);
  });

  it("is accepted by a merge of a person's commit, also if automation comes back to it from a newer one", async () => {
    assert.equal(await reason({ ...byHand, ...returned }), "runs");
  });

  it("cannot be told from what a pull has brought into a shallow clone", async () => {
    assert.match(await reason(merged, "auto", 2), /^this clone is shallow/);
  });

  it("is told from a merge of a person's commit in a shallow clone", async () => {
    assert.equal(await reason(byHand, "auto", 2), "runs");
  });

  it("cannot be told in a shallow clone that has the first commit, but not all that a pull has brought", async () => {
    const commits: Commits = {
      ...again,
      one: { by: flux, cart: "1.0.1" },
      two: { by: "Ana", cart: "1.0.2" },
      three: { by: flux, cart: "1.0.3" },
      own: { by: "Bob", from: ["first"] },
      pull: { by: "Bob", from: ["own", "three"], cart: "1.0.3" },
    };
    assert.match(await reason(commits, "auto", 4), /^this clone is shallow/);
  });
});
