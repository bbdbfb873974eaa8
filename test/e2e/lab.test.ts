import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { Cluster } from "../lab/cluster";
import { labProgram } from "../lab/component";
import { readRecord } from "../lab/lab-directory";
import { findMarked, isRunning } from "../lab/process-table";
import { findTools, programs } from "../lab/tools";
import { temporaryDirectory } from "../support/directory";
import { lacks } from "../support/tools";
import { waitFor } from "../lab/wait";

const run = promisify(execFile);

interface Finished {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the command as a user does. A nonzero exit code is not an error. */
async function lab(parameters: readonly string[], environment: NodeJS.ProcessEnv = {}): Promise<Finished> {
  try {
    const options = { env: { ...process.env, ...environment } };
    const { stdout, stderr } = await run(process.execPath, [...labProgram("."), ...parameters], options);
    return { code: 0, stdout, stderr };
  } catch (error) {
    return error as Finished;
  }
}

describe("npm run lab", () => {
  // Declared before the folder, so that it runs before the folder's removal.
  afterEach(async () => {
    for (const name of ["one", "two"]) await lab(["down", "--directory", join(directory(), name)]);
  });

  const directory = temporaryDirectory();

  before(function () {
    try {
      findTools();
    } catch {
      lacks(this, "needs the lab's programs in $AUTHORITY_TOOLS");
    }
  });

  function recordOf(name: string) {
    const record = readRecord(join(directory(), name));
    assert.ok(record, `no lab in ${name}`);
    return record;
  }

  it("runs several labs at once, and removes all files and processes of each", async () => {
    const [one, two] = [join(directory(), "one"), join(directory(), "two")];
    const ups = await Promise.all([one, two].map((path) => lab(["up", "--directory", path])));
    for (const { code, stderr } of ups) assert.equal(code, 0, stderr);
    const [first, second] = [recordOf("one"), recordOf("two")];
    assert.notEqual(first.apiUrl, second.apiUrl);
    assert.notEqual(first.registryHost, second.registryHost);
    const { stdout } = await lab(["kubeconfig", "--directory", one]);
    const cluster = Cluster.fromKubeconfig(stdout.trim());
    const nodes = await cluster.list({ apiVersion: "v1", kind: "Node" });
    assert.deepEqual(nodes.map(({ metadata }) => metadata.name).sort(), ["lab-node-1", "lab-node-2"]);

    const status = await lab(["status", "--directory", two, "--json"]);
    const [shown] = JSON.parse(status.stdout) as [{ state: string; components: Record<string, { pid?: number }> }];
    assert.equal(shown.state, "ready");
    // The Git server is a Node process. All others are separate programs.
    assert.deepEqual(Object.keys(shown.components).sort(), [...programs, "git"].sort());
    for (const [name, { pid }] of Object.entries(shown.components)) {
      assert.ok(pid, `${name} is down`);
      assert.ok(existsSync(join(two, "logs", `${name}.log`)), `${name} has no log`);
    }

    assert.equal((await lab(["down", "--directory", one])).code, 0);
    assert.deepEqual([existsSync(one), findMarked(first.id)], [false, []]);
    assert.equal((await fetch(`http://${second.registryHost ?? ""}/v2/`)).status, 200);
    assert.equal((await lab(["down", "--directory", two])).code, 0);
    assert.deepEqual([existsSync(two), findMarked(second.id)], [false, []]);
  });

  it("cleans up after its supervisor was killed", async () => {
    const one = join(directory(), "one");
    assert.equal((await lab(["up", "--directory", one])).code, 0);
    const record = recordOf("one");
    // Checked before the kill. After it, any other lab that starts on this machine may clean up.
    assert.ok(findMarked(record.id).length > 1);
    process.kill(record.supervisor.pid, "SIGKILL");
    await waitFor("the supervisor is gone", () => !isRunning(record.supervisor) || undefined);
    assert.match((await lab(["status", "--directory", one])).stdout, /: stale/);
    assert.equal((await lab(["kubeconfig", "--directory", one])).code, 1);
    assert.equal((await lab(["down", "--directory", one])).code, 0);
    assert.deepEqual([existsSync(one), findMarked(record.id)], [false, []]);
  });

  it("ends when its directory is removed", async () => {
    const one = join(directory(), "one");
    assert.equal((await lab(["up", "--directory", one])).code, 0);
    const { id } = recordOf("one");
    rmSync(one, { recursive: true, force: true, maxRetries: 10 });
    await waitFor("no process is left", () => findMarked(id).length === 0 || undefined);
  });

  it("finds processes without supervisor and directory", async () => {
    const one = join(directory(), "one");
    assert.equal((await lab(["up", "--directory", one])).code, 0);
    const { id, supervisor } = recordOf("one");
    assert.ok(findMarked(id).length > 1);
    process.kill(supervisor.pid, "SIGKILL");
    rmSync(one, { recursive: true, force: true, maxRetries: 10 });
    assert.equal((await lab(["down", "--directory", one])).code, 0);
    assert.deepEqual(findMarked(id), []);
  });

  for (const signal of ["SIGINT", "SIGKILL"] as const) {
    it(`leaves nothing behind when \`up\` is ended by ${signal} during the start`, async () => {
      const one = join(directory(), "one");
      const up = spawn(process.execPath, [...labProgram("."), "up", "--directory", one], { stdio: "ignore" });
      const ended = once(up, "exit");
      await waitFor("the API server is being started", () => {
        return readRecord(one)?.components["kube-apiserver"]?.pid;
      });
      const { id } = recordOf("one");
      up.kill(signal);
      await ended;
      await waitFor("the lab is gone", () => (!existsSync(one) && findMarked(id).length === 0) || undefined);
    });
  }

  it("rejects a directory with other content", async () => {
    const one = join(directory(), "one");
    mkdirSync(one);
    writeFileSync(join(one, "precious"), "mine");
    const { code, stderr } = await lab(["up", "--directory", one]);
    assert.equal(code, 1);
    assert.match(stderr, /one has other content/);
    assert.equal(readFileSync(join(one, "precious"), "utf8"), "mine");
  });

  /** The real programs, with one replaced by a shell script. `$real` is the replaced program. */
  function replaceProgram(program: string, script: string): NodeJS.ProcessEnv {
    const tools = join(directory(), "tools");
    const { bin } = findTools();
    for (const folder of ["bin", "kwok"]) mkdirSync(join(tools, folder), { recursive: true });
    for (const name of [...programs, "kube"]) symlinkSync(join(bin, name), join(tools, "bin", name));
    symlinkSync(join(bin, "..", "kwok", "stages.yaml"), join(tools, "kwok", "stages.yaml"));
    symlinkSync(join(bin, "..", "crds"), join(tools, "crds"));
    const path = join(tools, "bin", program);
    rmSync(path);
    writeFileSync(path, `#!/bin/sh\nreal=${join(bin, program)}\n${script}\n`, { mode: 0o755 });
    return { AUTHORITY_TOOLS: tools };
  }

  it("prints the end of the log of a program that does not start", async () => {
    const one = join(directory(), "one");
    const environment = replaceProgram("etcd", "echo no room at the inn >&2; exit 1");
    const { code, stderr } = await lab(["up", "--directory", one], environment);
    assert.equal(code, 1);
    assert.match(stderr, /etcd exited at its start\. The end of its log:\nno room at the inn/);
    assert.equal(existsSync(one), false);
  });

  it("tries other ports if another program took one", async () => {
    const one = join(directory(), "one");
    const seen = join(directory(), "seen");
    const environment = replaceProgram(
      "source-controller",
      `[ -e ${seen} ] && exec $real "$@"; touch ${seen}; echo listen: address already in use; exit 1`,
    );
    const { code, stderr } = await lab(["up", "--directory", one], environment);
    assert.equal(code, 0, stderr);
    assert.match(stderr, /another program took a port; trying other ports/);
  });
});

describe("npm run lab, without its programs", () => {
  const directory = temporaryDirectory();

  it("lists missing programs and how to get them", async () => {
    const one = join(directory(), "one");
    const { code, stderr } = await lab(["up", "--directory", one], { AUTHORITY_TOOLS: directory() });
    assert.equal(code, 1);
    assert.match(stderr, /Not found in it: bin\/etcd, .*bin\/helm-controller.*kwok\/stages\.yaml/);
    assert.match(stderr, /docs\/lab\.md/);
    assert.equal(existsSync(one), false);
    const unset = await lab(["up", "--directory", one], { AUTHORITY_TOOLS: "" });
    assert.match(unset.stderr, /AUTHORITY_TOOLS is not set/);
  });

  it("reports that no lab is running", async () => {
    const { code, stderr } = await lab(["kubeconfig", "--directory", join(directory(), "one")]);
    assert.equal(code, 1);
    assert.match(stderr, /No lab is up in/);
    assert.equal((await lab(["down", "--directory", join(directory(), "one")])).code, 0);
  });

  it("rejects an unknown verb", async () => {
    const { code, stderr } = await lab(["upp"]);
    assert.equal(code, 2);
    assert.match(stderr, /unknown command 'upp'/);
  });
});
