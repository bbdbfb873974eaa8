import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openEngineSession, type EngineResult, type EngineSession } from "../../demo/engine-session";
import type { Engine } from "../../demo/engine";
import type { KubernetesObject } from "../../src/manifests/object";
import { temporaryDirectory } from "../support/directory";
import { projectRoot } from "../support/project";
import { requireEngine } from "../support/pulumi";
import { configOf, evidenceOf, config, objectsOf, podinfo, stackObjects, withField } from "./fixture";

/**
 * A program of its own, without our components: it registers whatever objects it is given, one after the other. With
 * UNKNOWN it gives an object a name that the engine learns only by the step of another.
 */
const program = `
const pulumi = require("@pulumi/pulumi");
const kubernetes = require("@pulumi/kubernetes");
const objects = require("./objects.json");
const provider = new kubernetes.Provider("rendered", { renderYamlToDirectory: process.env.OUT });
let last;
for (const object of objects) {
  const core = object.apiVersion.includes("/") ? object.apiVersion : "core/" + object.apiVersion;
  const { name, namespace } = object.metadata;
  const spec = object.kind === "HelmRelease" && process.env.UNKNOWN
    ? { spec: { ...object.spec, serviceAccountName: last.id } }
    : {};
  last = new pulumi.CustomResource(
    "kubernetes:" + core + ":" + object.kind, (namespace ?? "") + "/" + name, { ...object, ...spec },
    { provider, dependsOn: last === undefined ? [] : [last] },
  );
}
`;

const handMade: KubernetesObject = {
  apiVersion: "helm.toolkit.fluxcd.io/v2",
  kind: "HelmRelease",
  metadata: { name: "redis", namespace: "flux-system" },
  spec: { interval: "1m", chart: { spec: { chart: "redis", sourceRef: { kind: "HelmRepository", name: "bitnami" } } } },
};

describe("the policy pack in the real engine", function () {
  this.timeout(300_000);
  const directory = temporaryDirectory();
  let engine: Engine;
  let session: EngineSession;
  const pack = join(projectRoot, "policy-pack");
  const good = [...stackObjects(), ...objectsOf()];

  before(async function () {
    engine = await requireEngine(this);
  });

  beforeEach(async () => {
    session = openEngineSession(engine, directory());
    mkdirSync(join(directory(), "program"));
    symlinkSync(join(projectRoot, "node_modules"), join(directory(), "node_modules"), "junction");
    const runtime = { name: "nodejs", options: { typescript: false } };
    write("Pulumi.yaml", JSON.stringify({ name: "scratch", runtime, main: "index.js" }));
    write("package.json", JSON.stringify({ name: "scratch", private: true }));
    write("Pulumi.prod.yaml", JSON.stringify({ config: configOf(config) }));
    write("index.js", program);
    const created = await session.run(["stack", "init", "prod"], { directory: join(directory(), "program") });
    assert.equal(created.code, 0, created.stderr);
  });

  function write(file: string, content: string): void {
    writeFileSync(join(directory(), "program", file), content);
  }

  /** Runs the program over objects, with the pack. */
  function run(
    objects: readonly KubernetesObject[],
    parameters: readonly string[],
    environment: Readonly<Record<string, string>> = {},
  ): Promise<EngineResult> {
    write("objects.json", JSON.stringify(objects));
    return session.run([...parameters, "--stack", "prod"], {
      directory: join(directory(), "program"),
      environment: { OUT: join(directory(), "rendered"), ...environment },
    });
  }

  function rendered(): string[] {
    const folder = join(directory(), "rendered");
    return existsSync(folder) ? readdirSync(folder, { recursive: true }).map(String) : [];
  }

  it("deploys a release that keeps the promise, and finds no change the second time", async () => {
    const up = await run(good, ["up", "--yes", "--policy-pack", pack]);
    assert.equal(up.code, 0, up.stdout + up.stderr);
    assert.ok(
      rendered().some((file) => file.includes("helmrelease")),
      rendered().join(),
    );
    const again = await run(good, ["preview", "--expect-no-changes", "--policy-pack", pack]);
    assert.equal(again.code, 0, again.stdout + again.stderr);
  });

  it("blocks a broken promise in a preview, and an up before anything is written", async () => {
    const broken = objectsOf(podinfo, evidenceOf(podinfo, { appVersion: "6.14.0" }));
    for (const verb of [["preview"], ["up", "--yes"]]) {
      const { code, stdout, stderr } = await run(broken, [...verb, "--policy-pack", pack]);
      assert.notEqual(code, 0, stdout);
      assert.match(stdout + stderr, /\[mandatory\].*release-synced/);
      assert.match(stdout + stderr, /appVersion of Chart\.yaml is "6\.14\.0", must be "6\.14\.1"/);
    }
    assert.deepEqual(rendered(), []);
  });

  it("blocks the object itself if there is no preview", async () => {
    const result = await run([handMade], ["up", "--yes", "--skip-preview", "--policy-pack", pack]);
    assert.notEqual(result.code, 0);
    assert.match(result.stdout + result.stderr, /HelmRelease flux-system\/redis:\n.*it carries no evidence/);
    assert.deepEqual(rendered(), []);
  });

  it("blocks an unknown value", async () => {
    const { code, stdout, stderr } = await run(good, ["preview", "--policy-pack", pack], { UNKNOWN: "1" });
    assert.notEqual(code, 0);
    assert.match(stdout + stderr, /\[mandatory\].*tenant-isolation/);
    assert.match(stdout + stderr, /`spec\.serviceAccountName` is not known before the step/);
  });

  it("applies the stack's enforcement levels and settings", async () => {
    const config = join(directory(), "levels.json");
    const levels = { all: "disabled", "release-synced": "advisory", "evidence-verified": { mode: "on" } };
    writeFileSync(config, JSON.stringify(levels));
    const withLevels = ["preview", "--policy-pack", pack, "--policy-pack-config", config];
    const { code, stdout, stderr } = await run([handMade], withLevels);
    assert.equal(code, 0, stdout + stderr);
    assert.match(stdout + stderr, /\[advisory\].*release-synced/);
    assert.doesNotMatch(stdout + stderr, /\[mandatory\]/);
  });

  it("rejects an unknown setting", async () => {
    const config = join(directory(), "levels.json");
    writeFileSync(config, JSON.stringify({ "evidence-verified": { mode: "sometimes" } }));
    const result = await run(good, ["preview", "--policy-pack", pack, "--policy-pack-config", config]);
    assert.notEqual(result.code, 0);
  });

  it("verifies the evidence in CI and blocks facts that cannot be read", async () => {
    const unreadable = {
      ...podinfo,
      repository: "https://127.0.0.1:1/podinfo.git",
      images: ["127.0.0.1:1/podinfo"] as const,
    };
    const stack = { ...config, tenants: [unreadable] };
    write("Pulumi.prod.yaml", JSON.stringify({ config: configOf(stack) }));
    const objects = [...stackObjects(stack), ...objectsOf(unreadable, evidenceOf(unreadable), stack)];
    const local = await run(objects, ["preview", "--policy-pack", pack]);
    assert.equal(local.code, 0, local.stdout + local.stderr);
    const ci = await run(objects, ["preview", "--policy-pack", pack], { CI: "true" });
    assert.notEqual(ci.code, 0);
    assert.match(ci.stdout + ci.stderr, /\[mandatory\].*evidence-verified/);
    assert.match(ci.stdout + ci.stderr, /cannot be read/);
  });

  it("finds credentials in special config without printing them", async () => {
    const leaking = {
      ...podinfo,
      values: [{ path: "tenants/podinfo/values.yaml", content: "redis:\n  password: hunter2\n" }],
    };
    const { code, stdout, stderr } = await run(objectsOf(leaking), ["preview", "--policy-pack", pack]);
    assert.notEqual(code, 0);
    assert.match(stdout + stderr, /\[mandatory\].*no-secrets-in-values/);
    assert.match(stdout + stderr, /values\.yaml, line 2: redis\.password has a key that names a credential/);
    assert.doesNotMatch(/Policies:[\s\S]*?Diagnostics:/.exec(stdout)?.[0] ?? "", /hunter2/);
  });

  it("blocks an object under another object's type", async () => {
    const disguised = withField([handMade], "HelmRelease", "metadata/name", "x");
    write("index.js", program.replace('"kubernetes:" + core + ":" + object.kind', '"kubernetes:core/v1:ConfigMap"'));
    const { code, stdout, stderr } = await run(disguised, ["preview", "--policy-pack", pack]);
    assert.notEqual(code, 0);
    assert.match(stdout + stderr, /the resource's type is kubernetes:core\/v1:ConfigMap, but the object says/);
    assert.match(stdout + stderr, /\[mandatory\].*release-synced/);
  });

  it("works outside this project, as packed by npm", async () => {
    execFileSync("npm", ["pack", "--silent", "--pack-destination", directory()], { cwd: pack, stdio: "pipe" });
    const [archive] = readdirSync(directory()).filter((file) => file.endsWith(".tgz"));
    execFileSync("tar", ["-xzf", archive!], { cwd: directory() });
    const { code, stdout, stderr } = await run([handMade], ["preview", "--policy-pack", join(directory(), "package")]);
    assert.notEqual(code, 0);
    assert.match(stdout + stderr, /\[mandatory\].*release-synced/);
  });
});
