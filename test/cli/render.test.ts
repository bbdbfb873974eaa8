import assert from "node:assert/strict";
import {
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { readStackConfig } from "../../src/config/read-stack-config";
import { RenderedFolder } from "../../src/cli/rendered-folder";
import { renderedFile } from "../../src/manifests/rendered-file";
import { stackObjects } from "../../src/manifests/stack-objects";
import { createEvidenceReader } from "../../src/release/evidence-reader";
import { resolveStack } from "../../src/release/resolve";
import { authority, authorityProcess } from "./command-line";
import { branchStack, running, scratchWorld, tagsStack } from "./scratch-world";

describe("authority render", () => {
  const world = scratchWorld();
  const out = () => join(world().root, "rendered", "prod");
  const arguments_ = ["render", "--stack", "prod", "--out", "rendered/prod"];
  const render = () => authority(arguments_, { cwd: world().root });

  async function releaseRuns(version: string): Promise<void> {
    const { application, tenant, write } = world();
    await application.publish({ version, message: `Release ${version}` });
    write({
      "Pulumi.prod.yaml": tagsStack(tenant(...running(version))),
      "tenants/shop/values.yaml": "replicaCount: 2\n",
    });
  }

  function renderedNames(): string[] {
    return readdirSync(join(out(), "1-manifest")).sort();
  }

  it("writes every object of the stack, each into its own file", async () => {
    await releaseRuns("1.0.0");
    const { code, stdout, stderr } = await authorityProcess(arguments_, { cwd: world().root });
    assert.equal(code, 0);
    assert.equal(
      stderr.replace("reading from Git and registries\n", ""),
      "prod: releases.lock.yaml lacks shop 1.0.0, so a rollback needs the network. " +
        "`npx authority lock --stack prod` adds what is missing: commit it.\n",
    );

    const config = readStackConfig({ root: world().root, stack: "prod" });
    const stack = await resolveStack(config, { releases: new Map() }, createEvidenceReader());
    const files = Array.from(stackObjects(stack), ({ object }) => renderedFile(object));
    assert.equal(stdout, `rendered/prod: ${files.length} objects of the stack prod\n`);
    assert.deepEqual(
      Object.fromEntries(renderedNames().map((name) => [name, readFileSync(join(out(), "1-manifest", name), "utf8")])),
      Object.fromEntries(files.map(({ path, content }) => [path.slice("1-manifest/".length), content])),
    );
    assert.ok(renderedNames().includes("helm.toolkit.fluxcd.io_v2-helmrelease-flux-system-shop.yaml"));
    assert.deepEqual(readdirSync(join(world().root, "rendered")), ["prod"]);
  });

  it("renders into the folder that the stack delivers, wherever it is run", async () => {
    await releaseRuns("1.0.0");
    const { root, write } = world();
    const stack = readFileSync(join(root, "Pulumi.prod.yaml"), "utf8");
    const delivery = '  shared-authority:delivery: { manifests: "rendered/of prod" }\n';
    write({ "Pulumi.prod.yaml": stack.replace("  shared-authority:tenants", `${delivery}$&`) });
    const { code, stdout, stderr } = await authority(["render", "--stack", "prod"], { cwd: join(root, "tenants") });
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^rendered\/of prod: \d+ objects of the stack prod\n$/);
    assert.deepEqual(readdirSync(join(root, "rendered", "of prod")), ["1-manifest"]);
    assert.deepEqual(readdirSync(join(root, "tenants")), ["shop"]);
  });

  it("needs a folder for a stack that delivers none", async () => {
    await releaseRuns("1.0.0");
    const { code, stderr } = await authority(["render", "--stack", "prod"], { cwd: world().root });
    assert.equal(code, 2);
    assert.match(stderr, /The stack prod declares no folder \(`delivery: cluster`\): name one with `--out`, such as/);
    assert.ok(!existsSync(join(world().root, "rendered")));
  });

  it("renders a stack that follows a branch", async () => {
    const { application, tenant, write, root } = world();
    await application.commit({ version: "1.0.0", message: "First" });
    write({ "Pulumi.dev.yaml": branchStack(tenant()) });
    const { code } = await authority(["render", "-s", "dev", "-o", "rendered/prod"], { cwd: root });
    assert.equal(code, 0);
    assert.ok(renderedNames().includes("source.toolkit.fluxcd.io_v1-gitrepository-flux-system-shop.yaml"));
  });

  it("replaces the former render, and removes files of objects that are gone", async () => {
    await releaseRuns("1.0.0");
    await render();
    const before = renderedNames();
    await releaseRuns("1.1.0");
    assert.equal((await render()).code, 0);
    const gone = before.filter((name) => !renderedNames().includes(name));
    assert.deepEqual(gone, ["source.toolkit.fluxcd.io_v1-gitrepository-flux-system-shop-1.0.0.yaml"]);
    assert.deepEqual(readdirSync(join(world().root, "rendered")), ["prod"]);
  });

  it("removes the files of a tenant only if the stack file declares it", async () => {
    await releaseRuns("1.0.0");
    await render();
    const before = renderedNames();
    const { tenant, write } = world();
    const cart = tenant(...running("1.0.0")).replace("shop:", "cart:");
    write({ "Pulumi.prod.yaml": tagsStack(cart) });
    const refused = await render();
    assert.equal(refused.code, 3);
    assert.match(refused.stderr, /^shop: it is not in Pulumi\.prod\.yaml\.[^]*Nothing was written\.\n$/);
    assert.deepEqual(renderedNames(), before);
    const removed = '  shared-authority:removed:\n    shop: { namespace: shop, by: Ada, reason: "moved away" }\n';
    write({ "Pulumi.prod.yaml": tagsStack(cart) + removed });
    assert.equal((await render()).code, 0);
    assert.deepEqual(
      renderedNames().filter((name) => name.includes("shop")),
      [],
    );
  });

  it("keeps every file of a tenant that gets another name, namespace or authority namespace, unless that is declared", async () => {
    await releaseRuns("1.0.0");
    await render();
    const { tenant, write } = world();
    const before = renderedNames();
    write({ "Pulumi.prod.yaml": tagsStack(tenant(...running("1.0.0"), "namespace: other")) });
    const moved = await render();
    assert.equal(moved.code, 3);
    assert.match(moved.stderr, /^shop: it has another namespace[^]*write `namespace: shop` at the tenant/);
    write({
      "Pulumi.prod.yaml": `${tagsStack(tenant(...running("1.0.0")))}  shared-authority:authorityNamespace: flux\n`,
    });
    const reinstalled = await render();
    assert.equal(reinstalled.code, 3);
    assert.match(reinstalled.stderr, /^shop: .* flux instead of flux-system\.[^]*Nothing was written\.\n$/);
    const find = tenant(...running("1.0.0"), "formerly: shop").replace("shop:", "find:");
    write({ "Pulumi.prod.yaml": tagsStack(find), "tenants/find/values.yaml": "replicaCount: 2\n" });
    assert.equal((await render()).code, 0);
    assert.deepEqual(renderedNames(), before);
  });

  it("writes the same bytes again", async () => {
    await releaseRuns("1.0.0");
    const contents = () => renderedNames().map((name) => readFileSync(join(out(), "1-manifest", name), "utf8"));
    await render();
    const first = contents();
    await render();
    assert.deepEqual(contents(), first);
  });

  it("writes changed files, and reuses unchanged ones", async () => {
    await releaseRuns("1.0.0");
    await render();
    const file = (kind: string) => join(out(), "1-manifest", `${kind}-flux-system-shop.yaml`);
    const [release, policy] = [
      file("helm.toolkit.fluxcd.io_v2-helmrelease"),
      file("image.toolkit.fluxcd.io_v1-imagepolicy"),
    ];
    const former = { release: join(world().root, "release.yaml"), content: readFileSync(release, "utf8") };
    linkSync(release, former.release);
    const before = statSync(policy);
    await releaseRuns("1.1.0");
    await render();
    assert.match(readFileSync(release, "utf8"), /shop-1\.1\.0/);
    assert.equal(readFileSync(former.release, "utf8"), former.content, "nothing is written into the former file");
    assert.equal(statSync(policy).ino, before.ino);
  });

  it("keeps a link to the folder", async () => {
    await releaseRuns("1.0.0");
    mkdirSync(join(world().root, "elsewhere"));
    mkdirSync(join(world().root, "rendered"));
    symlinkSync("../elsewhere", out());
    assert.equal((await render()).code, 0);
    assert.ok(existsSync(join(world().root, "elsewhere", "1-manifest")));
  });

  for (const [title, path] of [
    ["beside the manifests", "README.md"],
    ["among the manifests", "1-manifest/kustomization.yaml"],
    ["in a folder of its own", ".git/config"],
  ] as const) {
    it(`refuses to replace a folder with a foreign file ${title}`, async () => {
      await releaseRuns("1.0.0");
      await render();
      const before = renderedNames();
      mkdirSync(join(out(), path, ".."), { recursive: true });
      writeFileSync(join(out(), path), "mine\n");
      await releaseRuns("1.1.0");
      const { code, stderr } = await render();
      assert.equal(code, 2);
      assert.match(stderr, /rendered\/prod contains files that were not rendered: .*Move these files/);
      assert.equal(readFileSync(join(out(), path), "utf8"), "mine\n");
      assert.deepEqual(
        renderedNames().filter((name) => name !== "kustomization.yaml"),
        before,
      );
      assert.deepEqual(readdirSync(join(world().root, "rendered")), ["prod"]);
    });
  }

  for (const [title, name] of [
    ["remove", "v1-configmap-flux-system-mine.yaml"],
    ["overwrite", "helm.toolkit.fluxcd.io_v2-helmrelease-flux-system-shop.yaml"],
  ] as const) {
    it(`does not ${title} a file that it did not write, even with the name of a rendered one`, async () => {
      await releaseRuns("1.0.0");
      await render();
      const mine = "apiVersion: v1\nkind: ConfigMap\nmetadata: { name: mine, namespace: flux-system }\n";
      world().write({ [`rendered/prod/1-manifest/${name}`]: mine });
      const before = world().files();
      await releaseRuns("1.1.0");
      const { code, stderr } = await render();
      assert.equal(code, 2);
      assert.match(stderr, new RegExp(`rendered/prod contains files that were not rendered: 1-manifest/${name}\\. `));
      assert.equal(readFileSync(join(out(), "1-manifest", name), "utf8"), mine);
      assert.deepEqual(world().files(), before);
    });
  }

  it("does not remove a copy of a rendered file under another name", async () => {
    await releaseRuns("1.0.0");
    await render();
    const copy = join(out(), "1-manifest", "v1-serviceaccount-flux-system-mine.yaml");
    copyFileSync(join(out(), "1-manifest", "v1-serviceaccount-flux-system-shop.yaml"), copy);
    const { code, stderr } = await render();
    assert.equal(code, 2);
    assert.match(stderr, /contains files that were not rendered: 1-manifest\/v1-serviceaccount-flux-system-mine\.yaml/);
    assert.ok(existsSync(copy));
  });

  it("replaces a rendered file that someone has edited", async () => {
    await releaseRuns("1.0.0");
    await render();
    const path = join(out(), "1-manifest", "v1-serviceaccount-flux-system-shop.yaml");
    const content = readFileSync(path, "utf8");
    writeFileSync(path, content.replace("automountServiceAccountToken: false", "automountServiceAccountToken: true"));
    assert.notEqual(readFileSync(path, "utf8"), content);
    assert.equal((await render()).code, 0);
    assert.equal(readFileSync(path, "utf8"), content);
  });

  it("refuses to replace a file", async () => {
    await releaseRuns("1.0.0");
    world().write({ "rendered/prod": "mine\n" });
    const { code, stderr } = await render();
    assert.equal(code, 2);
    assert.match(stderr, /rendered\/prod is not a folder/);
  });

  it("writes nothing if the promise is broken", async () => {
    await releaseRuns("1.0.0");
    await render();
    const before = world().files();
    await world().application.publish({ version: "1.1.0", appVersion: "1.0.0", message: "Forgotten" });
    world().write({ "Pulumi.prod.yaml": tagsStack(world().tenant(...running("1.1.0"))) });
    const { code, stdout, stderr } = await render();
    assert.equal(code, 3);
    assert.equal(stdout, "");
    assert.match(stderr, /prod\/shop: the promise is broken\n {2}- appVersion .*\nNothing was written\.\n$/);
    assert.deepEqual(world().files(), before);
  });

  it("writes nothing if a fact cannot be read, and needs no network for releases in the lock", async () => {
    await releaseRuns("1.0.0");
    await authority(["lock"], { cwd: world().root });
    await world().cutNetwork();
    assert.equal((await render()).code, 0);
    const before = world().files();
    world().write({ "Pulumi.prod.yaml": tagsStack(world().tenant(...running("1.1.0"))) });
    const { code, stderr } = await render();
    assert.equal(code, 3);
    assert.match(stderr, /prod\/shop: cannot be verified/);
    assert.deepEqual(world().files(), before);
  });

  it("writes nothing if two objects have the same file", async () => {
    const file = { path: "1-manifest/v1-configmap-a-b.yaml", content: "a: 1\n" };
    const folder = new RenderedFolder(out());
    await assert.rejects(
      folder.replace([file, file], () => undefined),
      /Two objects have the same file name 1-manifest\/v1-configmap-a-b\.yaml/,
    );
    assert.deepEqual(world().files(), ["Pulumi.yaml"]);
  });
});
