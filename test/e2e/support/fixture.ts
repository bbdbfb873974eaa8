import assert from "node:assert/strict";
import { mkdtemp, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import type { Context } from "mocha";
import type { LiveObject, ObjectReference } from "../../lab/cluster";
import type { Engine } from "../../../demo/engine";
import { type EngineResult, type EngineSession, openEngineSession } from "../../../demo/engine-session";
import { authorityProgram, type ScratchProject } from "../../../demo/scratch-project";
import { scratchProject } from "../../support/project";
import { requireEngine } from "../../support/pulumi";
import { Application } from "./application";
import { type HelmRevision, helmHistory } from "../../lab/helm-history";
import { freshName, type OpenedLab } from "./lab";
import { reconcile } from "../../lab/reconcile";
import { Repository } from "./repository";
import { waitFor, waitForCondition, waitForGone, waitForObject, type WaitOptions } from "../../lab/wait";

/** A tenant's entry in a stack file. */
export interface FixtureTenant {
  readonly application: Application;
  /** Absent if the stack follows a branch. */
  readonly tag?: string;
  readonly digest?: string;
  /** Default: `manual`. */
  readonly automation?: "auto" | "pull-request" | "manual";
  /** Default: `>=6.0.0 <7.0.0`. */
  readonly range?: string;
  /** The chart. Default: `./charts/podinfo`. */
  readonly chart?: string;
  /** Additional lines of the entry, such as `team: [developers]`. */
  readonly lines?: readonly string[];
}

/** The options of a stack. */
export interface FixtureStack {
  readonly follow?: "branch" | "tags";
  readonly tenants: readonly FixtureTenant[];
  /** The timeout of an upgrade, a Go duration. Default: `2m0s`. */
  readonly releaseTimeout?: string;
  /** The timeout of fetching a source, a Go duration. Default: `30s`. */
  readonly sourceTimeout?: string;
  /** Flux's intervals, as in the stack file. Default: 2 to 3 s, because most tests wait for Flux. */
  readonly intervals?: string;
  /** A separate namespace for the stack's Flux objects, which is created. Default: the fixture's. */
  readonly authorityNamespace?: string;
  /** Additional lines of the stack, such as `shared-authority:delivery: { manifests: rendered }`. */
  readonly settings?: readonly string[];
}

/** The special config of every tenant. It lets podinfo run at the Pod Security level `restricted`. */
const exampleValues = "tenants/podinfo/values.yaml";

/**
 * Opens a fixture before the suite and ends it afterwards. Call it in a `describe`. The suite is skipped if this machine
 * has no engine.
 *
 * @param engine finds the engine. Default: the installed one.
 * @returns a function that returns the fixture, for hooks and tests
 */
export function useFixture(
  opened: () => OpenedLab,
  engine: (context: Context) => Promise<Engine> = requireEngine,
): () => Fixture {
  let fixture: Fixture | undefined;
  before(async function () {
    fixture = await Fixture.open(await engine(this), opened());
  });
  after(() => fixture?.end());
  return () => {
    if (fixture === undefined) throw new Error("The fixture exists only while hooks and tests run.");
    return fixture;
  };
}

/**
 * A shared repository with its applications: a copy of this project on the lab's Git host, where Flux commits to it, the
 * real engine, and applications with podinfo's tags. All names are unique, so that suites can share a lab.
 */
export class Fixture {
  private readonly applications: Application[] = [];
  private readonly stacks = new Set<string>();
  private readonly namespaces: string[] = [];

  private constructor(
    readonly opened: OpenedLab,
    private readonly directory: string,
    /** The engine's home, state and passphrase. */
    readonly session: EngineSession,
    /** The platform team's clone of the shared repository. */
    readonly project: ScratchProject,
    /** The shared repository on the Git host. */
    private readonly shared: Repository,
    readonly authorityNamespace: string,
  ) {}

  /** The caller ends the fixture. */
  static async open(engine: Engine, opened: OpenedLab): Promise<Fixture> {
    const { lab } = opened;
    const directory = await realpath(await mkdtemp(join(tmpdir(), "shared-authority-fixture-")));
    const project = await scratchProject(directory);
    const shared = await Repository.create(lab, freshName("shared-authority"));
    await project.commit("No release is locked yet, no staging", {
      "Pulumi.staging.yaml": undefined,
      "releases.lock.yaml": undefined,
    });
    await project.git("remote", "add", "origin", shared.url);
    await project.git("push", "--quiet", "--set-upstream", "origin", "main");
    const authorityNamespace = freshName("authority");
    const session = openEngineSession(engine, directory);
    const fixture = new Fixture(opened, directory, session, project, shared, authorityNamespace);
    await fixture.createNamespace(authorityNamespace);
    return fixture;
  }

  private async createNamespace(name: string): Promise<void> {
    await this.opened.cluster.create({ apiVersion: "v1", kind: "Namespace", metadata: { name } });
    this.namespaces.push(name);
  }

  /** Removes all files, and the objects in the cluster if the lab keeps running. */
  async end(): Promise<void> {
    if (!this.opened.own) await this.destroy();
    await Promise.all([this.shared, ...this.applications.map(({ repository }) => repository)].map((it) => it.remove()));
    await rm(this.directory, { recursive: true, force: true, maxRetries: 5 });
  }

  private async destroy(): Promise<void> {
    const { cluster } = this.opened;
    for (const stack of this.stacks) {
      const result = await this.pulumi("destroy", "--stack", stack, "--yes", "--ignore-protect");
      assert.equal(result.code, 0, said(result));
    }
    for (const name of this.namespaces) {
      const namespace = { apiVersion: "v1", kind: "Namespace", metadata: { name } };
      await cluster.delete(namespace);
      await waitForGone(cluster, namespace);
    }
  }

  /** A new application, with podinfo's tags and the images of these versions. */
  async application(...versions: readonly string[]): Promise<Application> {
    const application = await Application.create(this.opened.lab);
    this.applications.push(application);
    for (const version of versions) await application.pushImage(version);
    return application;
  }

  /** Writes a stack file and the values files of its tenants, and creates the stack. */
  async addStack(stack: string, declared: FixtureStack): Promise<void> {
    if (declared.authorityNamespace !== undefined) await this.createNamespace(declared.authorityNamespace);
    const example = await this.project.read(exampleValues);
    const values = declared.tenants.map(({ application }) => [
      `tenants/${application.name}/values.yaml`,
      `${example}\nimage:\n  repository: ${application.image}\n`,
    ]);
    await this.project.commit(`Declare ${stack}`, {
      [stackFile(stack)]: this.stackFile(declared),
      ...(Object.fromEntries(values) as Record<string, string>),
    });
    const result = await this.pulumi("stack", "init", stack);
    assert.equal(result.code, 0, said(result));
    this.stacks.add(stack);
    // The engine has written its encryption salt to the stack file.
    await this.commit(`The salt of ${stack}`, {});
  }

  /** Commits to the main branch of the shared repository and pushes. */
  async commit(message: string, files: Readonly<Record<string, string | undefined>>): Promise<string> {
    const commit = await this.project.commit(message, files);
    await this.push();
    return commit;
  }

  /** Pulls, changes a stack file, commits and pushes. */
  async edit(stack: string, message: string, change: (text: string) => string): Promise<string> {
    await this.pull();
    const before = await this.project.read(stackFile(stack));
    const after = change(before);
    assert.notEqual(after, before, "the edit does not change the stack file");
    return this.commit(message, { [stackFile(stack)]: after });
  }

  async push(): Promise<void> {
    await this.project.git("push", "--quiet", "origin", "main");
  }

  /** Pulls Flux's commits. */
  async pull(): Promise<void> {
    await this.project.git("pull", "--quiet", "--ff-only", "origin", "main");
  }

  /** A file on a branch of the Git host, or `undefined` if branch or file do not exist. */
  async remoteFile(path: string, branch = "main"): Promise<string | undefined> {
    try {
      await this.project.git("fetch", "--quiet", "origin", branch);
      return `${await this.project.git("show", `FETCH_HEAD:${path}`)}\n`;
    } catch {
      return undefined;
    }
  }

  /** The head of a branch on the Git host. */
  async remoteHead(branch = "main"): Promise<string | undefined> {
    const [commit] = (await this.project.git("ls-remote", "origin", `refs/heads/${branch}`)).split("\t");
    return commit === "" ? undefined : commit;
  }

  /** Makes a person the author of what verbs commit. */
  async actAs(name: string): Promise<void> {
    await this.project.git("config", "user.name", name);
    await this.project.git("config", "user.email", `${name.toLowerCase()}@example.com`);
  }

  /** Waits until the stack file on a branch of the Git host matches. */
  async waitForStackFile(
    stack: string,
    description: string,
    matches: (text: string) => boolean,
    { branch = "main", ...options }: WaitOptions & { branch?: string } = {},
  ): Promise<string> {
    return waitFor(
      description,
      async (see) => {
        const text = await this.remoteFile(stackFile(stack), branch);
        see(text);
        return text !== undefined && matches(text) ? text : undefined;
      },
      {
        lab: this.opened.lab,
        logs: ["image-reflector-controller", "image-automation-controller"],
        // A probe starts six processes. Ten probes per second would take a core from Flux.
        pauseMs: 500,
        ...options,
      },
    );
  }

  pulumi(...parameters: string[]): Promise<EngineResult> {
    return this.session.run(parameters, { directory: this.project.directory });
  }

  /** `pulumi preview` with the policy pack in CI, where the policies read Git and the registry. */
  previewInCi(stack: string): Promise<EngineResult> {
    return this.session.run(["preview", "--stack", stack, "--policy-pack", "policy-pack"], {
      directory: this.project.directory,
      environment: { CI: "true" },
    });
  }

  /** `pulumi up` with the policy pack. It may fail. */
  tryUp(stack: string, ...more: string[]): Promise<EngineResult> {
    return this.pulumi("up", "--stack", stack, "--policy-pack", "policy-pack", "--yes", ...more);
  }

  /** `pulumi up` with the policy pack and without a preview. It must succeed. @returns its output */
  async up(stack: string): Promise<string> {
    const result = await this.tryUp(stack, "--skip-preview");
    assert.equal(result.code, 0, said(result));
    return said(result);
  }

  /** Asserts that a preview has no changes. */
  async expectNoChanges(stack: string, ...more: string[]): Promise<void> {
    const flags = ["--policy-pack", "policy-pack", "--expect-no-changes", ...more];
    const result = await this.pulumi("preview", "--stack", stack, ...flags);
    assert.equal(result.code, 0, said(result));
  }

  /** Runs `authority` in the clone. */
  authority(...parameters: string[]): Promise<EngineResult> {
    const environment = { ...process.env, ...this.session.environment };
    return runNode([authorityProgram, ...parameters], this.project.directory, environment);
  }

  /** Saves the evidence of a stack's releases in the lock, and commits it. */
  async lock(stack: string): Promise<void> {
    const locked = await this.authority("lock", "--stack", stack);
    assert.equal(locked.code, 0, said(locked));
    await this.commit("Lock the releases", {});
  }

  /** `authority up` with the fixture's engine. It may fail. */
  authorityUp(stack: string, ...flags: readonly string[]): Promise<EngineResult> {
    const parameters = [authorityProgram, "up", "--stack", stack, "--", "--yes", "--skip-preview", ...flags];
    return runNode(parameters, this.project.directory, this.session.environment);
  }

  /** A Flux object in the authority namespace. */
  flux(kind: FluxKind, name: string): ObjectReference {
    return { apiVersion: apiVersions[kind], kind, metadata: { name, namespace: this.authorityNamespace } };
  }

  /** The tenant's HelmRelease. */
  release({ name }: Application): Promise<LiveObject> {
    return this.opened.cluster.get(this.flux("HelmRelease", name));
  }

  /** Watches the tenant's HelmRelease until it matches. */
  waitForRelease(
    { name }: Application,
    description: string,
    matches: (release: LiveObject) => boolean,
    options: WaitOptions = {},
  ): Promise<LiveObject> {
    const { lab, cluster } = this.opened;
    return waitForObject(cluster, this.flux("HelmRelease", name), description, matches, { lab, ...options });
  }

  /** The tenant's Helm revisions. */
  history({ name }: Application): Promise<HelmRevision[]> {
    return helmHistory(this.opened.cluster, name, name);
  }

  /** Waits until Helm has deployed the chart of a followed branch's commit. */
  runsCommit(application: Application, commit: string): Promise<HelmRevision> {
    return waitFor(
      `${application.name} runs ${commit}`,
      async (see) => {
        const latest = (await this.history(application)).at(-1);
        see(latest?.chartVersion);
        return latest?.status === "deployed" && latest.chartVersion.endsWith(`+${commit.slice(0, 12)}`)
          ? latest
          : undefined;
      },
      { lab: this.opened.lab, logs: ["source-controller", "helm-controller"] },
    );
  }

  /** The image of the tenant's Deployment. */
  async runningImage({ name }: Application): Promise<string> {
    const { spec } = await this.opened.cluster.get({
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name, namespace: name },
    });
    const { containers } = (spec as { template: { spec: { containers: [{ image: string }] } } }).template.spec;
    return containers[0].image;
  }

  /** Reconciles the objects that find, select and commit new images, in this order. */
  async lookForNewImages(stack: string, application: Application, mode: "auto" | "pull-request"): Promise<void> {
    const objects = [
      this.flux("ImageRepository", application.name),
      this.flux("ImagePolicy", application.name),
      this.flux("GitRepository", `shared-authority-${stack}`),
      this.flux("ImageUpdateAutomation", `shared-authority-${stack}-${mode}`),
    ];
    for (const object of objects) await this.reconcile(object);
  }

  /**
   * Reconciles a tenant's source, chart and release, in this order. After this, all effects of the source are visible.
   *
   * @returns the ready source
   */
  async lookAtSource({ name }: Application, source: ObjectReference): Promise<LiveObject> {
    const { cluster, lab } = this.opened;
    await this.reconcile(source);
    const ready = await waitForCondition(cluster, source, { lab });
    // For a Git repository, Flux creates a HelmChart object. An artifact in a registry is the chart itself.
    if (source.kind === "GitRepository") {
      await this.reconcile(this.flux("HelmChart", `${this.authorityNamespace}-${name}`));
    }
    await this.reconcile(this.flux("HelmRelease", name));
    return ready;
  }

  /** Requests a reconciliation and waits until it is handled. */
  reconcile(reference: ObjectReference): Promise<LiveObject> {
    return reconcile(this.opened.cluster, reference, { lab: this.opened.lab });
  }

  /** The text of a stack file, with comments as a platform team writes them, and with short intervals. */
  private stackFile(stack: FixtureStack): string {
    const { follow = "tags", tenants, releaseTimeout = "2m0s", sourceTimeout = "30s", settings = [] } = stack;
    const { authorityNamespace = this.authorityNamespace } = stack;
    // The source of a release cannot change. Polling twenty of them every 2 s would keep two cores busy.
    const source = follow === "branch" ? "2s" : "1h0m0s";
    // An automation clones the shared repository each time. Every second, this would take a third of two cores.
    const { intervals = `{ source: ${source}, image: 2s, release: 1m0s, automation: 3s }` } = stack;
    return [
      "# The decisions of one environment.",
      "config:",
      `  kubernetes:kubeconfig: ${this.opened.lab.kubeconfigPath}`,
      `  shared-authority:follow: ${follow}`,
      `  shared-authority:authorityNamespace: ${authorityNamespace}`,
      `  shared-authority:configRepository: { url: "${this.shared.url}", branch: main }`,
      `  shared-authority:intervals: ${intervals}`,
      `  shared-authority:timeouts: { source: ${sourceTimeout}, release: ${releaseTimeout} }`,
      ...settings.map((line) => `  ${line}`),
      `  shared-authority:tenants:${tenants.length === 0 ? " {}" : ""}`,
      ...tenants.flatMap((tenant) => this.entry(tenant)),
      "",
    ].join("\n");
  }

  private entry(tenant: FixtureTenant): string[] {
    const { application, tag, digest, automation = "manual", range = ">=6.0.0 <7.0.0", chart } = tenant;
    const marker = (field: string) =>
      automation === "manual" ? "" : ` # {"$imagepolicy": "${this.authorityNamespace}:${application.name}:${field}"}`;
    return [
      `    ${application.name}: # owned by team ${application.name}`,
      `      repository: ${application.repository.url}`,
      `      chart: ${chart ?? "./charts/podinfo"}`,
      `      image: ${application.image}`,
      `      insecureRegistry: ${this.opened.lab.registryUrl.startsWith("http:")}`,
      ...(tag === undefined ? [] : ["      # What runs. Flux writes here.", `      tag: "${tag}"${marker("tag")}`]),
      ...(digest === undefined ? [] : [`      digest: "${digest}"${marker("digest")}`]),
      // In block style, because the engine reformats flow mappings when it writes its salt.
      ...(tag === undefined ? [] : ["      policy:", `        range: "${range}"`, `        automation: ${automation}`]),
      ...(tenant.lines ?? []).map((line) => `      ${line}`),
    ];
  }
}

const apiVersions = {
  GitRepository: "source.toolkit.fluxcd.io/v1",
  OCIRepository: "source.toolkit.fluxcd.io/v1",
  HelmChart: "source.toolkit.fluxcd.io/v1",
  HelmRelease: "helm.toolkit.fluxcd.io/v2",
  ImageRepository: "image.toolkit.fluxcd.io/v1",
  ImagePolicy: "image.toolkit.fluxcd.io/v1",
  ImageUpdateAutomation: "image.toolkit.fluxcd.io/v1",
  Receiver: "notification.toolkit.fluxcd.io/v1",
} as const;

type FluxKind = keyof typeof apiVersions;

/** The path of a stack file in the shared repository. */
export function stackFile(stack: string): string {
  return `Pulumi.${stack}.yaml`;
}

/** The complete output of a run. */
export function said({ stdout, stderr }: EngineResult): string {
  return `${stdout}\n${stderr}`;
}

async function runNode(parameters: readonly string[], cwd: string, env: NodeJS.ProcessEnv): Promise<EngineResult> {
  const options = { cwd, env, extendEnv: false, input: "", stripFinalNewline: false, reject: false } as const;
  const { exitCode, stdout, stderr } = await execa(process.execPath, parameters, options);
  return { code: exitCode ?? 1, stdout, stderr };
}
