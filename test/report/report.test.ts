import assert from "node:assert/strict";
import { mkdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { findExecutable } from "../../demo/executable";
import { exampleChart } from "../../demo/example-chart";
import { pushChart } from "../../demo/push";
import type { Report, TenantReport } from "../../src/report/model";
import { authorityProcess, type RunOptions } from "../cli/command-line";
import { OwnRepository } from "../cli/own-repository";
import { running, scratchWorld, tagsStack } from "../cli/scratch-world";
import { requireTools } from "../support/tools";

/** A Secret of the chart, and a Job that only the second release has. */
const secret = (value: string) =>
  `apiVersion: v1\nkind: Secret\nmetadata:\n  name: shop\nstringData:\n  key: ${value}\n  region: west\n`;
const job = [
  "apiVersion: batch/v1\nkind: Job\nmetadata:\n  name: migrate",
  "spec:\n  template:\n    spec:\n      restartPolicy: Never",
  "      containers: [{ name: migrate, image: evil.example/migrate:2 }]\n",
].join("\n");

/** What a reviewer sees of a change: real Git, a registry, and Helm. */
describe("authority report", () => {
  const world = scratchWorld();
  const own = new OwnRepository(world);
  const hostile = "fixes #1 @ana | <b> `x` ::set-output name=a::b";

  const values = (...more: string[]) =>
    [`image:\n  repository: ${world().application.image}`, "replicaCount: 1", ...more, ""].join("\n");
  /** shop at a version, and pay, whose repository cannot be read: whoever does not change is not read. */
  const stack = (version: string, ...more: string[]) =>
    tagsStack(
      world().tenant(...running(version), ...more),
      world()
        .tenant(...running("1.0.0"))
        .replace("shop:", "pay:")
        .replace(/repository: .*/, "repository: http://127.0.0.1:9/pay.git"),
    );

  beforeEach(async () => {
    const { application, write } = world();
    await application.publish({
      version: "1.0.0",
      message: "First",
      more: { "templates/secret.yaml": secret("hush-one") },
    });
    await application.commit({ version: "1.0.1", message: hostile });
    const more = { "templates/secret.yaml": secret("hush-two"), "templates/job.yaml": job };
    await application.publish({ version: "1.1.0", message: "Second", more });
    await application.publish({ version: "1.2.0", appVersion: "1.1.0", message: "Forgotten" });
    write({ "Pulumi.prod.yaml": stack("1.0.0"), "tenants/shop/values.yaml": values() });
    await own.git("init", "--quiet", "--initial-branch=main");
    await own.git("config", "user.name", "Ana");
    await own.git("config", "user.email", "ana@example.com");
    await own.commitAll();
  });

  const run = (args: readonly string[], options: RunOptions = {}) =>
    own.run(["report", "--base", "main", ...args], options);
  const json = async (...args: string[]): Promise<Report> =>
    JSON.parse((await run([...args, "--format", "json"])).stdout) as Report;
  const only = ({ stacks }: Report): TenantReport => {
    assert.deepEqual(
      stacks.map(({ tenants }) => tenants.length),
      [1],
    );
    return stacks[0]!.tenants[0]!;
  };

  it("says that nothing changes", async () => {
    const { code, stdout } = await run([]);
    assert.equal(code, 0);
    assert.match(stdout, /^## 🟢 nothing changes$/m);
    world().write({ "index.ts": "// changed\n" });
    const changed = await run([]);
    assert.match(changed.stdout, /^## 🟢 no decision changes$/m);
    assert.match(changed.stdout, /1 other file changed.*\n\n- `index\.ts`$/m);
  });

  it("shows a promotion: evidence, commits, values, and what runs", async () => {
    world().write({ "tenants/shop/values.yaml": values("password: hunter2-before") });
    await own.commitAll();
    world().write({ "Pulumi.prod.yaml": stack("1.1.0"), "tenants/shop/values.yaml": values("logLevel: warn") });
    const report = await json();
    assert.equal(report.stacks[0]?.unchanged, 1);
    const tenant = only(report);
    const { from, to, commits } = tenant;
    assert.deepEqual([from?.tag, from?.appVersion, from?.source], ["1.0.0", "1.0.0", "read"]);
    assert.deepEqual([to?.tag, to?.chartVersion], ["1.1.0", "1.1.0"]);
    assert.match(String(to?.images[0]?.digest), /^sha256:/);
    assert.deepEqual(
      commits?.shown.map(({ subject }) => subject),
      ["Second", hostile],
    );
    assert.deepEqual([commits.more, commits.areTakenBack], [0, false]);
    assert.deepEqual(tenant.values.shown, [
      { path: "logLevel", before: null, after: "warn", isHidden: false },
      { path: "password", before: "", after: null, isHidden: true },
    ]);
    // The stack deploys to a cluster, where the source stays for a rollback.
    assert.deepEqual(tenant.deleted, []);

    const { code, stdout } = await run([]);
    assert.equal(code, 0, stdout);
    assert.match(stdout, /^\| 🟡 look \| `prod` \| `shop` \| `1\.0\.0` → `1\.1\.0` \|/m);
    assert.match(stdout, /^1 other tenant of these stacks does not change\.$/m);
    assert.doesNotMatch(stdout, /hunter2|^\s*::|<b>(?!.*`)/m);
  });

  it("shows the chart's objects that change, and judges its images", async function () {
    requireTools(this, "helm");
    world().write({ "Pulumi.prod.yaml": stack("1.1.0"), "tenants/shop/values.yaml": values().replace("1\n", "2\n") });
    const { chart, images, notes } = only(await json());
    assert.equal(chart?.unread, null);
    assert.deepEqual(
      chart.objects.shown.map(({ object, change }) => `${change} ${object}`),
      ["changed Secret shop", "changed Deployment shop", "added Job migrate"],
    );
    const [hidden, deployment] = chart.objects.shown;
    assert.match(deployment!.diff, /^- {2}replicas: 1\n\+ {2}replicas: 2$/m);
    assert.match(hidden!.diff, /^- {2}key: \(hidden\)\n\+ {2}key: \(hidden, changed\)$/m);
    assert.doesNotMatch(hidden!.diff, /hush|west/);
    // The Service is the same, and would be shown with a version in its labels.
    assert.equal(chart.unchanged, 1);
    const { image } = world().application;
    assert.deepEqual(images, [
      { image: `${image}:1.1.0`, isNew: true, verdict: "release" },
      { image: "evil.example/migrate:2", isNew: true, verdict: "undeclared" },
    ]);
    assert.match(notes.join("\n"), /evil\.example\/migrate:2, whose repository is not declared/);
  });

  it("renders the chart of a registry, by its digest", async function () {
    requireTools(this, "helm");
    const { application, write } = world();
    const registry = `http://${application.image.split("/")[0] ?? ""}`;
    for (const version of ["1.0.0", "1.1.0"]) {
      const files = exampleChart({ name: "shop", version, appVersion: version, image: application.image });
      await pushChart(registry, "charts/shop", version, files);
    }
    const oci = (version: string) =>
      stack(version).replace("chart: ./charts/shop", `chart: ${registry.replace("http", "oci")}/charts/shop`);
    write({ "Pulumi.prod.yaml": oci("1.0.0") });
    await own.commitAll();
    write({ "Pulumi.prod.yaml": oci("1.1.0") });
    const { chart, to } = only(await json());
    assert.match(String(to?.chartDigest), /^sha256:/);
    assert.deepEqual(
      chart?.objects.shown.map(({ object }) => object),
      ["Deployment shop"],
    );
    assert.match(chart.objects.shown[0]!.diff, /^\+ .*shop:1\.1\.0$/m);
  });

  it("says that it needs Helm for the objects of the chart, and shows the rest", async () => {
    world().write({ "Pulumi.prod.yaml": stack("1.1.0") });
    const bin = join(world().root, "../bin");
    mkdirSync(bin);
    for (const name of ["git", "node"]) symlinkSync(String(findExecutable(name)), join(bin, name));
    const { code, stdout } = await authorityProcess(["report", "--base", "main"], {
      cwd: world().root,
      env: { PATH: bin },
    });
    assert.equal(code, 0, stdout);
    assert.match(stdout, /^The objects of the chart are not compared: ``the program `helm` is not on PATH/m);
    assert.match(stdout, /2 commits of the application/);
    assert.match(stdout, /^\| 🟢 fine \| `prod` \| `shop` \|/m);
  });

  it("shows what blocks a release with the fix, and exits with 3", async () => {
    world().write({ "Pulumi.prod.yaml": stack("1.2.0") });
    const { code, stdout } = await run([]);
    assert.equal(code, 3);
    assert.match(stdout, /^## 🔴 1 tenant changes in 1 stack$/m);
    assert.match(
      stdout,
      /^\*\*Blocked by\*\* `release-synced`\n\n```text\n[^`]*appVersion of Chart\.yaml is "1\.1\.0", must be "1\.2\.0"/m,
    );
    const check = await own.run(["check", "--stack", "prod", "--json"]);
    const { stacks } = JSON.parse(check.stdout) as { stacks: { violations: { policy: string; tenant: string }[] }[] };
    const reported = only(await json()).blocks.map(({ policy }) => policy);
    const checked = stacks[0]!.violations.filter(({ tenant }) => tenant === "shop").map(({ policy }) => policy);
    assert.deepEqual(reported, checked);
  });

  it("says why commits and chart cannot be read", async () => {
    world().write({ "Pulumi.prod.yaml": tagsStack(world().tenant(...running("1.0.0"))) });
    await own.run(["lock"]);
    await own.commitAll();
    world().write({ "Pulumi.prod.yaml": tagsStack(world().tenant(...running("1.1.0"))) });
    await own.run(["lock"]);
    await world().cutNetwork();
    const tenant = only(await json());
    assert.equal(tenant.to?.source, "lock");
    assert.match(String(tenant.commits?.unread), /^git ls-remote: .*connect/i);
    assert.notEqual(tenant.chart?.unread, null);
  });

  it("compares two commits, whatever is in the work tree", async () => {
    await own.git("checkout", "--quiet", "-b", "promote");
    world().write({ "Pulumi.prod.yaml": stack("1.1.0"), "index.ts": "// changed\n" });
    await own.commitAll();
    await own.git("checkout", "--quiet", "main");
    world().write({ "README.md": "later\n" });
    await own.commitAll();
    world().write({ "Pulumi.prod.yaml": "no: stack\n" });
    const report = await json("--head", "promote");
    assert.equal(report.head.name, "promote");
    assert.equal(only(report).to?.tag, "1.1.0");
    assert.deepEqual(report.files.shown, ["index.ts"]);
  });

  it("compares with the branch, not with a tag of its name", async () => {
    const base = (await own.git("rev-parse", "HEAD")).trim();
    await own.git("update-ref", "refs/remotes/origin/main", base);
    await own.git("switch", "--quiet", "--create", "change");
    world().write({ "Pulumi.prod.yaml": stack("1.1.0") });
    await own.commitAll();
    for (const tag of ["origin/main", "main"]) await own.git("tag", tag);
    for (const name of ["origin/main", "main"]) {
      const { stdout } = await own.run(["report", "--base", name, "--format", "json"]);
      const { base: compared } = JSON.parse(stdout) as Report;
      assert.deepEqual(compared, { name, commit: base });
    }
  });

  it("names a version that a person had taken back", async () => {
    for (const version of ["1.1.0", "1.0.0"]) {
      world().write({ "Pulumi.prod.yaml": stack(version) });
      await own.commitAll();
    }
    world().write({ "Pulumi.prod.yaml": stack("1.1.0") });
    const { notes, verdict } = only(await json());
    assert.equal(verdict, "look");
    assert.match(notes.join("\n"), /^1\.1\.0 was taken back in [0-9a-f]{10} \(.*: "Before"\)$/m);
  });

  it("shows another digest under the same tag", async () => {
    const digest = (hex: string) => `digest: "sha256:${hex.repeat(64)}"`;
    world().write({ "Pulumi.prod.yaml": stack("1.0.0", digest("a")) });
    await own.commitAll();
    world().write({ "Pulumi.prod.yaml": stack("1.0.0", digest("b")) });
    const { notes, settings, blocks } = only(await json());
    assert.ok(notes.includes("another image has the tag 1.0.0 now: the digest changes"), notes.join());
    assert.deepEqual(
      settings.shown.map(({ path }) => path),
      ["digest"],
    );
    assert.ok(blocks.some(({ message }) => message.includes("as the stack file says")));
  });

  it("says what goes back, and which commits are lost", async () => {
    world().write({ "Pulumi.prod.yaml": stack("1.1.0") });
    await own.commitAll();
    world().write({ "Pulumi.prod.yaml": stack("1.0.0") });
    const { notes, commits } = only(await json());
    assert.ok(notes.includes("the version goes back from 1.1.0 to 1.0.0"));
    assert.deepEqual([commits?.areTakenBack, commits?.shown.length], [true, 2]);
  });

  it("says that nobody decides any more what a stack runs whose file is removed", async () => {
    world().write({ "Pulumi.staging.yaml": tagsStack(world().tenant(...running("1.0.0"))) });
    await own.commitAll();
    rmSync(join(world().root, "Pulumi.staging.yaml"));
    const [staging] = (await json()).stacks;
    assert.match(staging!.notes.join(), /^the stack file is removed, with its 1 tenant: nobody decides/);
  });

  it("shows what a removed tenant deletes, and blocks it until it is declared", async () => {
    const left = tagsStack(stack("1.0.0").slice(stack("1.0.0").indexOf("    pay:")));
    world().write({ "Pulumi.prod.yaml": left });
    const blocked = await run([]);
    assert.equal(blocked.code, 3);
    assert.match(blocked.stdout, /^\*\*Blocked by\*\* `removal`$/m);
    assert.match(blocked.stdout, /shared-authority:removed:\n {4}shop: \{ namespace: shop,/);
    world().write({
      "Pulumi.prod.yaml": `${left}  shared-authority:removed: { shop: { namespace: shop, by: Ada, reason: unused } }\n`,
    });
    const declared = await run([]);
    assert.equal(declared.code, 0, declared.stdout);
    const { deleted, notes, change } = only(await json());
    assert.equal(change, "removed");
    assert.ok(deleted.includes("Namespace shop"), deleted.join());
    assert.match(notes.join("\n"), /^declared by Ada: unused$/m);
  });

  it("shows what the platform changes, and what changes outside of tenants", async () => {
    const config = "config:\n  shared-authority:defaults: { value: { team: [developers] } }\n";
    world().write({
      "Pulumi.yaml": `name: shared-authority\nruntime: nodejs\n${config}`,
      "Pulumi.prod.yaml": `encryptionsalt: v1:very-secret\n${stack("1.0.0", 'policy: { range: ">=1.0.0 <1.1.0" }').replace('      policy: { range: ">=1.0.0 <2.0.0" }\n', "")}`,
    });
    const { stdout } = await run([]);
    assert.match(stdout, /^- `policy\.range`: `>=1\.0\.0 <2\.0\.0` → `>=1\.0\.0 <1\.1\.0`$/m);
    assert.match(stdout, /^- `team`: `\[\]` → `\[developers\]`$/m);
    assert.match(
      stdout,
      /^### `Pulumi\.yaml`\n\n- `config\.shared-authority:defaults\.value\.team`: new, `\[developers\]`$/m,
    );
    assert.match(stdout, /^- `encryptionsalt`: added; not shown/m);
    assert.doesNotMatch(stdout, /very-secret/);
  });

  it("reports problems in the files, and exits with 2", async () => {
    world().write({ "Pulumi.prod.yaml": stack("1.0.0").replace('range: ">=1.0.0 <2.0.0"', "range: 12") });
    const { code, stdout } = await run([]);
    assert.equal(code, 2);
    assert.match(stdout, /^## 🔴 the files have problems$/m);
    assert.match(stdout, /Pulumi\.prod\.yaml:\d+:\d+: shared-authority:tenants\.shop\.policy\.range/);
  });

  it("writes one file of HTML", async () => {
    world().write({ "Pulumi.prod.yaml": stack("1.1.0") });
    const { code, stdout } = await run(["--format", "html", "--output", "report.html"]);
    assert.deepEqual([code, stdout], [0, ""]);
    const html = readFileSync(join(world().root, "report.html"), "utf8");
    assert.match(html, /^<!doctype html>/);
    assert.doesNotMatch(html, /<(?:script|link|img)|src=/);
    assert.ok(html.includes("fixes #1 @ana | &lt;b&gt; `x`"));
  });

  it("refuses a base that is not there, or has nothing in common", async () => {
    const missing = await own.run(["report", "--base", "origin/main"]);
    assert.equal(missing.code, 2);
    assert.match(missing.stderr, /`--base origin\/main` names no commit of this clone\. Fetch it/);
    await own.git("update-ref", "refs/remotes/origin/promote/prod/shop", "HEAD");
    const remote = await run(["--head", "promote/prod/shop"]);
    assert.equal(remote.code, 2);
    assert.match(
      remote.stderr,
      /`--head promote\/prod\/shop` names no commit .* did you mean `origin\/promote\/prod\/shop`\?/,
    );
    const typo = await run(["--stack", "pord"]);
    assert.equal(typo.code, 2, "a stack that is not there has no changes to review");
    assert.match(typo.stdout, /There is no stack "pord" in this project/);
    await own.git("checkout", "--quiet", "--orphan", "other");
    // With the same files, it could be the same commit.
    world().write({ "README.md": "unrelated\n" });
    await own.commitAll();
    const unrelated = await run([]);
    assert.equal(unrelated.code, 2);
    assert.match(unrelated.stderr, /main and HEAD have no commit in common in this clone/);
  });
});
