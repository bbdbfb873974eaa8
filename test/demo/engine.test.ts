import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { engineVersion, findEngine, providerVersion, type Engine } from "../../demo/engine";
import { openEngineSession } from "../../demo/engine-session";
import { temporaryDirectory } from "../support/directory";
import { requireEngine } from "../support/pulumi";
import { skipBecause } from "../support/tools";

describe("the search for the Pulumi engine", () => {
  const directory = temporaryDirectory();

  before(function () {
    if (process.platform === "win32") skipBecause(this, "uses shell scripts as stand-ins for programs");
  });

  /** A folder with stand-ins for programs. */
  function folderOf(name: string, programs: Readonly<Record<string, string>>): string {
    const folder = join(directory(), name);
    mkdirSync(folder, { recursive: true });
    for (const [program, script] of Object.entries(programs)) {
      writeFileSync(join(folder, program), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    }
    return folder;
  }

  /** The environment of a machine without Pulumi, with additional variables. */
  function machine(variables: Readonly<Record<string, string>>): NodeJS.ProcessEnv {
    return { PATH: "", PULUMI_HOME: join(directory(), "pulumi-home"), ...variables };
  }

  const pulumi = { pulumi: "echo v3.259.0", "pulumi-resource-kubernetes": "" };

  it("prefers $PULUMI to PATH", async () => {
    const declared = folderOf("declared", pulumi);
    const onPath = folderOf("path", { ...pulumi, pulumi: "echo v3.200.0" });
    const environment = machine({ PULUMI: join(declared, "pulumi"), PATH: onPath });
    assert.deepEqual(await findEngine({ environment }), {
      binary: join(declared, "pulumi"),
      version: "3.259.0",
      origin: "$PULUMI",
    });
  });

  it("finds `pulumi` on PATH, with the provider next to it", async () => {
    const onPath = folderOf("path", pulumi);
    assert.deepEqual(await findEngine({ environment: machine({ PATH: onPath }) }), {
      binary: join(onPath, "pulumi"),
      version: "3.259.0",
      origin: "`pulumi` on PATH",
    });
  });

  it("finds an earlier download, and a provider in the Pulumi home", async () => {
    const home = join(directory(), "pulumi-home");
    const installed = join(home, "versions", engineVersion);
    folderOf(`pulumi-home/versions/${engineVersion}/bin`, { pulumi: `echo v${engineVersion}` });
    mkdirSync(join(home, "plugins", `resource-kubernetes-v${providerVersion}`), { recursive: true });
    const engine = (await findEngine({ environment: machine({}) })) as Engine;
    assert.equal(engine.origin, `the installation in ${installed}`);
    assert.equal(engine.version, engineVersion);
    assert.equal(engine.plugins, join(home, "plugins"));
  });

  it("reports what is missing", async () => {
    const broken = folderOf("broken", { pulumi: "exit 3" });
    const alone = folderOf("alone", { pulumi: "echo v3.259.0" });
    const cases: readonly [Readonly<Record<string, string>>, RegExp][] = [
      [{}, /^`pulumi` is not on PATH and \$PULUMI is not set$/],
      [{ PULUMI: "/nowhere/pulumi", PATH: alone }, /^\$PULUMI is \/nowhere\/pulumi, which is not a program$/],
      [{ PATH: broken }, /does not run$/],
      [
        { PATH: alone },
        new RegExp(`its Kubernetes provider ${providerVersion.replaceAll(".", "\\.")} is not installed`),
      ],
    ];
    for (const [variables, expected] of cases) {
      const found = await findEngine({ environment: machine(variables) });
      assert.match("missing" in found ? found.missing : "found", expected);
    }
  });
});

describe("a session of the engine", () => {
  const directory = temporaryDirectory();

  it("keeps its state in its own folder, and does not read the user's settings", async function () {
    const session = openEngineSession(await requireEngine(this), directory());
    const project = join(directory(), "project");
    mkdirSync(project);
    writeFileSync(join(project, "Pulumi.yaml"), "name: empty\nruntime: nodejs\n");
    const init = await session.run(["stack", "init", "dev"], { directory: project });
    assert.equal(init.code, 0, init.stderr);
    const list = await session.run(["stack", "ls", "--json"], { directory: project });
    assert.deepEqual(
      (JSON.parse(list.stdout) as { name: string }[]).map((stack) => stack.name),
      ["dev"],
    );
    const whereabouts = await session.run(["about", "--json"], { directory: project });
    assert.ok(whereabouts.stdout.includes(directory()), whereabouts.stdout);
  });

  it("returns exit code and output of a failed run", async function () {
    const session = openEngineSession(await requireEngine(this), directory());
    const result = await session.run(["preview"], { directory: directory() });
    assert.notEqual(result.code, 0);
    assert.match(result.stderr, /no Pulumi\.yaml project file found/);
  });

  it("ends with all child processes", async function () {
    if (process.platform === "win32") skipBecause(this, "uses shell scripts as stand-ins for programs");
    const binary = join(directory(), "pulumi");
    writeFileSync(binary, "#!/bin/sh\nsleep 1000 &\nwait\n", { mode: 0o755 });
    const session = openEngineSession({ binary, version: "0", origin: "a test" }, directory());
    // The run would last until the grandchild closes the pipes, which is longer than the timeout of a test.
    await assert.rejects(session.run(["up"], { directory: directory(), signal: AbortSignal.timeout(500) }), /timeout/);
  });
});
