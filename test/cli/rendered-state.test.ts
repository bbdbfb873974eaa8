import assert from "node:assert/strict";
import { readdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parse, stringify } from "yaml";
import { git } from "../../demo/git";
import type { CheckResult } from "../../src/cli/check";
import type { RenderedState } from "../../src/cli/rendered-state";
import { authority, authorityProcess } from "./command-line";
import { branchStack, running, scratchWorld, tagsStack } from "./scratch-world";

describe("authority check of rendered manifests", () => {
  const world = scratchWorld();
  const folder = "rendered/prod";
  const fix = "`npx authority render --stack prod`";
  const release = "1-manifest/helm.toolkit.fluxcd.io_v2-helmrelease-flux-system-shop.yaml";
  const source = (version: string) =>
    `1-manifest/source.toolkit.fluxcd.io_v1-gitrepository-flux-system-shop-${version}.yaml`;
  const account = "1-manifest/v1-serviceaccount-flux-system-shop.yaml";

  const run = (...args: string[]) => authority(args, { cwd: world().root });
  const check = () => run("check", "--stack", "prod");
  const gitHere = (...parameters: string[]) => git({ directory: world().root }, ...parameters);
  const at = (path: string) => join(world().root, folder, path);
  const edit = (path: string, change: (text: string) => string) => {
    const before = readFileSync(at(path), "utf8");
    assert.notEqual(change(before), before);
    writeFileSync(at(path), change(before));
  };
  const stack = (version: string) =>
    tagsStack(world().tenant(...running(version))).replace(
      "  shared-authority:tenants",
      `  shared-authority:delivery: { manifests: ${folder} }\n  shared-authority:tenants`,
    );

  async function commit(): Promise<string> {
    await gitHere("add", "--all");
    await gitHere("commit", "--quiet", "--allow-empty", "--message", "A step");
    return gitHere("rev-parse", "HEAD");
  }

  async function render(): Promise<void> {
    // As the messages say, which do not depend on the current folder.
    assert.equal((await authority(["render", "--stack", "prod"], { cwd: join(world().root, "tenants") })).code, 0);
  }

  /** Locks, renders and commits a release. @returns the commit */
  async function deploy(version: string): Promise<string> {
    world().write({ "Pulumi.prod.yaml": stack(version) });
    assert.equal((await run("lock", "--stack", "prod")).code, 0);
    await render();
    return commit();
  }

  async function state(): Promise<RenderedState> {
    const { stdout } = await run("check", "--stack", "prod", "--json");
    return (JSON.parse(stdout) as CheckResult).stacks[0]!.rendered!;
  }

  beforeEach(async () => {
    await world().application.publish({ version: "1.0.0", message: "First" });
    await world().application.publish({ version: "1.1.0", message: "Second" });
    await gitHere("init", "--quiet");
    world().write({ "tenants/shop/values.yaml": "replicaCount: 2\n" });
  });

  it("has nothing to report for a folder that is as rendered", async () => {
    await deploy("1.0.0");
    const { code, stdout } = await authorityProcess(["check"], { cwd: world().root });
    assert.match(stdout, /^prod: fine, 1 tenant, \d+ objects\n$/);
    assert.equal(code, 0);
    assert.deepEqual(await state(), { folder, state: "current", differences: [] });
  });

  it("accepts the same objects in the form that the engine's provider writes", async () => {
    await deploy("1.0.0");
    for (const name of readdirSync(at("1-manifest"))) {
      edit(`1-manifest/${name}`, (text) =>
        stringify(parse(text), { version: "1.1", sortMapEntries: true, indent: 4, defaultStringType: "QUOTE_SINGLE" }),
      );
    }
    assert.equal((await state()).state, "current");
  });

  it("warns before the first render", async () => {
    world().write({ "Pulumi.prod.yaml": stack("1.0.0") });
    const { code, stdout } = await check();
    assert.match(stdout, new RegExp(`\\n${folder}: nothing is rendered yet; run ${fix}\\nprod: fine, `));
    assert.equal(code, 0);
  });

  it("warns if the folder is behind, as after a commit of Flux, without the network", async () => {
    const before = await deploy("1.0.0");
    world().write({ "Pulumi.prod.yaml": stack("1.1.0") });
    assert.equal((await run("lock", "--stack", "prod")).code, 0);
    await commit();
    await commit();
    await world().cutNetwork();
    const { code, stdout } = await check();
    assert.equal(code, 0, stdout);
    const told = `^${folder}: behind, as rendered from the commit ${before.slice(0, 10)}; ${fix} renews it\\nprod: fine, `;
    assert.match(stdout, new RegExp(told));
    assert.deepEqual(await state(), { folder, state: "behind", commit: before, differences: [] });
    await render();
    assert.equal((await state()).state, "current");
  });

  it("finds the commit of a folder that is behind by many commits, and of one that is not committed", async () => {
    const before = await deploy("1.0.0");
    const values = "tenants/shop/values.yaml";
    let newest = before;
    for (let replicas = 10; replicas < 25; replicas++) {
      world().write({ [values]: `replicaCount: ${replicas}\n` });
      newest = await commit();
    }
    assert.deepEqual(await state(), { folder, state: "behind", commit: before, differences: [] });
    await render();
    world().write({ [values]: "replicaCount: 30\n" });
    assert.deepEqual(await state(), { folder, state: "behind", commit: newest, differences: [] });
  });

  it("warns about a project below the top of the repository", async () => {
    rmSync(join(world().root, ".git"), { recursive: true });
    await git({ directory: join(world().root, "..") }, "init", "--quiet");
    const before = await deploy("1.0.0");
    world().write({ "tenants/shop/values.yaml": "replicaCount: 3\n" });
    assert.deepEqual(await state(), { folder, state: "behind", commit: before, differences: [] });
  });

  it("warns if values are newer, or if the release is in no lock", async () => {
    world().write({ "Pulumi.prod.yaml": stack("1.0.0") });
    await render();
    const before = await commit();
    world().write({ "Pulumi.prod.yaml": stack("1.1.0"), "tenants/shop/values.yaml": "replicaCount: 3\n" });
    assert.deepEqual(await state(), { folder, state: "behind", commit: before, differences: [] });
  });

  it("warns if a stack that follows a branch is behind", async () => {
    const follow = (replicas: number) => {
      const text = branchStack(world().tenant()).replace(
        "  shared-authority:tenants",
        `  shared-authority:delivery: { manifests: ${folder} }\n  shared-authority:tenants`,
      );
      world().write({ "Pulumi.prod.yaml": text, "tenants/shop/values.yaml": `replicaCount: ${replicas}\n` });
    };
    follow(1);
    await render();
    const before = await commit();
    follow(2);
    await commit();
    assert.deepEqual(await state(), { folder, state: "behind", commit: before, differences: [] });
  });

  it("blocks a folder that was edited by hand, and names each file", async () => {
    await deploy("1.0.0");
    edit(release, (text) => text.replace("serviceAccountName: shop", "serviceAccountName: kustomize-controller"));
    edit(source("1.0.0"), (text) => text.replace(/url: .*/, "url: https://attacker.example.com/shop"));
    rmSync(at(account));
    world().write({
      [`${folder}/1-manifest/v1-secret-flux-system-mine.yaml`]: "kind: Secret\n",
      [`${folder}/kustomization.yaml`]: "resources: []\n",
    });
    await commit();
    const { code, stdout } = await check();
    assert.equal(code, 3);
    const told = [
      `${folder}: 5 files not as rendered from these files`,
      `  ${folder}/${release}: changed`,
      `  ${folder}/${source("1.0.0")}: changed`,
      `  ${folder}/1-manifest/v1-secret-flux-system-mine.yaml: extra`,
      `  ${folder}/${account}: missing`,
      `  ${folder}/kustomization.yaml: extra`,
    ];
    assert.ok(stdout.startsWith(`${told.join("\n")}\n  Fix: ${fix}, and commit the folder.`), stdout);
    assert.match(stdout, /\nprod: blocked, /);
  });

  it("blocks a folder that is behind and was edited, and names only what was edited", async () => {
    const before = await deploy("1.0.0");
    edit(release, (text) => text.replace("serviceAccountName: shop", "serviceAccountName: kustomize-controller"));
    world().write({ "Pulumi.prod.yaml": stack("1.1.0") });
    await commit();
    assert.deepEqual(await state(), {
      folder,
      state: "changed",
      commit: before,
      differences: [{ path: release, kind: "changed" }],
      shallow: false,
    });
  });

  it("blocks a file that different readers of YAML read differently, a second object, and a link", async () => {
    await deploy("1.0.0");
    const content = readFileSync(at(account), "utf8");
    for (const change of [
      (text: string) => text.replace("automountServiceAccountToken: false", "automountServiceAccountToken: no"),
      (text: string) => `${text}---\nkind: Secret\n`,
      (text: string) => `${text}kind: ServiceAccount\n`,
      (text: string) => `${text}# A comment\u2028secrets: [{ name: mine }]\n`,
      (text: string) => `${text}# A comment\rsecrets: [{ name: mine }]\n`,
      () => "",
    ]) {
      writeFileSync(at(account), change(content));
      assert.deepEqual((await state()).differences, [{ path: account, kind: "changed" }], change(content));
    }
    renameSync(at(account), join(world().root, "elsewhere.yaml"));
    writeFileSync(join(world().root, "elsewhere.yaml"), content);
    symlinkSync("../../../elsewhere.yaml", at(account));
    assert.deepEqual((await state()).differences, [{ path: account, kind: "changed" }]);
  });

  it("blocks what no commit in the clone has decided, and explains a shallow clone", async () => {
    await deploy("1.0.0");
    const newest = await deploy("1.1.0");
    await gitHere("revert", "--no-edit", newest);
    await gitHere("checkout", "--quiet", "--no-overlay", newest, "--", folder);
    await commit();
    assert.equal((await state()).state, "behind");
    const clone = join(world().root, "..", "clone");
    await git(
      { directory: join(world().root, "..") },
      "clone",
      "--quiet",
      "--depth=1",
      `file://${world().root}`,
      clone,
    );
    const { code, stdout } = await authority(["check", "--stack", "prod"], { cwd: clone });
    assert.equal(code, 3);
    assert.match(stdout, /This clone is shallow, .* fetch the history/);
    rmSync(join(world().root, ".git"), { recursive: true });
    assert.equal((await check()).code, 3);
  });

  it("blocks the render of a step within a merged branch, which this branch never decided", async () => {
    const before = await deploy("1.0.0");
    await gitHere("checkout", "--quiet", "-b", "feature");
    const open = "network: { egress: [{ cidrs: [0.0.0.0/0] }] }";
    world().write({ "Pulumi.prod.yaml": stack("1.0.0").replace("      tag:", `      ${open}\n      tag:`) });
    await render();
    const step = await commit();
    await gitHere("checkout", "--quiet", before, "--", "Pulumi.prod.yaml");
    await commit();
    assert.deepEqual(await state(), { folder, state: "behind", commit: step, differences: [] });
    await gitHere("checkout", "--quiet", before);
    await gitHere("merge", "--quiet", "--no-ff", "--no-edit", "feature");
    const { code, stdout } = await check();
    assert.equal(code, 3, stdout);
    assert.match(stdout, /networkpolicy\S+-allow-declared-egress\.yaml: extra/);
  });

  it("blocks a folder that is gone, and one that is a symbolic link or a file", async () => {
    await deploy("1.0.0");
    const { root } = world();
    renameSync(join(root, folder), join(root, "elsewhere"));
    const { differences, ...gone } = await state();
    assert.deepEqual(gone, { folder, state: "changed", shallow: false });
    assert.deepEqual([...new Set(differences.map(({ kind }) => kind))], ["missing"]);
    const refused = /^rendered\/prod: Expected a folder without a symbolic link in its path/;
    for (const put of [
      () => symlinkSync("../elsewhere", join(root, folder)),
      () => writeFileSync(join(root, folder), "x"),
      () => {
        renameSync(join(root, "elsewhere"), join(root, "prod"));
        rmSync(join(root, "rendered"), { recursive: true });
        symlinkSync(".", join(root, "rendered"));
      },
    ]) {
      rmSync(join(root, folder), { force: true });
      put();
      const { code, stderr } = await check();
      assert.equal(code, 2);
      assert.match(stderr, refused);
    }
  });

  it("blocks the render of an earlier commit that the policies refuse", async () => {
    await deploy("1.0.0");
    world().write({ "tenants/shop/values.yaml": "image: { repository: attacker.example.com/shop }\n" });
    await render();
    const refused = await commit();
    world().write({ "tenants/shop/values.yaml": "replicaCount: 2\n" });
    await commit();
    const { code, stdout } = await check();
    assert.equal(code, 3, stdout);
    const told = [
      `${folder}: as rendered from the commit ${refused.slice(0, 10)}, which the policies refuse`,
      "  images-declared: HelmRelease flux-system/shop:",
      "    - tenants/shop/values.yaml, line 1: `image.repository` names",
    ];
    assert.ok(stdout.startsWith(told.join("\n")), stdout);
    assert.ok(stdout.includes(`\n  Fix: ${fix}, and commit the folder.\n`), stdout);
    assert.equal((await state()).state, "changed");
    await render();
    assert.equal((await state()).state, "current");
  });

  it("warns about the reason of an emergency in which the folder was rendered", async () => {
    await deploy("1.0.0");
    edit(release, (text) =>
      text.replace("  annotations:\n", "  annotations:\n    shared-authority/emergency: registry is down, issue 123\n"),
    );
    const { code, stdout } = await check();
    assert.equal(code, 0);
    assert.match(
      stdout,
      /^rendered\/prod: rendered in an emergency \(registry is down, issue 123\); .* removes the ann/,
    );
    edit(release, (text) => text.replace("serviceAccountName: shop", "serviceAccountName: root"));
    assert.equal((await check()).code, 3);
  });
});
