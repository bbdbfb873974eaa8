import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { projectRoot } from "../support/project";

describe("bin/load", () => {
  let directory: string;

  before(() => {
    directory = mkdtempSync(join(tmpdir(), "shared-authority-load-"));
    cpSync(join(projectRoot, "bin"), join(directory, "bin"), { recursive: true });
    cpSync(join(projectRoot, "start.js"), join(directory, "start.js"));
    mkdirSync(join(directory, "policy-pack"));
    for (const file of ["package.json", "policy-pack/package.json"]) {
      cpSync(join(projectRoot, file), join(directory, file));
    }
    mkdirSync(join(directory, "node_modules"));
    for (const name of ["@pulumi", "esbuild", "typescript", "semver"]) {
      symlinkSync(join(projectRoot, "node_modules", name), join(directory, "node_modules", name), "junction");
    }
  });

  after(() => rmSync(directory, { recursive: true, force: true }));

  /** Runs a program in a new process, as Pulumi's language host does, and returns its exports. */
  function start(files: Readonly<Record<string, string>>, nodeOptions = ""): unknown {
    for (const [path, content] of Object.entries(files)) writeFileSync(join(directory, path), content);
    const print = `Promise.resolve(require("./start.js")).then((it) => console.log(JSON.stringify(it)))`;
    const output = execFileSync(process.execPath, ["-e", print], {
      cwd: directory,
      encoding: "utf8",
      env: { ...process.env, NODE_OPTIONS: nodeOptions },
    });
    return JSON.parse(output);
  }

  it("runs TypeScript, and bundles it again after an imported file has changed", () => {
    const index = 'import { answer } from "./answer";\nexport = { answer };\n';
    assert.deepEqual(start({ "index.ts": index, "answer.ts": "export const answer: number = 41;\n" }), { answer: 41 });
    assert.deepEqual(start({ "answer.ts": "export const answer: number = 4200;\n" }), { answer: 4200 });
  });

  it("does not load the TypeScript compiler with Pulumi's SDK", () => {
    const index = `import * as pulumi from "@pulumi/pulumi";
      const loaded = Object.values(require.cache).filter((it) => it!.children.length > 0).map((it) => it!.filename);
      export = {
        project: typeof pulumi.getProject,
        compiler: loaded.filter((file) => /typescript-shim|node_modules.typescript.lib/.test(file)),
      };\n`;
    assert.deepEqual(start({ "index.ts": index }), { project: "function", compiler: [] });
  });

  it("loads the TypeScript compiler when it is used", () => {
    const index = `import * as pulumi from "@pulumi/pulumi";
      const three = 3;
      export = pulumi.runtime.serializeFunction(() => three + 1).then(({ text }) => ({ text }));\n`;
    const { text } = start({ "index.ts": index }) as { text: string };
    assert.match(text, /three \+ 1/);
  });

  it("limits stack traces, unless Node has an option for them", () => {
    const index = "export = { limit: Error.stackTraceLimit };\n";
    assert.deepEqual(start({ "index.ts": index }), { limit: 1 });
    assert.deepEqual(start({}, "--stack-trace-limit=50"), { limit: 50 });
  });
});
