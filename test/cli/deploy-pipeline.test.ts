import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { serveRegistry } from "../../demo/embedded-registry";
import { git } from "../../demo/git";
import { serveGit } from "../../demo/git-server";
import { createApplication, type ScratchApplication } from "../../demo/scratch-application";
import { StandInHost } from "../support/git-host/stand-in";
import { runGitLabJob } from "../support/gitlab-job";
import { Pipelines } from "../support/pipelines";
import { projectRoot } from "../support/project";

/** Reports once that shop does not run after its upgrade, and ends well otherwise. */
const engine = `#!/bin/sh
case "$1 $2" in
  "stack export")
    echo '{"deployment": {"resources": [{"type": "pulumi:pulumi:Stack", "urn": "urn:pulumi:prod::releases::pulumi:pulumi:Stack::s", "custom": false, "outputs": {"tenants": {"shop": {"version": "1.0.0"}}}}]}}' ;;
  up*)
    grep -q 'tag: "1.1.0"' Pulumi.*.yaml || exit 0
    echo '{"tenant": "shop", "conditions": ["Ready=False UpgradeFailed: timed out"]}' >> "$SHARED_AUTHORITY_FAILED"
    exit 1 ;;
esac
`;

/** The job that deploys, as it stands, with a stand-in engine, on a host that protects main. */
describe("the pipeline of a stack with `policy.onFailure: rollback`", function () {
  this.timeout(300_000);
  const undo: (() => unknown)[] = [];
  let directory: string;
  let shop: ScratchApplication;
  let gitUrl: string;

  before(async () => {
    directory = realpathSync(mkdtempSync(join(tmpdir(), "shared-authority-deploy-")));
    undo.push(() => rmSync(directory, { recursive: true, force: true }));
    const repositories = join(directory, "applications");
    mkdirSync(repositories);
    const server = await serveGit({ root: repositories });
    undo.push(() => server.close());
    gitUrl = server.url;
    const registry = await serveRegistry();
    undo.push(() => registry.close());
    shop = await createApplication({ directory: repositories, name: "shop", registry: registry.url });
    for (const version of ["1.0.0", "1.1.0"]) await shop.publish({ version, message: version });
    writeFileSync(join(directory, "pulumi"), engine, { mode: 0o755 });
  });
  after(async () => {
    for (const step of undo.reverse()) await step();
  });

  const stackFile = (version: string, url: string) =>
    [
      "config:",
      "  kubernetes:context: lab",
      "  shared-authority:follow: tags",
      `  shared-authority:configRepository: { url: "${url}", branch: main }`,
      "  shared-authority:tenants:",
      "    shop:",
      `      repository: ${gitUrl}/shop.git`,
      "      chart: ./charts/shop",
      `      image: ${shop.image}`,
      "      insecureRegistry: true",
      `      tag: "${version}"`,
      '      policy: { range: ">=1.0.0", onFailure: rollback }',
      "",
    ].join("\n");

  /** The first commit runs 1.0.0, the next promotes 1.1.0. */
  async function begin(name: string, withApp: readonly string[]): Promise<Pipelines> {
    const folder = join(directory, name);
    mkdirSync(folder);
    const environment = {
      PULUMI: join(directory, "pulumi"),
      PATH: process.env.PATH,
      PULUMI_BACKEND_URL: "file:///nowhere",
    };
    const pipelines = await Pipelines.start(folder, { environment }, ["--delivery", "cluster"], { withApp });
    undo.push(() => pipelines.close());
    for (const stack of ["dev", "staging"]) rmSync(join(pipelines.clone, `Pulumi.${stack}.yaml`));
    const file = join(pipelines.clone, ".github/workflows/up.yml");
    writeFileSync(file, readFileSync(file, "utf8").replace("stack: [dev, staging, prod]", "stack: [prod]"));
    for (const version of ["1.0.0", "1.1.0"]) {
      writeFileSync(join(pipelines.clone, "Pulumi.prod.yaml"), stackFile(version, pipelines.url));
      await pipelines.commit(`Run ${version}`);
      await pipelines.authority(["lock"]);
      await pipelines.commit("Lock").catch(() => undefined);
    }
    return pipelines;
  }

  it("pushes the rollback to the protected branch with the app's key, and only then", async () => {
    for (const [name, withApp, isPushed] of [
      ["with", ["authority", "prod"], true],
      ["without", ["authority"], false],
    ] as const) {
      const pipelines = await begin(name, withApp);
      await pipelines.git("push", "--quiet", "--set-upstream", "origin", "main");
      const [first, ...next] = (await pipelines.settle()).filter(({ workflow }) => workflow === "up");
      const deploy = first?.jobs.find(({ job }) => job === "deploy");
      assert.equal(deploy?.result, "failure");
      const stack = await pipelines.show("Pulumi.prod.yaml");
      const author = await pipelines.repository.git("log", "-1", "--format=%an", "main");
      if (isPushed) {
        assert.match(stack, /tag: "1\.0\.0"[^]*deny: \["1\.1\.0"\]/, deploy.output);
        assert.equal(author, "authority up");
        // The app's push starts a run, which has nothing to do.
        assert.deepEqual(
          next.flatMap(({ jobs }) => jobs.map(({ job, result }) => `${job} ${result}`)),
          ["complete success", "deploy success", "report success"],
        );
      } else {
        assert.match(deploy.output, /shop: not rolled back[^]*Instead: `git pull --ff-only`, `authority rollback shop/);
        assert.deepEqual([author, next], ["Ada", []]);
      }
    }
  });

  it("pushes it from GitLab CI", async () => {
    const pipelines = await begin("gitlab", []);
    const { clone } = pipelines;
    const users = [
      { login: "authority", token: "push-token", pushesToMain: true },
      { login: "ada", token: "ada-token", pushesToMain: true },
      { login: "job", token: "job-token", writes: false },
    ];
    const folder = join(directory, "gitlab-host");
    mkdirSync(folder);
    const host = await StandInHost.start({ kind: "gitlab", directory: folder, users });
    undo.push(() => host.close());
    const repository = await host.createRepository("acme/releases");
    const url = "https://gitlab.example.com/acme/releases.git";
    writeFileSync(join(clone, "Pulumi.prod.yaml"), stackFile("1.1.0", url));
    await pipelines.commit("On GitLab");
    await git({ directory: clone }, "push", "--quiet", host.cloneUrl("acme/releases", "ada-token"), "main");
    const address = (user: string) => [`https://${user}gitlab.example.com/`, `${host.url.replace("//", `//${user}`)}/`];
    const rewrites = [address("authority:push-token@"), address("gitlab-ci-token:job-token@"), address("")];
    const { code, output } = await runGitLabJob({
      file: join(projectRoot, "template/.gitlab-ci.yml"),
      job: "deploy prod",
      directory: folder,
      url: host.cloneUrl("acme/releases", "job-token"),
      commit: await repository.git("rev-parse", "main"),
      env: {
        ...pipelines.environment,
        AUTHORITY_PUSH_TOKEN: "push-token",
        CI_DEFAULT_BRANCH: "main",
        CI_SERVER_HOST: "gitlab.example.com",
        CI_PROJECT_PATH: "acme/releases",
        GIT_CONFIG_COUNT: String(rewrites.length),
        ...Object.fromEntries(
          rewrites.flatMap(([from = "", to = ""], index) => [
            [`GIT_CONFIG_KEY_${index}`, `url.${to}.insteadOf`],
            [`GIT_CONFIG_VALUE_${index}`, from],
          ]),
        ),
      },
    });
    assert.equal(code, 3, output);
    assert.match(
      await repository.git("show", "main:Pulumi.prod.yaml"),
      /tag: "1\.0\.0"[^]*deny: \["1\.1\.0"\]/,
      output,
    );
  });
});
