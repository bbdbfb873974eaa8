import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Context } from "mocha";
import type { LiveObject, ObjectReference } from "../../lab/cluster";
import type { Engine } from "../../../demo/engine";
import { type EngineResult, type EngineSession, openEngineSession } from "../../../demo/engine-session";
import type { ScratchProject } from "../../../demo/scratch-project";
import { scratchProject } from "../../support/project";
import { requireEngine } from "../../support/pulumi";
import { Application } from "./application";
import { type HelmRevision, helmHistory } from "../../lab/helm-history";
import { freshName, type OpenedLab } from "./lab";
import { reconcile } from "../../lab/reconcile";
import { Repository } from "./repository";
import { waitFor, waitForCondition, waitForGone, waitForObject, type WaitOptions } from "../../lab/wait";

/** How a tenant stands in a stack file of the fixture. */
export interface FixtureTenant {
  readonly application: Application;
  /** The release that runs; none where the stack follows a branch. */
  readonly tag?: string;
  readonly digest?: string;
  /** Default: `manual`. */
  readonly automation?: "auto" | "pull-request" | "manual";
  /** Default: `>=6.0.0 <7.0.0`. */
  readonly range?: string;
  /** The chart. Default: `./charts/podinfo`. */
  readonly chart?: string;
  /** Further lines of the entry, such as `team: [developers]`. */
  readonly lines?: readonly string[];
}

/** How a stack of the fixture differs from the others. */
export interface FixtureStack {
  readonly follow?: "branch" | "tags";
  readonly tenants: readonly FixtureTenant[];
  /** How long one upgrade may take, a Go duration. Default: `2m0s`. */
  readonly releaseTimeout?: string;
  /** How long one fetch of a source may take, a Go duration. Default: `30s`. */
  readonly sourceTimeout?: string;
  /** How often Flux looks, as the stack file has it. Default: every 2 or 3 s, for stories that wait for it. */
  readonly intervals?: string;
  /** A namespace of its own for the stack's Flux objects, which is made. Default: the fixture's. */
  readonly authorityNamespace?: string;
  /** Further lines of the stack itself, such as `shared-authority:delivery: { manifests: rendered }`. */
  readonly settings?: readonly string[];
}

/** The special config of every tenant: what lets podinfo run at the Pod Security level `restricted`. */
const exampleValues = "tenants/podinfo/values.yaml";

/**
 * A fixture for one suite: opened before its first test, and ended after its last one, however far its set-up has come.
 * Called in a `describe`; the suite is skipped where the machine lacks what a story needs.
 *
 * @param engine what gives the engine. Default: the one of this machine.
 * @returns what gives the fixture, from the suite's own hooks on
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
    if (fixture === undefined)
      throw new Error("The fixture is there from the suite's hooks on, not while it is declared.");
    return fixture;
  };
}

/**
 * Everything that one story needs: a copy of this project on the lab's Git host, where Flux's automation commits to it;
 * the real engine; applications with podinfo's tags. Names are fresh, so that stories share a lab.
 */
export class Fixture {
  private readonly applications: Application[] = [];
  private readonly stacks = new Set<string>();
  private readonly namespaces: string[] = [];

  private constructor(
    readonly opened: OpenedLab,
    private readonly directory: string,
    /** The engine's own place: home, state in files, passphrase. */
    readonly session: EngineSession,
    /** The platform team's working copy of the shared repository. */
    readonly project: ScratchProject,
    /** The shared repository as the cluster reaches it. */
    private readonly shared: Repository,
    readonly authorityNamespace: string,
  ) {}

  /** The caller ends the fixture. */
  static async open(engine: Engine, opened: OpenedLab): Promise<Fixture> {
    const { lab } = opened;
    const directory = await realpath(await mkdtemp(join(tmpdir(), "shared-authority-fixture-")));
    const project = await scratchProject(directory);
    const shared = await Repository.create(lab, freshName("shared-authority"));
    await project.commit("No release is locked yet", { "releases.lock.yaml": undefined });
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

  /** Removes what the story made; of its objects in the cluster only where the lab lives on. */
  async end(): Promise<void> {
    if (!this.opened.own) await this.destroy();
    await Promise.all([this.shared, ...this.applications.map(({ repository }) => repository)].map((it) => it.remove()));
    await rm(this.directory, { recursive: true, force: true });
  }

  private async destroy(): Promise<void> {
    const { cluster } = this.opened;
    for (const stack of this.stacks) {
      const result = await this.pulumi("destroy", "--stack", stack, "--yes");
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

  /** Writes a stack file and its tenants' values files, and makes the stack. */
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
    // The engine writes the salt of the stack's secrets into the stack file.
    await this.commit(`The salt of ${stack}`, {});
  }

  /** Commits to the main branch of the shared repository, on top of what Flux committed there, and pushes. */
  async commit(message: string, files: Readonly<Record<string, string | undefined>>): Promise<string> {
    const commit = await this.project.commit(message, files);
    await this.push();
    return commit;
  }

  /** Commits a changed stack file on top of what Flux committed, and pushes. */
  async edit(stack: string, message: string, change: (text: string) => string): Promise<string> {
    await this.pull();
    const before = await this.project.read(stackFile(stack));
    const after = change(before);
    assert.notEqual(after, before, "the edit of the stack file changes nothing");
    return this.commit(message, { [stackFile(stack)]: after });
  }

  async push(): Promise<void> {
    await this.project.git("push", "--quiet", "origin", "main");
  }

  /** Gets what Flux's automation committed. */
  async pull(): Promise<void> {
    await this.project.git("pull", "--quiet", "--ff-only", "origin", "main");
  }

  /** A file as it is on a branch of the Git host now, or `undefined` where there is no such branch or file. */
  async remoteFile(path: string, branch = "main"): Promise<string | undefined> {
    try {
      await this.project.git("fetch", "--quiet", "origin", branch);
      return `${await this.project.git("show", `FETCH_HEAD:${path}`)}\n`;
    } catch {
      return undefined;
    }
  }

  /** The commit at the head of the shared repository's main branch, on the Git host. */
  async remoteHead(branch = "main"): Promise<string | undefined> {
    const [commit] = (await this.project.git("ls-remote", "origin", `refs/heads/${branch}`)).split("\t");
    return commit === "" ? undefined : commit;
  }

  /** Waits until Flux has committed: until the stack file on a branch of the Git host is as it should be. */
  async waitForStackFile(
    stack: string,
    description: string,
    isSo: (text: string) => boolean,
    { branch = "main", ...options }: WaitOptions & { branch?: string } = {},
  ): Promise<string> {
    return waitFor(
      description,
      async (see) => {
        const text = await this.remoteFile(stackFile(stack), branch);
        see(text);
        return text !== undefined && isSo(text) ? text : undefined;
      },
      {
        lab: this.opened.lab,
        logs: ["image-reflector-controller", "image-automation-controller"],
        // Each look is half a dozen processes, here and on the Git host: ten a second took a core from Flux.
        pauseMs: 500,
        ...options,
      },
    );
  }

  pulumi(...parameters: string[]): Promise<EngineResult> {
    return this.session.run(parameters, { directory: this.project.directory });
  }

  /** `pulumi preview` with the policy pack as CI runs it, where the policies read Git and registry themselves. */
  previewInCi(stack: string): Promise<EngineResult> {
    return this.session.run(["preview", "--stack", stack, "--policy-pack", "policy-pack"], {
      directory: this.project.directory,
      environment: { CI: "true" },
    });
  }

  /** `pulumi up` with the policy pack, whatever comes of it. */
  tryUp(stack: string, ...more: string[]): Promise<EngineResult> {
    return this.pulumi("up", "--stack", stack, "--policy-pack", "policy-pack", "--yes", ...more);
  }

  /** `pulumi up` with the policy pack and without a preview before it, which must succeed. @returns what it said */
  async up(stack: string): Promise<string> {
    const result = await this.tryUp(stack, "--skip-preview");
    assert.equal(result.code, 0, said(result));
    return said(result);
  }

  /** Asserts that an `up` would change nothing. */
  async expectNoChanges(stack: string, ...more: string[]): Promise<void> {
    const flags = ["--policy-pack", "policy-pack", "--expect-no-changes", ...more];
    const result = await this.pulumi("preview", "--stack", stack, ...flags);
    assert.equal(result.code, 0, said(result));
  }

  /** The CLI of this project, on the working copy. */
  authority(...parameters: string[]): Promise<EngineResult> {
    return new Promise((resolve) => {
      const program = [join("bin", "authority.js"), ...parameters];
      const child = execFile(process.execPath, program, { cwd: this.project.directory }, (_, stdout, stderr) =>
        resolve({ code: child.exitCode ?? 1, stdout, stderr }),
      );
    });
  }

  /** `authority up`, with the engine of the fixture, whatever comes of it. */
  async authorityUp(stack: string, ...flags: readonly string[]): Promise<EngineResult> {
    const parameters = [join("bin", "authority.js"), "up", "--stack", stack, "--", "--yes", "--skip-preview", ...flags];
    const options = { cwd: this.project.directory, env: this.session.environment, maxBuffer: 64 * 1024 * 1024 };
    return new Promise((resolve) => {
      const child = execFile(process.execPath, parameters, options, (_, stdout, stderr) =>
        resolve({ code: child.exitCode ?? 1, stdout, stderr }),
      );
      child.stdin?.end();
    });
  }

  /** A Flux object in the authority namespace. */
  flux(kind: FluxKind, name: string): ObjectReference {
    return { apiVersion: apiVersions[kind], kind, metadata: { name, namespace: this.authorityNamespace } };
  }

  /** The tenant's HelmRelease as it is now. */
  release({ name }: Application): Promise<LiveObject> {
    return this.opened.cluster.get(this.flux("HelmRelease", name));
  }

  /** Watches the tenant's HelmRelease until it is as it should be. */
  waitForRelease(
    { name }: Application,
    description: string,
    isSo: (release: LiveObject) => boolean,
    options: WaitOptions = {},
  ): Promise<LiveObject> {
    const { lab, cluster } = this.opened;
    return waitForObject(cluster, this.flux("HelmRelease", name), description, isSo, { lab, ...options });
  }

  /** Helm's own record of what has run. */
  history({ name }: Application): Promise<HelmRevision[]> {
    return helmHistory(this.opened.cluster, name, name);
  }

  /** The image that the tenant's Deployment runs now. */
  async runningImage({ name }: Application): Promise<string> {
    const { spec } = await this.opened.cluster.get({
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name, namespace: name },
    });
    const { containers } = (spec as { template: { spec: { containers: [{ image: string }] } } }).template.spec;
    return containers[0].image;
  }

  /** Asks Flux to look at the registry, to choose, and to commit, one after the other, and waits until it has. */
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
   * Asks Flux to look at a tenant's source, to build the chart of it, and to release that, one after the other, and waits
   * until it has: whatever could come of the source has come.
   *
   * @returns the source, which is ready
   */
  async lookAtSource({ name }: Application, source: ObjectReference): Promise<LiveObject> {
    const { cluster, lab } = this.opened;
    await this.reconcile(source);
    const ready = await waitForCondition(cluster, source, { lab });
    // Flux builds a chart of a Git repository by an object of its own; an artifact of a registry is the chart.
    if (source.kind === "GitRepository") {
      await this.reconcile(this.flux("HelmChart", `${this.authorityNamespace}-${name}`));
    }
    await this.reconcile(this.flux("HelmRelease", name));
    return ready;
  }

  /** Asks Flux to look at an object now, and waits until it has. */
  reconcile(reference: ObjectReference): Promise<LiveObject> {
    return reconcile(this.opened.cluster, reference, { lab: this.opened.lab });
  }

  /** The text of a stack file: as a platform team would write it, with comments, and with the lab's short intervals. */
  private stackFile(stack: FixtureStack): string {
    const { follow = "tags", tenants, releaseTimeout = "2m0s", sourceTimeout = "30s", settings = [] } = stack;
    const { authorityNamespace = this.authorityNamespace } = stack;
    // The source of a release cannot change: to look at twenty of them every 2 s is what two cores spend their time on.
    const source = follow === "branch" ? "2s" : "1h0m0s";
    // Each look of an automation clones the shared repository: every second, they take a third of two cores.
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
      "  shared-authority:tenants:",
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
      // In block style, which the engine keeps when it writes its salt into the file; it reformats braces.
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
} as const;

type FluxKind = keyof typeof apiVersions;

/** The path of a stack file in the shared repository. */
export function stackFile(stack: string): string {
  return `Pulumi.${stack}.yaml`;
}

/** Everything that a run of the engine said. */
export function said({ stdout, stderr }: EngineResult): string {
  return `${stdout}\n${stderr}`;
}
