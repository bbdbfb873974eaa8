import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { serveRegistry } from "../../demo/embedded-registry";
import { openEngineSession } from "../../demo/engine-session";
import { serveGit } from "../../demo/git-server";
import { createApplication } from "../../demo/scratch-application";
import { requireEngine } from "../support/pulumi";
import { scratchProject } from "../support/project";

describe("an up with --continue-on-error in which an object fails", function () {
  this.timeout(300_000);
  const undo: (() => unknown)[] = [];

  after(async () => {
    for (const step of undo.reverse()) await step();
  });

  it("deletes nothing that the running release uses, and keeps the state valid", async function () {
    const engine = await requireEngine(this);
    const directory = realpathSync(mkdtempSync(join(tmpdir(), "shared-authority-failed-")));
    undo.push(() => rmSync(directory, { recursive: true, force: true }));
    const repositories = join(directory, "git");
    mkdirSync(repositories);
    const git = await serveGit({ root: repositories });
    undo.push(() => git.close());
    const registry = await serveRegistry();
    undo.push(() => registry.close());
    const cart = await createApplication({ directory: repositories, name: "cart", registry: registry.url });
    await cart.publish({ version: "1.0.0", message: "The first release" });
    await cart.publish({ version: "1.1.0", message: "The second release" });
    const session = openEngineSession(engine, directory);
    const project = await scratchProject(directory);
    const run = (...parameters: string[]) => session.run(parameters, { directory: project.directory });
    await run("stack", "init", "prod");
    const salt = /^encryptionsalt: .*$/m.exec(await project.read("Pulumi.prod.yaml"))?.[0] ?? "";
    const deploy = async (version: string) => {
      await project.commit(`Promote to ${version}`, {
        "tenants/cart/values.yaml": `release: "${version}"\n`,
        "Pulumi.prod.yaml": [
          "config:",
          "  shared-authority:follow: tags",
          "  shared-authority:delivery: { manifests: rendered/prod }",
          "  shared-authority:tenants:",
          "    cart:",
          `      repository: ${git.url}/cart.git`,
          "      chart: ./charts/cart",
          `      image: ${cart.image}`,
          "      insecureRegistry: true",
          `      tag: "${version}"`,
          '      policy: { range: ">=1.0.0" }',
          salt,
          "",
        ].join("\n"),
      });
      return run("up", "--stack", "prod", "--yes", "--skip-preview", "--continue-on-error");
    };
    const first = await deploy("1.0.0");
    assert.equal(first.code, 0, first.stdout + first.stderr);
    const rendered = join(project.directory, "rendered/prod/1-manifest");
    const before = readdirSync(rendered);
    // A folder in place of the file: the provider cannot write the new source.
    const source = before.find((file) => file.includes("gitrepository-flux-system-cart-1.0.0")) ?? "";
    const obstacle = source.replace("1.0.0", "1.1.0");
    mkdirSync(join(rendered, obstacle));

    const second = await deploy("1.1.0");

    const output = second.stdout + second.stderr;
    assert.notEqual(second.code, 0, output);
    assert.match(output, /At least one object failed\. This run therefore deletes nothing/);
    const now = readdirSync(rendered);
    assert.deepEqual(
      before.filter((file) => !now.includes(file)),
      [],
    );
    rmSync(join(rendered, obstacle), { recursive: true });
    const third = await run("up", "--stack", "prod", "--yes", "--skip-preview", "--continue-on-error");
    assert.equal(third.code, 0, third.stdout + third.stderr);
    assert.ok(!readdirSync(rendered).includes(source));
  });
});
