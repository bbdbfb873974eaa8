import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { inc } from "semver";
import packageManifest from "../../package.json";
import type { ScratchProject } from "../../demo/scratch-project";
import { engineProject } from "../support/engine-project";
import { projectRoot, scratchProject } from "../support/project";

const { name, version } = packageManifest;
const next = inc(version, "patch") ?? "";

const run = promisify(execFile);

/** What npm would publish of this package, in a folder. */
async function packInto(folder: string): Promise<string> {
  const parameters = ["pack", "--ignore-scripts", "--json", "--pack-destination", folder];
  const { stdout } = await run("npm", parameters, { cwd: projectRoot });
  const [packed] = JSON.parse(stdout) as { readonly filename: string }[];
  return join(folder, packed?.filename ?? "");
}

/** Replaces the package of a repository by the one in a tarball. */
async function install(tarball: string, { directory }: ScratchProject): Promise<string> {
  const installed = join(directory, "node_modules", name);
  rmSync(installed, { recursive: true });
  mkdirSync(installed);
  await run("tar", ["-xzf", tarball, "-C", installed, "--strip-components=1"]);
  return installed;
}

/** Makes an installed package the next version, which labels each tenant's Namespace. */
function raise(installed: string): void {
  const edit = (file: string, text: string | RegExp, replacement: string) => {
    const path = join(installed, file);
    const before = readFileSync(path, "utf8");
    const after = before.replace(text, replacement);
    assert.notEqual(after, before, `${file} has no ${String(text)}`);
    writeFileSync(path, after);
  };
  edit("package.json", `"version": "${version}"`, `"version": "${next}"`);
  for (const bundle of ["index", "components", "policy-pack", "cli"]) {
    edit(`dist/${bundle}.js`, /"pod-security\.kubernetes\.io\/audit": \w+,/, '$& "example.com/added": "yes",');
  }
}

describe("an upgrade of the package, on the real engine", function () {
  this.timeout(300_000);
  const opened = engineProject("shop", "cart");
  /** Another repository with the version before, as a pipeline that judges pull requests may have one. */
  let base: ScratchProject;
  let tarball: string;
  const namespaces = ["v1-namespace-default-cart.yaml", "v1-namespace-default-shop.yaml"];

  before(async () => {
    const { project } = opened();
    const directory = dirname(project.directory);
    tarball = await packInto(directory);
    mkdirSync(join(directory, "gate"));
    base = await scratchProject(join(directory, "gate"));
    for (const one of [project, base]) await install(tarball, one);
    await opened().decide({ shop: running, cart: running });
  });

  const running = ['tag: "1.0.0"', 'policy: { range: ">=1.0.0" }'];
  const preview = (...flags: string[]) =>
    opened().pulumi("preview", "--stack", "prod", ...(flags.length === 0 ? ["--policy-pack", "policy-pack"] : flags));
  const labelled = () =>
    namespaces.filter((file) => readFileSync(join(opened().rendered, file), "utf8").includes("example.com/added"));

  /** Previews the project with the policy pack of the other repository. */
  async function previewWithBase() {
    const settings = join(base.directory, "gate.json");
    writeFileSync(settings, JSON.stringify({ "decided-objects": { project: opened().project.directory } }));
    return preview("--policy-pack", join(base.directory, "policy-pack"), "--policy-pack-config", settings);
  }

  it("begins with a deployed stack, which the pack of the same version in another repository passes", async () => {
    const deployed = await opened().authorityUp();
    assert.equal(deployed.code, 0, deployed.output);
    assert.deepEqual(labelled(), []);
    const { code, output } = await previewWithBase();
    assert.equal(code, 0, output);
  });

  it("passes with the pack of the new version, and shows what it changes of every tenant", async () => {
    raise(await install(tarball, opened().project));
    const { code, output } = await preview();
    assert.equal(code, 0, output);
    for (const tenant of ["shop", "cart"]) {
      assert.match(output, new RegExp(`kubernetes:core/v1:Namespace ${tenant} update \\[diff: ~metadata\\]`));
    }
    assert.match(output, /^ +~ 2 to update$/m);
  });

  it("is refused by the pack of the old version, which says that program and pack differ in version", async () => {
    const { code, output } = await previewWithBase();
    assert.notEqual(code, 0, output);
    const fix = `install one version for both, with \`npm install ${name}@${next}\` in ${base.directory}`;
    const said = `the program is of ${name} ${next}, this policy pack of ${version}: ${fix}`;
    assert.equal(output.split(said).length, 2, output);
    assert.equal(output.match(/\[mandatory\]/g)?.length, 1, output);
  });

  it("is refused by the old pack before anything is written, without a preview too", async () => {
    const settings = join(base.directory, "gate.json");
    const pack = ["--policy-pack", join(base.directory, "policy-pack"), "--policy-pack-config", settings];
    const { code, output } = await opened().pulumi("up", "--stack", "prod", "--yes", "--skip-preview", ...pack);
    assert.notEqual(code, 0, output);
    assert.match(output, /this policy pack of /);
    assert.deepEqual(labelled(), []);
  });

  it("passes as soon as the other repository has the new version as well", async () => {
    raise(await install(tarball, base));
    const { code, output } = await previewWithBase();
    assert.equal(code, 0, output);
  });

  it("is deployed, and goes back with the number", async () => {
    const deployed = await opened().authorityUp();
    assert.equal(deployed.code, 0, deployed.output);
    assert.deepEqual(labelled(), namespaces);
    await install(tarball, opened().project);
    const { code, output } = await preview();
    assert.equal(code, 0, output);
    const returned = await opened().authorityUp();
    assert.equal(returned.code, 0, returned.output);
    assert.deepEqual(labelled(), []);
  });
});
