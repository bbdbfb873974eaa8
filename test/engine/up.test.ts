import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { serveRegistry } from "../../demo/embedded-registry";
import { type EngineSession, openEngineSession } from "../../demo/engine-session";
import { serveGit } from "../../demo/git-server";
import { createApplication, type ScratchApplication } from "../../demo/scratch-application";
import type { ScratchProject } from "../../demo/scratch-project";
import { scratchProject } from "../support/project";
import { requireEngine } from "../support/pulumi";

interface Ended {
  readonly code: number;
  readonly output: string;
}

describe("authority up, with three tenants on the real engine", function () {
  this.timeout(300_000);
  const names = ["cart", "pay", "shop"];
  const undo: (() => unknown)[] = [];
  const applications = new Map<string, ScratchApplication>();
  let url: string;
  let session: EngineSession;
  let project: ScratchProject;
  let salt = "";

  before(async function () {
    const engine = await requireEngine(this);
    const directory = realpathSync(mkdtempSync(join(tmpdir(), "shared-authority-up-")));
    undo.push(() => rmSync(directory, { recursive: true, force: true }));
    const repositories = join(directory, "git");
    mkdirSync(repositories);
    const git = await serveGit({ root: repositories });
    undo.push(() => git.close());
    url = git.url;
    const registry = await serveRegistry();
    undo.push(() => registry.close());
    for (const name of names) {
      const application = await createApplication({ directory: repositories, name, registry: registry.url });
      await application.publish({ version: "1.0.0", message: "The first release" });
      applications.set(name, application);
    }
    session = openEngineSession(engine, directory);
    project = await scratchProject(directory);
    await session.run(["stack", "init", "prod"], { directory: project.directory });
    salt = /^encryptionsalt: .*$/m.exec(await project.read("Pulumi.prod.yaml"))?.[0] ?? "";
  });

  after(async () => {
    for (const step of undo.reverse()) await step();
  });

  /** Commits a production in which each tenant runs this tag. */
  const promote = (tags: Readonly<Record<string, string>>, deny = ["1.3.0"]): Promise<string> =>
    project.commit("Promote", {
      "Pulumi.prod.yaml": [
        "config:",
        "  shared-authority:follow: tags",
        "  shared-authority:delivery: { manifests: rendered/prod }",
        "  shared-authority:tenants:",
        ...Object.entries(tags).flatMap(([name, tag]) => [
          `    ${name}:`,
          `      repository: ${url}/${name}.git`,
          `      chart: ./charts/${name}`,
          `      image: ${String(applications.get(name)?.image)}`,
          "      insecureRegistry: true",
          `      tag: "${tag}"`,
          `      policy: { range: ">=1.0.0", deny: ${JSON.stringify(deny)} }`,
        ]),
        salt,
        "",
      ].join("\n"),
    });

  const up = (): Promise<Ended> =>
    new Promise((resolve) => {
      const parameters = [join(project.directory, "bin/authority.js"), "up", "--stack", "prod", "--", "--yes"];
      const options = { cwd: project.directory, env: session.environment };
      const child = execFile(process.execPath, parameters, options, (_, stdout, stderr) => {
        resolve({ code: child.exitCode ?? 1, output: `${stdout}\n${stderr}` });
      });
      child.stdin?.end();
    });

  const rendered = "rendered/prod/1-manifest";
  const files = (): string[] => {
    const folder = join(project.directory, rendered);
    return existsSync(folder) ? readdirSync(folder) : [];
  };

  const sources = (): string[] =>
    files()
      .flatMap((file) => /gitrepository-flux-system-(.*)\.yaml$/.exec(file)?.[1] ?? [])
      .sort();

  it("deploys all of them when nothing is wrong", async () => {
    await promote({ cart: "1.0.0", pay: "1.0.0", shop: "1.0.0" });
    const { code, output } = await up();
    assert.equal(code, 0, output);
    assert.deepEqual(sources(), ["cart-1.0.0", "pay-1.0.0", "shop-1.0.0"]);
  });

  it("skips one whose appVersion was forgotten and one whose image is missing, and deploys the third", async () => {
    const [cart, pay, shop] = names.map((name) => applications.get(name));
    await cart?.publish({ version: "1.1.0", appVersion: "1.0.0", message: "Forgot the appVersion" });
    await pay?.tag("1.1.0", await pay.commit({ version: "1.1.0", message: "Its image build fails" }));
    await shop?.publish({ version: "1.1.0", message: "A good release" });
    await promote({ cart: "1.1.0", pay: "1.1.0", shop: "1.1.0" });
    const { code, output } = await up();
    assert.equal(code, 3, output);
    assert.match(output, /appVersion of Chart\.yaml is "1\.0\.0", must be "1\.1\.0"/);
    assert.match(output, /the image .*\/pay:1\.1\.0 is not in the registry/);
    assert.match(output, /skipped: cart, pay; deploying 1 of 3 tenants/);
    assert.deepEqual(sources(), ["cart-1.0.0", "pay-1.0.0", "shop-1.1.0"]);
  });

  it("deploys the skipped ones when their teams have fixed their releases", async () => {
    await applications.get("cart")?.publish({ version: "1.1.1", message: "Fixed" });
    await applications.get("pay")?.pushImage("1.1.0");
    await promote({ cart: "1.1.1", pay: "1.1.0", shop: "1.1.0" });
    const { code, output } = await up();
    assert.equal(code, 0, output);
    assert.deepEqual(sources(), ["cart-1.1.1", "pay-1.1.0", "shop-1.1.0"]);
  });

  it("skips a tenant that a policy blocks, and still updates its image policy", async () => {
    await applications.get("shop")?.publish({ version: "1.3.0", message: "Denied by the platform team" });
    await promote({ cart: "1.0.0", pay: "1.1.0", shop: "1.3.0" }, ["1.2.0", "1.3.0"]);
    const { code, output } = await up();
    assert.equal(code, 3, output);
    assert.match(output, /the version 1\.3\.0 is denied/);
    assert.deepEqual(sources(), ["cart-1.0.0", "pay-1.1.0", "shop-1.1.0"]);
    const policy = `${rendered}/image.toolkit.fluxcd.io_v1-imagepolicy-flux-system-shop.yaml`;
    assert.match(await project.read(policy), /!=1\.2\.0/);
  });

  it("changes nothing if the same tenant is skipped again", async () => {
    const { code, output } = await up();
    assert.equal(code, 3, output);
    assert.match(output, /^Resources:\n\s+\d+ unchanged\n/m);
    assert.doesNotMatch(output, /\d+ (?:to )?(?:creat|updat|delet|replac)ed?/);
    assert.deepEqual(sources(), ["cart-1.0.0", "pay-1.1.0", "shop-1.1.0"]);
  });

  it("deletes nothing if somebody runs `pulumi up` with the names of tenants to skip", async () => {
    const before = files();
    const { code, stdout, stderr } = await session.run(["up", "--stack", "prod", "--yes", "--skip-preview"], {
      directory: project.directory,
      environment: { SHARED_AUTHORITY_SKIPPED: "cart,shop" },
    });
    assert.notEqual(code, 0);
    assert.match(
      stdout + stderr,
      /SHARED_AUTHORITY_SKIPPED is "cart,shop", but no running `authority up --stack prod`[^]*Unset it/,
    );
    assert.deepEqual(files(), before);
  });

  it("creates nothing for a new tenant that is broken from the start", async () => {
    await promote({ cart: "1.1.0", pay: "1.1.0", shop: "1.1.0" });
    await session.run(["destroy", "--stack", "prod", "--yes"], { directory: project.directory });
    const { code, output } = await up();
    assert.equal(code, 3, output);
    assert.deepEqual(sources(), ["pay-1.1.0", "shop-1.1.0"]);
    assert.deepEqual(
      files().filter((file) => file.includes("cart")),
      [],
    );
  });
});
