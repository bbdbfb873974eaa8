import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { openEngineSession, type EngineResult, type EngineSession } from "../../demo/engine-session";
import type { Engine } from "../../demo/engine";
import type { KubernetesObject } from "../../src/manifests/object";
import { temporaryDirectory } from "../support/directory";
import { projectRoot } from "../support/project";
import { requireEngine } from "../support/pulumi";
import type { StackConfig } from "../../src/config/stack-config";
import type { PackConfig } from "../../src/policy-pack/judge";
import { allObjectsOf, config, configOf, evidenceOf, podinfo } from "./fixture";

/** How the program registers an object; by default as our components do. */
interface Registered {
  readonly object: object;
  readonly type?: string;
  readonly options?: object;
  /** The arguments of a provider of its own. */
  readonly provider?: object;
}

/**
 * A program of its own, without our components: it registers the given objects, one after the other. With UNKNOWN it
 * gives an object a name that the engine learns only by the step of another.
 */
const program = `
const pulumi = require("@pulumi/pulumi");
const kubernetes = require("@pulumi/kubernetes");
const provider = new kubernetes.Provider("rendered", { renderYamlToDirectory: "rendered" });
let last;
require("./objects.json").forEach(({ object, type, options, provider: own }, index) => {
  const { apiVersion = "", kind, metadata = {} } = object;
  const core = apiVersion.includes("/") ? apiVersion : "core/" + apiVersion;
  const spec = kind === "HelmRelease" && process.env.UNKNOWN
    ? { spec: { ...object.spec, serviceAccountName: last.id } }
    : {};
  last = new pulumi.CustomResource(
    type ?? "kubernetes:" + core + ":" + kind,
    (metadata.namespace ?? "") + "/" + metadata.name + (type === undefined ? "" : "-" + index),
    { ...object, ...spec },
    {
      provider: own === undefined ? provider : new kubernetes.Provider("own" + index, own),
      dependsOn: last === undefined ? [] : [last],
      protect: kind === "Namespace" || kind === "HelmRelease",
      ...options,
    },
  );
});
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
  const stack: StackConfig = { ...config, delivery: { kind: "manifests", directory: "rendered" } };
  const good = allObjectsOf(stack);

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
    write("Pulumi.prod.yaml", JSON.stringify({ config: configOf(stack) }));
    write("index.js", program);
    for (const { path, content } of podinfo.values) write(path, content);
    const created = await session.run(["stack", "init", "prod"], { directory: join(directory(), "program") });
    assert.equal(created.code, 0, created.stderr);
  });

  function write(file: string, content: string): void {
    const path = join(directory(), "program", file);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, content);
  }

  /** Runs the program over objects, with the pack. */
  function run(
    objects: readonly (KubernetesObject | Registered)[],
    parameters: readonly string[],
    environment: Readonly<Record<string, string>> = {},
    settings: PackConfig = {},
  ): Promise<EngineResult> {
    const root = join(directory(), "program");
    write("objects.json", JSON.stringify(objects.map((one) => ("object" in one ? one : { object: one }))));
    write(
      "pack.json",
      JSON.stringify({ ...settings, "decided-objects": { project: root, ...(settings["decided-objects"] as object) } }),
    );
    const packConfig = parameters.includes("--policy-pack") ? ["--policy-pack-config", "pack.json"] : [];
    return session.run([...parameters, ...packConfig, "--stack", "prod"], { directory: root, environment });
  }

  /** The pack refuses the objects, for this reason. */
  async function refuses(
    objects: readonly (KubernetesObject | Registered)[],
    reason: RegExp,
    settings?: PackConfig,
  ): Promise<void> {
    const { code, stdout, stderr } = await run(objects, ["preview", "--policy-pack", pack], {}, settings);
    assert.notEqual(code, 0, stdout);
    assert.match(stdout + stderr, /\[mandatory\]/);
    assert.match(stdout + stderr, reason);
  }

  function rendered(): string[] {
    const folder = join(directory(), "program", "rendered");
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
    const broken = allObjectsOf(stack, evidenceOf(podinfo, { appVersion: "6.14.0" }));
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
    assert.match(
      result.stdout + result.stderr,
      /HelmRelease flux-system\/redis:\n.*the stack's config decides no such object/,
    );
    assert.deepEqual(rendered(), []);
  });

  it("blocks an unknown value", async () => {
    const { code, stdout, stderr } = await run(good, ["preview", "--policy-pack", pack], { UNKNOWN: "1" });
    assert.notEqual(code, 0);
    assert.match(stdout + stderr, /\[mandatory\].*decided-objects/);
    assert.match(stdout + stderr, /`spec\.serviceAccountName` is not known before the step/);
  });

  it("applies the enforcement levels and settings of its config", async () => {
    const levels = { all: "disabled", "decided-objects": { enforcementLevel: "advisory" } } as const;
    const { code, stdout, stderr } = await run([handMade], ["preview", "--policy-pack", pack], {}, levels);
    assert.equal(code, 0, stdout + stderr);
    assert.match(stdout + stderr, /\[advisory\].*decided-objects/);
    assert.doesNotMatch(stdout + stderr, /\[mandatory\]/);
  });

  it("rejects an unknown setting", async () => {
    for (const settings of [
      { "evidence-verified": { mode: "sometimes" } },
      { "decided-objects": { scope: "nothing" } },
      { "decided-objects": { allow: [{ kind: "Secret" }] } },
    ] as PackConfig[]) {
      const result = await run(good, ["preview", "--policy-pack", pack], {}, settings);
      assert.notEqual(result.code, 0);
    }
  });

  it("verifies the evidence in CI and blocks facts that cannot be read", async () => {
    const unreadable = {
      ...podinfo,
      repository: "https://127.0.0.1:1/podinfo.git",
      images: ["127.0.0.1:1/podinfo"] as const,
    };
    const other = { ...stack, tenants: [unreadable] };
    write("Pulumi.prod.yaml", JSON.stringify({ config: configOf(other) }));
    const objects = allObjectsOf(other);
    const local = await run(objects, ["preview", "--policy-pack", pack]);
    assert.equal(local.code, 0, local.stdout + local.stderr);
    const ci = await run(objects, ["preview", "--policy-pack", pack], { CI: "true" });
    assert.notEqual(ci.code, 0);
    assert.match(ci.stdout + ci.stderr, /\[mandatory\].*evidence-verified/);
    assert.match(ci.stdout + ci.stderr, /cannot be read/);
  });

  it("finds credentials in special config without printing them", async () => {
    const values = [{ path: "tenants/podinfo/values.yaml", content: "redis:\n  password: hunter2\n" }];
    for (const { path, content } of values) write(path, content);
    const leaking = allObjectsOf({ ...stack, tenants: [{ ...podinfo, values }] });
    const { code, stdout, stderr } = await run(leaking, ["preview", "--policy-pack", pack]);
    assert.notEqual(code, 0);
    assert.match(stdout + stderr, /\[mandatory\].*no-secrets-in-values/);
    assert.match(stdout + stderr, /values\.yaml, line 2: `redis\.password` has a key that names a credential/);
    assert.doesNotMatch(/Policies:[\s\S]*?Diagnostics:/.exec(stdout)?.[0] ?? "", /hunter2/);
  });

  const binding = {
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind: "ClusterRoleBinding",
    metadata: { name: "evil" },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "cluster-admin" },
    subjects: [{ kind: "Group", name: "podinfo-developers", apiGroup: "rbac.authorization.k8s.io" }],
  };
  const undecided = /the stack's config decides no such object/;
  const source = good.find(({ metadata }) => metadata.name === "podinfo-6.14.1")!;
  const evilSource = {
    ...source,
    metadata: { ...source.metadata, annotations: undefined },
    spec: { url: "https://example.com/evil" },
  };
  const attacks: [string, Registered, RegExp][] = [
    ["a type like that of an SDK's component", { object: binding, type: "kubernetes:helm.sh/v9:Anything" }, undecided],
    ["a HelmRelease in such a type", { object: handMade, type: "kubernetes:yaml/v2:HelmRelease" }, undecided],
    ["the type of another object", { object: handMade, type: "kubernetes:core/v1:ConfigMap" }, undecided],
    [
      "a patch of a judged source",
      { object: evilSource, type: "kubernetes:source.toolkit.fluxcd.io/v1:GitRepositoryPatch" },
      /GitRepository flux-system\/podinfo-6\.14\.1:\s+- it is in this run already/,
    ],
    [
      "a second source of the same name",
      { object: { ...evilSource, apiVersion: "source.toolkit.fluxcd.io/v1beta2" } },
      /GitRepository flux-system\/podinfo-6\.14\.1:\s+- it is in this run already/,
    ],
    [
      "a list",
      {
        object: { apiVersion: "v1", kind: "List", metadata: { name: "all" }, items: [binding] },
        type: "kubernetes:core/v1:List",
      },
      undecided,
    ],
    [
      "an account's token",
      {
        object: {
          apiVersion: "v1",
          kind: "Secret",
          type: "kubernetes.io/service-account-token",
          metadata: { name: "podinfo-token", namespace: "flux-system" },
        },
      },
      undecided,
    ],
    [
      "a Provider that sends a Secret out",
      {
        object: {
          apiVersion: "notification.toolkit.fluxcd.io/v1beta3",
          kind: "Provider",
          metadata: { name: "leak", namespace: "flux-system" },
          spec: { type: "alertmanager", address: "https://example.com", secretRef: { name: "push" } },
        },
      },
      undecided,
    ],
    [
      "a workload past Flux",
      { object: { apiVersion: "apps/v1", kind: "Deployment", metadata: { name: "evil", namespace: "podinfo" } } },
      undecided,
    ],
    [
      "a provider of its own",
      {
        object: { apiVersion: "v1", kind: "Other", metadata: { name: "x" } },
        provider: { renderYamlToDirectory: "elsewhere" },
      },
      /the provider "own\d+":\s+- the provider's renderYamlToDirectory is "elsewhere", must be "rendered"/,
    ],
  ];
  for (const [what, attack, reason] of attacks) {
    it(`blocks ${what}, beside all that was decided`, () => refuses([...good, attack], reason));
  }

  it("blocks a decided object with options that apply something else, or on another provider", async () => {
    for (const [change, reason] of [
      [{ options: { ignoreChanges: ["spec"] } }, /its `ignoreChanges` keep spec as it was/],
      [{ options: { deleteBeforeReplace: true } }, /its `deleteBeforeReplace` removes the object/],
      [{ provider: { renderYamlToDirectory: "rendered" } }, /it uses the provider "own\d+", but the objects before it/],
    ] as const) {
      await refuses(
        good.map((object) => (object.kind === "LimitRange" ? { object, ...change } : object)),
        reason,
      );
    }
  });

  it("passes nothing in a stack without config of shared-authority, nor without the project's folder", async () => {
    await refuses(good, /There is no Pulumi\.yaml, so the values files cannot be read/, {
      "decided-objects": { project: directory() },
    });
    write("Pulumi.prod.yaml", JSON.stringify({ config: {} }));
    await refuses(good, undecided);
  });

  it("lets pass what its config allows, by name and reason", async () => {
    const alert = {
      apiVersion: "notification.toolkit.fluxcd.io/v1beta3",
      kind: "Alert",
      metadata: { name: "x", namespace: "flux-system" },
    };
    const allow = [{ kind: "Alert", namespace: "flux-system", name: "x", reason: "The platform team is on call" }];
    const allowed = await run(
      [...good, alert],
      ["preview", "--policy-pack", pack],
      {},
      { "decided-objects": { allow } },
    );
    assert.equal(allowed.code, 0, allowed.stdout + allowed.stderr);
    await refuses([...good, alert], undecided);
  });

  it("judges only HelmReleases and their sources with the scope flux, by Git and the registry", async () => {
    write("Pulumi.prod.yaml", JSON.stringify({ config: {} }));
    const foreign = good
      .filter(({ kind, metadata }) => kind === "HelmRelease" || metadata.name === "podinfo-6.14.1")
      .map((object): KubernetesObject => ({ ...object, metadata: { ...object.metadata, annotations: undefined } }));
    const secret = { apiVersion: "v1", kind: "Secret", metadata: { name: "x", namespace: "default" } };
    const unreachable = "https://127.0.0.1:1/podinfo.git";
    const [source, release] = foreign;
    const moved = { ...source!, spec: { ...(source!.spec as object), url: unreachable } };
    const applications = {
      podinfo: { repository: unreachable, chart: "charts/podinfo", image: "127.0.0.1:1/podinfo" },
    };
    const settings: PackConfig = { "decided-objects": { scope: "flux", applications } };
    await refuses([secret, moved, release!], /HelmRelease[^]*cannot be read/, settings);
    await refuses([secret, source!, release!], /no application of the policy pack's config has the chart/, settings);
    const without = await run([secret, moved], ["preview", "--policy-pack", pack], {}, settings);
    assert.equal(without.code, 0, without.stdout + without.stderr);
  });

  describe("with --target", () => {
    const target = "urn:pulumi:prod::scratch::kubernetes:core/v1:Namespace::/podinfo";
    const targeted = (objects: readonly KubernetesObject[]) =>
      run(objects, ["up", "--yes", "--target", target, "--policy-pack", pack]);

    it("passes while nothing else is pending, or exists", async () => {
      const [first] = good.filter(({ kind }) => kind === "Namespace");
      const others = good.filter((one) => one !== first);
      const fresh = await targeted([first!, ...others]);
      assert.equal(fresh.code, 0, fresh.stdout + fresh.stderr);
      assert.deepEqual(rendered().filter((file) => file.endsWith(".yaml")).length, 1);
      const up = await run(good, ["up", "--yes", "--policy-pack", pack]);
      assert.equal(up.code, 0, up.stdout + up.stderr);
      const again = await targeted(good);
      assert.equal(again.code, 0, again.stdout + again.stderr);
    });

    it("blocks what is pending, and says why", async () => {
      const up = await run(good, ["up", "--yes", "--policy-pack", pack]);
      assert.equal(up.code, 0, up.stdout + up.stderr);
      const changed = { ...stack, tenants: [{ ...podinfo, quota: { "requests.cpu": "9" } }] };
      write("Pulumi.prod.yaml", JSON.stringify({ config: configOf(changed) }));
      const { code, stdout, stderr } = await targeted(allObjectsOf(changed));
      assert.notEqual(code, 0);
      assert.match(stdout + stderr, /requests\.cpu is "2", must be "9"\s+- with `--target`[^]*run `authority up`/);
    });
  });

  it("works outside this project, as packed by npm", async () => {
    execFileSync("npm", ["pack", "--silent", "--pack-destination", directory()], { cwd: pack, stdio: "pipe" });
    const [archive] = readdirSync(directory()).filter((file) => file.endsWith(".tgz"));
    execFileSync("tar", ["-xzf", archive!], { cwd: directory() });
    const packed = ["preview", "--policy-pack", join(directory(), "package")];
    const passed = await run(good, packed);
    assert.equal(passed.code, 0, passed.stdout + passed.stderr);
    const { code, stdout, stderr } = await run([handMade], packed);
    assert.notEqual(code, 0);
    assert.match(stdout + stderr, /\[mandatory\].*decided-objects/);
  });
});
