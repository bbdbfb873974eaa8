import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import fs, { closeSync, existsSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { temporaryDirectory } from "../support/directory";
import { projectRoot } from "../support/project";
import { skipBecause } from "../support/tools";
import { authority, authorityProcess, main } from "./command-line";

const verbs = [
  "init",
  "status",
  "plan",
  "render",
  "check",
  "up",
  "recover",
  "images",
  "format",
  "lock",
  "verify",
  "promote",
  "pin",
  "unpin",
  "deny",
  "allow",
  "audit",
  "release",
  "publish",
];
// eslint-disable-next-line no-control-regex -- what is looked for
const colored = /\u001b\[/;

describe("the command line of authority", () => {
  const directory = temporaryDirectory();

  it("has a help with every verb and every exit code", async () => {
    const { code, stdout, stderr } = await authority(["--help"]);
    assert.equal(code, 0);
    assert.equal(stderr, "");
    for (const verb of verbs) assert.match(stdout, new RegExp(`^  ${verb} `, "m"));
    assert.match(stdout, /Exit codes: 0 success, 1 internal error, 2 invalid input, 3 /);
  });

  for (const verb of verbs) {
    it(`has a help with an example for ${verb}`, async () => {
      const { code, stdout } = await authority([verb, "--help"]);
      assert.equal(code, 0);
      assert.match(stdout, new RegExp(`Examples?:\\n  authority ${verb}`));
      assert.deepEqual(await authority(["help", verb]), { code: 0, stdout, stderr: "" });
    });
  }

  it("prints its help to stderr if there is no verb", async () => {
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
    ["a missing option", ["up"], /required option '-s, --stack <stack>' not specified/],
    ["an option without a value", ["plan", "--stack"], /option '-s, --stack <stack>' argument missing/],
    ["too many arguments", ["plan", "prod"], /too many arguments/],
    ["a missing folder", ["-C", "gone", "plan"], /The folder .*gone of `--cwd` does not exist/],
    ["an unknown stack", ["plan", "--stack", "prd"], /no stack "prd".*Did you mean `prod`\?/],
    [
      "another project's stack",
      ["plan", "--stack", "acme/other/prod"],
      /`--stack acme\/other\/prod` names a stack of the project other; the project in .* is shared-authority/,
    ],
    ["an unknown stack with an organization", ["plan", "--stack", "acme/prd"], /no stack "prd".*Did you mean `prod`\?/],
    [
      "another stack after `--`",
      ["up", "--stack", "prod", "--", "--stack=dev"],
      /`--stack=dev` after `--` would deploy another stack.*Name the stack before it/,
    ],
    [
      "another folder after `--`",
      ["up", "--stack", "prod", "--", "--yes", "-C", "x"],
      /`-C` after `--` would deploy another stack/,
    ],
    ["a render without a stack", ["render"], /needs a stack; name one with `--stack`: dev, prod, staging\./],
  ];
  for (const [title, args, expected] of mistakes) {
    it(`reports ${title}`, async () => {
      const { code, stdout, stderr } = await authority(args);
      assert.equal(code, 2);
      assert.equal(stdout, "");
      assert.match(stderr, expected);
      assert.doesNotMatch(stderr, /\n +at /);
    });
  }

  it("reports a missing project", async () => {
    const { code, stderr } = await authority(["check"], { cwd: directory() });
    assert.equal(code, 2);
    assert.match(stderr, /^error: No Pulumi\.yaml found in .* or a folder above it\./);
  });

  for (const verb of ["check", "plan", "status", "lock", "verify"]) {
    it(`reports a project without stacks: ${verb}`, async () => {
      writeFileSync(join(directory(), "Pulumi.yaml"), "name: shared-authority\nruntime: nodejs\n");
      const { code, stdout, stderr } = await authority([verb], { cwd: directory() });
      assert.equal(code, 2);
      assert.equal(stdout, "");
      assert.equal(stderr, `error: No stack found in ${directory()}; expected a file \`Pulumi.<stack>.yaml\`.\n`);
    });
  }

  it("finds the project from a folder in it, and with --cwd", async () => {
    const inside = await authority(["plan", "--offline"], { cwd: join(projectRoot, "test", "cli") });
    const named = await authority(["plan", "--offline", "--cwd", projectRoot], { cwd: directory() });
    assert.equal(inside.code, 0);
    assert.deepEqual(named, inside);
  });

  it("reports an internal error in one line, and with a stack trace if DEBUG is set", async () => {
    const contextWith = (env: Record<string, string>) => {
      const messages: string[] = [];
      const stderr = { write: (line: string) => messages.push(line) } as unknown as NodeJS.WriteStream;
      const cwd = () => {
        throw new TypeError("out of order");
      };
      return { messages, context: { stdout: stderr, stderr, env, cwd } };
    };
    const plain = contextWith({});
    assert.equal(await main(["plan"], plain.context), 1);
    assert.deepEqual(plain.messages, [
      "internal error: out of order\n",
      "This is a bug in `authority`. Please report it with the command line and the output of `DEBUG=1`.\n",
    ]);
    const debugged = contextWith({ DEBUG: "1" });
    assert.equal(await main(["plan"], debugged.context), 1);
    assert.match(debugged.messages.join(""), /TypeError: out of order\n +at /);
  });

  it("calls it no bug if the system refuses to write a file", async () => {
    writeFileSync(join(directory(), "Pulumi.yaml"), "name: shared-authority\nruntime: nodejs\n");
    writeFileSync(join(directory(), "Pulumi.prod.yaml"), "config:\n    shared-authority:follow: tags\n");
    // The superuser, who may run the tests, may write into every folder.
    const { open } = fs;
    const refuse = (
      path: string,
      flags: string,
      mode: number,
      done: (error: NodeJS.ErrnoException | null, fd: number) => void,
    ) => {
      const refused = Object.assign(new Error(`EACCES: permission denied, open '${path}'`), { syscall: "open" });
      if (flags === "w") done(refused, -1);
      else open(path, flags, mode, done);
    };
    Object.assign(fs, { open: refuse });
    try {
      const { code, stderr } = await authority(["format"], { cwd: directory() });
      assert.match(stderr, /^error: the system refuses what this command needs: EACCES: permission denied, [^\n]*\n$/);
      assert.equal(code, 1);
    } finally {
      Object.assign(fs, { open });
    }
  });

  it("uses colours in a terminal, unless NO_COLOR is set", async () => {
    const plan = ["plan", "--offline"];
    assert.match((await authority(plan, { isTTY: true })).stdout, colored);
    assert.doesNotMatch((await authority(plan, { isTTY: true, env: { NO_COLOR: "1" } })).stdout, colored);
    assert.match((await authority(plan, { isTTY: true, env: { NO_COLOR: "" } })).stdout, colored);
    assert.doesNotMatch((await authority(plan, { isTTY: true, env: { TERM: "dumb" } })).stdout, colored);
    assert.doesNotMatch((await authority(plan)).stdout, colored);
    assert.match((await authority(plan, { env: { FORCE_COLOR: "1" } })).stdout, colored);
  });

  it("shows progress in one line of an interactive terminal, and removes it at the end", async () => {
    const { stderr } = await authority(["verify"], {
      cwd: unreachable(directory()),
      isTTY: true,
      env: { NO_COLOR: "1" },
    });
    const clear = "\r\u001b[2K";
    const what = "reading from Git and registries";
    assert.equal(stderr, `${clear}${what}${clear}${what}: 1 of 1${clear}`);
  });

  it("ignores a closed output pipe", async () => {
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
      assert.match(said, /^error: cannot write the result: ENOSPC: no space left on device[^\n]*\n$/);
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
