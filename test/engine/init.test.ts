import assert from "node:assert/strict";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
} from "node:fs";
import { cp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import type { Context } from "mocha";
import packageManifest from "../../package.json";
import { git } from "../../demo/git";
import { openEngineSession } from "../../demo/engine-session";
import { servePodinfo } from "../support/podinfo-host";
import { projectRoot } from "../support/project";
import { requireEngine } from "../support/pulumi";
import type { Ended } from "../support/engine-project";

const tarball = `shared-authority-${packageManifest.version}.tgz`;

/** What a clone of this project has after `npm ci`, apart from the build. */
async function makeCheckout(folder: string): Promise<void> {
  const sources = ["bin", "src", "template", "package.json", "project.schema.json", "stack.schema.json", "README.md"];
  const settings = ["build.mjs", "tsconfig.json", "rollup.config.mjs"];
  await Promise.all(
    [...sources, ...settings].map((path) => cp(join(projectRoot, path), join(folder, path), { recursive: true })),
  );
  symlinkSync(join(projectRoot, "node_modules"), join(folder, "node_modules"), "junction");
}

/** As a user has it who has only the tarball: nothing leads to this project's folder. */
describe("a repository that init writes, from a tarball", function () {
  this.timeout(600_000);
  let directory: string;
  const undo: (() => unknown)[] = [];

  before(async () => {
    directory = realpathSync(mkdtempSync(join(tmpdir(), "shared-authority-init-")));
    undo.push(() => rmSync(directory, { recursive: true, force: true }));
    await makeCheckout(join(directory, "checkout"));
    await run("checkout", "npm", "run", "--silent", "build");
    await init("checkout", "empty", "--yes");
    const packages = join(directory, "tool/node_modules");
    mkdirSync(packages, { recursive: true });
    await execa("tar", ["-xzf", join(directory, "empty/vendor", tarball), "-C", packages]);
    renameSync(join(packages, "package"), join(packages, "shared-authority"));
    // What the package depends on need not be installed twice.
    const others = readdirSync(join(projectRoot, "node_modules")).filter(
      (name) => !/^\.|^shared-authority$/.test(name),
    );
    for (const name of others) symlinkSync(join(projectRoot, "node_modules", name), join(packages, name), "junction");
  });

  after(async () => {
    for (const step of undo.reverse()) await step();
  });

  async function run(folder: string, program: string, ...args: readonly string[]): Promise<Ended> {
    const options = { cwd: join(directory, folder), stdin: "ignore", reject: false } as const;
    const { exitCode, stdout, stderr } = await execa(program, args, options);
    return { code: exitCode ?? 1, output: `${stdout}\n${stderr}` };
  }

  const npm = async (folder: string, ...args: readonly string[]): Promise<void> => {
    const { code, output } = await run(folder, "npm", ...args, "--no-audit", "--no-fund");
    assert.equal(code, 0, output);
  };

  const authority = async (folder: string, ...args: readonly string[]): Promise<string> => {
    const { code, output } = await run(folder, join(directory, folder, "node_modules/.bin/authority"), ...args);
    assert.equal(code, 0, output);
    return output;
  };

  /** Runs `init` of a checkout, or of an installed package. */
  const init = async (from: "checkout" | "tool", folder: string, ...flags: readonly string[]): Promise<void> => {
    const program = join(from === "tool" ? "node_modules/shared-authority" : ".", "bin/authority.js");
    const { code, output } = await run(from, process.execPath, program, "init", join("..", folder), ...flags);
    assert.equal(code, 0, output);
  };

  const commit = async (folder: string): Promise<void> => {
    const place = { directory: join(directory, folder) };
    await git(place, "add", "--all");
    await git(place, "commit", "--quiet", "--message", "Decide here which releases run");
  };

  /** Previews the stacks with the policy pack on the real engine. */
  async function preview(context: Context, folder: string, ...stacks: readonly string[]): Promise<string[]> {
    const engine = await requireEngine(context);
    const home = join(directory, `engine-${folder}`);
    mkdirSync(home);
    const session = openEngineSession(engine, home);
    const pulumi = async (...parameters: readonly string[]): Promise<string> => {
      const { code, stdout, stderr } = await session.run(parameters, { directory: join(directory, folder) });
      assert.equal(code, 0, stdout + stderr);
      return stdout + stderr;
    };
    const outputs: string[] = [];
    for (const stack of stacks) {
      await pulumi("stack", "init", stack);
      outputs.push(await pulumi("preview", "--stack", stack, "--policy-pack", "policy-pack"));
    }
    return outputs;
  }

  it("depends on a tarball that a checkout packs, with types and without tests", async () => {
    const manifest = readFileSync(join(directory, "empty/package.json"), "utf8");
    const { dependencies, overrides } = JSON.parse(manifest) as typeof packageManifest;
    // Pulumi compiles index.ts with the TypeScript that the repository has; the SDK's own is too old.
    const { typescript } = packageManifest.devDependencies;
    assert.deepEqual(dependencies, { "shared-authority": `file:vendor/${tarball}`, typescript });
    // npm takes overrides from the root of an installation only.
    assert.deepEqual(overrides["@kubernetes/client-node"], { undici: packageManifest.dependencies.undici });
    const { stdout } = await execa("tar", ["-tzf", join(directory, "empty/vendor", tarball)]);
    const packed = stdout.split("\n").map((path) => path.replace(/^package\//, ""));
    for (const path of ["index", "components", "policy-pack"]) assert.ok(packed.includes(`types/${path}.d.ts`));
    assert.deepEqual(
      packed.filter((path) => !/^(?:bin|dist|template|types)\/|^[^/]*$/.test(path)),
      [],
    );
  });

  it("is installed and green, without a tenant", async () => {
    const folder = join(directory, "empty");
    await npm("empty", "install");
    for (const kind of ["project", "stack"]) {
      assert.ok(existsSync(join(folder, "node_modules/shared-authority", `${kind}.schema.json`)), kind);
    }
    await commit("empty");
    assert.equal(await git({ directory: folder }, "status", "--porcelain"), "");
    assert.match(await authority("empty", "check"), /^3 of 3 stacks are fine$/m);
  });

  it("can be previewed with the policy pack", async function () {
    for (const output of await preview(this, "empty", "dev", "prod")) assert.match(output, /shared-authority@/);
  });

  it("is written by an installed package as well, with an application, and can be previewed", async function () {
    const host = await servePodinfo(directory);
    undo.push(() => host.close());
    const application = ["--repository", host.repository, "--chart", "./charts/podinfo", "--image", host.image];
    await init("tool", "shared", "--delivery", "manifests", ...application, "--insecure-registry");
    assert.equal(readFileSync(join(directory, "shared/.gitignore"), "utf8"), "node_modules/\n");
    assert.ok(existsSync(join(directory, "shared/vendor", tarball)));
    // The same packages, so that npm need not install them again.
    renameSync(join(directory, "empty/node_modules"), join(directory, "shared/node_modules"));
    await commit("shared");
    assert.match(await authority("shared", "check"), /^3 of 3 stacks are fine$/m);
    const [dev = "", prod = ""] = await preview(this, "shared", "dev", "prod");
    assert.match(dev, /podinfo latest of master \(new\)/);
    assert.match(prod, /podinfo 6\.15\.0 \(new\)/);
  });
});

describe("the template of pulumi new", function () {
  this.timeout(120_000);

  it("gives the files of init --yes, with the project's name", async function () {
    const engine = await requireEngine(this);
    const directory = realpathSync(mkdtempSync(join(tmpdir(), "shared-authority-new-")));
    try {
      const folder = join(directory, "acme");
      mkdirSync(folder);
      const session = openEngineSession(engine, directory);
      const template = join(projectRoot, "template");
      const parameters = ["new", template, "--generate-only", "--yes", "--name", "acme"];
      const { code, stdout, stderr } = await session.run(parameters, { directory: folder });
      assert.equal(code, 0, stdout + stderr);
      const program = join(projectRoot, "bin", "authority.js");
      const flags = ["--name", "acme", "--yes", "--package", packageManifest.version];
      await execa(process.execPath, [program, "init", "../init", ...flags], { cwd: folder });
      const made = (from: string, path: string) => readFileSync(join(directory, from, path), "utf8");
      for (const path of ["Pulumi.prod.yaml", "package.json", "CODEOWNERS", "policy-pack/index.ts", ".gitignore"]) {
        assert.equal(made("acme", path), made("init", path), path);
      }
      // The engine adds the package manager and the template's address.
      const added = /^ {4}packagemanager: npm\n|^ {2}pulumi:tags:\n {4}value:\n {6}pulumi:template: .*\n/gm;
      assert.equal(made("acme", "Pulumi.yaml").replaceAll(added, ""), made("init", "Pulumi.yaml"));
      const checked = await execa(process.execPath, [program, "check"], { cwd: folder });
      assert.match(checked.stdout, /^3 of 3 stacks are fine$/m);
      assert.match(readFileSync(join(folder, "README.md"), "utf8"), /^# acme\n/);
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  });
});
