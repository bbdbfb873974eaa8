import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { type EngineResult, type EngineSession, openEngineSession } from "../../demo/engine-session";
import { type GitServer, serveGit } from "../../demo/git-server";
import { pushImage } from "../../demo/push";
import { authorityProgram, type ScratchProject } from "../../demo/scratch-project";
import { makePodinfoRepository } from "../support/podinfo-repository";
import { scratchProject } from "../support/project";
import { requireEngine } from "../support/pulumi";
import { type RunningRegistry, startDistribution } from "../support/registry";
import { requireTools } from "../support/tools";

/** Some of podinfo's ten tags that break the promise, with the reason that the message must give; `audit` judges all. */
const brokenTags: readonly (readonly [tag: string, fact: RegExp])[] = [
  ["0.2.2", /version of Chart\.yaml is "0\.1\.0", must be "0\.2\.2"/],
  ["v1.4.0", /version of Chart\.yaml is "1\.3\.1", must be "1\.4\.0"/],
  ["v1.7.0", /appVersion of Chart\.yaml is "1\.6\.1", must be "1\.7\.0"/],
];

describe("the program on the real engine, with podinfo's tags", function () {
  this.timeout(300_000);
  /** What is to be undone, the last first; a `before` that fails half-way leaves nothing behind. */
  const undo: (() => unknown)[] = [];
  let directory: string;
  let git: GitServer;
  let registry: RunningRegistry;
  let session: EngineSession;
  let project: ScratchProject;
  const digests = new Map<string, string>();
  /** The line that the engine writes into a stack file for its passphrase; it is committed like the rest of the file. */
  const salts = new Map<string, string>();

  before(async function () {
    requireTools(this, "registry");
    const engine = await requireEngine(this);
    directory = realpathSync(mkdtempSync(join(tmpdir(), "shared-authority-podinfo-")));
    undo.push(() => rmSync(directory, { recursive: true, force: true }));
    const repositories = join(directory, "git");
    await makePodinfoRepository(join(repositories, "podinfo.git"));
    git = await serveGit({ root: repositories });
    undo.push(() => git.close());
    registry = await startDistribution(directory);
    undo.push(() => registry.close());
    for (const tag of ["6.14.0", "6.14.1", ...brokenTags.map(([broken]) => broken.replace(/^v/, ""))]) {
      digests.set(tag, await pushImage(registry.url, "stefanprodan/podinfo", tag));
    }
    session = openEngineSession(engine, directory);
    project = await scratchProject(directory);
    await project.commit("No release is locked yet", { "releases.lock.yaml": undefined });
    for (const stack of ["dev", "prod"]) {
      assertRan(await pulumi("stack", "init", stack));
      const salt = /^encryptionsalt: .*$/m.exec(await project.read(`Pulumi.${stack}.yaml`));
      salts.set(stack, salt?.[0] ?? "");
    }
  });

  after(async () => {
    for (const step of undo.reverse()) await step();
  });

  const pulumi = (...parameters: string[]): Promise<EngineResult> =>
    session.run(parameters, { directory: project.directory });

  const deploy = (verb: "preview" | "up", stack: string, ...more: string[]): Promise<EngineResult> => {
    const flags = verb === "up" ? ["--yes"] : [];
    return pulumi(verb, "--stack", stack, "--policy-pack", "policy-pack", ...flags, ...more);
  };

  const authority = async (...parameters: string[]): Promise<EngineResult> => {
    const options = { cwd: project.directory, env: session.environment, extendEnv: false, reject: false } as const;
    const { exitCode, stdout, stderr } = await execa(process.execPath, [authorityProgram, ...parameters], options);
    return { code: exitCode ?? 1, stdout, stderr };
  };

  const said = ({ stdout, stderr }: EngineResult): string => `${stdout}\n${stderr}`;

  function assertRan(result: EngineResult): void {
    assert.equal(result.code, 0, said(result));
  }

  const rendered = (stack: string): string[] => {
    const folder = join(project.directory, "rendered", stack, "1-manifest");
    return existsSync(folder) ? readdirSync(folder).sort() : [];
  };

  const address = (): string => registry.url.replace("http://", "");

  /** The stack file of a production that runs one tag. */
  const production = (tag: string, { prefix = "", image = address(), digest = digests.get(tag) } = {}): string =>
    [
      "config:",
      "  shared-authority:follow: tags",
      "  shared-authority:delivery: { manifests: rendered/prod }",
      "  shared-authority:tenants:",
      "    podinfo:",
      `      repository: ${git.url}/podinfo.git`,
      "      chart: ./charts/podinfo",
      `      image: ${image}/stefanprodan/podinfo`,
      "      insecureRegistry: true",
      `      prefix: { git: "${prefix}" }`,
      `      tag: "${tag}"`,
      ...(digest === undefined ? [] : [`      digest: "${digest}"`]),
      '      policy: { range: ">=0.0.1" }',
      salts.get("prod"),
      "",
    ].join("\n");

  const development = (): string =>
    [
      "config:",
      "  shared-authority:follow: branch",
      "  shared-authority:branch: master",
      "  shared-authority:delivery: { manifests: rendered/dev }",
      "  shared-authority:tenants:",
      "    podinfo:",
      `      repository: ${git.url}/podinfo.git`,
      "      chart: ./charts/podinfo",
      `      image: ${address()}/stefanprodan/podinfo`,
      salts.get("dev"),
      "",
    ].join("\n");

  it("previews and deploys dev, which follows master", async () => {
    await project.commit("Dev follows master", { "Pulumi.dev.yaml": development() });
    assertRan(await deploy("preview", "dev"));
    assert.deepEqual(rendered("dev"), []);
    assertRan(await deploy("up", "dev"));
    const source = readFileSync(
      join(
        project.directory,
        "rendered/dev/1-manifest/source.toolkit.fluxcd.io_v1-gitrepository-flux-system-podinfo.yaml",
      ),
      "utf8",
    );
    assert.match(source, /branch: master/);
    assertRan(await deploy("preview", "dev", "--expect-no-changes"));
  });

  for (const [gitTag, fact] of brokenTags) {
    it(`blocks production on ${gitTag} before anything is written, and names the fact`, async () => {
      const tag = gitTag.replace(/^v/, "");
      const prefix = gitTag.startsWith("v") ? "v" : "";
      await project.commit(`Promote podinfo to ${tag}`, { "Pulumi.prod.yaml": production(tag, { prefix }) });
      const result = await deploy("up", "prod");
      assert.notEqual(result.code, 0, said(result));
      assert.match(said(result), /release-synced/);
      assert.match(said(result), fact);
      assert.deepEqual(rendered("prod"), []);
    });
  }

  it("refuses a broken promise even where no policy pack is asked", async () => {
    await project.commit("Promote podinfo to 1.4.0", { "Pulumi.prod.yaml": production("1.4.0", { prefix: "v" }) });
    const result = await pulumi("up", "--stack", "prod", "--yes", "--skip-preview");
    assert.notEqual(result.code, 0, said(result));
    assert.match(said(result), /podinfo: version of Chart\.yaml is "1\.3\.1", must be "1\.4\.0"/);
    assert.doesNotMatch(said(result), /\n\s+at .*\.ts:/, "a stack trace");
    assert.deepEqual(rendered("prod"), []);
  });

  it("refuses an `up` from a stack file that is not committed, and runs it in an emergency with its reason", async () => {
    await project.commit("Promote podinfo to 6.14.0", { "Pulumi.prod.yaml": production("6.14.0") });
    const file = join(project.directory, "Pulumi.prod.yaml");
    const { writeFileSync } = await import("node:fs");
    writeFileSync(file, `${production("6.14.0")}# a change that nobody has reviewed\n`);
    const refused = await deploy("up", "prod");
    assert.notEqual(refused.code, 0, said(refused));
    assert.match(said(refused), /Pulumi\.prod\.yaml is changed since the last commit/);
    assert.deepEqual(rendered("prod"), []);
    const environment = { SHARED_AUTHORITY_EMERGENCY: "the Git host is down" };
    const forced = await session.run(["up", "--stack", "prod", "--policy-pack", "policy-pack", "--yes"], {
      directory: project.directory,
      environment,
    });
    assertRan(forced);
    assert.match(said(forced), /EMERGENCY.*the Git host is down/);
    const release = "rendered/prod/1-manifest/helm.toolkit.fluxcd.io_v2-helmrelease-flux-system-podinfo.yaml";
    assert.match(await project.read(release), /shared-authority\/emergency: the Git host is down\n/);
    const outputs = await pulumi("stack", "output", "--stack", "prod", "--json");
    assert.equal((JSON.parse(outputs.stdout) as { emergency?: string }).emergency, "the Git host is down");
    await project.git("checkout", "--", "Pulumi.prod.yaml");
  });

  it("previews and deploys production at 6.14.1, and a second preview shows no change", async () => {
    await project.commit("Promote podinfo to 6.14.1", { "Pulumi.prod.yaml": production("6.14.1") });
    const promotion = await deploy("preview", "prod");
    assertRan(promotion);
    const [decided, source] = [/podinfo 6\.14\.0 -> 6\.14\.1/, /podinfo-6\.14\.1 create/].map((line) =>
      said(promotion).search(line),
    );
    assert.ok(decided !== undefined && source !== undefined && decided > 0 && decided < source, said(promotion));
    assert.doesNotMatch(said(promotion), /tenants: \{|evidence|chartVersion/);
    assertRan(await deploy("up", "prod"));
    assert.ok(
      rendered("prod").includes("source.toolkit.fluxcd.io_v1-gitrepository-flux-system-podinfo-6.14.1.yaml"),
      rendered("prod").join("\n"),
    );
    assertRan(await deploy("preview", "prod", "--expect-no-changes"));
    const check = await authority("check", "--stack", "prod");
    assert.match(said(check), /^prod: fine/m, "the engine renders what `check` expects, and the emergency is over");
    const outputs = await pulumi("stack", "output", "--stack", "prod", "--json");
    const { tenants } = JSON.parse(outputs.stdout) as { tenants: { podinfo: Record<string, unknown> } };
    assert.deepEqual(Object.keys(JSON.parse(outputs.stdout) as object).sort(), [
      "authorityNamespace",
      "follow",
      "tenants",
    ]);
    assert.equal(tenants.podinfo.version, "6.14.1");
    assert.equal(tenants.podinfo.source, "podinfo-6.14.1");
    assert.equal(tenants.podinfo.pinned, false);
  });

  it("blocks a HelmRelease that somebody adds by hand, without evidence", async () => {
    const program = await project.read("index.ts");
    const added = `import { CustomResource } from "@pulumi/kubernetes/apiextensions";
import { runtime } from "@pulumi/pulumi";

runtime.registerStackTransformation(({ name, resource, type }) => {
  if (name === "flux-system/podinfo") {
    queueMicrotask(() => {
      const provider = resource.getProvider(type);
      new CustomResource(
        "flux-system/by-hand",
        {
          apiVersion: "helm.toolkit.fluxcd.io/v2",
          kind: "HelmRelease",
          metadata: { name: "by-hand", namespace: "flux-system" },
          spec: { interval: "1m", chartRef: { kind: "OCIRepository", name: "anything" } },
        },
        { provider },
      );
    });
  }
  return undefined;
});
${program}`;
    await project.commit("A release by hand", { "index.ts": added });
    const before = rendered("prod");
    const result = await deploy("up", "prod");
    await project.commit("Take it out again", { "index.ts": program });
    assert.notEqual(result.code, 0, said(result));
    assert.match(said(result), /flux-system\/by-hand[^]*the stack's config decides no such object/);
    assert.deepEqual(rendered("prod"), before);
  });

  it("blocks a new tag while the registry cannot be read, and not one that is in the lock", async () => {
    const dead = "127.0.0.1:1";
    const stack = production("6.14.0", { image: dead });
    await project.commit("The registry is gone", { "Pulumi.prod.yaml": stack });
    const blocked = await deploy("preview", "prod");
    assert.notEqual(blocked.code, 0, said(blocked));
    assert.match(said(blocked), /the image 127\.0\.0\.1:1\/stefanprodan\/podinfo:6\.14\.0 cannot be read/);
    const commit = execFileSync("git", [
      "--git-dir",
      join(directory, "git/podinfo.git"),
      "rev-parse",
      "6.14.0^{commit}",
    ]);
    const lock = [
      "podinfo:",
      '  "6.14.0":',
      `    repository: ${git.url}/podinfo.git`,
      '    gitTag: "6.14.0"',
      `    commit: ${commit.toString().trim()}`,
      "    branch: master",
      "    chart: ./charts/podinfo",
      '    chartVersion: "6.14.0"',
      '    appVersion: "6.14.0"',
      "    images:",
      `      ${dead}/stefanprodan/podinfo:6.14.0: ${digests.get("6.14.0")}`,
      "",
    ].join("\n");
    await project.commit("Its evidence is in the lock", { "releases.lock.yaml": lock });
    assertRan(await deploy("preview", "prod"));
  });

  it("says all that is wrong with a stack file, with no stack trace, and deploys nothing", async () => {
    const bad = production("6.14.1").replace("chart: ./charts/podinfo", "chart: ../../etc").replace("tags", "tag");
    await project.commit("Two mistakes", { "Pulumi.prod.yaml": bad });
    const before = rendered("prod");
    const result = await deploy("up", "prod");
    assert.notEqual(result.code, 0);
    assert.match(said(result), /Pulumi\.prod\.yaml:2:\d+: shared-authority:follow/);
    assert.match(said(result), /Pulumi\.prod\.yaml:7:\d+: shared-authority:tenants\.podinfo\.chart/);
    assert.doesNotMatch(said(result), /\n\s+at .*\.ts:/, "a stack trace");
    assert.deepEqual(rendered("prod"), before);
  });

  it("refuses a decision that stands on the command line and not in a commit", async () => {
    await project.commit("Promote podinfo to 6.14.1", { "Pulumi.prod.yaml": production("6.14.1") });
    // The engine writes what `--config` says into the stack file, so that is where it shows. A preview would stop at the
    // HelmRelease, which is protected.
    const result = await deploy(
      "up",
      "prod",
      "--skip-preview",
      "--config",
      "shared-authority:authorityNamespace=elsewhere",
    );
    await project.git("checkout", "--", "Pulumi.prod.yaml");
    assert.notEqual(result.code, 0, said(result));
    assert.match(said(result), /Pulumi\.prod\.yaml is changed since the last commit/);
  });
});
