import assert from "node:assert/strict";
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { serveRegistry } from "../../demo/embedded-registry";
import { type EngineSession, openEngineSession } from "../../demo/engine-session";
import { serveGit } from "../../demo/git-server";
import { createApplication, type ScratchApplication } from "../../demo/scratch-application";
import { exports as entryPoints, name, version } from "../../package.json";
import { installPackage, type PackedPackage, packPackage } from "../support/package";
import { projectRoot } from "../support/project";
import { requireEngine } from "../support/pulumi";
import { Declarations } from "./declarations";

const fewMinutes = 10 * 60_000;

/** The program in docs/components.md. */
const example = /^```ts\n(.*?)^```$/ms.exec(readFileSync(join(projectRoot, "docs/components.md"), "utf8"))?.[1] ?? "";

describe("the package", function () {
  this.timeout(fewMinutes);
  let directory: string;
  let packed: PackedPackage;
  /** A Pulumi project with the package, and with the oldest SDKs that it allows. */
  let project: string;

  before(async function () {
    directory = realpathSync(mkdtempSync(join(tmpdir(), "shared-authority-package-")));
    packed = await packPackage(directory);
    project = join(directory, "project");
    await installPackage(this, project, packed);
    writeFileSync(join(project, "index.ts"), example);
  });

  after(() => rmSync(directory, { recursive: true, force: true }));

  const installed = (...path: string[]) => join(project, "node_modules", name, ...path);

  const run = async (program: string, ...parameters: readonly string[]) => {
    const { exitCode, all } = await execa(program, parameters, { cwd: project, all: true, reject: false });
    return { code: exitCode, output: all };
  };

  it("holds what a user needs, and nothing else", () => {
    const allowed = [
      /^(?:CHANGELOG|README)\.md$|^LICENSE$|^package\.json$/,
      /^bin\/authority\.js$/,
      /^dist\/[a-z-]+\.js(?:\.map)?$/,
      /^dist\/(?:gitignore|LICENSES\.txt)$/,
      /^types\/[a-z-]+\.d\.ts$/,
      /^(?:project|stack)\.schema\.json$/,
      /^template\//,
    ];
    const others = packed.paths.filter((path) => !allowed.some((pattern) => pattern.test(path)));
    assert.deepEqual(others, []);
    assert.ok(packed.paths.includes("CHANGELOG.md"));
    assert.ok(packed.size < 3_000_000, `${packed.size} bytes`);
  });

  it("has source maps with their sources", () => {
    for (const path of packed.paths.filter((one) => one.endsWith(".js.map"))) {
      const { sources, sourcesContent } = JSON.parse(readFileSync(installed(path), "utf8")) as Record<string, string[]>;
      assert.ok(sources!.length > 0 && sources!.length === sourcesContent!.length, path);
    }
  });

  it("is in order for publint and arethetypeswrong", async () => {
    const bin = (program: string) => join(projectRoot, "node_modules", ".bin", program);
    for (const parameters of [
      ["publint", "run", packed.file, "--strict"],
      ["attw", packed.file],
    ] as const) {
      const { code, output } = await run(bin(parameters[0]), ...parameters.slice(1));
      assert.equal(code, 0, output);
    }
  });

  it("gives the same names to `require` and to `import`, at each entry point", async () => {
    const expected = { ".": ["deploy"], "./components": ["Tenant", "readRelease"], "./policy-pack": ["policies"] };
    for (const entry of Object.keys(entryPoints).filter((one) => one !== "./package.json")) {
      const path = join(name, entry);
      const print = "console.log(JSON.stringify(Object.keys(all)))";
      const required = await run(process.execPath, "--eval", `const all = require("${path}"); ${print}`);
      const imported = await run(
        process.execPath,
        ...["--input-type=module", "--eval", `import * as all from "${path}"; ${print}`],
      );
      const names = JSON.parse(required.output) as string[];
      const found = (JSON.parse(imported.output) as string[]).filter(
        (one) => !["default", "module.exports"].includes(one),
      );
      assert.deepEqual(found.sort(), [...names].sort(), entry);
      for (const one of expected[entry as keyof typeof expected]) assert.ok(names.includes(one), `${entry}: ${one}`);
    }
    const manifest = await run(process.execPath, "--print", `require("${name}/package.json").version`);
    assert.equal(manifest.output, version);
  });

  it("has the command line", async () => {
    const { code, output } = await run(join(project, "node_modules", ".bin", "authority"), "--version");
    assert.deepEqual([code, output], [0, version]);
  });

  it("exports each type that its declarations mention, with a comment and the default of each argument", () => {
    for (const file of readdirSync(installed("types"))) {
      const declarations = new Declarations(file, readFileSync(installed("types", file), "utf8"));
      assert.deepEqual(declarations.unexported, [], `${file}: not exported`);
      assert.deepEqual(declarations.undocumented, [], `${file}: no comment`);
      assert.deepEqual(declarations.withoutDefault, [], `${file}: no default`);
    }
  });

  describe("types", () => {
    // Without the policy pack: the declarations of @pulumi/policy compile with `skipLibCheck` only.
    const mistakes = `
import { deploy } from "shared-authority";
import { Tenant } from "shared-authority/components";
// @ts-expect-error The namespace is missing.
new Tenant("shop", {});
// @ts-expect-error There is no such output.
new Tenant("shop", { namespace: "shop" }).nothing;
// @ts-expect-error It is a function.
export const one: number = deploy;
`;
    const template = { strict: true, target: "es2020", experimentalDecorators: true, noImplicitReturns: true };
    const nodeNext = { ...template, module: "nodenext", moduleResolution: "nodenext" };
    const node10 = { ...template, module: "commonjs", moduleResolution: "node" };
    const [five, six] = [() => join(project, "node_modules"), () => join(projectRoot, "node_modules")];
    const cases: [string, () => string, object][] = [
      ["TypeScript 5 with the options of Pulumi's template", five, nodeNext],
      ["TypeScript 5 with the options of Pulumi's former template", five, node10],
      ["TypeScript 5 without options", five, {}],
      ["TypeScript 6 with the options of Pulumi's template", six, nodeNext],
      ["TypeScript 6 with deprecated options", six, { ...node10, ignoreDeprecations: "6.0" }],
      ["TypeScript 6 without options", six, {}],
    ];
    for (const [title, packages, compilerOptions] of cases) {
      it(`are right for ${title}`, async () => {
        writeFileSync(join(project, "mistakes.ts"), mistakes);
        const config = { compilerOptions: { ...compilerOptions, noEmit: true }, files: ["index.ts", "mistakes.ts"] };
        writeFileSync(join(project, "tsconfig.check.json"), JSON.stringify(config));
        const tsc = join(packages(), "typescript", "bin", "tsc");
        const { code, output } = await run(
          process.execPath,
          tsc,
          "--project",
          "tsconfig.check.json",
          "--pretty",
          "false",
        );
        assert.equal(code, 0, output);
      });
    }
  });

  describe("the program in docs/components.md, on the real engine", () => {
    const undo: (() => unknown)[] = [];
    let session: EngineSession;
    let application: ScratchApplication;
    let published: { repository: string; chart: string; image: string; insecureRegistry: boolean };

    before(async function () {
      const engine = await requireEngine(this);
      const repositories = join(directory, "git");
      mkdirSync(repositories);
      const git = await serveGit({ root: repositories });
      undo.push(() => git.close());
      const registry = await serveRegistry();
      undo.push(() => registry.close());
      application = await createApplication({ directory: repositories, name: "shop", registry: registry.url });
      const { chartPath: chart, image } = application;
      published = { repository: `${git.url}/shop.git`, chart, image, insecureRegistry: true };
      await application.publish({ version: "1.0.0", message: "The first release" });

      session = openEngineSession(engine, directory);
      writeFileSync(join(project, "Pulumi.yaml"), "name: shop\nruntime: nodejs\n");
      writeFileSync(join(project, "tsconfig.json"), '{ "compilerOptions": { "strict": true, "target": "es2020" } }');
      cpSync(join(projectRoot, "policy-pack"), join(project, "policy-pack"), { recursive: true });
      const settings = { scope: "flux", applications: { shop: published } };
      writeFileSync(join(project, "policies.json"), JSON.stringify({ "decided-objects": settings }));
      const { code, stderr } = await session.run(["stack", "init", "prod"], { directory: project });
      assert.equal(code, 0, stderr);
    });

    after(async () => {
      for (const step of undo.reverse()) await step();
    });

    /** @param tag the release that the stack file decides */
    const preview = async (tag: string) => {
      const config = { "kubernetes:renderYamlToDirectory": "rendered", "shop:release": { ...published, tag } };
      writeFileSync(join(project, "Pulumi.prod.yaml"), JSON.stringify({ config }));
      const pack = ["--policy-pack", "policy-pack", "--policy-pack-config", "policies.json"];
      const { code, stdout, stderr } = await session.run(["preview", "--stack", "prod", ...pack], {
        directory: project,
      });
      return { code, output: `${stdout}\n${stderr}` };
    };

    it("deploys a release that keeps the promise, and the policy pack passes", async () => {
      const { code, output } = await preview("1.0.0");
      assert.equal(code, 0, output);
      assert.match(output, /shared-authority@v.*\(local: policy-pack\)/);
      for (const expected of [
        "kubernetes:core/v1:Namespace shop create",
        "kubernetes:source.toolkit.fluxcd.io/v1:GitRepository flux-system/shop-1.0.0 create",
        "kubernetes:helm.toolkit.fluxcd.io/v2:HelmRelease flux-system/shop create",
      ]) {
        assert.ok(output.includes(expected), output);
      }
      assert.match(output, /namespace: "shop"\s+source {3}: "shop-1\.0\.0"\s+values {3}: "shop-values-[a-z0-9]{10}"/);
    });

    it("registers nothing of a release that does not", async () => {
      await application.publish({ version: "1.1.0", appVersion: "1.0.0", message: "An old appVersion" });
      const { code, output } = await preview("1.1.0");
      assert.notEqual(code, 0, output);
      assert.match(
        output,
        /error: The release 1\.1\.0 is not deployed:\s+appVersion of Chart\.yaml is "1\.0\.0", must be/,
      );
      assert.ok(!output.includes("kubernetes:core/v1:Namespace"), output);
    });

    it("is refused by the policy pack where it does not read the release, but states the evidence itself", async () => {
      const { commit } = await application.publish({ version: "1.2.0", appVersion: "1.0.0", message: "Again" });
      const { repository, chart } = published;
      const evidence = { version: "1.2.0", gitTag: "1.2.0", commit, repository, chart, images: [] };
      const program = example.replace("await readRelease(args)", JSON.stringify(evidence));
      assert.notEqual(program, example);
      writeFileSync(join(project, "index.ts"), program);
      const { code, output } = await preview("1.2.0");
      assert.notEqual(code, 0, output);
      assert.match(
        output,
        /decided-objects {2}\(.*HelmRelease: flux-system\/shop\)[^]*appVersion of Chart\.yaml is "1\.0\.0", must be "1\.2\.0"/,
      );
    });
  });
});
