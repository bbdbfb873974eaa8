import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, existsSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { temporaryDirectory } from "../support/directory";
import { projectRoot } from "../support/project";
import { skipBecause } from "../support/tools";
import { authority, authorityProcess, main } from "./command-line";

const verbs = ["plan", "render", "check", "up", "recover", "lock", "verify", "audit"];
// eslint-disable-next-line no-control-regex -- what is looked for
const colored = /\u001b\[/;

describe("the command line of authority", () => {
  const directory = temporaryDirectory();

  it("has a help that names every verb and every exit code", async () => {
    const { code, stdout, stderr } = await authority(["--help"]);
    assert.equal(code, 0);
    assert.equal(stderr, "");
    for (const verb of verbs) assert.match(stdout, new RegExp(`^  ${verb} `, "m"));
    assert.match(stdout, /Exit codes: 0 fine, 1 internal, 2 bad input, 3 /);
  });

  for (const verb of verbs) {
    it(`has a help with an example for ${verb}`, async () => {
      const { code, stdout } = await authority([verb, "--help"]);
      assert.equal(code, 0);
      assert.match(stdout, new RegExp(`Examples?:\\n  authority ${verb}`));
      assert.deepEqual(await authority(["help", verb]), { code: 0, stdout, stderr: "" });
    });
  }

  it("prints its help as a message where no verb is named", async () => {
    const { code, stdout, stderr } = await authority([]);
    assert.equal(code, 2);
    assert.equal(stdout, "");
    assert.match(stderr, /^Usage: authority/);
  });

  it("prints the version of package.json", async () => {
    const { version } = JSON.parse(readFileSync(join(projectRoot, "package.json"), "utf8")) as { version: string };
    assert.deepEqual(await authorityProcess(["--version"]), { code: 0, stdout: `${version}\n`, stderr: "" });
  });

  const mistakes: [title: string, args: string[], expected: RegExp][] = [
    ["an unknown verb", ["chek"], /unknown command 'chek'\n\(Did you mean check\?\)/],
    ["an unknown option", ["plan", "--jsn"], /unknown option '--jsn'\n\(Did you mean --json\?\)/],
    ["a missing option", ["audit", "--chart", "x"], /required option '-r, --repository <url>' not specified/],
    ["an option without its value", ["plan", "--stack"], /option '-s, --stack <stack>' argument missing/],
    ["an argument too many", ["plan", "prod"], /too many arguments/],
    ["a folder that is not there", ["-C", "gone", "plan"], /There is no folder .*gone, which `--cwd` names/],
    ["a stack that is not there", ["plan", "--stack", "prd"], /no stack "prd".*Did you mean `prod`\?/],
    [
      "another stack behind `--`",
      ["up", "--stack", "prod", "--", "--stack=dev"],
      /`--stack=dev` after `--` would deploy another stack.*Name the stack before it/,
    ],
    [
      "another folder behind `--`",
      ["up", "--stack", "prod", "--", "--yes", "-C", "x"],
      /`-C` after `--` would deploy another stack/,
    ],
    ["a render without a stack", ["render", "--out", "x"], /works on one stack.*There are: dev, prod\./],
  ];
  for (const [title, args, expected] of mistakes) {
    it(`says what is wrong with ${title}`, async () => {
      const { code, stdout, stderr } = await authority(args);
      assert.equal(code, 2);
      assert.equal(stdout, "");
      assert.match(stderr, expected);
      assert.doesNotMatch(stderr, /\n +at /);
    });
  }

  it("says so where there is no project", async () => {
    const { code, stderr } = await authority(["check"], { cwd: directory() });
    assert.equal(code, 2);
    assert.match(stderr, /^error: There is no Pulumi\.yaml in .*, nor in any folder above it\./);
  });

  for (const verb of ["check", "plan", "lock", "verify"]) {
    it(`says so where there is no stack to ${verb}`, async () => {
      writeFileSync(join(directory(), "Pulumi.yaml"), "name: shared-authority\nruntime: nodejs\n");
      const { code, stdout, stderr } = await authority([verb], { cwd: directory() });
      assert.equal(code, 2);
      assert.equal(stdout, "");
      assert.equal(stderr, `error: There is no stack in ${directory()}; expected a file \`Pulumi.<stack>.yaml\`.\n`);
    });
  }

  it("finds the project from a folder in it, and from the one that --cwd names", async () => {
    const inside = await authority(["plan", "--offline"], { cwd: join(projectRoot, "test", "cli") });
    const named = await authority(["plan", "--offline", "--cwd", projectRoot], { cwd: directory() });
    assert.equal(inside.code, 0);
    assert.deepEqual(named, inside);
  });

  it("tells its own faults in one line, and where they are with DEBUG", async () => {
    const surroundings = (env: Record<string, string>) => {
      const told: string[] = [];
      const stderr = { write: (line: string) => told.push(line) } as unknown as NodeJS.WriteStream;
      const cwd = () => {
        throw new TypeError("out of order");
      };
      return { told, given: { stdout: stderr, stderr, env, cwd } };
    };
    const plain = surroundings({});
    assert.equal(await main(["plan"], plain.given), 1);
    assert.deepEqual(plain.told, [
      "internal error: out of order\n",
      "This is a bug of `authority`. Please report it with the command line and the output of `DEBUG=1`.\n",
    ]);
    const debugged = surroundings({ DEBUG: "1" });
    assert.equal(await main(["plan"], debugged.given), 1);
    assert.match(debugged.told.join(""), /TypeError: out of order\n +at /);
  });

  it("takes colours from a terminal, and NO_COLOR takes them away", async () => {
    const plan = ["plan", "--offline"];
    assert.match((await authority(plan, { isTTY: true })).stdout, colored);
    assert.doesNotMatch((await authority(plan, { isTTY: true, env: { NO_COLOR: "1" } })).stdout, colored);
    assert.match((await authority(plan, { isTTY: true, env: { NO_COLOR: "" } })).stdout, colored);
    assert.doesNotMatch((await authority(plan, { isTTY: true, env: { TERM: "dumb" } })).stdout, colored);
    assert.doesNotMatch((await authority(plan)).stdout, colored);
    assert.match((await authority(plan, { env: { FORCE_COLOR: "1" } })).stdout, colored);
  });

  it("shows how far long work is on one line that goes away, where a person is watching", async () => {
    const { stderr } = await authority(["verify"], {
      cwd: unreachable(directory()),
      isTTY: true,
      env: { NO_COLOR: "1" },
    });
    const clear = "\r\u001b[2K";
    const what = "reading from Git and registries";
    assert.equal(stderr, `${clear}${what}${clear}${what}: 1 of 1${clear}`);
  });

  it("is not disturbed by a reader that has read enough", async () => {
    const program = [join(projectRoot, "bin", "authority.js"), "plan", "--offline"];
    const child = spawn(process.execPath, program, { cwd: projectRoot, stdio: ["ignore", "pipe", "pipe"] });
    child.stdout.destroy();
    const [said] = await Promise.all([text(child.stderr), once(child, "close")]);
    assert.equal(said, "");
    assert.equal(child.exitCode, 0);
  });

  it("says so where its result cannot be written", async function () {
    const full = "/dev/full";
    if (!existsSync(full)) skipBecause(this, `there is no ${full} here`);
    const stdout = openSync(full, "w");
    try {
      const program = [join(projectRoot, "bin", "authority.js"), "plan", "--offline"];
      const child = spawn(process.execPath, program, { cwd: projectRoot, stdio: ["ignore", stdout, "pipe"] });
      const [said] = await Promise.all([text(child.stderr!), once(child, "close")]);
      assert.match(said, /^error: the result could not be written: ENOSPC: no space left on device[^\n]*\n$/);
      assert.equal(child.exitCode, 1);
    } finally {
      closeSync(stdout);
    }
  });
});

/** A project whose lock holds one release of a repository that is not there. */
function unreachable(root: string): string {
  writeFileSync(join(root, "Pulumi.yaml"), "name: shared-authority\nruntime: nodejs\n");
  writeFileSync(join(root, "Pulumi.prod.yaml"), "config:\n  shared-authority:follow: tags\n");
  writeFileSync(
    join(root, "releases.lock.yaml"),
    `app:\n  "1.0.0":\n    repository: ${join(root, "gone")}\n    gitTag: "1.0.0"\n    chart: ./charts/app\n`,
  );
  return root;
}
