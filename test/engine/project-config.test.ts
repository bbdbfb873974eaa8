import assert from "node:assert/strict";
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openEngineSession, type EngineSession } from "../../demo/engine-session";
import { engineConfigProblems } from "../../src/config/engine-config";
import { ProblemsError } from "../../src/config/problem";
import { readConfigFiles, readStackConfig, settingsOfFiles } from "../../src/config/read-stack-config";
import { pathText } from "../../src/config/report";
import { temporaryDirectory } from "../support/directory";
import { projectRoot } from "../support/project";
import { requireEngine } from "../support/pulumi";

/** Writes the config that the engine gives to a program. */
const program = `
const { runtime } = require("@pulumi/pulumi");
require("node:fs").writeFileSync("seen.json", JSON.stringify(runtime.allConfig()));
`;

const applications =
  '{ shop: { repository: "https://git.example.com/shop", chart: ./chart, image: a.example.com/shop, team: ["<b>"] } }';
const stackFile = `config:
  shared-authority:follow: tags
  shared-authority:tenants:
    shop: { tag: "1.4.0", policy: { range: 1.x }, quota: { pods: 20, requests.cpu: 0.5 } }
`;

interface Form {
  readonly title: string;
  readonly projects: readonly string[];
  readonly config: string;
  readonly stack?: string;
}

const ours = "shared-authority";
const both = [ours, "fleet"];

/** What Pulumi accepts as config of the project. */
const accepted: readonly Form[] = [
  { title: "a key with `value:`", projects: both, config: `shared-authority:applications: { value: ${applications} }` },
  {
    title: "a key with `default:`",
    projects: [ours],
    config: `shared-authority:applications: { default: ${applications} }`,
  },
  { title: "a key without prefix", projects: [ours], config: `applications: { value: ${applications} }` },
  {
    title: "defaults that the stack replaces as a whole",
    projects: both,
    config: `shared-authority:applications: { value: ${applications} }
  shared-authority:defaults: { value: { branch: main, team: [a] } }`,
    stack: `${stackFile}  shared-authority:defaults: { branch: dev }\n`,
  },
];

/** What Pulumi refuses. */
const refused: readonly Form[] = [
  { title: "a key without `value:`", projects: both, config: `shared-authority:applications: ${applications}` },
  { title: "a key with an empty `value:`", projects: both, config: "shared-authority:defaults: { value: }" },
  {
    title: "a key with `default:`",
    projects: ["fleet"],
    config: `shared-authority:applications: { default: ${applications} }`,
  },
];

describe("the project's config in the real engine", function () {
  this.timeout(300_000);
  const directory = temporaryDirectory();
  let session: EngineSession;
  const root = () => join(directory(), "project");

  beforeEach(async function () {
    const engine = await requireEngine(this);
    session = openEngineSession(engine, directory());
    mkdirSync(root());
    symlinkSync(join(projectRoot, "node_modules"), join(directory(), "node_modules"), "junction");
  });

  async function preview(name: string, { config, stack = stackFile }: Form) {
    const runtime = "{ name: nodejs, options: { typescript: false } }";
    const files = {
      "Pulumi.yaml": `name: ${name}\nruntime: ${runtime}\nmain: index.js\n`,
      "package.json": '{ "name": "scratch", "private": true }',
      "index.js": program,
    };
    for (const [path, content] of Object.entries(files)) writeFileSync(join(root(), path), content);
    await session.run(["stack", "init", "prod"], { directory: root() });
    writeFileSync(join(root(), "Pulumi.yaml"), `${files["Pulumi.yaml"]}config:\n  ${config}\n`);
    writeFileSync(join(root(), "Pulumi.prod.yaml"), stack + readFileSync(join(root(), "Pulumi.prod.yaml"), "utf8"));
    return session.run(["preview", "--stack", "prod"], { directory: root() });
  }

  for (const form of accepted) {
    for (const name of form.projects) {
      it(`gives a program what our reader reads: ${form.title}, in a project named ${name}`, async () => {
        const { code, stdout, stderr } = await preview(name, form);
        assert.equal(code, 0, stdout + stderr);
        const seen = JSON.parse(readFileSync(join(root(), "seen.json"), "utf8")) as Record<string, string>;
        const files = readConfigFiles(root(), "prod");
        assert.deepEqual(engineConfigProblems(files, seen), []);
        const settings = Object.entries(settingsOfFiles(files));
        const texts = Object.fromEntries(settings.map(([key, value]) => [pathText([key]), textOf(value)]));
        assert.deepEqual(Object.keys(seen).sort(), Object.keys(texts).sort());
        for (const [key, text] of Object.entries(texts)) assert.deepEqual(parsed(seen[key]), parsed(text), key);
        assert.equal(readStackConfig({ root: root(), stack: "prod" }).tenants[0]?.images[0], "a.example.com/shop");
      });
    }
  }

  for (const form of refused) {
    for (const name of form.projects) {
      it(`is refused by Pulumi and by our reader: ${form.title}, in a project named ${name}`, async () => {
        assert.notEqual((await preview(name, form)).code, 0);
        assert.throws(() => readStackConfig({ root: root(), stack: "prod" }), ProblemsError);
      });
    }
  }
});

/** Pulumi sorts keys and escapes `<`: what counts is the value. */
/** As the engine gives it. */
function textOf(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

function parsed(text: string | undefined): unknown {
  return text?.startsWith("{") === true ? JSON.parse(text) : text;
}
