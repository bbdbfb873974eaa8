import assert from "node:assert/strict";
import { spawn, type ChildProcessByStdio } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { temporaryDirectory } from "../support/directory";
import { projectRoot } from "../support/project";
import { requireEngine } from "../support/pulumi";
import { skipBecause } from "../support/tools";

/** The text that each step must print, in order. */
const steps = [
  [/dev follows master/, /no changes/, /GitRepository shop at branch master/],
  [/production runs 1\.0\.0/, /production runs 1\.0\.0: source shop-1\.0\.0/],
  [/a Git tag without an image changes nothing/, /no changes/, /production runs 1\.0\.0/],
  [/a release with the wrong appVersion is blocked/, /│.*appVersion/, /git revert/, /production runs 1\.0\.0/],
  [
    /a good release is promoted/,
    /git commit -m "Promote shop to 1\.2\.1/,
    /production runs 1\.2\.1: source shop-1\.2\.1/,
  ],
  [/the commit is reverted/, /git revert/, /production runs 1\.0\.0: source shop-1\.0\.0/],
  [/What to look at next/],
] as const;

describe("npm start", function () {
  this.timeout(300_000);
  const directory = temporaryDirectory();

  /**
   * Runs the demo as `npm start` does, with this test's folder for temporary files.
   *
   * @param interrupt called when the program runs its first command
   */
  function runDemo(
    parameters: readonly string[],
    interrupt?: (child: ChildProcessByStdio<null, Readable, Readable>) => void,
  ): Promise<{ code: number | null; output: string }> {
    const program = ["--require", require.resolve("tsx/cjs"), join(projectRoot, "demo", "start.ts"), ...parameters];
    const environment = {
      ...process.env,
      TMPDIR: directory(),
      TMP: directory(),
      TEMP: directory(),
      TSX_DISABLE_CACHE: "1",
    };
    const child = spawn(process.execPath, program, { env: environment, stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    const read = (text: string) => {
      const first = !output.includes("$ ") && (output + text).includes("$ ");
      output += text;
      if (first) interrupt?.(child);
    };
    child.stdout.setEncoding("utf8").on("data", read);
    child.stderr.setEncoding("utf8").on("data", read);
    return new Promise((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (code) => resolve({ code, output }));
    });
  }

  function assertSteps(output: string): void {
    let rest = output;
    for (const expected of steps.flat()) {
      const found = expected.exec(rest);
      assert.ok(found, `${expected.source} is missing or in the wrong place:\n${output}`);
      rest = rest.slice(found.index);
    }
  }

  it("runs with the real engine and removes its files", async function () {
    await requireEngine(this);
    const { code, output } = await runDemo([]);
    assert.equal(code, 0, output);
    assertSteps(output);
    assert.match(output, /With the Pulumi engine/);
    assert.match(output, /\$ pulumi up .*--policy-pack policy-pack/);
    assert.match(output, /All files of the demo are removed\.$/m);
    assert.deepEqual(readdirSync(directory()), []);
  });

  it("runs without an engine, and keeps its repository with --keep", async () => {
    const { code, output } = await runDemo(["--no-engine", "--keep"]);
    assert.equal(code, 0, output);
    assertSteps(output);
    assert.match(output, /Without the Pulumi engine \(`--no-engine` is set\)/);
    const kept = readdirSync(directory());
    assert.equal(kept.length, 1);
    assert.ok(output.includes(`Kept: ${join(directory(), kept[0]!)}`), output);
  });

  it("prints plain text if the output is not a terminal", async () => {
    const { output } = await runDemo(["--no-engine"], (child) => child.kill("SIGTERM"));
    assert.doesNotMatch(output, /\p{Cc}(?<!\n)/u);
  });

  it("removes its files and ends the engine's child processes when interrupted", async function () {
    if (process.platform === "win32") skipBecause(this, "Windows has no SIGINT for another process");
    await requireEngine(this);
    const { code, output } = await runDemo([], (child) => child.kill("SIGINT"));
    assert.equal(code, 130, output);
    assert.match(output, /Interrupted\. All files of the demo are removed\.$/m);
    assert.deepEqual(readdirSync(directory()), []);
  });

  it("removes its files when its output is closed", async () => {
    const { code } = await runDemo(["--no-engine"], (child) => child.stdout.destroy());
    assert.equal(code, 130);
    assert.deepEqual(readdirSync(directory()), []);
  });

  it("rejects unknown flags", async () => {
    const { code, output } = await runDemo(["--fast"]);
    assert.equal(code, 2);
    assert.match(output, /unknown option '--fast'/);
  });
});
