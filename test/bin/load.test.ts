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
    for (const name of ["@pulumi", "@npmcli", "esbuild", "typescript", "semver"]) {
      symlinkSync(join(projectRoot, "node_modules", name), join(directory, "node_modules", name), "junction");
    }
  });

  after(() => rmSync(directory, { recursive: true, force: true }));

  /** Runs a program as Pulumi's language host does, in a process of its own; what it exports is printed. */
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

  it("runs TypeScript, and runs it anew once a file that it imports has changed", () => {
    const index = 'import { answer } from "./answer";\nexport = { answer };\n';
    assert.deepEqual(start({ "index.ts": index, "answer.ts": "export const answer: number = 41;\n" }), { answer: 41 });
    assert.deepEqual(start({ "answer.ts": "export const answer: number = 4200;\n" }), { answer: 4200 });
  });

  it("does not load the TypeScript compiler and npm's tree of packages with Pulumi's SDK", () => {
    const index = `import * as pulumi from "@pulumi/pulumi";
      const loaded = Object.values(require.cache).filter((it) => it!.children.length > 0).map((it) => it!.filename);
      export = {
        project: typeof pulumi.getProject,
        seldomUsed: loaded.filter((file) => /typescript-shim|@npmcli.arborist.lib.index/.test(file)),
      };\n`;
    assert.deepEqual(start({ "index.ts": index }), { project: "function", seldomUsed: [] });
  });

  it("loads them once somebody uses them", () => {
    const index = `import * as pulumi from "@pulumi/pulumi";
      const three = 3;
      export = pulumi.runtime.serializeFunction(() => three + 1).then(({ text }) => ({ text }));\n`;
    const { text } = start({ "index.ts": index }) as { text: string };
    assert.match(text, /three \+ 1/);
  });

  it("takes short stacks, and as long ones as Node was asked for", () => {
    const index = "export = { limit: Error.stackTraceLimit };\n";
    assert.deepEqual(start({ "index.ts": index }), { limit: 3 });
    assert.deepEqual(start({}, "--stack-trace-limit=50"), { limit: 50 });
  });
});
