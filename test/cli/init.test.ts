import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { git } from "../../demo/git";
import { projectPrefix } from "../../src/config/report";
import { readTemplate } from "../../src/cli/init";
import { readLock } from "../../src/release/lock";
import { temporaryDirectory } from "../support/directory";
import { type PodinfoHost, servePodinfo } from "../support/podinfo-host";
import { projectRoot } from "../support/project";
import { skipBecause } from "../support/tools";
import { authority, authorityProcess, type Outcome } from "./command-line";

/** Where the package comes from is not the subject here; test/engine/init.test.ts installs it. */
const anyPackage = ["--package", "0.2.0"];

const manifest = JSON.parse(readFileSync(join(projectRoot, "package.json"), "utf8")) as {
  readonly version: string;
  readonly devDependencies: Readonly<Record<string, string>>;
};

/** The paths of all files below the folder, without Git's own. */
function filesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .filter((path) => !path.startsWith(".git/"))
    .sort();
}

describe("authority init", () => {
  const directory = temporaryDirectory();
  const target = () => join(directory(), "shared-repository");
  const read = (path: string) => readFileSync(join(target(), path), "utf8");

  const init = (...flags: readonly string[]): Promise<Outcome> =>
    authority(["init", "shared-repository", ...anyPackage, ...flags], { cwd: directory() });

  const check = (): Promise<Outcome> => authority(["check"], { cwd: target() });

  /** Nothing is left behind, not even a temporary folder. */
  const assertNothing = () => assert.deepEqual(readdirSync(directory()), []);

  const settingsOf = (path: string) => (parse(read(path)) as { config: Record<string, unknown> }).config;

  const tenantsOf = (stack: string) =>
    settingsOf(`Pulumi.${stack}.yaml`)[`${projectPrefix}:tenants`] as Record<string, Record<string, unknown>>;

  it("writes with --yes a repository without a tenant that is green as it stands, and no commit", async () => {
    const { code, stdout, stderr } = await init("--yes");
    assert.deepEqual([code, stderr], [0, ""]);
    assert.deepEqual(filesIn(target()), [
      ".gitattributes",
      ".github/workflows/preview.yml",
      ".github/workflows/promotion.yml",
      ".github/workflows/up.yml",
      ".github/workflows/verify.yml",
      ".gitignore",
      "CODEOWNERS",
      "Pulumi.dev.yaml",
      "Pulumi.prod.yaml",
      "Pulumi.staging.yaml",
      "Pulumi.yaml",
      "README.md",
      "index.ts",
      "package.json",
      "policies.json",
      "policy-pack/PulumiPolicy.yaml",
      "policy-pack/index.ts",
      "policy-pack/package.json",
      "policy-pack/tsconfig.json",
      "releases.lock.yaml",
      "renovate.json",
      "tenants/README.md",
      "tsconfig.pulumi.json",
    ]);
    assert.match(
      stdout,
      /Next:\n {2}cd shared-repository\n {2}npm install\n {2}npx authority check\n {2}git add --all && git commit /,
    );
    const checked = await check();
    assert.equal(checked.code, 0, checked.stdout + checked.stderr);
    assert.match(checked.stdout, /^3 of 3 stacks are fine$/m);
    assert.equal(await git({ directory: target() }, "symbolic-ref", "HEAD"), "refs/heads/main");
    await assert.rejects(git({ directory: target() }, "rev-parse", "--verify", "HEAD"));
  });

  it("takes the template's files with their line ends, and the package's version and lock", async () => {
    const template = readTemplate();
    for (const [path, text] of Object.entries(template)) assert.doesNotMatch(text, /\r/, path);
    assert.match(template["package.json"] ?? "", new RegExp(`"shared-authority": "${manifest.version}"`));
    await init("--yes");
    const header = read("releases.lock.yaml");
    assert.equal(readLock(target()).releases.size, 0);
    assert.ok(readFileSync(join(projectRoot, "src/release/lock.ts"), "utf8").replaceAll("\\`", "`").includes(header));
  });

  it("writes a README that fits the delivery, and stack files without a folder of manifests", async () => {
    await init("--yes", "--delivery", "cluster");
    assert.match(read("README.md"), /^## Deploy with `authority up`$/m);
    assert.doesNotMatch(read("README.md"), /Deploy with Flux|<!--/);
    for (const stack of ["dev", "staging", "prod"]) {
      assert.equal(settingsOf(`Pulumi.${stack}.yaml`)[`${projectPrefix}:delivery`], "cluster");
    }
    assert.equal((await check()).code, 0);
    assert.equal((await authority(["format"], { cwd: target() })).stdout.includes("written"), false);
  });

  describe("with pipelines", () => {
    const pipelines = () => filesIn(target()).filter((path) => /^\.github\/|^\.gitlab-ci/.test(path));

    for (const [address, expected] of [
      ["https://github.example.com/acme/releases.git", /^\.github\/workflows\/preview\.yml,/],
      ["ssh://git@gitlab.com/acme/releases.git", /^\.gitlab-ci\.yml$/],
      ["ssh://git@git.example.com/acme/github.git", /^$/],
    ] as const) {
      it(`writes those of the host of ${address}`, async () => {
        await init("--yes", "--config-repository", address);
        assert.match(pipelines().join(), expected);
      });
    }

    it("writes those that are asked for", async () => {
      await init("--yes", "--ci", "gitlab");
      assert.deepEqual(pipelines(), [".gitlab-ci.yml"]);
    });

    it("deploys only what is delivered to a cluster, from the branch of the clone", async () => {
      await git({ directory: directory() }, "init", "--quiet", "--initial-branch=trunk", "shared-repository");
      await init("--yes", "--delivery", "cluster");
      const jobs = (path: string) => Object.keys((parse(read(path)) as { jobs: object }).jobs);
      assert.deepEqual(jobs(".github/workflows/up.yml"), ["complete", "deploy", "report"]);
      assert.deepEqual(jobs(".github/workflows/verify.yml"), ["releases", "drift"]);
      for (const path of pipelines()) assert.doesNotMatch(read(path), /# delivery|\n\n\n|\bmain\]/, path);
      assert.deepEqual((parse(read(".github/workflows/promotion.yml")) as { on: { push: object } }).on.push, {
        branches: ["trunk", "promotions/**"],
      });
    });

    it("deploys nothing where Flux reads manifests", async () => {
      await init("--yes");
      assert.deepEqual(Object.keys((parse(read(".github/workflows/up.yml")) as { jobs: object }).jobs), [
        "complete",
        "report",
      ]);
      for (const path of pipelines()) assert.doesNotMatch(read(path), /# delivery|kubeconfig|PULUMI_ACCESS/, path);
    });

    it("has an engine of the version that this project is tested with", () => {
      const versions = Object.values(readTemplate()).flatMap((text) => [
        ...text.matchAll(/(?:pulumi-version|PULUMI_VERSION): (\S+)/g),
      ]);
      assert.deepEqual(
        [...new Set(versions.map(([, version]) => version))],
        [manifest.devDependencies["@pulumi/pulumi"]],
      );
    });
  });

  describe("in a folder that is there already", () => {
    it("keeps an empty clone, and promotes to its address if nobody says otherwise", async () => {
      await git({ directory: directory() }, "init", "--quiet", "--initial-branch=trunk", "shared-repository");
      await git({ directory: target() }, "remote", "add", "origin", "https://git.example.com/acme/releases.git");
      const { code, stderr } = await init("--yes");
      assert.equal(code, 0, stderr);
      assert.equal(await git({ directory: target() }, "symbolic-ref", "HEAD"), "refs/heads/trunk");
      assert.deepEqual(readdirSync(directory()), ["shared-repository"]);
    });

    it("fills the current folder, which stays the same", async () => {
      mkdirSync(target());
      const { code, stdout } = await authority(["init", ".", "--yes", ...anyPackage], { cwd: target() });
      assert.equal(code, 0);
      assert.match(stdout, /Next:\n {2}npm install\n/);
      assert.equal(filesIn(target()).length, 23);
    });

    it("starts no repository within another one", async () => {
      await git({ directory: directory() }, "init", "--quiet");
      assert.equal((await init("--yes")).code, 0);
      assert.equal(existsSync(join(target(), ".git")), false);
    });

    it("leaves nothing behind, and no parent folder, if Ctrl-C ends it while npm packs", async function () {
      if (process.platform === "win32") skipBecause(this, "Windows cannot send SIGINT to another process");
      await git({ directory: directory() }, "init", "--quiet", "shared-repository");
      const programs = join(directory(), "programs");
      mkdirSync(programs);
      writeFileSync(join(programs, "npm"), "#!/bin/sh\nkill -INT $PPID\nexec cat\n", { mode: 0o755 });
      const env = { PATH: `${programs}:${String(process.env.PATH)}` };
      for (const folder of ["shared-repository", "new/folder", "new-folder"]) {
        assert.equal((await authorityProcess(["init", folder, "--yes"], { cwd: directory(), env })).code, 130, folder);
      }
      assert.deepEqual(readdirSync(directory()).sort(), ["programs", "shared-repository"]);
      assert.deepEqual(readdirSync(target()), [".git"]);
    });

    it("refuses a folder with files, and a file", async () => {
      mkdirSync(target());
      writeFileSync(join(target(), "notes.txt"), "mine");
      const occupied = await init("--yes");
      assert.equal(occupied.code, 2);
      assert.match(occupied.stderr, /shared-repository is not empty: it holds notes\.txt\..* Nothing was written\./);
      assert.deepEqual(readdirSync(target()), ["notes.txt"]);
      const file = await authority(["init", "shared-repository/notes.txt", "--yes"], { cwd: directory() });
      assert.match(file.stderr, /notes\.txt is not a folder\./);
    });

    it("leaves nothing behind if it cannot finish", async () => {
      const { code, stderr } = await authority(["init", "shared-repository", "--yes", "--package", "gone.tgz"], {
        cwd: directory(),
      });
      assert.equal(code, 2);
      assert.match(stderr, /`--package`: there is no file .*gone\.tgz\./);
      assertNothing();
      writeFileSync(join(directory(), "empty.tgz"), "");
      mkdirSync(target());
      writeFileSync(join(directory(), "git"), "#!/bin/sh\nexit 1\n", { mode: 0o755 });
      const path = process.env.PATH;
      process.env.PATH = `${directory()}:${String(path)}`;
      try {
        const failed = await authority(["init", ".", "--yes", "--package", "../empty.tgz"], { cwd: target() });
        assert.equal(failed.code, 2);
        assert.match(failed.stderr, /Nothing was written\.\n$/);
      } finally {
        process.env.PATH = path;
      }
      assert.deepEqual(readdirSync(target()), []);
    });
  });

  describe("without a terminal", () => {
    const refused: [title: string, flags: readonly string[], expected: RegExp][] = [
      [
        "names the flags that are missing",
        ["--chart", "./charts/podinfo"],
        /no terminal to ask on, and these flags are missing: `--delivery`, `--repository`, `--image`\./,
      ],
      [
        "names the flag that is missing with --yes",
        ["--yes", "--repository", "https://git.example.com/a", "--chart", "./charts/podinfo"],
        /`--yes` asks nothing, and the flag `--image` is missing\./,
      ],
      [
        "refuses an unknown delivery",
        ["--yes", "--delivery", "flux"],
        /`--delivery` has "flux"; expected `manifests` or/,
      ],
      [
        "refuses an unknown host of pipelines",
        ["--yes", "--ci", "jenkins"],
        /`--ci` has "jenkins"; expected `github`, /,
      ],
      ["refuses a name that Pulumi refuses", ["--yes", "--name", "a b"], /`--name` has "a b"; expected the name of a /],
      [
        "refuses an address with credentials",
        ["--yes", "--repository", "https://a:s3cret@c.example/d"],
        /`--repository` has "https:\/\/\*\*\*@c\.example\/d"; expected an address without credentials/,
      ],
      ["refuses a chart outside", ["--yes", "--chart", "../x"], /`--chart` has "\.\.\/x"; expected a path /],
      [
        "refuses an image with a tag",
        ["--yes", "--image", "ghcr.io/a/b:1"],
        /`--image` has "ghcr\.io\/a\/b:1"; expected/,
      ],
      [
        "refuses a group of the cluster",
        ["--yes", "--team", "system:masters"],
        /`--team` has "system:masters"; expected/,
      ],
      [
        "refuses a name of Flux's",
        ["--yes", "--application", "helm-controller"],
        /`--application` has "helm-controller"/,
      ],
      ["refuses no branch", ["--yes", "--branch", "a b"], /`--branch` has "a b"; expected the name of a Git branch\./],
      [
        "refuses a package whose address has credentials",
        ["--yes", "--package", "git+https://a:s3cret@c.example/d.git"],
        /`--package` has "git\+https:\/\/\*\*\*@c\.example\/d\.git"; expected no credentials/,
      ],
      ["refuses a package with a line break", ["--yes", "--package", "a\nb"], /`--package` has "a\\nb"; expected/],
    ];
    for (const [title, flags, expected] of refused) {
      it(title, async () => {
        const { code, stdout, stderr } = await init(...flags);
        assert.deepEqual([code, stdout], [2, ""]);
        assert.match(stderr, expected);
        assert.doesNotMatch(stderr, /\n +at |s3cret/);
        assertNothing();
      });
    }
  });

  describe("with an application", () => {
    const hosts = temporaryDirectory();
    let host: PodinfoHost;
    beforeEach(async () => {
      host = await servePodinfo(hosts());
    });
    afterEach(() => host.close());

    const application = (): string[] => [
      ...["--delivery", "manifests", "--repository", host.repository, "--chart", "./charts/podinfo"],
      ...["--image", host.image, "--insecure-registry"],
    ];

    it("writes what this repository's own root has, for podinfo", async () => {
      const { code, stdout, stderr } = await init(
        ...["--name", "shared-authority", ...application(), "--team", "podinfo-developers"],
        ...["--config-repository", "https://github.com/example/shared-authority.git", "--ci", "none"],
      );
      assert.equal(code, 0, stderr);
      assert.match(
        stdout,
        /^podinfo in dev: the latest commit of master\.\npodinfo in staging and prod: release 6\.15\.0\.$/m,
      );
      // These describe this project, not a user's repository.
      const own = [".gitignore", "README.md", "package.json", "renovate.json"];
      const locked = readLock(projectRoot).releases.get("podinfo")?.get("6.15.0");
      const [image] = locked?.images ?? [];
      assert.ok(image?.digest !== undefined && locked?.commit !== undefined && locked.tagObject !== undefined);
      // podinfo on this machine has other addresses and ids than on GitHub.
      const real: [string, string][] = [
        [host.repository, "https://github.com/stefanprodan/podinfo"],
        [host.image, "ghcr.io/stefanprodan/podinfo"],
        ["        insecureRegistry: true\n", ""],
        [host.newest.digest, image.digest],
        [host.newest.commit, locked.commit],
        [host.newest.tagObject, locked.tagObject],
      ];
      for (const path of filesIn(target()).filter((one) => !own.includes(one))) {
        const text = real.reduce((before, [here, there]) => before.replaceAll(here, there), read(path));
        assert.equal(text, readFileSync(join(projectRoot, path), "utf8"), path);
      }
      // People add special config to what `init` writes.
      const tracked = execFileSync("git", ["ls-files", "tenants", "policy-pack", "Pulumi*.yaml"], { cwd: projectRoot });
      const more = tracked
        .toString()
        .trim()
        .split("\n")
        .filter((path) => !existsSync(join(target(), path)));
      assert.deepEqual(more, ["tenants/podinfo/values.prod.yaml", "tenants/podinfo/values.yaml"]);
    });

    it("writes what `check` accepts and `format` leaves, and people promote unless Flux has an address", async () => {
      assert.equal((await init(...application())).code, 0);
      const checked = await check();
      assert.equal(checked.code, 0, checked.stdout + checked.stderr);
      assert.match(checked.stdout, /^3 of 3 stacks are fine$/m);
      assert.deepEqual(tenantsOf("prod"), {
        podinfo: { tag: "6.15.0", policy: { range: ">=6.0.0 <7.0.0", automation: "manual" } },
      });
      const { stdout } = await authority(["format"], { cwd: target() });
      assert.match(stdout, /^(?:Pulumi\.\w+\.yaml: unchanged\n){3}$/);
      const schemas = ["project", "stack"].map((name) => existsSync(join(projectRoot, `${name}.schema.json`)));
      assert.deepEqual(schemas, [true, true]);
    });

    it("quotes a name that YAML would take for a number", async () => {
      const { code, stderr } = await init(...application(), "--application", "1e3");
      assert.equal(code, 0, stderr);
      assert.deepEqual(
        ["dev", "prod"].map((stack) => Object.keys(tenantsOf(stack))),
        [["1e3"], ["1e3"]],
      );
      assert.match((await check()).stdout, /^3 of 3 stacks are fine$/m);
    });

    it("names the folder and the branch of a repository within another one, for Flux", async () => {
      await git({ directory: directory() }, "init", "--quiet", "--initial-branch=trunk");
      await init(...application(), "--config-repository", "https://git.example.com/acme/platform.git");
      assert.deepEqual(settingsOf("Pulumi.prod.yaml")[`${projectPrefix}:configRepository`], {
        url: "https://git.example.com/acme/platform.git",
        branch: "trunk",
        path: "shared-repository",
        secret: "shared-authority-push",
      });
      assert.match((await check()).stdout, /^3 of 3 stacks are fine$/m);
    });

    it("takes the prefixes with which the newest tag keeps the promise, and the branch of the remote's HEAD", async () => {
      const here = { directory: host.bare };
      await git(here, "branch", "--move", "master", "trunk");
      await git(here, "symbolic-ref", "HEAD", "refs/heads/trunk");
      await git(here, "tag", "v6.15.0", "6.15.0^{commit}");
      await git(here, "tag", "--delete", "6.15.0");
      const { code, stdout, stderr } = await init(...application());
      assert.equal(code, 0, stderr);
      assert.match(
        stdout,
        /^1 version of 5 Git tags of .* keeps the promise\.\nWith the prefixes git=v, its newest tag keeps it\.$/m,
      );
      assert.match(
        read("Pulumi.yaml"),
        /^ {8}prefix:\n {10}git: v\n {8}branch: trunk\n {8}releasedFrom:\n {10}- trunk\n/m,
      );
      assert.equal(tenantsOf("prod").podinfo?.tag, "6.15.0");
      assert.equal((await check()).code, 0);
    });

    it("passes over a release without an image, and says so", async () => {
      const other = await servePodinfo(join(hosts(), "other"), "6.15.1");
      try {
        const replace = (flag: string) =>
          flag.replace(host.repository, other.repository).replace(host.image, other.image);
        const { code, stdout } = await init(...application().map(replace));
        assert.equal(code, 0, stdout);
        assert.match(stdout, /^Passed over 6\.15\.1: the image .*podinfo:6\.15\.1 is not in the registry\.$/m);
        assert.equal(tenantsOf("prod").podinfo?.tag, "6.15.0");
      } finally {
        await other.close();
      }
    });

    it("leaves a tenant out of the stacks whose release cannot be verified, and says what is missing", async () => {
      await host.closeRegistry();
      const { code, stdout, stderr } = await init(...application());
      assert.equal(code, 3);
      assert.match(
        stderr,
        /podinfo is not in Pulumi\.staging\.yaml and Pulumi\.prod\.yaml:\n {2}- 6\.15\.0: the image .*podinfo:6\.15\.0 cannot be read[^]*\n {2}- when that is corrected, run `npx authority add-tenant podinfo --stack staging` and `npx authority add-tenant podinfo --stack prod`$/m,
      );
      assert.match(stdout, /^podinfo in dev: the latest commit of master\.$/m);
      assert.doesNotMatch(stdout, /podinfo in staging/);
      assert.deepEqual([tenantsOf("dev"), tenantsOf("prod")], [{ podinfo: {} }, {}]);
      assert.equal(readLock(target()).releases.size, 0);
      assert.equal((await check()).code, 0, "what is written is green");
    });

    it("leaves a tenant out of dev if its branch has no valid chart", async () => {
      await git({ directory: host.bare }, "update-ref", "refs/heads/master", "v1.4.2^{commit}");
      const { code, stderr } = await init(...application(), "--released-from", "master", "--branch", "master");
      assert.equal(code, 3);
      assert.match(stderr, /podinfo is not in Pulumi\.dev\.yaml:\n {2}- appVersion of Chart\.yaml is "1\.4\.1"/);
      assert.deepEqual(tenantsOf("dev"), {});
    });

    it("writes nothing if the repository or the chart cannot be read", async () => {
      const elsewhere = application().map((flag) => flag.replace("/podinfo.git", "/gone.git"));
      const gone = await init(...elsewhere);
      assert.equal(gone.code, 2);
      assert.match(gone.stderr, /error: http:\/\/127\.0\.0\.1:\d+\/gone\.git: git ls-remote: /);
      const misspelt = await init(...application().map((flag) => flag.replace("./charts/podinfo", "./chart")));
      assert.equal(misspelt.code, 2);
      assert.match(misspelt.stderr, /No readable chart at \.\/chart in .*\. Check `--chart`\. Nothing was written\./);
      assertNothing();
    });

    it("needs a branch if the remote's HEAD names none", async () => {
      await git({ directory: host.bare }, "symbolic-ref", "HEAD", "refs/heads/gone");
      const { code, stderr } = await init(...application());
      assert.equal(code, 2);
      assert.match(stderr, /The HEAD of .* names no branch\. Name the branch with `--branch`\. Nothing was written\./);
      assertNothing();
      assert.equal((await init(...application(), "--branch", "master")).code, 0);
    });

    it("quotes names from outside where YAML would read something else", async () => {
      const branch = "a\"'#{b}&$(c),`d`${PROJECT}!|>%@yes";
      const here = { directory: host.bare };
      await git(here, "branch", "--move", "master", branch);
      await git(here, "symbolic-ref", "HEAD", `refs/heads/${branch}`);
      const { code, stderr } = await init(...application());
      assert.equal(code, 0, stderr);
      const applications = settingsOf("Pulumi.yaml")[`${projectPrefix}:applications`];
      const { podinfo } = (applications as { value: Record<string, Record<string, unknown>> }).value;
      assert.deepEqual([podinfo?.branch, podinfo?.releasedFrom], [branch, [branch]]);
      assert.equal((await check()).code, 0);
      for (const path of ["README.md", "CODEOWNERS"]) assert.ok(!read(path).includes(branch), path);
    });

    it("prints text from a chart so that it cannot control the terminal", async () => {
      const chart = 'version: 7.0.0\nappVersion: "\\e[2J"\nname: podinfo\napiVersion: v2\n';
      const here = { directory: host.bare };
      const blob = await git({ ...here, input: chart }, "hash-object", "-w", "--stdin");
      const folder = await git({ ...here, input: `100644 blob ${blob}\tChart.yaml\n` }, "mktree");
      const charts = await git({ ...here, input: `040000 tree ${folder}\tpodinfo\n` }, "mktree");
      const tree = await git({ ...here, input: `040000 tree ${charts}\tcharts\n` }, "mktree");
      const commit = await git(here, "commit-tree", tree, "-p", "master", "-m", "Odd");
      await git(here, "update-ref", "refs/heads/master", commit);
      const { code, stdout, stderr } = await init(...application());
      assert.equal(code, 3);
      assert.match(stderr, /appVersion of Chart\.yaml is "\\u001b\[2J"/);
      // eslint-disable-next-line no-control-regex -- what must not be there
      assert.doesNotMatch(stdout + stderr, /\u001b/);
    });

    describe("at a terminal", () => {
      const typing = (...typed: readonly string[]): Promise<Outcome> =>
        authority(["init", "shared-repository", ...anyPackage, "--insecure-registry"], {
          cwd: directory(),
          isTTY: true,
          env: { NO_COLOR: "1", TERM: "dumb" },
          typed,
        });

      it("asks for everything, explains the delivery, and takes an empty answer for the default", async () => {
        const { code, stderr } = await typing(
          "acme",
          "",
          host.repository,
          "",
          host.image,
          "",
          "podinfo-developers",
          "",
        );
        assert.equal(code, 0, stderr);
        assert.match(
          stderr,
          /Name of the project \[shared-repository\]: Who writes to your clusters\?\n {2}manifests: .*\n {2}cluster: /,
        );
        assert.match(read("Pulumi.yaml"), /^name: acme$/m);
        assert.match(read("README.md"), /^# acme\n/);
        assert.equal(tenantsOf("prod").podinfo?.tag, "6.15.0");
        assert.equal((await check()).code, 0);
      });

      it("proposes the address of a clone for promotions by Flux", async () => {
        await git({ directory: directory() }, "init", "--quiet", "shared-repository");
        await git({ directory: target() }, "remote", "add", "origin", "https://git.example.com/acme/releases.git");
        const { code, stderr } = await typing("", "cluster", host.repository, "", host.image, "", "", "");
        assert.equal(code, 0, stderr);
        assert.match(read("Pulumi.staging.yaml"), /url: https:\/\/git\.example\.com\/acme\/releases\.git\n/);
        const { policy } = tenantsOf("staging").podinfo as { policy: Record<string, string> };
        assert.equal(policy.automation, "auto");
      });

      it("asks again after an answer that is not valid", async () => {
        const { code, stderr } = await typing(
          "",
          "flux",
          "cluster",
          "git@github.com:a/b.git",
          host.repository,
          "../x",
          "",
          host.image,
          "",
          "",
          "",
        );
        assert.equal(code, 0, stderr);
        assert.match(stderr, /Expected `manifests` or `cluster`\.\nDelivery \[manifests\]: /);
        assert.match(stderr, /Expected an address with a scheme, .*: write `ssh:\/\/git@github\.com\/a\/b\.git`\./);
        assert.match(stderr, /Expected a path in the Git repository without `\.\.`/);
      });

      it("writes nothing if the input ends", async () => {
        const { code, stderr } = await typing("acme", "cluster");
        assert.equal(code, 2);
        assert.match(stderr, /The input ended before all questions were answered\. Nothing was written\.\n$/);
        assertNothing();
      });
    });
  });
});
