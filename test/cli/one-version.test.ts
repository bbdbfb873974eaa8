import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { version } from "../../package.json";
import { authority } from "./command-line";
import { running, scratchWorld, tagsStack } from "./scratch-world";

describe("`authority` of another version than the project's program", () => {
  const world = scratchWorld();
  const install = (installed: string) =>
    world().write({
      "Pulumi.prod.yaml": tagsStack(world().tenant(...running("1.0.0"))),
      "node_modules/shared-authority/package.json": JSON.stringify({ name: "shared-authority", version: installed }),
    });
  const verbs = [
    ["check"],
    ["render", "--stack", "prod", "--out", "rendered"],
    ["up", "--stack", "prod"],
    ["images", "--stack", "prod", "--policy"],
  ];

  for (const verb of verbs) {
    it(`judges and writes nothing: ${verb.join(" ")}`, async () => {
      install("99.0.0");
      const before = world().files();
      const { code, stdout, stderr } = await authority(verb, { cwd: world().root });
      assert.equal(code, 2);
      assert.equal(
        stderr,
        `error: Nothing was judged: the program is of shared-authority 99.0.0, this \`authority\` of ${version}: ` +
          `use the program's version, as \`npx authority\` in ${world().root} does.\n`,
      );
      assert.equal(stdout, "");
      assert.deepEqual(world().files(), before);
    });
  }

  it("reads and judges a project with its own version, with none, and with one that is not a version", async () => {
    await world().application.publish({ version: "1.0.0", message: "First" });
    for (const installed of [version, "latest", undefined]) {
      if (installed === undefined) rmSync(join(world().root, "node_modules"), { recursive: true });
      else install(installed);
      const { code, stderr } = await authority(["check"], { cwd: world().root });
      assert.equal(code, 0, stderr);
    }
  });

  it("reads the files and the network all the same", async () => {
    await world().application.publish({ version: "1.0.0", message: "First" });
    install("99.0.0");
    for (const verb of ["plan", "status", "lock", "verify", "format"]) {
      const { code, stderr } = await authority([verb], { cwd: world().root });
      assert.equal(code, 0, `${verb}: ${stderr}`);
    }
  });
});
