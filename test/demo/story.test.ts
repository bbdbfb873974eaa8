import assert from "node:assert/strict";
import { spawn, type ChildProcessByStdio } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { temporaryDirectory } from "../support/directory";
import { projectRoot } from "../support/project";
import { requireEngine } from "../support/pulumi";
import { skipBecause } from "../support/tools";

/** The chapters, in order, and what each must have shown. */
const chapters = [
  [/dev follows master/, /no changes/, /GitRepository shop at branch master/],
  [/production runs 1\.0\.0/, /production runs 1\.0\.0: source shop-1\.0\.0/],
  [/a Git tag without an image changes nothing/, /no changes/, /production runs 1\.0\.0/],
  [/appVersion was forgotten is blocked/, /│.*appVersion/, /git revert/, /production runs 1\.0\.0/],
  [
    /a good release is promoted/,
    /git commit -m "Promote shop to 1\.2\.1/,
    /production runs 1\.2\.1: source shop-1\.2\.1/,
  ],
  [/the commit is reverted/, /git revert/, /production runs 1\.0\.0: source shop-1\.0\.0/],
  [/What to look at next/],
] as const;

describe("the story of npm start", function () {
  this.timeout(300_000);
  const directory = temporaryDirectory();

  /**
   * Tells the story as `npm start` does, with this test's folder for temporary files.
   *
   * @param interrupt what happens to the program once it runs its first command
   */
  function tell(
    parameters: readonly string[],
    interrupt?: (child: ChildProcessByStdio<null, Readable, Readable>) => void,
  ): Promise<{ code: number | null; told: string }> {
    const program = [join(projectRoot, "bin", "story.js"), ...parameters];
    const environment = { ...process.env, TMPDIR: directory(), TMP: directory(), TEMP: directory() };
    const child = spawn(process.execPath, program, { env: environment, stdio: ["ignore", "pipe", "pipe"] });
    let told = "";
    const hear = (text: string) => {
      const first = !told.includes("$ ") && (told + text).includes("$ ");
      told += text;
      if (first) interrupt?.(child);
    };
    child.stdout.setEncoding("utf8").on("data", hear);
    child.stderr.setEncoding("utf8").on("data", hear);
    return new Promise((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (code) => resolve({ code, told }));
    });
  }

  function assertTold(told: string): void {
    let rest = told;
    for (const expected of chapters.flat()) {
      const found = expected.exec(rest);
      assert.ok(found, `${expected.source} is not told, or not in its place:\n${told}`);
      rest = rest.slice(found.index);
    }
  }

  it("is told with the real engine, and leaves nothing behind", async function () {
    await requireEngine(this);
    const { code, told } = await tell([]);
    assert.equal(code, 0, told);
    assertTold(told);
    assert.match(told, /With the Pulumi engine/);
    assert.match(told, /\$ pulumi up .*--policy-pack policy-pack/);
    assert.match(told, /Nothing is left behind\.$/m);
    assert.deepEqual(readdirSync(directory()), []);
  });

  it("is told without an engine and says so, and keeps its repository where that is asked for", async () => {
    const { code, told } = await tell(["--no-engine", "--keep"]);
    assert.equal(code, 0, told);
    assertTold(told);
    assert.match(told, /Without the Pulumi engine \(`--no-engine` was asked for\)/);
    const kept = readdirSync(directory());
    assert.equal(kept.length, 1);
    assert.ok(told.includes(`Left behind: ${join(directory(), kept[0]!)}`), told);
  });

  it("is plain text where no terminal watches", async () => {
    const { told } = await tell(["--no-engine"], (child) => child.kill("SIGTERM"));
    assert.doesNotMatch(told, /\p{Cc}(?<!\n)/u);
  });

  it("removes what it made when it is interrupted, with all that the engine started", async function () {
    if (process.platform === "win32") skipBecause(this, "Windows has no SIGINT for another process");
    await requireEngine(this);
    const { code, told } = await tell([], (child) => child.kill("SIGINT"));
    assert.equal(code, 130, told);
    assert.match(told, /Ended early\. What the story made is removed\.$/m);
    assert.deepEqual(readdirSync(directory()), []);
  });

  it("removes what it made when nobody listens any more", async () => {
    const { code } = await tell(["--no-engine"], (child) => child.stdout.destroy());
    assert.equal(code, 130);
    assert.deepEqual(readdirSync(directory()), []);
  });

  it("takes no flag that it does not know", async () => {
    const { code, told } = await tell(["--fast"]);
    assert.equal(code, 2);
    assert.match(told, /unknown option '--fast'/);
  });
});
