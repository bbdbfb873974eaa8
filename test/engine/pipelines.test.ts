import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { serveRegistry } from "../../demo/embedded-registry";
import { openEngineSession } from "../../demo/engine-session";
import { serveGit } from "../../demo/git-server";
import { createApplication, type ScratchApplication } from "../../demo/scratch-application";
import { Pipelines, type WorkflowRun } from "../support/pipelines";
import { requireEngine } from "../support/pulumi";

/** The workflows that `init` writes, step by step, in a repository that delivers manifests. Flux is played by its commits. */
describe("the workflows of a new repository, on a stand-in host", function () {
  this.timeout(900_000);
  const undo: (() => unknown)[] = [];
  let shop: ScratchApplication;
  let pipelines: Pipelines;

  before(async function () {
    const engine = await requireEngine(this);
    const directory = realpathSync(mkdtempSync(join(tmpdir(), "shared-authority-pipelines-")));
    undo.push(() => rmSync(directory, { recursive: true, force: true }));
    const repositories = join(directory, "applications");
    mkdirSync(repositories);
    const git = await serveGit({ root: repositories });
    undo.push(() => git.close());
    const registry = await serveRegistry();
    undo.push(() => registry.close());
    shop = await createApplication({ directory: repositories, name: "shop", registry: registry.url });
    await publish("1.0.0");
    pipelines = await Pipelines.start(directory, openEngineSession(engine, directory), [
      ...["--delivery", "manifests", "--repository", `${git.url}/shop.git`, "--chart", "./charts/shop"],
      ...["--image", shop.image, "--insecure-registry"],
    ]);
    undo.push(() => pipelines.close());
  });

  after(async () => {
    for (const step of undo.reverse()) await step();
  });

  const summary = (runs: readonly WorkflowRun[]) =>
    runs.flatMap(({ workflow, jobs }) => jobs.map(({ job, result }) => `${workflow} ${job} ${result}`));
  const outputs = (runs: readonly WorkflowRun[]) =>
    runs.flatMap(({ workflow, jobs }) => jobs.map((one) => `== ${workflow} ${one.job}\n${one.output}`)).join("\n");
  const digests = new Map<string, string>();
  const publish = async (version: string, appVersion = version) => {
    digests.set(version, (await shop.publish({ version, appVersion, message: `Release ${version}` })).digest);
  };
  const promoteTo = (version: string) => (text: string) =>
    text
      .replace(/tag: "[^"]*"/, `tag: "${version}"`)
      .replace(/digest: "[^"]*"/, `digest: "${String(digests.get(version))}"`);
  const release = (stack: string, branch = "main") =>
    pipelines
      .show(`rendered/${stack}/1-manifest/helm.toolkit.fluxcd.io_v2-helmrelease-flux-system-shop.yaml`, branch)
      .catch(() => "not rendered");
  const merge = async (number: number) => {
    const found = pipelines.repository.pullRequests.find((one) => one.number === number);
    assert.ok(found);
    await pipelines.repository.merge(found, false, found.sha, pipelines.host.user("ada"));
    await pipelines.git("fetch", "--quiet", "origin");
    await pipelines.git("switch", "--quiet", "--force-create", "main", "origin/main");
  };
  const commentsOn = (number: number) =>
    pipelines.repository.comments.filter(({ on }) => on === number).map(({ body }) => body);
  /** A branch of a person becomes a pull request. */
  const propose = async (branch: string) => {
    await pipelines.git("push", "--quiet", "--force", "origin", `HEAD:refs/heads/${branch}`);
    const texts = { head: branch, base: "main", title: branch, body: "" };
    return pipelines.repository.open(texts, pipelines.host.user("ada"));
  };

  it("render what the first commit decides, and run to the end without anybody", async () => {
    await pipelines.commit("Decide here which releases run");
    await pipelines.git("push", "--quiet", "--set-upstream", "origin", "main");
    const runs = await pipelines.settle();
    assert.match(await release("prod"), /shop-1\.0\.0/, outputs(runs));
    // The app's own commit starts the workflows again, which have nothing to do.
    const once = ["up complete success", "up report success", "promotion promotions success"];
    assert.deepEqual(summary(runs), [...once, ...once], outputs(runs));
    assert.equal(await pipelines.repository.git("rev-list", "--count", "main"), "2");
    assert.match(await pipelines.repository.git("log", "-1", "--format=%an %s", "main"), /^Shared Authority Add lock /);
  });

  it("lock and render what Flux's automation promotes on main", async () => {
    await publish("1.1.0");
    await pipelines.fluxCommits("main", "Pulumi.staging.yaml", promoteTo("1.1.0"));
    const runs = await pipelines.settle();
    assert.match(await release("staging"), /shop-1\.1\.0/, outputs(runs));
    assert.match(await release("prod"), /shop-1\.0\.0/);
    assert.match(await pipelines.show("releases.lock.yaml"), /"1\.1\.0":/);
    assert.equal(await pipelines.repository.git("rev-list", "--count", "main"), "4");
  });

  it("open a pull request for what Flux finds for prod, judged, with the report, and carry it out when it is merged", async () => {
    await pipelines.fluxCommits("promotions/prod", "Pulumi.prod.yaml", promoteTo("1.1.0"));
    const runs = await pipelines.settle();
    assert.deepEqual(
      summary(runs),
      ["promotion promotions success", "preview judge success", "preview comment success"],
      outputs(runs),
    );
    const [opened] = pipelines.repository.pullRequests;
    assert.ok(opened);
    assert.equal(opened.author.login, "authority[bot]");
    const [comment = "", ...more] = commentsOn(opened.number);
    assert.deepEqual(more, []);
    assert.match(comment, /Nothing blocks this change/);
    assert.match(comment, /shop[^]*1\.0\.0[^]*1\.1\.0/);
    await merge(opened.number);
    const after = await pipelines.settle();
    assert.deepEqual(summary(after), ["up complete success", "up report success", "promotion promotions success"]);
    assert.match(await release("prod"), /shop-1\.1\.0/, outputs(after));
  });

  it("block a release that breaks the promise, with the fact in one comment that is edited", async () => {
    await publish("1.2.0", "1.1.0");
    await publish("1.3.0");
    const stackFile = join(pipelines.clone, "Pulumi.prod.yaml");
    const edit = async (version: string) => {
      writeFileSync(stackFile, promoteTo(version)(readFileSync(stackFile, "utf8")));
      await pipelines.commit(`Promote shop to ${version}`);
    };
    await pipelines.git("switch", "--quiet", "--create", "by-hand", "origin/main");
    await edit("1.2.0");
    const { number } = await propose("by-hand");
    const blocked = await pipelines.settle();
    assert.deepEqual(summary(blocked), ["preview judge failure", "preview comment success"], outputs(blocked));
    const [comment = "", ...more] = commentsOn(number);
    assert.deepEqual(more, []);
    assert.match(comment, /This change is blocked[^]*appVersion of Chart\.yaml is/);
    await edit("1.3.0");
    await pipelines.git("push", "--quiet", "origin", "HEAD:refs/heads/by-hand");
    const passed = await pipelines.settle();
    assert.deepEqual(summary(passed), ["preview judge success", "preview comment success"], outputs(passed));
    assert.equal(commentsOn(number).length, 1);
    assert.match(commentsOn(number)[0] ?? "", /Nothing blocks this change/);
    await merge(number);
    const after = await pipelines.settle();
    assert.match(await release("prod"), /shop-1\.3\.0/, outputs(after));
  });

  it("carry out a rollback in the same way", async () => {
    await pipelines.git("pull", "--quiet", "--ff-only", "origin", "main");
    await pipelines.git("switch", "--quiet", "--create", "rollback");
    await pipelines.authority(["rollback", "shop", "--stack", "prod", "--reason", "leaks memory", "--by", "ada"]);
    const { number } = await propose("rollback");
    const judged = await pipelines.settle();
    assert.deepEqual(summary(judged), ["preview judge success", "preview comment success"], outputs(judged));
    await merge(number);
    const after = await pipelines.settle();
    assert.match(await release("prod"), /shop-1\.1\.0/, outputs(after));
    assert.match(await pipelines.show("Pulumi.prod.yaml"), /deny:[^]*1\.3\.0/);
  });

  it("open one issue while a promoted release breaks the promise, keep the others, and close it afterwards", async () => {
    await pipelines.fluxCommits("main", "Pulumi.staging.yaml", promoteTo("1.2.0"));
    const broken = await pipelines.settle();
    assert.ok(summary(broken).includes("up complete failure"), outputs(broken));
    assert.match(await release("staging"), /shop-1\.1\.0/);
    const issues = () => pipelines.repository.issues.map(({ title, state }) => `${title}: ${state}`);
    assert.deepEqual(issues(), ["Main is not deployed: open"]);
    await pipelines.fluxCommits("main", "Pulumi.staging.yaml", promoteTo("1.3.0"));
    const fixed = await pipelines.settle();
    assert.match(await release("staging"), /shop-1\.3\.0/, outputs(fixed));
    assert.deepEqual(issues(), ["Main is not deployed: closed"]);
  });

  it("shows a fork its report, and gives it no secret and no comment", async () => {
    const branch = await pipelines.repository.git("rev-parse", "main");
    const event = {
      kind: "pull_request",
      action: "opened",
      number: 99,
      branch: "x",
      sha: branch,
      base: "main",
    } as const;
    const more = { isFork: true, isMerged: false, actor: "eve", repository: "acme/releases" };
    const jobs = await pipelines.runFor("preview", { ...event, ...more });
    assert.deepEqual(
      jobs.map(({ job, result }) => `${job} ${result}`),
      ["judge success", "comment skipped"],
      jobs.map(({ output }) => output).join("\n"),
    );
  });

  it("compare each night, and open an issue when a release has moved", async () => {
    const issues = () =>
      pipelines.repository.issues.filter(({ title }) => title === "The nightly check fails").map(({ state }) => state);
    const fine = await pipelines.run("verify");
    assert.equal(fine[0]?.result, "success", fine[0]?.output);
    assert.deepEqual(issues(), []);
    await shop.tag("1.1.0");
    const moved = await pipelines.run("verify");
    assert.equal(moved[0]?.result, "failure", moved[0]?.output);
    assert.deepEqual(issues(), ["open"]);
  });
});
