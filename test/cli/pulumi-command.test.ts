import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { InputError } from "../../src/cli/input-error";
import { showPulumi } from "../../src/cli/pulumi-command";
import { temporaryDirectory } from "../support/directory";
import { skipBecause } from "../support/tools";
import { authorityProcess } from "./command-line";
import { type Fault, ScratchEngine } from "./scratch-engine";

describe("the engine that authority runs", () => {
  const directory = temporaryDirectory();
  let project: string;

  beforeEach(function () {
    if (process.platform === "win32") skipBecause(this, "Windows has no signals, and no programs that are scripts");
    project = join(directory(), "project");
    mkdirSync(project);
    writeFileSync(join(project, "Pulumi.yaml"), "name: shared-authority\nruntime: nodejs\n");
    writeFileSync(join(project, "Pulumi.prod.yaml"), "config:\n  shared-authority:follow: tags\n");
  });

  /** What the engine was run for and told, and what `authority` ended with. */
  async function up(fault: Fault): Promise<{ code: number; runs: string[] }> {
    const engine = new ScratchEngine(directory());
    engine.state = { deployment: { resources: [] } };
    const { code } = await engine.authority(["up", "--stack", "prod", "--", "--yes"], project, fault);
    return { code, runs: engine.runs() };
  }

  const stopped: [kind: Fault["kind"], code: number, told: string][] = [
    ["SIGTERM", 143, "got SIGTERM"],
    ["SIGHUP", 129, "got SIGTERM"],
    ["SIGINT", 130, "got SIGINT"],
  ];
  for (const [kind, code, told] of stopped) {
    it(`is told of a ${kind} once, and has ended when authority ends`, async () => {
      assert.deepEqual(await up({ run: 2, kind }), { code, runs: ["stack export", "up", told, "ended"] });
      assert.deepEqual(await up({ run: 1, kind }), { code, runs: ["stack export", told, "ended"] });
    });

    it(`is told of a second ${kind} too`, async () => {
      const { code: ended, runs } = await up({ run: 2, kind, times: 2 });
      assert.equal(ended, code);
      assert.deepEqual(runs, ["stack export", "up", told, told, "ended"]);
    });
  }

  it("may be missing: what to do is told", async () => {
    const gone = join(directory(), "gone");
    const { code, stderr } = await authorityProcess(["recover", "--stack", "prod"], {
      cwd: project,
      env: { PULUMI: gone },
    });
    assert.equal(code, 2);
    assert.equal(stderr, `error: \`${gone}\` does not run: spawn ${gone} ENOENT. Install the Pulumi CLI.\n`);
  });

  it("may be missing for `up` alone, and its command line may be too long for the machine", async () => {
    const { PULUMI } = process.env;
    try {
      process.env.PULUMI = join(directory(), "gone");
      await assert.rejects(
        showPulumi(project, ["up"]),
        isInputError(/does not run: .*ENOENT\. Install the Pulumi CLI/),
      );
      process.env.PULUMI = process.execPath;
      const excluded = Array.from({ length: 10_000 }, () => ["--exclude", "urn:".padEnd(1_000, "x")]).flat();
      const tooLong = /`pulumi up` was not started: .* command line of 20001 parameters\..* split the stack/;
      await assert.rejects(showPulumi(project, ["up", ...excluded]), isInputError(tooLong));
    } finally {
      if (PULUMI === undefined) delete process.env.PULUMI;
      else process.env.PULUMI = PULUMI;
    }
  });
});

function isInputError(message: RegExp): (error: unknown) => boolean {
  return (error) => error instanceof InputError && message.test(error.message);
}
