import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
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
    // Not `tags`, for which the project would have to be committed.
    writeFileSync(join(project, "Pulumi.prod.yaml"), "config:\n  shared-authority:follow: branch\n");
  });

  /** The engine runs with their signals, and the exit code of `authority`. */
  async function up(fault: Fault): Promise<{ code: number; runs: string[] }> {
    const engine = new ScratchEngine(directory());
    engine.state = { deployment: { resources: [] } };
    const { code } = await engine.authority(["up", "--stack", "prod", "--", "--yes"], project, fault);
    return { code, runs: engine.runs() };
  }

  const stopped: [kind: Fault["kind"], code: number, received: string][] = [
    ["SIGTERM", 143, "got SIGTERM"],
    ["SIGHUP", 129, "got SIGTERM"],
    ["SIGINT", 130, "got SIGINT"],
  ];
  for (const [kind, code, received] of stopped) {
    it(`receives ${kind} once, and ends before authority`, async () => {
      assert.deepEqual(await up({ run: 2, kind }), { code, runs: ["stack export", "up", received, "ended"] });
      assert.deepEqual(await up({ run: 1, kind }), { code, runs: ["stack export", received, "ended"] });
    });

    it(`receives a second ${kind}`, async () => {
      const { code: ended, runs } = await up({ run: 2, kind, times: 2 });
      assert.equal(ended, code);
      assert.deepEqual(runs, ["stack export", "up", received, received, "ended"]);
    });
  }

  it("may take longer than execa's limit of 5 seconds to end after a signal", async () => {
    const { code, runs } = await up({ run: 2, kind: "SIGTERM", seconds: 6 });
    assert.equal(code, 143);
    assert.deepEqual(runs, ["stack export", "up", "got SIGTERM", "ended"]);
  });

  it("does not know the stack yet: authority names the command that creates it", async () => {
    const engine = join(directory(), "new");
    writeFileSync(engine, `#!/bin/sh\necho "error: no stack named 'prod' found" >&2\nexit 255\n`, { mode: 0o755 });
    const { code, stderr } = await authorityProcess(["up", "--stack", "prod"], {
      cwd: project,
      env: { PULUMI: engine },
    });
    assert.notEqual(code, 0);
    assert.match(
      stderr,
      /no stack named 'prod' found\nCreate it with `pulumi stack init prod`, then run this command again\./,
    );
  });

  it("is given the full name of a stack, which authority takes as pulumi does", async () => {
    const engine = join(directory(), "recorder");
    writeFileSync(engine, `#!/bin/sh\necho "$@" >> ${directory()}/seen\necho '{"deployment": {}}'\n`, { mode: 0o755 });
    for (const name of ["prod", "acme/prod", "acme/shared-authority/prod"]) {
      writeFileSync(join(directory(), "seen"), "");
      const { code, stderr } = await authorityProcess(["up", "--stack", name], {
        cwd: project,
        env: { PULUMI: engine },
      });
      assert.equal(code, 0, stderr);
      const seen = readFileSync(join(directory(), "seen"), "utf8");
      assert.deepEqual([...new Set(seen.match(/--stack \S+/g))], [`--stack ${name}`]);
      assert.match(seen, /^up /m);
    }
  });

  it("is reported if it is missing", async () => {
    const gone = join(directory(), "gone");
    const { code, stderr } = await authorityProcess(["recover", "--stack", "prod"], {
      cwd: project,
      env: { PULUMI: gone },
    });
    assert.equal(code, 2);
    assert.equal(stderr, `error: Cannot run \`${gone}\`: spawn ${gone} ENOENT. Install the Pulumi CLI.\n`);
  });

  it("is reported if it is missing for `up`, or if its command line is too long", async () => {
    const { PULUMI } = process.env;
    try {
      process.env.PULUMI = join(directory(), "gone");
      await assert.rejects(showPulumi(project, ["up"]), isInputError(/Cannot run .*ENOENT\. Install the Pulumi CLI/));
      process.env.PULUMI = process.execPath;
      const excluded = Array.from({ length: 10_000 }, () => ["--exclude", "urn:".padEnd(1_000, "x")]).flat();
      const tooLong = /Cannot start `pulumi up`: .* command line of 20001 parameters\..* split the stack/;
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
