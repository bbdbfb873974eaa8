import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { git } from "../../demo/git";
import { temporaryDirectory } from "../support/directory";
import { authority } from "./command-line";

const people = {
  ana: { GIT_AUTHOR_NAME: "Ana", GIT_AUTHOR_EMAIL: "ana@example.com" },
  flux: { GIT_AUTHOR_NAME: "Shared Authority", GIT_AUTHOR_EMAIL: "shared-authority@localhost" },
};

describe("authority history", () => {
  const directory = temporaryDirectory();
  const root = () => join(directory(), "shared");
  const run = (...args: string[]) => authority(["history", ...args], { cwd: root() });

  /** @param time of the commit, such as `2026-01-31T12:00` */
  async function commit(entries: readonly string[], time: string, who: keyof typeof people, message: string) {
    const lines = entries.map((entry) => `    ${entry}`);
    const text = ["config:", "  shared-authority:follow: tags", "  shared-authority:tenants:", ...lines, ""].join("\n");
    writeFileSync(join(root(), "Pulumi.prod.yaml"), text);
    await git({ directory: root() }, "add", "--all");
    const environment = { ...people[who], GIT_AUTHOR_DATE: `${time}:00Z`, GIT_COMMITTER_DATE: `${time}:00Z` };
    await git({ directory: root(), environment }, "commit", "--quiet", "-m", message);
  }

  beforeEach(async () => {
    mkdirSync(root());
    writeFileSync(join(root(), "Pulumi.yaml"), "name: shared\nruntime: nodejs\n");
    await git({ directory: root() }, "init", "--quiet", "--initial-branch=main");
    await commit(['shop: {tag: "1.0.0"}', 'cart: {tag: "2.0.0"}'], "2026-01-01T12:00", "ana", "Start");
    await commit(['shop: {tag: "1.1.0"}', 'cart: {tag: "2.0.0"}'], "2026-01-03T13:30", "flux", "Promote shop");
    const denied = 'shop: {tag: "1.0.0", policy: {deny: ["1.1.0"], pin: {by: jo, reason: a leak}}}';
    await commit([denied, 'cart: {tag: "2.0.0"}'], "2026-01-03T13:31", "ana", "Back\n\nTenant: shop\nReason: it leaks");
    await commit(
      [denied.replace("shop:", "store:").replace("{", "{formerly: shop, ")],
      "2026-01-05T00:00",
      "ana",
      "Tidy",
    );
  });

  it("shows who decided what, when, why, and for how long", async () => {
    const { code, stdout, stderr } = await run("store");
    assert.deepEqual([code, stderr], [0, ""]);
    const rows = stdout.trimEnd().split("\n");
    assert.match(rows[0]!, /^STACK +TENANT +WHEN +WHAT +DECIDED FOR +BY +COMMIT +WHY$/);
    assert.match(rows[1]!, /^prod +store +2026-01-05 00:00 +renamed from shop +- +Ana +[0-9a-f]{10} +Tidy$/);
    const back = "1\\.1\\.0 -> 1\\.0\\.0; pinned; denied 1\\.1\\.0";
    assert.match(rows[2]!, new RegExp(`^prod +shop +2026-01-03 13:31 +${back} +\\d+ d .*so far +Ana +\\w+ +it leaks$`));
    assert.match(rows[3]!, / 1\.0\.0 -> 1\.1\.0 +1 min +automation +\w+ +Promote shop$/);
    assert.match(rows[4]!, / added at 1\.0\.0 +2 d 1 h +Ana +\w+ +Start$/);
    assert.equal(rows.length, 5);
    assert.equal((await run("shop")).stdout.split("\n").length, stdout.split("\n").length);
  });

  it("prints JSON, of all tenants and also of those that were removed", async () => {
    const { stdout } = await run("--json", "--stack", "prod");
    const { decisions, incomplete } = JSON.parse(stdout) as {
      decisions: { tenant: string; changes: string[]; seconds: number | null; byAutomation: boolean }[];
      incomplete: string[];
    };
    assert.deepEqual(incomplete, []);
    assert.deepEqual(
      decisions.filter(({ tenant }) => tenant === "cart").map(({ changes, seconds }) => [changes, seconds]),
      [
        [["removed at 2.0.0"], null],
        [["added at 2.0.0"], 302_400],
      ],
    );
    assert.deepEqual(
      decisions.filter(({ byAutomation }) => byAutomation).map(({ tenant }) => tenant),
      ["shop"],
    );
  });

  it("says what it does not know", async () => {
    const unknown = await run("sotre");
    assert.equal(unknown.code, 2);
    assert.match(unknown.stderr, /The history of prod has no tenant "sotre"\. Did you mean `store`\?/);
    const noStack = await run("--stack", "pord");
    assert.deepEqual([noStack.code, noStack.stdout], [2, ""]);
    assert.match(noStack.stderr, /The history has no stack "pord"\. Did you mean `prod`\?/);
    const clone = join(directory(), "clone");
    await git({ directory: root() }, "clone", "--quiet", "--depth", "2", pathToFileURL(root()).href, clone);
    const shallow = await authority(["history"], { cwd: clone });
    assert.equal(shallow.code, 0);
    assert.match(shallow.stdout, /renamed from shop/);
    assert.match(
      shallow.stderr,
      /^prod: this clone is shallow, so earlier decisions are missing; `git fetch --unshallow`/,
    );
    const outside = join(directory(), "outside");
    mkdirSync(outside);
    writeFileSync(join(outside, "Pulumi.yaml"), "name: shared\nruntime: nodejs\n");
    writeFileSync(join(outside, "Pulumi.prod.yaml"), "config: {}\n");
    const none = await authority(["history"], { cwd: outside });
    assert.deepEqual([none.code, none.stdout], [2, ""]);
    assert.match(none.stderr, /The history cannot be read: git rev-[a-z]+: .*not a git repository/);
    await git({ directory: outside }, "init", "--quiet");
    const early = await authority(["history"], { cwd: outside });
    assert.deepEqual([early.code, early.stdout], [2, ""]);
    assert.match(early.stderr, /There is no history yet\. Commit the stack files first\./);
  });
});
