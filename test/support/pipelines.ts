/** A shared repository on a stand-in Git host whose events start its workflows, as on GitHub. */
import assert from "node:assert/strict";
import { cpSync, existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { execa } from "execa";
import type { EngineSession } from "../../demo/engine-session";
import { git } from "../../demo/git";
import { type HostedRepository, type HostEvent, StandInHost } from "./git-host/stand-in";
import { projectRoot, scratchProject } from "./project";
import { type JobResult, runWorkflow, type StandInAction } from "./workflow";

const name = "acme/releases";

/** A workflow that an event has started. */
export interface WorkflowRun {
  /** Such as `up`. */
  readonly workflow: string;
  readonly event: HostEvent;
  readonly jobs: readonly JobResult[];
}

/** What the repository has in its environments. */
export interface PipelineSettings {
  /** Of the environment of each stack. */
  readonly secrets?: Readonly<Record<string, string>>;
  /** The environments that have the app's key. Default: `authority` alone. */
  readonly withApp?: readonly string[];
}

/** The tokens: of the GitHub App, of each workflow, of Flux and of a person. */
const users = [
  { login: "authority[bot]", token: "app-token", pushesToMain: true, isApp: true },
  { login: "github-actions[bot]", token: "workflow-token", isApp: true, startsWorkflows: false },
  { login: "flux", token: "flux-token", pushesToMain: true },
  { login: "ada", token: "ada-token" },
] as const;

export class Pipelines {
  #events: HostEvent[] = [];

  private constructor(
    private readonly directory: string,
    readonly host: StandInHost,
    readonly repository: HostedRepository,
    private readonly session: Pick<EngineSession, "environment">,
    /** The clone of a person. */
    readonly clone: string,
    /** What each job's machine has. */
    readonly environment: Readonly<Record<string, string>>,
    private readonly settings: PipelineSettings,
  ) {}

  /**
   * @param directory an existing folder
   * @param init further flags for `authority init`
   */
  static async start(
    directory: string,
    session: Pick<EngineSession, "environment">,
    init: readonly string[],
    settings: PipelineSettings = {},
  ): Promise<Pipelines> {
    const folders = ["host", "jobs", "home", "programs", "installed"].map((one) => join(directory, one));
    for (const folder of folders) mkdirSync(folder, { recursive: true });
    const [repositories = "", , home = "", programs = "", installed = ""] = folders;
    await installPackages(directory, installed, programs);
    const events: HostEvent[] = [];
    const onEvent = (event: HostEvent) => void events.push(event);
    const host = await StandInHost.start({ kind: "github", directory: repositories, users, onEvent });
    const repository = await host.createRepository(name);
    const clone = join(directory, "clone");
    const path = [programs, session.environment.PATH ?? "", process.env.PATH ?? ""].join(delimiter);
    const { PULUMI, PULUMI_HOME, PULUMI_K8S_ENABLE_PATCH_FORCE = "true" } = session.environment;
    const environment = {
      ...{ PATH: path, HOME: home, LANG: "C.UTF-8" },
      ...{ GIT_CONFIG_NOSYSTEM: "1", GIT_TERMINAL_PROMPT: "0", PULUMI_K8S_ENABLE_PATCH_FORCE },
      ...(PULUMI !== undefined && { PULUMI }),
      ...(PULUMI_HOME !== undefined && { PULUMI_HOME }),
      PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: "true",
    };
    const pipelines = new Pipelines(directory, host, repository, session, clone, environment, settings);
    pipelines.#events = events;
    await pipelines.#init(init);
    return pipelines;
  }

  async close(): Promise<void> {
    await this.host.close();
  }

  /** The repository's address, as stack files have it. */
  get url(): string {
    return this.host.cloneUrl(name);
  }

  /** Git of a person in the clone. */
  git(...args: readonly string[]): Promise<string> {
    return git({ directory: this.clone, environment: personOf("Ada") }, ...args);
  }

  /** `authority` of a person in the clone, which must succeed unless a code is expected. */
  async authority(args: readonly string[], code = 0): Promise<string> {
    const program = join(this.directory, "installed/node_modules/shared-authority/bin/authority.js");
    const env = { ...this.session.environment, ...personOf("Ada") };
    const result = await execa(process.execPath, [program, ...args], {
      cwd: this.clone,
      env,
      reject: false,
      all: true,
    });
    assert.equal(result.exitCode, code, result.all);
    return result.all;
  }

  async #init(flags: readonly string[]): Promise<void> {
    const program = join(projectRoot, "bin/authority.js");
    const package_ = ["--package", "0.2.0", "--yes", "--ci", "github", "--name", "releases"];
    await execa(process.execPath, [
      program,
      "init",
      this.clone,
      ...package_,
      "--config-repository",
      this.url,
      ...flags,
    ]);
    // What `npm install` writes.
    writeFileSync(join(this.clone, "package-lock.json"), JSON.stringify({ lockfileVersion: 3, packages: {} }));
    await this.git("remote", "add", "origin", this.host.cloneUrl(name, "ada-token"));
    await this.git("add", "--all");
  }

  /** Commits what has changed, as a person. */
  async commit(message: string): Promise<void> {
    await this.git("add", "--all");
    await this.git("commit", "--quiet", "--message", message);
  }

  /** Commits a stack file to a branch and pushes it, as Flux's automation does: nothing else. */
  async fluxCommits(branch: string, path: string, edit: (text: string) => string): Promise<void> {
    const folder = join(this.directory, `flux-${this.#events.length}-${readdirSync(this.directory).length}`);
    await git({ directory: this.directory }, "clone", "--quiet", this.host.cloneUrl(name, "flux-token"), folder);
    const author = { GIT_AUTHOR_NAME: "Shared Authority", GIT_AUTHOR_EMAIL: "shared-authority@localhost" };
    const committer = { GIT_COMMITTER_NAME: author.GIT_AUTHOR_NAME, GIT_COMMITTER_EMAIL: author.GIT_AUTHOR_EMAIL };
    const asFlux = (...args: string[]) => git({ directory: folder, environment: { ...author, ...committer } }, ...args);
    const text = await asFlux("show", `origin/main:${path}`);
    const edited = edit(`${text}\n`);
    assert.notEqual(edited, `${text}\n`, "the edit changes nothing");
    await asFlux("switch", "--quiet", ...(branch === "main" ? ["main"] : ["--create", branch]));
    writeFileSync(join(folder, path), edited);
    await asFlux("commit", "--quiet", "--all", "--message", "Promote");
    await asFlux("push", "--quiet", "origin", branch);
  }

  /** A file of a branch on the host. */
  async show(path: string, branch = "main"): Promise<string> {
    return this.repository.git("show", `${branch}:${path}`);
  }

  /** Runs the workflows that events have started, until no event is left. */
  async settle(): Promise<WorkflowRun[]> {
    const runs: WorkflowRun[] = [];
    for (;;) {
      await this.#untilSeen();
      const event = this.#events.shift();
      if (event === undefined) return runs;
      for (const workflow of workflowsOf(event)) runs.push({ workflow, event, jobs: await this.#run(workflow, event) });
    }
  }

  /** The host answers a push before it tells of it. */
  async #untilSeen(): Promise<void> {
    const isSeen = ([ref, id]: readonly [string, string]) =>
      this.host.events.some((event) => event.kind === "push" && event.ref === ref && event.after === id);
    while (![...(await this.repository.refs())].every(isSeen)) await setImmediate();
    await this.host.idle();
  }

  /** Runs a workflow at the tip of main, as its schedule does. */
  async run(workflow: string): Promise<readonly JobResult[]> {
    const after = await this.repository.git("rev-parse", "main");
    const event = {
      kind: "push",
      repository: name,
      ref: "refs/heads/main",
      before: after,
      after,
      actor: "ada",
    } as const;
    return this.#run(workflow, event);
  }

  /** Runs a workflow for an event that the host does not have. */
  runFor(workflow: string, event: HostEvent): Promise<JobResult[]> {
    return this.#run(workflow, event);
  }

  async #run(workflow: string, event: HostEvent): Promise<JobResult[]> {
    const file = join(this.directory, `${workflow}.yml`);
    writeFileSync(file, await this.show(`.github/workflows/${workflow}.yml`));
    const isPull = event.kind === "pull_request";
    const ref = isPull ? `refs/pull/${event.number}/merge` : event.ref;
    const head = isPull ? { sha: event.sha, repo: { full_name: event.isFork ? "fork/releases" : name } } : undefined;
    const payload = {
      repository: { default_branch: "main" },
      ...(isPull && { pull_request: { number: event.number, head } }),
    };
    return runWorkflow({
      file,
      directory: join(this.directory, "jobs"),
      github: {
        repository: name,
        ref,
        ref_name: ref.replace("refs/heads/", ""),
        sha: isPull ? event.sha : event.after,
        base_ref: isPull ? event.base : "",
        event: payload,
      },
      vars: (environment) => this.#varsOf(environment),
      secrets: (environment) => this.#secretsOf(environment),
      env: { ...this.environment, ...this.#hostVariables(), GITHUB_REF: ref },
      token: "workflow-token",
      actions: this.#actions(),
    });
  }

  #hasApp(environment: string | undefined): boolean {
    return (this.settings.withApp ?? ["authority"]).some((one) => one === environment);
  }

  #varsOf(environment: string | undefined): Readonly<Record<string, string>> {
    const { PULUMI_BACKEND_URL = "" } = this.session.environment;
    return { PULUMI_BACKEND_URL, ...(this.#hasApp(environment) && { AUTHORITY_APP_CLIENT_ID: "Iv1" }) };
  }

  /** Only a job that names an environment has secrets. */
  #secretsOf(environment: string | undefined): Readonly<Record<string, string>> {
    if (environment === undefined) return {};
    const app: Readonly<Record<string, string>> = this.#hasApp(environment) ? { AUTHORITY_APP_PRIVATE_KEY: "key" } : {};
    if (environment === "authority") return app;
    const { PULUMI_CONFIG_PASSPHRASE = "" } = this.session.environment;
    return { PULUMI_CONFIG_PASSPHRASE, ...this.settings.secrets, ...app };
  }

  /** The runner's own. The token comes from the steps. */
  #hostVariables(): Record<string, string> {
    const variables = Object.entries(this.host.environment(name, ""));
    return Object.fromEntries(variables.filter(([variable]) => variable !== "GH_TOKEN"));
  }

  #actions(): Readonly<Record<string, StandInAction>> {
    const artifacts = join(this.directory, "artifacts");
    return {
      "actions/checkout": ({ inputs, workspace, token }) => this.#checkout(inputs, workspace, token),
      // Both are on PATH.
      "actions/setup-node": () => Promise.resolve(undefined),
      "pulumi/actions": () => Promise.resolve(undefined),
      "actions/create-github-app-token": ({ inputs }) => {
        if (inputs["private-key"] !== "key") throw new Error("The app's private key is missing.");
        return Promise.resolve({ token: "app-token" });
      },
      "actions/upload-artifact": ({ inputs: { name: artifact = "", path = "" }, workspace }) => {
        cpSync(join(workspace, path), join(artifacts, artifact, path), { recursive: true });
        return Promise.resolve(undefined);
      },
      "actions/download-artifact": ({ inputs: { name: artifact = "", path = "." }, workspace }) => {
        cpSync(join(artifacts, artifact), join(workspace, path), { recursive: true });
        return Promise.resolve(undefined);
      },
    };
  }

  /** As the action does: a branch is checked out as such, a commit is not on any branch. */
  async #checkout(inputs: Readonly<Record<string, string>>, workspace: string, token: string): Promise<undefined> {
    const { ref = "main", path = ".", "fetch-depth": depth = "1", token: given = token } = inputs;
    const folder = join(workspace, path);
    mkdirSync(folder, { recursive: true });
    const here = (...args: string[]) => git({ directory: folder }, ...args);
    await here("init", "--quiet", "--initial-branch=main");
    await here("remote", "add", "origin", this.url);
    const credentials = `AUTHORIZATION: basic ${Buffer.from(`x-access-token:${given}`).toString("base64")}`;
    const header = `http.${this.host.url}/.extraheader`;
    await here("config", header, credentials);
    const isCommit = /^[0-9a-f]{40}$/.test(ref);
    const all = ["+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*"];
    const branch = `+refs/heads/${ref}:refs/remotes/origin/${ref}`;
    if (depth === "0") await here("fetch", "--quiet", "origin", ...all);
    if (isCommit) await here("fetch", "--quiet", ...(depth === "0" ? [] : ["--depth=1"]), "origin", ref);
    else if (depth !== "0") await here("fetch", "--quiet", "--depth=1", "origin", branch);
    if (isCommit) await here("checkout", "--quiet", "--detach", ref);
    else await here("checkout", "--quiet", "-B", ref, `refs/remotes/origin/${ref}`);
    if (inputs["persist-credentials"] !== "true") await here("config", "--unset", header);
    return undefined;
  }
}

/** The workflows of `template/` that an event starts, by their `on:`. */
function workflowsOf(event: HostEvent): string[] {
  if (event.kind === "pull_request") {
    return ["opened", "synchronize", "reopened"].includes(event.action) ? ["preview"] : [];
  }
  if (/^0+$/.test(event.after)) return [];
  if (event.ref === "refs/heads/main") return ["up", "promotion"];
  return event.ref.startsWith("refs/heads/promotions/") ? ["promotion"] : [];
}

function personOf(person: string): Record<string, string> {
  const email = `${person.toLowerCase()}@example.com`;
  return {
    ...{ GIT_AUTHOR_NAME: person, GIT_AUTHOR_EMAIL: email },
    ...{ GIT_COMMITTER_NAME: person, GIT_COMMITTER_EMAIL: email },
  };
}

/** This package as npm installs it, and an `npm` that links it, because no registry has it. */
async function installPackages(directory: string, installed: string, programs: string): Promise<void> {
  const packages = join(installed, "node_modules");
  if (!existsSync(packages)) {
    const { directory: project } = await scratchProject(installed);
    cpSync(join(project, "node_modules"), packages, { recursive: true, verbatimSymlinks: true, filter: isNoProgram });
    mkdirSync(join(packages, ".bin"));
    symlinkSync("../shared-authority/bin/authority.js", join(packages, ".bin/authority"));
  }
  const npm = [
    "#!/bin/sh",
    '[ "$*" = "ci --ignore-scripts --no-audit --no-fund" ] || { echo "unexpected: npm $*" >&2; exit 9; }',
    "[ -e package-lock.json ] || exit 9",
    `mkdir node_modules && ln -s ${packages}/* ${packages}/.bin node_modules/`,
    "",
  ];
  writeFileSync(join(programs, "npm"), npm.join("\n"), { mode: 0o755 });
  mkdirSync(join(directory, "artifacts"), { recursive: true });
}

function isNoProgram(path: string): boolean {
  return !path.endsWith("/.bin");
}
