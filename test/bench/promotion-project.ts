/** A tenant of this project in a lab, promoted by Flux and deployed by `pulumi up`. */
import { join } from "node:path";
import type { HelmRevision } from "../lab/helm-history";
import { Cluster, type LiveObject, type ObjectReference, selectionOf } from "../lab/cluster";
import { fluxNamespace } from "../lab/flux-install";
import type { Lab } from "../lab/lab";
import { reconcile } from "../lab/reconcile";
import { hasCondition } from "../lab/wait";
import type { Engine } from "../../demo/engine";
import { type EngineSession, openEngineSession } from "../../demo/engine-session";
import { git } from "../../demo/git";
import type { ScratchApplication } from "../../demo/scratch-application";
import { copyProject, type ScratchProject } from "../../demo/scratch-project";
import { type Moments, observe, revisionsSince, type Target, upgraded } from "./observation";

const stack = "prod";
const stackFile = `Pulumi.${stack}.yaml`;
const sharedRepository = "shared-authority";

/** Flux's intervals. They limit the measured times, and are much shorter than in production. */
export const intervals = { source: "1h0m0s", image: "2s", release: "1m0s", automation: "1s" } as const;

/** The folders of the project. */
export interface PromotedProjectOptions {
  /** Absolute path of this project's folder. */
  readonly root: string;
  /** An existing folder that the caller removes. */
  readonly directory: string;
  readonly lab: Lab;
  /** The folder of the lab's bare repositories. */
  readonly gitRoot: string;
  readonly engine: Engine;
  readonly application: ScratchApplication;
}

/** The result of a deployment. */
export interface Deployed<Name extends string> {
  readonly moments: Moments<Name>;
  /** The Helm revisions since the previous deployment. */
  readonly revisions: readonly HelmRevision[];
}

/** A copy of this project on the lab's Git host, with one tenant with `automation: auto`. */
export class PromotedProject {
  private lastRevision = 0;

  private constructor(
    private readonly cluster: Cluster,
    private readonly project: ScratchProject,
    private readonly session: EngineSession,
    private readonly application: ScratchApplication,
    /** The shared repository on the Git host. */
    private readonly host: string,
  ) {}

  /** Declares the tenant before its first deployment. */
  static async create(options: PromotedProjectOptions, first: Target, digest: string): Promise<PromotedProject> {
    const { root, directory, lab, gitRoot, engine, application } = options;
    const host = join(gitRoot, `${sharedRepository}.git`);
    await git({ directory }, "init", "--quiet", "--bare", "--initial-branch=main", host);
    const project = await copyProject({ root, directory: join(directory, "project") });
    const session = openEngineSession(engine, directory);
    const cluster = Cluster.fromKubeconfig(lab.kubeconfigPath);
    const promoted = new PromotedProject(cluster, project, session, application, host);
    await project.git("remote", "add", "origin", `${lab.gitUrl}/${sharedRepository}.git`);
    await project.commit("Declare the tenant", {
      [stackFile]: stackFileOf(lab, application, first.chartVersion, digest),
      "Pulumi.dev.yaml": undefined,
      "Pulumi.staging.yaml": undefined,
      "releases.lock.yaml": undefined,
      ...promoted.valuesFile(first),
    });
    await promoted.run(["stack", "init", stack]);
    // The engine has written its encryption salt to the stack file.
    await promoted.commitAndPush("The salt of the stack", {});
    return promoted;
  }

  /**
   * Publishes a release and waits until Flux has committed it to the shared repository. The image is pushed last, at
   * `end`.
   */
  async promote(version: string): Promise<Moments<"seen" | "chosen" | "committed">> {
    const { name } = this.application;
    return observe(
      this.cluster,
      {
        seen: {
          selection: selectionOf(flux("ImageRepository", name)),
          isSo: ({ status }) =>
            (status?.lastScanResult as LastScan | undefined)?.latestTags?.includes(version) ?? false,
        },
        chosen: {
          selection: selectionOf(flux("ImagePolicy", name)),
          isSo: ({ status }) => (status?.latestRef as LatestRef | undefined)?.tag === version,
        },
        committed: { isSo: async () => (await this.onHost()).includes(`tag: "${version}"`) },
      },
      () => this.application.publish({ version, message: `Release ${version}` }),
    );
  }

  /** Pulls Flux's commit, commits the values, and deploys both with one `up`. */
  async deploy(target: Target): Promise<Deployed<"fetched" | "applied" | "upgraded" | "ready">> {
    const { name } = this.application;
    await this.project.git("pull", "--quiet", "--ff-only", "origin", "main");
    await this.commitAndPush("Change a value", this.valuesFile(target));
    const release = flux("HelmRelease", name);
    const generation = (await this.cluster.find(release))?.metadata.generation ?? 0;
    const isApplied = ({ metadata }: LiveObject) => (metadata.generation ?? 0) > generation;
    const source = flux("GitRepository", `${name}-${target.chartVersion}`);
    const moments = await observe(
      this.cluster,
      {
        fetched: { selection: selectionOf(source), isSo: (object) => hasCondition(object) },
        applied: { selection: selectionOf(release), isSo: isApplied },
        upgraded: upgraded(name, target),
        ready: { selection: selectionOf(release), isSo: (object) => isApplied(object) && hasCondition(object) },
      },
      () => this.run(["up", "--stack", stack, "--policy-pack", "policy-pack", "--yes", "--skip-preview"]),
    );
    await reconcile(this.cluster, release);
    const revisions = await revisionsSince(this.cluster, name, this.lastRevision);
    this.lastRevision = revisions.at(-1)?.revision ?? this.lastRevision;
    return { moments, revisions };
  }

  /** The stack file on the Git host. */
  private onHost(): Promise<string> {
    return git({ directory: this.host }, "show", `refs/heads/main:${stackFile}`);
  }

  private valuesFile(target: Target): Record<string, string> {
    return { [`tenants/${this.application.name}/values.yaml`]: valuesText(this.application, target) };
  }

  private async commitAndPush(message: string, files: Readonly<Record<string, string>>): Promise<void> {
    await this.project.commit(message, files);
    await this.project.git("push", "--quiet", "origin", "main");
  }

  private async run(parameters: readonly string[]): Promise<void> {
    const { code, stdout, stderr } = await this.session.run(parameters, { directory: this.project.directory });
    if (code !== 0) throw new Error(`pulumi ${parameters.join(" ")} ended with ${code}:\n${stdout}${stderr}`);
  }
}

interface LastScan {
  readonly latestTags?: readonly string[];
}

interface LatestRef {
  readonly tag: string;
}

/** The special config of all patterns. */
export function valuesText({ image }: ScratchApplication, { message }: Target): string {
  return `image:\n  repository: ${image}\nmessage: ${JSON.stringify(message)}\n`;
}

function stackFileOf(lab: Lab, application: ScratchApplication, version: string, digest: string): string {
  const { name, chartPath, image } = application;
  const marker = (field: string) => `# {"$imagepolicy": "${fluxNamespace}:${name}:${field}"}`;
  const looks = Object.entries(intervals).map(([what, interval]) => `${what}: ${interval}`);
  return [
    "config:",
    `  kubernetes:kubeconfig: ${lab.kubeconfigPath}`,
    "  shared-authority:follow: tags",
    `  shared-authority:authorityNamespace: ${fluxNamespace}`,
    `  shared-authority:configRepository: { url: "${lab.gitUrl}/${sharedRepository}.git", branch: main }`,
    `  shared-authority:intervals: { ${looks.join(", ")} }`,
    "  shared-authority:tenants:",
    `    ${name}:`,
    `      repository: ${lab.gitUrl}/${name}.git`,
    `      chart: ${chartPath}`,
    `      image: ${image}`,
    "      insecureRegistry: true",
    `      tag: "${version}" ${marker("tag")}`,
    `      digest: "${digest}" ${marker("digest")}`,
    // In block style, because the engine reformats flow mappings when it writes the salt.
    "      policy:",
    '        range: ">=6.0.0 <7.0.0"',
    "        automation: auto",
    "",
  ].join("\n");
}

const groups = {
  GitRepository: "source.toolkit.fluxcd.io/v1",
  HelmRelease: "helm.toolkit.fluxcd.io/v2",
  ImageRepository: "image.toolkit.fluxcd.io/v1",
  ImagePolicy: "image.toolkit.fluxcd.io/v1",
} as const;

function flux(kind: keyof typeof groups, name: string): ObjectReference {
  return { apiVersion: groups[kind], kind, metadata: { name, namespace: fluxNamespace } };
}
