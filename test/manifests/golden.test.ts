import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, posix } from "node:path";
import { pathToFileURL } from "node:url";
import { resolveStack, stackObjects } from "../../cli/releases";
import { readFleet } from "../../fleet/read";
import { openEngineSession } from "../../lab/engine-session";
import { createApplication } from "../../lab/scratch-application";
import type { ScratchProject } from "../../lab/scratch-project";
import { renderedFile } from "../../manifests/rendered-file";
import { createEvidenceReader } from "../../release/evidence-reader";
import { readLock } from "../../release/lock";
import { scratchProject } from "../support/project";
import { requireEngine } from "../support/pulumi";

/**
 * Each folder of test/golden is a case: a stack file, a lock and special config, and in `rendered` the YAML that they
 * must give. To write `rendered` anew: UPDATE_GOLDEN=1 npx mocha test/manifests/golden.test.ts
 */
const golden = join(__dirname, "../golden");
const rendered = "rendered";

interface GoldenCase {
  readonly name: string;
  readonly stack: string;
  /** What was given, by path. */
  readonly given: Readonly<Record<string, string>>;
}

function readFiles(folder: string): Record<string, string> {
  return Object.fromEntries(
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .map((file) => [file.slice(folder.length + 1).replaceAll("\\", "/"), readFileSync(file, "utf8")] as const)
      .sort(([one], [other]) => (one < other ? -1 : 1)),
  );
}

function readCases(): GoldenCase[] {
  return readdirSync(golden, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => {
      const files = Object.entries(readFiles(join(golden, name)));
      const given = Object.fromEntries(files.filter(([path]) => !path.startsWith(`${rendered}/`)));
      const stack = Object.keys(given).map((path) => /^Pulumi\.(.+)\.yaml$/.exec(path)?.[1]);
      return { name, stack: stack.find((found) => found !== undefined) ?? "", given };
    });
}

/** As `authority render` does it, over the very folder of the case. */
async function render({ name, stack }: GoldenCase): Promise<Record<string, string>> {
  const root = join(golden, name);
  const fleet = readFleet({ root, stack });
  const releases = await resolveStack(fleet, readLock(root), createEvidenceReader());
  assert.deepEqual(
    releases.flatMap(({ reasons }) => reasons),
    [],
  );
  const files = [...stackObjects(fleet, releases)].map(renderedFile);
  return Object.fromEntries(files.map(({ path, content }) => [path, content]));
}

/** As `assert.deepEqual`, with the file's name where only one differs. */
function assertSameFiles(actual: Readonly<Record<string, string>>, expected: Readonly<Record<string, string>>): void {
  assert.deepEqual(Object.keys(actual).sort(), Object.keys(expected).sort());
  for (const [path, content] of Object.entries(expected)) assert.equal(actual[path], content, path);
}

describe("golden cases", () => {
  const cases = readCases();
  const variables = ["GIT_CONFIG_COUNT", "GIT_CONFIG_KEY_0", "GIT_CONFIG_VALUE_0"] as const;
  let directory = "";

  before(async () => {
    directory = realpathSync(mkdtempSync(join(tmpdir(), "shared-authority-golden-")));
    const application = await createApplication({ directory, name: "podinfo", registry: "http://127.0.0.1:9" });
    await application.commit({ version: "6.14.1", message: "Say hello" });
    // What a stack with `follow: branch` reads of git.example.com comes from this machine.
    process.env.GIT_CONFIG_COUNT = "1";
    process.env.GIT_CONFIG_KEY_0 = `url.${pathToFileURL(directory).href}/podinfo.git.insteadOf`;
    process.env.GIT_CONFIG_VALUE_0 = "https://git.example.com/podinfo";
  });

  after(() => {
    for (const variable of variables) Reflect.deleteProperty(process.env, variable);
    rmSync(directory, { recursive: true, force: true });
  });

  describe("rendered by plain functions", () => {
    for (const one of cases) {
      it(one.name, async () => {
        const files = await render(one);
        const folder = join(golden, one.name, rendered);
        if (process.env.UPDATE_GOLDEN === "1") {
          rmSync(folder, { recursive: true, force: true });
          for (const [path, content] of Object.entries(files)) {
            mkdirSync(join(folder, posix.dirname(path)), { recursive: true });
            writeFileSync(join(folder, path), content);
          }
        }
        assertSameFiles(files, readFiles(folder));
      });
    }
  });

  describe("rendered by the real engine, running the real program", function () {
    this.timeout(300_000);
    let project: ScratchProject | undefined;

    before(async function () {
      await requireEngine(this);
      project = await scratchProject(directory);
    });

    for (const one of cases) {
      it(one.name, async function () {
        const engine = await requireEngine(this);
        const scratch = project!;
        for (const left of ["tenants", rendered, ...["dev", "prod"].map((stack) => `Pulumi.${stack}.yaml`)]) {
          rmSync(join(scratch.directory, left), { recursive: true, force: true });
        }
        for (const [path, content] of Object.entries(one.given)) {
          mkdirSync(dirname(join(scratch.directory, path)), { recursive: true });
          writeFileSync(join(scratch.directory, path), content);
        }
        const place = join(directory, `engine-${one.name}`);
        mkdirSync(place);
        const session = openEngineSession(engine, place);
        const environment = Object.fromEntries(variables.map((variable) => [variable, process.env[variable] ?? ""]));
        const pulumi = async (...parameters: string[]): Promise<void> => {
          const result = await session.run(parameters, { directory: scratch.directory, environment });
          assert.equal(result.code, 0, result.stdout + result.stderr);
        };
        await pulumi("stack", "init", one.stack);
        // Commit before deploy; `stack init` has written the stack's salt into the stack file.
        await scratch.commit(`The case ${one.name}`, {});
        await pulumi("up", "--yes", "--skip-preview", "--suppress-outputs");
        assertSameFiles(readFiles(join(scratch.directory, rendered)), readFiles(join(golden, one.name, rendered)));
      });
    }
  });
});
