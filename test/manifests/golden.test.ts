import assert from "node:assert/strict";
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { openEngineSession } from "../../demo/engine-session";
import type { ScratchProject } from "../../demo/scratch-project";
import { renderedFile } from "../../src/manifests/rendered-file";
import { stackObjects } from "../../src/manifests/stack-objects";
import type { ResolvedStack } from "../../src/release/resolve";
import { scratchProject } from "../support/project";
import { requireEngine } from "../support/pulumi";
import { type Files, golden, GoldenWorld, readCases, readFiles, rendered, writeFiles } from "./golden-cases";

/** Renders the objects of a case as `authority render` does. */
function render(resolved: ResolvedStack): Record<string, string> {
  assert.deepEqual(
    resolved.tenants.flatMap(({ reasons }) => reasons),
    [],
  );
  const files = Array.from(stackObjects(resolved), ({ object }) => renderedFile(object));
  return Object.fromEntries(files.map(({ path, content }) => [path, content]));
}

/** Compares files by their text, or by the objects in them if two writers wrote them; the message has the file's name. */
function assertSame(actual: Files, expected: Files, read: (text: string) => unknown = (text) => text): void {
  assert.deepEqual(Object.keys(actual).sort(), Object.keys(expected).sort());
  for (const [path, content] of Object.entries(expected)) {
    assert.deepEqual(read(actual[path] ?? ""), read(content), path);
  }
}

/** To update `rendered` of the cases: UPDATE_GOLDEN=1 npx mocha test/manifests/golden.test.ts */
describe("golden cases", () => {
  const cases = readCases();
  let world: GoldenWorld;

  before(async () => {
    world = await GoldenWorld.create();
  });

  after(() => world.end());

  describe("rendered by plain functions", () => {
    for (const one of cases) {
      it(one.name, async () => {
        const files = world.withNamed(render(await world.resolve(one)));
        const folder = join(golden, one.name, rendered);
        if (process.env.UPDATE_GOLDEN === "1") {
          rmSync(folder, { recursive: true, force: true });
          writeFiles(folder, files);
        }
        assertSame(files, readFiles(folder));
      });
    }
  });

  describe("rendered by the real engine, running the real program", function () {
    this.timeout(300_000);
    let project: ScratchProject | undefined;

    before(async function () {
      await requireEngine(this);
      project = await scratchProject(world.directory);
      // The cases state everything themselves, and their bytes are what is tested.
      const text = await project.read("Pulumi.yaml");
      const withoutApplications = text.replace(/^ {2}shared-authority:applications:\n(?: {4}.*\n)*/m, "");
      assert.notEqual(withoutApplications, text);
      await project.commit("Declare no application, keep all bytes", {
        "Pulumi.yaml": withoutApplications,
        ".gitattributes": "* -text\n",
      });
    });

    for (const one of cases) {
      it(one.name, async function () {
        const engine = await requireEngine(this);
        const scratch = project!;
        for (const left of ["tenants", rendered, ...["dev", "prod"].map((stack) => `Pulumi.${stack}.yaml`)]) {
          rmSync(join(scratch.directory, left), { recursive: true, force: true });
        }
        writeFiles(scratch.directory, world.withMade(one.given));
        const home = join(world.directory, `engine-${one.name}`);
        mkdirSync(home);
        const session = openEngineSession(engine, home);
        const { environment } = world;
        const pulumi = async (...parameters: string[]): Promise<void> => {
          const result = await session.run(parameters, { directory: scratch.directory, environment });
          assert.equal(result.code, 0, result.stdout + result.stderr);
        };
        await pulumi("stack", "init", one.stack);
        // Commit before deploy; `stack init` has written the stack's salt into the stack file.
        await scratch.commit(`The case ${one.name}`, {});
        await pulumi("up", "--yes", "--skip-preview", "--suppress-outputs", "--policy-pack", "policy-pack");
        const files = world.withNamed(readFiles(join(scratch.directory, rendered)));
        assertSame(files, readFiles(join(golden, one.name, rendered)), parse);
      });
    }
  });
});
