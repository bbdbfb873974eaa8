import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { parse } from "yaml";
import { readStackConfig } from "../../src/config/read-stack-config";
import { serveRegistry } from "../../demo/embedded-registry";
import { openEngineSession } from "../../demo/engine-session";
import type { Listening } from "../../demo/loopback";
import { pushChart } from "../../demo/push";
import { createApplication } from "../../demo/scratch-application";
import type { ScratchProject } from "../../demo/scratch-project";
import { renderedFile } from "../../src/manifests/rendered-file";
import { stackObjects } from "../../src/manifests/stack-objects";
import { createEvidenceReader } from "../../src/release/evidence-reader";
import { readLock } from "../../src/release/lock";
import { resolveStack } from "../../src/release/resolve";
import { scratchProject } from "../support/project";
import { requireEngine } from "../support/pulumi";

/**
 * Each folder of test/golden is a case: a stack file, a lock and special config, and in `rendered` the expected YAML.
 * To update `rendered`: UPDATE_GOLDEN=1 npx mocha test/manifests/golden.test.ts
 */
const golden = join(__dirname, "../golden");
const rendered = "rendered";

interface GoldenCase {
  readonly name: string;
  readonly stack: string;
  /** The input files, by path. */
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

/**
 * Names in a case for facts of the application that each run creates: the host of its registry, which differs, and the
 * commit that an image or a chart was built for.
 */
const named = { registry: "registry.example.net", commit: "0123456789abcdef0123456789abcdef01234567" } as const;

/** The facts of this run. */
type Made = Readonly<Record<keyof typeof named, string>>;

function withMade(files: Readonly<Record<string, string>>, { registry, commit }: Made): Record<string, string> {
  return mapContents(files, (text) => text.replaceAll(named.registry, registry).replaceAll(named.commit, commit));
}

/** The commit is the same at each run. */
function withNamed(files: Readonly<Record<string, string>>, { registry }: Made): Record<string, string> {
  return mapContents(files, (text) => text.replaceAll(registry, named.registry));
}

function mapContents(
  files: Readonly<Record<string, string>>,
  change: (text: string) => string,
): Record<string, string> {
  return Object.fromEntries(Object.entries(files).map(([path, text]) => [path, change(text)]));
}

function writeFiles(folder: string, files: Readonly<Record<string, string>>): void {
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), content);
  }
}

/** Renders the folder of a case as `authority render` does. */
async function render({ stack }: GoldenCase, root: string): Promise<Record<string, string>> {
  const config = readStackConfig({ root, stack });
  const resolved = await resolveStack(config, readLock(root), createEvidenceReader());
  assert.deepEqual(
    resolved.tenants.flatMap(({ reasons }) => reasons),
    [],
  );
  const files = Array.from(stackObjects(resolved), ({ object }) => renderedFile(object));
  return Object.fromEntries(files.map(({ path, content }) => [path, content]));
}

type Files = Readonly<Record<string, string>>;

/** Compares files by their text, or by the objects in them if two writers wrote them; the message has the file's name. */
function assertSame(actual: Files, expected: Files, read: (text: string) => unknown = (text) => text): void {
  assert.deepEqual(Object.keys(actual).sort(), Object.keys(expected).sort());
  for (const [path, content] of Object.entries(expected)) {
    assert.deepEqual(read(actual[path] ?? ""), read(content), path);
  }
}

describe("golden cases", () => {
  const cases = readCases();
  const variables = ["GIT_CONFIG_COUNT", "GIT_CONFIG_KEY_0", "GIT_CONFIG_VALUE_0"] as const;
  let directory = "";
  let registry: Listening;
  let made: Made;

  before(async () => {
    directory = realpathSync(mkdtempSync(join(tmpdir(), "shared-authority-golden-")));
    registry = await serveRegistry();
    const application = await createApplication({ directory, name: "podinfo", registry: registry.url });
    const commit = await application.commit({ version: "6.14.1", message: "Say hello" });
    made = { registry: new URL(registry.url).host, commit };
    await application.pushImage(`master-${commit}-1767225660`);
    await pushChart(registry.url, "charts/podinfo", "0.0.0-master.17", {
      "Chart.yaml": "apiVersion: v2\nname: podinfo\nversion: 0.0.0-master.17\nappVersion: 0.0.0-master.17\n",
    });
    await application.commit({ version: "6.14.1", message: "Nobody has built this" });
    // A stack with `follow: branch` reads git.example.com from this machine.
    process.env.GIT_CONFIG_COUNT = "1";
    process.env.GIT_CONFIG_KEY_0 = `url.${pathToFileURL(directory).href}/podinfo.git.insteadOf`;
    process.env.GIT_CONFIG_VALUE_0 = "https://git.example.com/podinfo";
  });

  after(async () => {
    await registry.close();
    for (const variable of variables) Reflect.deleteProperty(process.env, variable);
    rmSync(directory, { recursive: true, force: true });
  });

  describe("rendered by plain functions", () => {
    for (const one of cases) {
      it(one.name, async () => {
        const root = join(directory, one.name);
        writeFiles(root, { ...withMade(one.given, made), "Pulumi.yaml": "name: shared-authority\nruntime: nodejs\n" });
        const files = withNamed(await render(one, root), made);
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
      project = await scratchProject(directory);
      // The cases state everything themselves.
      const text = await project.read("Pulumi.yaml");
      const withoutApplications = text.replace(/^ {2}shared-authority:applications:\n(?: {4}.*\n)*/m, "");
      assert.notEqual(withoutApplications, text);
      await project.commit("Declare no application", { "Pulumi.yaml": withoutApplications });
    });

    for (const one of cases) {
      it(one.name, async function () {
        const engine = await requireEngine(this);
        const scratch = project!;
        for (const left of ["tenants", rendered, ...["dev", "prod"].map((stack) => `Pulumi.${stack}.yaml`)]) {
          rmSync(join(scratch.directory, left), { recursive: true, force: true });
        }
        writeFiles(scratch.directory, withMade(one.given, made));
        const home = join(directory, `engine-${one.name}`);
        mkdirSync(home);
        const session = openEngineSession(engine, home);
        const environment = Object.fromEntries(variables.map((variable) => [variable, process.env[variable] ?? ""]));
        const pulumi = async (...parameters: string[]): Promise<void> => {
          const result = await session.run(parameters, { directory: scratch.directory, environment });
          assert.equal(result.code, 0, result.stdout + result.stderr);
        };
        await pulumi("stack", "init", one.stack);
        // Commit before deploy; `stack init` has written the stack's salt into the stack file.
        await scratch.commit(`The case ${one.name}`, {});
        await pulumi("up", "--yes", "--skip-preview", "--suppress-outputs");
        const files = withNamed(readFiles(join(scratch.directory, rendered)), made);
        assertSame(files, readFiles(join(golden, one.name, rendered)), parse);
      });
    }
  });
});
