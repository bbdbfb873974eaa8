import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { git as runGit } from "../../demo/git";
import { readLock } from "../../src/release/lock";
import { temporaryDirectory } from "../support/directory";
import { authority } from "./command-line";

const digest = `sha256:${"a".repeat(64)}`;

/** The lines of releases in the lock, as `authority lock` writes them. */
function locked(tenant: string, ...versions: readonly string[]): string {
  const entries = versions.map((version) =>
    [
      `  "${version}":`,
      "    repository: https://git.example.com/team/app",
      `    gitTag: "${version}"`,
      `    commit: ${"c".repeat(40)}`,
      "    branch: master",
      "    chart: ./charts/app",
      `    chartVersion: "${version}"`,
      `    appVersion: "${version}"`,
      "    images:",
      `      registry.example.com/team/app:${version}: ${digest}`,
    ].join("\n"),
  );
  return [`${tenant}:`, ...entries, ""].join("\n");
}

/** A stack file whose tenants run these tags, with more lines for each. */
function stack(tags: Readonly<Record<string, string>>, ...more: readonly string[]): string {
  const tenants = Object.entries(tags).flatMap(([tenant, tag]) => [
    `    ${tenant}:`,
    `      tag: "${tag}"`,
    ...more.map((line) => `      ${line}`),
  ]);
  return ["config:", "  shared-authority:follow: tags", "  shared-authority:tenants:", ...tenants, ""].join("\n");
}

describe("authority lock --prune", () => {
  const directory = temporaryDirectory();
  const root = () => join(directory(), "shared");
  const lockPath = () => join(root(), "releases.lock.yaml");
  const prune = (...more: readonly string[]) => authority(["lock", "--prune", ...more], { cwd: root() });
  const git = (...args: string[]) => runGit({ directory: root() }, ...args);
  const entries = () =>
    [...readLock(root()).releases].flatMap(([tenant, versions]) =>
      [...versions.keys()].map((one) => `${tenant} ${one}`),
    );

  function write(files: Readonly<Record<string, string | undefined>>): void {
    for (const [path, content] of Object.entries(files)) {
      mkdirSync(dirname(join(root(), path)), { recursive: true });
      if (content === undefined) rmSync(join(root(), path));
      else writeFileSync(join(root(), path), content);
    }
  }

  /** @param day of the commit, such as `2026-01-31` */
  async function commit(files: Readonly<Record<string, string | undefined>>, day = "2026-06-01"): Promise<void> {
    write(files);
    await git("add", "--all");
    const date = `${day}T12:00:00Z`;
    const environment = { GIT_AUTHOR_DATE: date, GIT_COMMITTER_DATE: date };
    await runGit({ directory: root(), environment }, "commit", "--quiet", "--allow-empty", "-m", "Decide");
  }

  beforeEach(async () => {
    mkdirSync(root());
    await git("init", "--quiet", "--initial-branch=main");
    await commit({ "Pulumi.yaml": "name: shared\nruntime: nodejs\n" }, "2026-01-01");
  });

  it("removes the releases that no commit decides, shows them, and keeps the bytes of the others", async () => {
    // Settings that change what `git log` prints.
    for (const setting of ["log.showSignature", "color.ui=always", "log.diffMerges=off", "diff.noprefix"]) {
      const [name = "", value = "true"] = setting.split("=");
      await git("config", name, value);
    }
    await commit({ "Pulumi.prod.yaml": stack({ shop: "1.0.0", cart: "2.0.0" }) });
    await commit({ "Pulumi.prod.yaml": stack({ shop: "1.2.0", cart: "2.0.0" }) });
    const head = "# Ours. Ask the platform team.\n\n";
    const kept = [locked("cart", "2.0.0"), "# The shop.\n", locked("shop", "1.0.0", "1.2.0")].join("");
    const whole = [
      locked("cart", "2.0.0", "3.0.0"),
      "# The shop.\n",
      locked("shop", "1.0.0", "1.1.0", "1.2.0", "11.2.0"),
      "# Never deployed.\n",
      locked("unknown", "1.0.0"),
    ].join("");
    write({ "releases.lock.yaml": head + whole });
    const { code, stdout, stderr } = await prune();
    assert.equal(code, 0, stderr);
    const facts = (version: string) => `commit ${"c".repeat(40)}, registry.example.com/team/app:${version}@${digest}`;
    assert.equal(
      stdout,
      [
        `removed cart 3.0.0: ${facts("3.0.0")}`,
        `removed shop 1.1.0: ${facts("1.1.0")}`,
        `removed shop 11.2.0: ${facts("11.2.0")}`,
        `removed unknown 1.0.0: ${facts("1.0.0")}`,
        "",
      ].join("\n"),
    );
    assert.equal(readFileSync(lockPath(), "utf8"), head + kept);
    const again = await prune();
    assert.deepEqual(again, {
      code: 0,
      stdout: "Nothing is removed: a stack file has decided each release of releases.lock.yaml.\n",
      stderr: "",
    });
    assert.equal(readFileSync(lockPath(), "utf8"), head + kept);
  });

  it("keeps what runs by each file of today, committed or not", async () => {
    await commit({ "Pulumi.prod.yaml": stack({ shop: "1.0.0" }) });
    write({
      "Pulumi.prod.yaml": stack({ shop: "1.1.0" }),
      "Pulumi.test.yaml": stack({ shop: "1.2.0" }),
      "releases.lock.yaml": locked("shop", "1.0.0", "1.1.0", "1.2.0", "1.3.0"),
    });
    assert.equal((await prune()).code, 0);
    assert.deepEqual(entries(), ["shop 1.0.0", "shop 1.1.0", "shop 1.2.0"]);
  });

  it("keeps what was decided in another folder, in a removed stack, on a merged branch, and by a merge", async () => {
    await commit({ "earlier/Pulumi.prod.yaml": stack({ shop: "1.0.0" }) });
    await commit({ "earlier/Pulumi.prod.yaml": undefined, "Pulumi.old.yaml": stack({ shop: "1.1.0" }) });
    await commit({ "Pulumi.old.yaml": undefined, "Pulumi.prod.yaml": stack({ shop: "1.9.0" }) });
    await git("checkout", "--quiet", "-b", "proposal");
    await commit({ "Pulumi.prod.yaml": stack({ shop: "1.2.0" }) });
    await commit({ "Pulumi.prod.yaml": stack({ shop: "1.9.0" }) });
    await git("checkout", "--quiet", "main");
    await commit({ README: "other" });
    await git("merge", "--quiet", "--no-commit", "--no-ff", "proposal");
    await commit({ "Pulumi.prod.yaml": stack({ shop: "1.3.0" }) });
    await commit({ "Pulumi.prod.yaml": stack({ shop: "1.9.0" }) });
    await git("checkout", "--quiet", "-b", "never-merged");
    await commit({ "Pulumi.prod.yaml": stack({ shop: "1.4.0" }) });
    await git("checkout", "--quiet", "main");
    write({ "releases.lock.yaml": locked("shop", "1.0.0", "1.1.0", "1.2.0", "1.3.0", "1.4.0", "1.9.0") });
    assert.equal((await prune()).code, 0);
    assert.deepEqual(entries(), ["shop 1.0.0", "shop 1.1.0", "shop 1.2.0", "shop 1.3.0", "shop 1.9.0"]);
  });

  it("keeps the releases of tags with a prefix, and those of a renamed tenant under both names", async () => {
    await commit({ "Pulumi.prod.yaml": stack({ cart: "v1.0.0", shop: "release-1.0.0", web: "v.1.0.0" }) });
    await commit({ "Pulumi.prod.yaml": stack({ basket: "v1.1.0" }, "formerly: cart") });
    write({
      "releases.lock.yaml": [
        locked("basket", "1.0.0", "1.1.0"),
        locked("cart", "1.0.0", "1.1.0"),
        locked("shop", "1.0.0"),
        locked("web", "1.0.0"),
      ].join(""),
    });
    assert.equal((await prune()).code, 0);
    assert.deepEqual(entries(), ["basket 1.1.0", "cart 1.0.0", "cart 1.1.0", "shop 1.0.0", "web 1.0.0"]);
  });

  it("keeps what is rendered, although no commit has decided it", async () => {
    const manifest = (version: string) =>
      [
        "apiVersion: helm.toolkit.fluxcd.io/v2",
        "kind: HelmRelease",
        "metadata:",
        "  annotations:",
        "    shared-authority/tenant: cart",
        `    shared-authority/version: ${version}`,
        "  name: cart",
        "",
      ].join("\n");
    const file = stack({ basket: "1.0.0" }, "formerly: cart");
    await commit({
      "Pulumi.prod.yaml": file.replace("config:", "config:\n  shared-authority:delivery: { manifests: rendered/prod }"),
      "rendered/prod/1-manifest/helm.toolkit.fluxcd.io_v2-helmrelease-flux-system-cart.yaml": manifest("1.1.0"),
      "rendered/test/1-manifest/helm.toolkit.fluxcd.io_v2-helmrelease-flux-system-cart.yaml": manifest("1.2.0"),
    });
    write({ "releases.lock.yaml": locked("basket", "1.0.0", "1.1.0", "1.2.0") });
    assert.equal((await prune()).code, 0);
    assert.deepEqual(entries(), ["basket 1.0.0", "basket 1.1.0"]);
  });

  it("with --since keeps what was decided then or later, and of each tenant the release before", async () => {
    const days = ["2026-01-10", "2026-02-10", "2026-03-10", "2026-04-10", "2026-05-10"];
    for (const [index, day] of days.entries()) {
      await commit({ "Pulumi.prod.yaml": stack({ shop: `1.${index}.0`, cart: `2.${Math.min(index, 2)}.0` }) }, day);
    }
    const lock = [
      locked("cart", "2.0.0", "2.1.0", "2.2.0"),
      locked("shop", "1.0.0", "1.1.0", "1.2.0", "1.3.0", "1.4.0"),
    ].join("");
    write({ "releases.lock.yaml": lock });
    assert.equal((await prune()).code, 0);
    assert.equal(readFileSync(lockPath(), "utf8"), lock);
    // 1.2.0 was decided in March, and ran on 1 April.
    assert.equal((await prune("--since", "2026-04-01")).code, 0);
    assert.deepEqual(entries(), ["cart 2.1.0", "cart 2.2.0", "shop 1.2.0", "shop 1.3.0", "shop 1.4.0"]);
    const { stdout } = await prune("--since", "2026-06-01");
    assert.match(stdout, /^removed shop 1\.2\.0: [^\n]*\n$/);
    assert.deepEqual(entries(), ["cart 2.1.0", "cart 2.2.0", "shop 1.3.0", "shop 1.4.0"]);
    const none = await prune("--since", "2026-06-01");
    assert.equal(
      none.stdout,
      "Nothing is removed: a stack file has decided each release of releases.lock.yaml, since 2026-06-01 or as the one before.\n",
    );
  });

  it("cannot tell in a shallow clone, and removes nothing", async () => {
    await commit({
      "Pulumi.prod.yaml": stack({ shop: "1.0.0" }),
      "releases.lock.yaml": locked("shop", "1.0.0", "1.1.0"),
    });
    const clone = join(directory(), "clone");
    execFileSync("git", ["clone", "--quiet", "--depth=1", pathToFileURL(root()).href, clone]);
    const { code, stdout, stderr } = await authority(["lock", "--prune"], { cwd: clone });
    assert.equal(code, 2);
    assert.equal(stdout, "");
    assert.equal(
      stderr,
      "error: Cannot tell which releases the history needs: this clone is shallow, and nothing was removed. " +
        "Run `git fetch --unshallow`, then this again.\n",
    );
    assert.equal(readFileSync(join(clone, "releases.lock.yaml"), "utf8"), locked("shop", "1.0.0", "1.1.0"));
  });

  it("cannot tell outside of a Git repository", async () => {
    rmSync(join(root(), ".git"), { recursive: true });
    write({ "Pulumi.prod.yaml": stack({ shop: "1.0.0" }), "releases.lock.yaml": locked("shop", "1.0.0", "1.1.0") });
    const { code, stderr } = await prune();
    assert.equal(code, 2);
    assert.match(
      stderr,
      /^error: Cannot tell which releases the history needs: git [^\n]*not a git repository[^\n]*Nothing was removed\.\n$/,
    );
    assert.deepEqual(entries(), ["shop 1.0.0", "shop 1.1.0"]);
  });

  it("cannot tell where Git has lost a file of the history, and removes nothing", async () => {
    await commit({ "Pulumi.prod.yaml": stack({ shop: "1.0.0" }) });
    const blob = await git("rev-parse", "HEAD:Pulumi.prod.yaml");
    await commit({ "Pulumi.prod.yaml": stack({ shop: "1.1.0" }) });
    rmSync(join(root(), ".git", "objects", blob.slice(0, 2), blob.slice(2)));
    write({ "releases.lock.yaml": locked("shop", "1.0.0", "1.1.0") });
    const { code, stderr } = await prune();
    assert.equal(code, 2);
    assert.match(
      stderr,
      /^error: Cannot tell which releases the history needs: [^\n]*[0-9a-f]{40}[^\n]*\. Nothing was removed\.\n$/,
    );
    assert.deepEqual(entries(), ["shop 1.0.0", "shop 1.1.0"]);
  });

  it("passes over a submodule with the name of a stack file", async () => {
    await commit({ "Pulumi.prod.yaml": stack({ shop: "1.0.0" }) });
    await git("update-index", "--add", "--cacheinfo", `160000,${"d".repeat(40)},apps/Pulumi.prod.yaml`);
    await git("commit", "--quiet", "-m", "Add a submodule");
    write({ "Pulumi.prod.yaml": stack({ shop: "1.1.0" }), "releases.lock.yaml": locked("shop", "1.0.0", "1.1.0") });
    assert.equal((await prune()).code, 0);
    assert.deepEqual(entries(), ["shop 1.0.0", "shop 1.1.0"]);
  });

  it("skips a file of the history that is not YAML, and refuses one of today", async () => {
    await commit({ "Pulumi.prod.yaml": stack({ shop: "1.0.0" }) });
    await commit({ "Pulumi.prod.yaml": `<<<<<<< HEAD\n${stack({ shop: "1.1.0" })}=======\n` });
    await commit({ "Pulumi.prod.yaml": stack({ shop: "1.2.0" }) });
    write({ "releases.lock.yaml": locked("shop", "1.0.0", "1.1.0", "1.2.0") });
    assert.equal((await prune()).code, 0);
    assert.deepEqual(entries(), ["shop 1.0.0", "shop 1.2.0"]);
    write({ "Pulumi.prod.yaml": "config: [\n", "releases.lock.yaml": locked("shop", "1.9.0") });
    const { code, stderr } = await prune();
    assert.equal(code, 2);
    assert.match(stderr, /^Pulumi\.prod\.yaml:/);
    assert.deepEqual(entries(), ["shop 1.9.0"]);
  });

  it("rejects options that do not fit, and a day that does not exist", async () => {
    await commit({ "Pulumi.prod.yaml": stack({ shop: "1.0.0" }), "releases.lock.yaml": locked("shop", "1.1.0") });
    const refuses = async (args: readonly string[], reason: RegExp) => {
      const { code, stderr } = await authority(["lock", ...args], { cwd: root() });
      assert.equal(code, 2);
      assert.match(stderr, reason);
    };
    await refuses(["--prune", "--stack", "prod"], /'--prune' cannot be used with option '-s, --stack <stack>'/);
    await refuses(["--since", "2026-01-01"], /^error: `--since` needs `--prune`/);
    for (const day of ["yesterday", "2026-02-30", "2026-1-1"]) {
      await refuses(
        ["--prune", "--since", day],
        /^error: `--since [^`]*` is not a day; expected one such as `2026-01-31`\.\n$/,
      );
    }
    assert.deepEqual(entries(), ["shop 1.1.0"]);
  });
});
