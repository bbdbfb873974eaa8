import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { git } from "../../demo/git";
import { readStackConfig } from "../../src/config/read-stack-config";
import { readDecisions, tagDecisions } from "../../src/release/decision-history";
import { historyFor, takenBack } from "../../src/release/taken-back";
import { temporaryDirectory } from "../support/directory";
import { taggedTenants } from "./tagged-tenants";

const tenants = ["app", "shop"] as const;
const people = [
  "Ana <ana@example.com>",
  "Shared Authority <shared-authority@localhost>",
  "Bot <bot@example.com>",
] as const;

interface Step {
  readonly author: number;
  readonly tags: readonly number[];
  /**
   * Whether it is a merge of a commit of automation, a pull onto an own commit, no YAML, without the file, or with another
   * author of automation.
   */
  readonly kind: "commit" | "merge" | "pull" | "broken" | "removed" | "bot";
}

const step = fc
  .record<Step>({
    author: fc.constantFrom(0, 0, 1, 1, 1, 2),
    tags: fc.tuple(fc.nat(1), fc.nat(1)),
    kind: fc.constantFrom(
      ...Array<"commit">(6).fill("commit"),
      "merge",
      ...Array<"pull">(4).fill("pull"),
      "broken",
      "removed",
      "bot",
    ),
  })
  // Automation changes no settings.
  .map((one) => (one.kind === "bot" ? { ...one, author: 0 } : one));

/** Automation promotes, a person goes back, and automation promotes again. */
const start: Step = { author: 1, tags: [1, 1], kind: "commit" };
const story: readonly Step[] = [start, { ...start, author: 0, tags: [0, 0] }, start];

function stackFile({ tags, kind }: Step, automation: string): string {
  const versions = Object.fromEntries(tenants.map((name, index) => [name, `1.${String(tags[index])}.0`]));
  const lines = taggedTenants(versions, { automation, bot: kind === "bot" });
  return [...lines, ...(kind === "broken" ? ["<<<<<<<"] : []), ""].join("\n");
}

/** The commits as `git fast-import` reads them. */
function importText(steps: readonly Step[], automation: string): string {
  let mark = 0;
  const commit = (one: Step, author: string, branch: string, more: readonly string[]) => {
    mark += 1;
    const text = stackFile(one, automation);
    const change =
      one.kind === "removed"
        ? ["D Pulumi.prod.yaml"]
        : [`M 100644 inline Pulumi.prod.yaml`, `data ${text.length}`, text];
    const when = `${1_700_000_000 + mark} +0000`;
    const head = [
      `commit refs/heads/${branch}`,
      `mark :${mark}`,
      `author ${author} ${when}`,
      `committer ${author} ${when}`,
    ];
    return [...head, "data 6", "Decide", ...more, ...change].join("\n");
  };
  let last = 0;
  return steps
    .flatMap((one) => {
      const author = people[one.author] ?? "";
      const from = last === 0 ? [] : [`from :${last}`];
      const side = one.kind === "merge" && last > 0 ? [commit(one, people[1], "side", from)] : [];
      const isPull = one.kind === "pull" && last > 0;
      if (isPull) {
        // On one side a person goes back and automation promotes, on the other the person who pulls decides.
        const back = { ...one, tags: one.tags.map((tag) => 1 - tag) };
        side.push(commit(back, people[0], "side", from), commit(one, people[1], "side", []));
      }
      const merged = side.length === 0 ? [] : [`merge :${mark}`];
      if (isPull) side.push(commit({ ...one, tags: [...one.tags].reverse() }, people[0], "main", from));
      const main = commit(one, author, "main", isPull ? merged : [...from, ...merged]);
      last = mark;
      return [...side, main];
    })
    .join("\n");
}

describe("what was taken back", () => {
  const directory = temporaryDirectory();

  it("is found in the commits of people as in all of them, whatever the history", async function () {
    this.timeout(300_000);
    let run = 0;
    let found = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.tuple(fc.array(step, { maxLength: 5 }), fc.boolean(), fc.array(step, { maxLength: 3 })),
        fc.constantFrom("auto", "pull-request"),
        async ([before, isTold, after], automation) => {
          const steps = [...before, ...(isTold ? story : [start]), ...after];
          run += 1;
          const root = join(directory(), String(run));
          mkdirSync(root);
          await git({ directory: root }, "init", "--quiet", "--initial-branch=main");
          await git(
            { directory: root, input: `${importText(steps, automation)}\n` },
            "fast-import",
            "--quiet",
            "--force",
          );
          // The last decision without what keeps the stack from being read.
          const last = steps.at(-1)!;
          const kind = last.kind === "bot" ? "bot" : "commit";
          writeFileSync(join(root, "Pulumi.prod.yaml"), stackFile({ ...last, kind }, automation));
          const config = readStackConfig({ root, stack: "prod" });
          const all = await readDecisions(root, "prod");
          const some = await historyFor(config, config.tenants);
          const commits = (history: typeof some) =>
            config.tenants.map((tenant) => {
              const finding = history && takenBack(tenant, history);
              return finding && [finding.back?.commit, finding.again?.commit];
            });
          assert.deepEqual(commits(some), commits(all));
          for (const [object, { tag }] of all.current) {
            assert.equal(tagDecisions(all.decisions.get(object))[0]?.tag, tag);
          }
          found += commits(all).filter((one) => one !== undefined).length;
        },
      ),
      { numRuns: 60 },
    );
    assert.ok(found > 3, `only ${found} were taken back`);
  });
});
