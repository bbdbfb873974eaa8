import assert from "node:assert/strict";
import { chmodSync, cpSync, mkdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { delimiter, dirname, join } from "node:path";
import { execa } from "execa";
import { stringify } from "yaml";
import packageManifest from "../../package.json";
import { listenOnLoopback } from "../../demo/loopback";
import { authorityProgram } from "../../demo/scratch-project";
import type { PreviewResult } from "../../src/preview/preview-result";
import { engineProject } from "../support/engine-project";
import { projectRoot } from "../support/project";

/** The shared repository's main branch, and pull requests as branches of the same clone. */
describe("authority preview, on the real engine", function () {
  this.timeout(300_000);
  const opened = engineProject("shop");
  const running = (version: string) => [`tag: "${version}"`, 'policy: { range: ">=1.0.0" }'];
  const salted = /^encryptionsalt: .*$/m;

  const git = (...args: string[]) => opened().project.git(...args);
  const file = (path: string) => join(opened().project.directory, path);

  before(async () => {
    const shop = opened().applications.get("shop");
    await shop?.publish({ version: "1.1.0", message: "The next release" });
    await shop?.publish({ version: "1.2.0", appVersion: "1.1.0", message: "appVersion is forgotten" });
    await git("rm", "--quiet", "Pulumi.dev.yaml", "Pulumi.staging.yaml");
    const lock = { "package-lock.json": JSON.stringify({ lockfileVersion: 3, packages: {} }) };
    await opened().decide({ shop: running("1.0.0") }, [], lock);
    const locked = await opened().authority("lock");
    assert.equal(locked.code, 0, locked.output);
    const rendered = await opened().authority("render", "--stack", "prod", "--out", "rendered/prod");
    assert.equal(rendered.code, 0, rendered.output);
    await opened().project.commit("Lock and render", {});
    // As in a pipeline: a checkout of the base branch has the packages.
    await git("worktree", "add", "--quiet", "--detach", file("../base"), "main");
    renameSync(file("node_modules"), file("../base/node_modules"));
    symlinkSync(file("../base/node_modules"), file("node_modules"), "junction");
    writeFileSync(file(".git/info/exclude"), "node_modules\n");
  });

  beforeEach(async () => {
    await git("switch", "--quiet", "--force-create", "change", "main");
  });

  interface Previewed {
    readonly code: number;
    readonly result: PreviewResult;
    readonly output: string;
    readonly report: string;
  }

  /** @param environment what the pipeline has, such as credentials that must not reach what is judged */
  async function preview(environment: NodeJS.ProcessEnv = {}, ...flags: readonly string[]): Promise<Previewed> {
    await git("-C", "../base", "checkout", "--quiet", "--detach", "main");
    const report = join(dirname(opened().project.directory), "report.md");
    const args = [authorityProgram, "preview", "--base", "main", "--output", report, "--json", ...flags];
    const { exitCode, stdout, stderr } = await execa(process.execPath, args, {
      cwd: opened().project.directory,
      env: { ...opened().session.environment, ...environment },
      extendEnv: false,
      stdin: "ignore",
      reject: false,
    });
    assert.doesNotMatch(stderr, /internal error/, stderr);
    const result = JSON.parse(stdout) as PreviewResult;
    return { code: exitCode ?? 1, result, output: stdout + stderr, report: readFileSync(report, "utf8") };
  }

  const blocksOf = ({ result }: Previewed) => result.stacks.flatMap(({ blocks }) => blocks).join("\n");

  const promote = (version: string, files: Readonly<Record<string, string>> = {}) =>
    opened().decide({ shop: running(version) }, [], files);

  it("passes a promotion, with its salt and the folder left to the pipeline", async () => {
    await promote("1.1.0");
    assert.match(await opened().project.read("Pulumi.prod.yaml"), salted);
    const { code, result, output, report } = await preview();
    assert.equal(code, 0, output);
    assert.deepEqual(result.stacks, [{ stack: "prod", blocks: [] }]);
    assert.deepEqual([result.code, result.upgrade], [[], null]);
    assert.match(report, /^### ✅ Nothing blocks this change\n/);
    assert.deepEqual(result.notes, []);
    assert.equal(await git("status", "--porcelain"), "", "the clone stays as it is");
  });

  it("blocks a release that breaks the promise, with the fact in the report", async () => {
    await promote("1.2.0");
    const blocked = await preview();
    assert.equal(blocked.code, 3, blocked.output);
    assert.match(blocksOf(blocked), /appVersion of Chart\.yaml is "1\.1\.0", must be "1\.2\.0"/);
    assert.match(
      blocked.report,
      /^### ❌ This change is blocked\n\n\*\*prod\*\*\n\n- [^]*appVersion of Chart\.yaml is/,
    );
    assert.match(blocked.report, /From `origin\/main` [^]*`1\.0\.0` → `1\.2\.0`/);
    assert.doesNotMatch(blocked.report, /encryptionsalt`: removed|node_modules/);
  });

  it("judges with the base branch's code, whatever the pull request makes of pack, program and lock", async () => {
    const lock = (await opened().project.read("releases.lock.yaml")).replaceAll('"1.0.0"', '"1.2.0"');
    await promote("1.2.0", {
      "releases.lock.yaml": lock,
      "tenants/shop/values.yaml": "replicaCount: 2\n",
      "policies.json": '{"all": "disabled"}',
      "policy-pack/index.ts": 'throw new Error("the pull request\'s pack runs");\n',
      "index.ts": 'throw new Error("the pull request\'s program runs");\n',
    });
    const blocked = await preview();
    assert.equal(blocked.code, 3, blocked.output);
    assert.match(blocksOf(blocked), /must be "1\.2\.0"|does not match|differs/);
    assert.doesNotMatch(blocked.output, /pull request's p\w+ runs/);
    assert.deepEqual(blocked.result.code, ["index.ts", "policies.json", "policy-pack/index.ts"]);
    assert.match(blocked.report, /Needs the code owners[^]*- `policy-pack\/index\.ts`/);
  });

  it("takes nothing but config from Pulumi.yaml", async () => {
    const project = await opened().project.read("Pulumi.yaml");
    const evil =
      project.replace("main: index.ts", "main: tenants/evil.ts") + "plugins:\n  analyzers: [{name: a, path: .}]\n";
    await promote("1.1.0", { "Pulumi.yaml": evil, "tenants/evil.ts": 'throw new Error("it runs");\n' });
    const { code, output, result } = await preview();
    assert.equal(code, 0, output);
    assert.doesNotMatch(output, /it runs/);
    assert.deepEqual(result.code, ["Pulumi.yaml, beside config"]);
  });

  it("refuses links where data is, and judges nothing", async () => {
    mkdirSync(file("tenants/shop"), { recursive: true });
    symlinkSync("/etc/passwd", file("tenants/shop/values.yaml"));
    await promote("1.1.0");
    const { code, result, report } = await preview();
    assert.equal(code, 3);
    assert.deepEqual(result.stacks, []);
    assert.match(result.refused.join(), /^tenants\/shop\/values\.yaml is a symbolic link; expected a regular file/);
    assert.match(report, /\*\*Not judged\*\*/);
    await git("rm", "--quiet", "-r", "tenants");
    symlinkSync("/etc", file("tenants"));
    await opened().project.commit("All of it", {});
    assert.match((await preview()).result.refused.join(), /^tenants is a symbolic link/);
  });

  it("decrypts nothing, and shows no credentials to what it runs", async () => {
    const secret = "  acme:token:\n    secure: AAABADJ7nothing\nsecretsprovider: awskms://alias/prod\n";
    await promote("1.1.0");
    const text = (await opened().project.read("Pulumi.prod.yaml")).replace(salted, secret + "encryptionsalt: v1:x=");
    await opened().project.commit("Encrypted", { "Pulumi.prod.yaml": text });
    // The engine is the one that sees the environment.
    const engine = file(".git/pulumi");
    const seen = file(".git/seen");
    const program = String(opened().session.environment.PULUMI);
    writeFileSync(engine, `#!/bin/sh\nenv >> ${seen}\ncat Pulumi.prod.yaml >> ${seen}\nexec ${program} "$@"\n`);
    chmodSync(engine, 0o755);
    const credentials = {
      ...{ KUBECONFIG: "/secret/kubeconfig", GITHUB_TOKEN: "s3cret", PULUMI_ACCESS_TOKEN: "s3cret" },
      ...{ SSH_AUTH_SOCK: "/secret/agent", AWS_SECRET_ACCESS_KEY: "s3cret", DOCKER_CONFIG: "/secret/docker" },
      ...{ GIT_CONFIG_GLOBAL: "/dev/null", PULUMI: engine },
    };
    const { code, output, result } = await preview(credentials, "--env", "GIT_CONFIG_GLOBAL");
    assert.equal(code, 0, output);
    assert.deepEqual(result.notes, ["Pulumi.prod.yaml: judged without the encrypted config.acme:token"]);
    const environment = readFileSync(seen, "utf8");
    assert.doesNotMatch(environment, /s3cret|\/secret\/|awskms|AAABADJ7nothing/);
    assert.match(environment, /^GIT_CONFIG_GLOBAL=\/dev\/null$/m);
  });

  it("sends credentials over plain HTTP only to registries that the base branch declares so", async () => {
    const sent: string[] = [];
    const server = await listenOnLoopback(
      createServer(({ headers }, response) => {
        sent.push(headers.authorization ?? "none");
        response.writeHead(401, { "www-authenticate": 'Basic realm="app"' }).end();
      }),
    );
    const [host, before] = [new URL(server.url).host, await git("rev-parse", "main")];
    const docker = file(".git/docker");
    mkdirSync(docker);
    const auth = Buffer.from("reader:s3cret").toString("base64");
    writeFileSync(join(docker, "config.json"), JSON.stringify({ auths: { [host]: { auth } } }));
    try {
      const entry = await opened().project.read("Pulumi.prod.yaml");
      const image = `image: ${String(opened().applications.get("shop")?.image)}`;
      assert.ok(entry.includes(image));
      const text = entry.replace(image, `image: ${host}/team/shop`);
      await opened().project.commit("From elsewhere", { "Pulumi.prod.yaml": text });
      const judged = await preview({ DOCKER_CONFIG: docker }, "--env", "DOCKER_CONFIG");
      assert.equal(judged.code, 3, judged.output);
      assert.match(
        blocksOf(judged),
        /base branch does not declare .* with `insecureRegistry`: they are not sent over plain/,
      );
      assert.deepEqual([...new Set(sent)], ["none"]);
      await git("branch", "--force", "main", "change");
      await opened().project.commit("Scale", { "tenants/shop/values.yaml": "replicaCount: 2\n" });
      await preview({ DOCKER_CONFIG: docker }, "--env", "DOCKER_CONFIG");
      assert.ok(sent.includes(`Basic ${auth}`));
    } finally {
      await git("branch", "--force", "main", before);
      await server.close();
    }
  });

  it("previews a stack of a cluster without the cluster", async () => {
    const delivery = /^ {2}shared-authority:delivery: .*$/m;
    const text = (await opened().project.read("Pulumi.prod.yaml")).replace(
      delivery,
      "  shared-authority:delivery: cluster",
    );
    await opened().project.commit("Deploy it", {
      "Pulumi.prod.yaml": text.replace("config:\n", "config:\n  kubernetes:context: production\n"),
    });
    await git("rm", "--quiet", "-r", "rendered");
    await opened().project.commit("No folder", {});
    const { code, output } = await preview();
    assert.equal(code, 0, output);
  });

  it("judges what the merge would bring, after the base branch has moved on", async () => {
    await promote("1.1.0");
    await git("switch", "--quiet", "main");
    const before = await git("rev-parse", "HEAD");
    await opened().project.commit("Meanwhile", { "tenants/README.md": "ours\n" });
    try {
      await git("switch", "--quiet", "change");
      const { code, result, output } = await preview();
      assert.equal(code, 0, output);
      assert.deepEqual(result.code, []);
      await git("switch", "--quiet", "main");
      await opened().decide({ shop: running("1.0.1") });
      await git("switch", "--quiet", "change");
      assert.match((await preview()).result.refused.join(), /change the same lines; merge the base branch/);
    } finally {
      await git("branch", "--force", "main", before);
    }
  });

  it("knows what a person has taken back, from the history of the merge", async () => {
    const markers = running("1.1.0").map((line) =>
      line
        .replace(/^(tag: .*)$/, '$1 # {"$imagepolicy": "flux-system:shop:tag"}')
        .replace(" }", ", automation: auto }"),
    );
    const repository = ["shared-authority:configRepository: { url: https://git.invalid/shared.git, branch: main }"];
    const before = await git("rev-parse", "main");
    const decideAs = async (version: string, name: string, email: string) => {
      await opened().decide(
        { shop: markers.map((line) => line.replace("1.1.0", version)) },
        repository.map((line) => `  ${line}`),
      );
      await git("commit", "--quiet", "--amend", "--no-edit", `--author=${name} <${email}>`);
    };
    const author = { name: "Shared Authority", email: "shared-authority@example.com" };
    repository[0] = repository[0]!.replace(
      " }",
      `, author: ${stringify(author, { collectionStyle: "flow" }).trim()} }`,
    );
    try {
      await git("switch", "--quiet", "main");
      await decideAs("1.0.0", "Ada", "ada@example.com");
      await decideAs("1.1.0", author.name, author.email);
      await decideAs("1.0.0", "Ada", "ada@example.com");
      await git("switch", "--quiet", "--force-create", "change");
      await decideAs("1.1.0", author.name, author.email);
      const blocked = await preview();
      assert.equal(blocked.code, 3, blocked.output);
      assert.match(blocksOf(blocked), /shop 1\.1\.0 was taken back in/);
    } finally {
      await git("branch", "--force", "main", before);
    }
  });

  it("needs the history", async () => {
    const shallow = join(dirname(opened().project.directory), "shallow");
    await git("clone", "--quiet", "--depth=1", `file://${opened().project.directory}`, shallow);
    const program = file(authorityProgram);
    const { stdout, exitCode } = await execa(process.execPath, [program, "-C", shallow, "preview", "--base", "HEAD"], {
      env: opened().session.environment,
      extendEnv: false,
      reject: false,
    });
    assert.equal(exitCode, 3);
    assert.match(stdout, /not judged: this clone is shallow/);
  });

  describe("of an upgrade", () => {
    const next = "9.9.9";
    const manifest = (version: string) =>
      JSON.stringify({ private: true, dependencies: { "shared-authority": version } });
    const lockOf = (version: string) =>
      JSON.stringify({
        lockfileVersion: 3,
        packages: { "node_modules/shared-authority": { version, integrity: `sha512-${version}` } },
      });
    const upgrade = { "package.json": manifest(next), "package-lock.json": lockOf(next) };

    before(async () => {
      await git("switch", "--quiet", "main");
      await opened().project.commit("Pin the package", {
        "package.json": manifest(packageManifest.version),
        "package-lock.json": lockOf(packageManifest.version),
      });
      // As npm would install it: the package in its next version, which labels each Namespace.
      const installed = file("../next/node_modules");
      mkdirSync(installed, { recursive: true });
      const { stdout } = await execa("ls", ["-A", join(projectRoot, "node_modules")]);
      for (const name of stdout.split("\n").filter((one) => !/^\.|^shared-authority$/.test(one))) {
        symlinkSync(join(projectRoot, "node_modules", name), join(installed, name), "junction");
      }
      const own = join(installed, "shared-authority");
      cpSync(file("node_modules/shared-authority"), own, { recursive: true });
      const edit = (path: string, text: string | RegExp, replacement: string) => {
        const before = readFileSync(join(own, path), "utf8");
        assert.match(before, text instanceof RegExp ? text : /./);
        writeFileSync(join(own, path), before.replace(text, replacement));
      };
      edit("package.json", `"version": "${packageManifest.version}"`, `"version": "${next}"`);
      for (const bundle of ["index", "components", "policy-pack", "cli"]) {
        edit(`dist/${bundle}.js`, /"pod-security\.kubernetes\.io\/audit": \w+,/, '$& "example.com/added": "yes",');
      }
      mkdirSync(file("../programs"));
      const npm = [
        '[ "$*" = "ci --ignore-scripts --no-audit --no-fund" ] || exit 9',
        `grep -q '"${next}"' package.json && grep -q '"${next}"' package-lock.json || exit 8`,
        `ln -s ${installed} node_modules`,
      ];
      writeFileSync(file("../programs/npm"), `#!/bin/sh\n${npm.join("\n")}\n`, { mode: 0o755 });
    });

    const withNpm = () => ({
      PATH: `${file("../programs")}${delimiter}${String(opened().session.environment.PATH)}`,
    });

    it("judges with the new package, and shows the objects that it changes", async () => {
      await opened().project.commit("Upgrade", upgrade);
      const { code, result, output, report } = await preview(withNpm());
      assert.equal(code, 0, output);
      assert.deepEqual([result.upgrade?.from, result.upgrade?.to], [packageManifest.version, next]);
      assert.deepEqual(
        result.upgrade?.changes.map(({ stack, file: path, kind }) => [stack, path, kind]),
        [["prod", "1-manifest/v1-namespace-default-shop.yaml", "changed"]],
      );
      assert.match(
        report,
        new RegExp(`shared-authority ${packageManifest.version} → ${next}\\*\\*, judged by ${next}`),
      );
      assert.match(report, /^\+ +example\.com\/added: "?yes"?$/m);
    });

    it("refuses one that decides something too", async () => {
      await promote("1.1.0", upgrade);
      const { code, result } = await preview(withNpm());
      assert.equal(code, 3);
      assert.match(
        result.refused.join(),
        /raises shared-authority from .* to 9\.9\.9 and decides something too; make two/,
      );
    });

    it("judges with the old package what changes more than the version", async () => {
      const more = JSON.stringify({ ...(JSON.parse(upgrade["package.json"]) as object), scripts: { install: "evil" } });
      await opened().project.commit("More", { ...upgrade, "package.json": more });
      const { code, result, output } = await preview();
      assert.equal(code, 0, output);
      assert.equal(result.upgrade, null);
      assert.deepEqual(result.code, ["package-lock.json", "package.json"]);
      assert.match(result.notes.join(), /not as an upgrade: package\.json changes more than the version/);
    });
  });
});
