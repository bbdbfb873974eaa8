import assert from "node:assert/strict";
import { mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { git as runGit } from "../../demo/git";
import { type DecisionHistory, readDecisions, tagDecisions } from "../../src/release/decision-history";
import { temporaryDirectory } from "../support/directory";

const automation = { name: "Shared Authority", email: "shared-authority@localhost" };
const ana = { name: "Ana", email: "ana@example.com" };

/** A stack file with these entries, each on one line. */
function stack(entries: Readonly<Record<string, string>>, ...settings: string[]): string {
  const lines = Object.entries(entries).map(([name, entry]) => `    ${name}: {${entry}}`);
  return ["config:", ...settings.map((line) => `  ${line}`), "  shared-authority:tenants:", ...lines, ""].join("\n");
}

describe("the decisions of a stack", () => {
  const directory = temporaryDirectory();
  const root = () => join(directory(), "shared");
  const git = (...args: string[]) => runGit({ directory: root() }, ...args);
  let minute = 0;

  async function commit(content: string | undefined, author = ana, message = "Decide", path = "Pulumi.prod.yaml") {
    const file = join(root(), path);
    mkdirSync(dirname(file), { recursive: true });
    if (content === undefined) rmSync(file);
    else writeFileSync(file, content);
    await git("add", "--all");
    return commitStaged(author, message);
  }

  async function commitStaged(author = ana, message = "Decide"): Promise<string> {
    minute += 1;
    const time = `${1_700_000_000 + minute * 60} +0000`;
    const environment = {
      GIT_AUTHOR_NAME: author.name,
      GIT_AUTHOR_EMAIL: author.email,
      GIT_AUTHOR_DATE: time,
      GIT_COMMITTER_DATE: time,
    };
    await runGit({ directory: root(), environment }, "commit", "--quiet", "--allow-empty", "-m", message);
    return git("rev-parse", "HEAD");
  }

  /** Each decision on a tag as `<previous> -> <tag>`, and who made it. */
  const story = ({ decisions }: DecisionHistory, object: string) =>
    tagDecisions(decisions.get(object)).map(
      ({ previous = "-", tag = "-", author, byAutomation }) =>
        `${previous} -> ${tag} ${byAutomation ? "automation" : author.name}`,
    );

  beforeEach(async () => {
    minute = 0;
    mkdirSync(root());
    await git("init", "--quiet", "--initial-branch=main");
  });

  it("have commit, time, author, trailers and reason, the newest first", async () => {
    const first = await commit(stack({ shop: 'tag: "1.0.0"', cart: 'tag: "2.0.0"' }));
    await commit(stack({ shop: 'tag: "1.1.0", digest: "sha256:a"', cart: 'tag: "2.0.0"' }), automation);
    const message = "Promote shop\n\nText with a colon: here.\n\nTenant: shop\nReason: new: prices\n and more\n";
    const last = await commit(
      stack({ shop: 'tag: "1.2.0"', cart: 'tag: "2.0.0", policy: {deny: ["2.1.0"]}' }),
      ana,
      message,
    );
    const history = await readDecisions(root(), "prod");
    assert.equal(history.isComplete, true);
    assert.deepEqual(story(history, "shop"), ["1.1.0 -> 1.2.0 Ana", "1.0.0 -> 1.1.0 automation", "- -> 1.0.0 Ana"]);
    assert.deepEqual(story(history, "cart"), ["- -> 2.0.0 Ana"]);
    const [newest, automated] = history.decisions.get("shop") ?? [];
    assert.deepEqual(
      [newest?.commit, newest?.at, newest?.author, newest?.subject, newest?.trailers],
      [last, 1_700_000_180_000, ana, "Promote shop", { Tenant: "shop", Reason: "new: prices and more" }],
    );
    assert.equal(automated?.entry?.digest, "sha256:a");
    assert.deepEqual(
      history.decisions.get("cart")?.map((one) => [one.commit, one.entry?.deny]),
      [
        [last, ["2.1.0"]],
        [first, []],
      ],
    );
    assert.equal(history.current.get("shop")?.tag, "1.2.0");
  });

  it("are the merge's, not those of the merged branch", async () => {
    await commit(stack({ shop: 'tag: "1.0.0"' }));
    await git("checkout", "--quiet", "-b", "promotions/prod");
    await commit(stack({ shop: 'tag: "1.1.0"' }), automation);
    await commit(stack({ shop: 'tag: "1.2.0"' }), automation);
    await git("checkout", "--quiet", "main");
    await git("merge", "--quiet", "--no-ff", "--no-commit", "promotions/prod");
    await commitStaged(ana, "Merge");
    assert.deepEqual(story(await readDecisions(root(), "prod"), "shop"), ["1.0.0 -> 1.2.0 Ana", "- -> 1.0.0 Ana"]);
  });

  it("are automation's by each author that a version of the file names", async () => {
    const bot = { name: "Bot", email: "bot@example.com" };
    const settings = 'shared-authority:configRepository: {author: {name: Bot, email: "bot@example.com"}}';
    await commit(stack({ shop: 'tag: "1.0.0"' }));
    await commit(stack({ shop: 'tag: "1.1.0"' }), automation);
    await commit(stack({ shop: 'tag: "1.2.0"' }, settings));
    await commit(stack({ shop: 'tag: "1.3.0"' }, settings), bot);
    await commit(stack({ shop: 'tag: "1.4.0"' }, settings), { ...bot, name: "Bo" });
    assert.deepEqual(story(await readDecisions(root(), "prod"), "shop"), [
      "1.3.0 -> 1.4.0 Bo",
      "1.2.0 -> 1.3.0 automation",
      "1.1.0 -> 1.2.0 Ana",
      "1.0.0 -> 1.1.0 automation",
      "- -> 1.0.0 Ana",
    ]);
  });

  it("follow a renamed tenant, one that left and came back, and skip what is not YAML", async () => {
    await commit(stack({ shop: 'tag: "1.0.0"', cart: 'tag: "2.0.0"' }));
    await commit(stack({ store: 'formerly: shop, tag: "1.0.0"' }));
    await commit(`${stack({ store: 'formerly: shop, tag: "1.1.0"' })}<<<<<<< HEAD\n`);
    await commit(stack({ store: 'formerly: shop, tag: "1.1.0"', cart: 'tag: "2.1.0"' }), automation);
    await commit(undefined);
    await commit(stack({ store: 'formerly: shop, tag: "1.1.0"' }));
    const history = await readDecisions(root(), "prod");
    assert.deepEqual(story(history, "shop"), [
      "- -> 1.1.0 Ana",
      "1.1.0 -> - Ana",
      "1.0.0 -> 1.1.0 automation",
      "- -> 1.0.0 Ana",
    ]);
    assert.deepEqual(
      history.decisions.get("shop")?.map(({ tenant }) => tenant),
      ["store", "store", "store", "store", "shop"],
    );
    assert.deepEqual(story(history, "cart"), [
      "2.1.0 -> - Ana",
      "- -> 2.1.0 automation",
      "2.0.0 -> - Ana",
      "- -> 2.0.0 Ana",
    ]);
  });

  it("follow a project that was moved to another folder, and a stack that was renamed", async () => {
    const filler = Object.fromEntries(Array.from({ length: 9 }, (_, index) => [`t${index}`, 'tag: "1.0.0"']));
    await commit(stack({ ...filler, shop: 'tag: "1.0.0"' }), ana, "Decide", "authority/Pulumi.production.yaml");
    await commit(stack({ ...filler, shop: 'tag: "1.1.0"' }), automation, "Decide", "authority/Pulumi.production.yaml");
    renameSync(join(root(), "authority/Pulumi.production.yaml"), join(root(), "Pulumi.prod.yaml"));
    await commit(stack({ ...filler, shop: 'tag: "1.2.0"' }), ana, "Move and promote");
    mkdirSync(join(root(), "new folder"));
    renameSync(join(root(), "Pulumi.prod.yaml"), join(root(), "new folder/Pulumi.prod.yaml"));
    await git("add", "--all");
    await commitStaged(ana, "Move");
    assert.deepEqual(story(await readDecisions(join(root(), "new folder"), "prod"), "shop"), [
      "1.1.0 -> 1.2.0 Ana",
      "1.0.0 -> 1.1.0 automation",
      "- -> 1.0.0 Ana",
    ]);
  });

  describe("where somebody has pulled the shared branch onto own commits", () => {
    const bob = { name: "Bob", email: "bob@example.com" };
    const versions = (shop: string, cart: string) => stack({ shop: `tag: "${shop}"`, cart: `tag: "${cart}"` });

    /** Merges a branch as `git pull` does. */
    async function pull(branch: string, content: string, author = bob): Promise<void> {
      await git("merge", "--quiet", "--no-ff", "--no-commit", "--strategy=ours", branch);
      await commit(content, author, `Merge branch '${branch}'`);
    }

    beforeEach(async () => {
      await commit(versions("1.0.0", "2.0.0"));
      await git("branch", "own");
      await commit(versions("1.1.0", "2.0.0"), automation);
      await commit(versions("1.0.0", "2.0.0"), ana, "Leaks memory");
      await git("checkout", "--quiet", "own");
      await commit(versions("1.0.0", "2.1.0"), bob, "Try cart");
    });

    it("are those of both, and the merge's are what neither has decided", async () => {
      await pull("main", versions("1.0.0", "2.1.0"));
      const history = await readDecisions(root(), "prod");
      const shop = ["1.1.0 -> 1.0.0 Ana", "1.0.0 -> 1.1.0 automation", "- -> 1.0.0 Ana"];
      assert.deepEqual(story(history, "shop"), shop);
      assert.deepEqual(story(history, "cart"), ["2.0.0 -> 2.1.0 Bob", "- -> 2.0.0 Ana"]);
      assert.equal(history.decisions.get("cart")?.[0]?.subject, "Try cart");

      // A second pull finds only what is new, and what the conflict was resolved to is the merge's.
      await commit(versions("1.0.0", "2.2.0"), bob);
      await git("checkout", "--quiet", "main");
      await commit(versions("1.2.0", "2.0.0"), automation);
      await commit(versions("1.2.0", "2.9.0"), ana);
      await git("checkout", "--quiet", "own");
      await pull("main", versions("1.2.0", "2.3.0"));
      await commit(versions("1.3.0", "2.3.0"), bob);
      const again = await readDecisions(root(), "prod");
      assert.deepEqual(story(again, "shop"), ["1.2.0 -> 1.3.0 Bob", "1.0.0 -> 1.2.0 automation", ...shop]);
      assert.deepEqual(story(again, "cart"), [
        "2.9.0 -> 2.3.0 Bob",
        "2.0.0 -> 2.9.0 Ana",
        "2.1.0 -> 2.2.0 Bob",
        "2.0.0 -> 2.1.0 Bob",
        "- -> 2.0.0 Ana",
      ]);
    });

    it("are found behind a pull of a pull, and behind the merge of somebody else's branch", async () => {
      await pull("main", versions("1.0.0", "2.1.0"));
      await git("checkout", "--quiet", "-b", "cleos", "main~2");
      const cleo = { name: "Cleo", email: "cleo@example.com" };
      await commit(versions("1.0.0", "2.0.0"), cleo, "Write notes");
      await pull("own", versions("1.0.0", "2.1.0"), cleo);
      await git("checkout", "--quiet", "-b", "topic");
      await commit(versions("1.5.0", "2.1.0"), bob);
      await git("checkout", "--quiet", "cleos");
      await pull("topic", versions("1.5.0", "2.1.0"), cleo);
      const history = await readDecisions(root(), "prod");
      assert.deepEqual(story(history, "shop"), [
        "1.0.0 -> 1.5.0 Cleo",
        "1.1.0 -> 1.0.0 Ana",
        "1.0.0 -> 1.1.0 automation",
        "- -> 1.0.0 Ana",
      ]);
      assert.deepEqual(story(history, "cart"), ["2.0.0 -> 2.1.0 Bob", "- -> 2.0.0 Ana"]);
    });
  });

  it("are not known of what a shallow clone lacks", async () => {
    await commit(stack({ shop: 'tag: "1.0.0"' }));
    await commit(stack({ shop: 'tag: "1.1.0"' }), automation);
    await commit(stack({ shop: 'tag: "1.2.0"' }), automation);
    const clone = async (depth: string) => {
      const path = join(directory(), `clone-${depth}`);
      await runGit({ directory: directory() }, "clone", "--quiet", "--depth", depth, pathToFileURL(root()).href, path);
      return readDecisions(path, "prod");
    };
    const shallow = await clone("2");
    assert.deepEqual([story(shallow, "shop"), shallow.isComplete], [["1.1.0 -> 1.2.0 automation"], false]);
    assert.equal(shallow.current.get("shop")?.tag, "1.2.0");
    const deep = await clone("10");
    assert.deepEqual([story(deep, "shop").length, deep.isComplete], [3, true]);
  });
});
