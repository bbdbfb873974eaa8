import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { serveRegistry } from "../../demo/embedded-registry";
import { type EngineSession, openEngineSession } from "../../demo/engine-session";
import { serveGit } from "../../demo/git-server";
import { createApplication, type ScratchApplication } from "../../demo/scratch-application";
import { authorityProgram, type ScratchProject } from "../../demo/scratch-project";
import { scratchProject } from "./project";
import { requireEngine } from "./pulumi";

/** The result of a command. */
export interface Ended {
  readonly code: number;
  /** What it wrote, the messages last. */
  readonly output: string;
}

/**
 * A copy of this project with a stack `prod` that renders manifests, for the tests of a suite, on the real engine. Each
 * application has its release 1.0.0, on a Git host and in a registry.
 *
 * @param names those of the applications
 */
export function engineProject(...names: readonly string[]): () => EngineProject {
  const undo: (() => unknown)[] = [];
  let opened: EngineProject | undefined;

  before(async function () {
    const engine = await requireEngine(this);
    const directory = realpathSync(mkdtempSync(join(tmpdir(), "shared-authority-engine-")));
    undo.push(() => rmSync(directory, { recursive: true, force: true }));
    const repositories = join(directory, "git");
    mkdirSync(repositories);
    const git = await serveGit({ root: repositories });
    undo.push(() => git.close());
    const registry = await serveRegistry();
    undo.push(() => registry.close());
    const applications = new Map<string, ScratchApplication>();
    for (const name of names) {
      const application = await createApplication({ directory: repositories, name, registry: registry.url });
      await application.publish({ version: "1.0.0", message: "The first release" });
      applications.set(name, application);
    }
    const project = await scratchProject(directory);
    opened = new EngineProject(project, openEngineSession(engine, directory), applications, git.url);
    await opened.init();
  });

  after(async () => {
    for (const step of undo.reverse()) await step();
  });

  return () => {
    assert.ok(opened, "the project is opened in `before`");
    return opened;
  };
}

/** The project, and what people do in it. */
export class EngineProject {
  #salt = "";

  constructor(
    readonly project: ScratchProject,
    readonly session: EngineSession,
    readonly applications: ReadonlyMap<string, ScratchApplication>,
    readonly gitUrl: string,
  ) {}

  /** Creates the stack. The engine writes a line into its file, which is committed like the rest. */
  async init(): Promise<void> {
    await this.pulumi("stack", "init", "prod");
    this.#salt = /^encryptionsalt: .*$/m.exec(await this.project.read("Pulumi.prod.yaml"))?.[0] ?? "";
  }

  /**
   * Commits these tenants.
   *
   * @param tenants their own lines by name. One without an application of its name has the first one
   * @param settings further lines
   * @param files further files
   */
  async decide(
    tenants: Readonly<Record<string, readonly string[]>>,
    settings: readonly string[] = [],
    files: Readonly<Record<string, string>> = {},
  ): Promise<void> {
    const [first = ""] = this.applications.keys();
    const entries = Object.entries(tenants).flatMap(([name, lines]) => {
      const application = this.applications.has(name) ? name : first;
      return [
        `    ${name}:`,
        `      repository: ${this.gitUrl}/${application}.git`,
        `      chart: ./charts/${application}`,
        `      image: ${this.applications.get(application)?.image ?? ""}`,
        "      insecureRegistry: true",
        ...lines.map((line) => `      ${line}`),
      ];
    });
    const head = ["config:", "  shared-authority:follow: tags"];
    const delivery = "  shared-authority:delivery: { manifests: rendered/prod }";
    const lines = [...head, delivery, ...settings, "  shared-authority:tenants:", ...entries, this.#salt, ""];
    await this.project.commit("Decide", { ...files, "Pulumi.prod.yaml": lines.join("\n") });
  }

  async pulumi(...parameters: readonly string[]): Promise<Ended> {
    const { code, stdout, stderr } = await this.session.run(parameters, { directory: this.project.directory });
    return { code, output: `${stdout}\n${stderr}` };
  }

  /** Runs `authority up`, without a preview unless flags are given. */
  authorityUp(...flags: readonly string[]): Promise<Ended> {
    return this.authority("up", "--stack", "prod", "--", ...(flags.length === 0 ? ["--yes", "--skip-preview"] : flags));
  }

  async authority(...parameters: readonly string[]): Promise<Ended> {
    const { exitCode, stdout, stderr } = await execa(process.execPath, [authorityProgram, ...parameters], {
      cwd: this.project.directory,
      env: this.session.environment,
      extendEnv: false,
      stdin: "ignore",
      reject: false,
    });
    return { code: exitCode ?? 1, output: `${stdout}\n${stderr}` };
  }

  /** The folder of the rendered objects. */
  get rendered(): string {
    return join(this.project.directory, "rendered/prod/1-manifest");
  }

  /** The rendered files, sorted. */
  files(): string[] {
    return existsSync(this.rendered) ? readdirSync(this.rendered).sort() : [];
  }
}
