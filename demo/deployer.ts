import { execFile } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Engine } from "./engine";
import { openEngineSession } from "./engine-session";
import { gitEnvironment } from "./git";
import type { ScratchProject } from "./scratch-project";

/** One command that a deployer runs, and what came of it. */
export interface DeployStep {
  /** As a person would type it. */
  readonly command: string;
  run(): Promise<DeployResult>;
}

/** What a step gave. */
export interface DeployResult {
  readonly succeeded: boolean;
  /** Everything that the program said. */
  readonly report: string;
  /** What a policy said, where one blocked. */
  readonly blockedBy?: string;
}

/** How a stack of the scratch copy becomes manifests: by the real engine, or, where there is none, by `authority`. */
export interface Deployer {
  /** Makes the stacks; what that writes into the stack files is committed. */
  prepare(stacks: readonly string[]): Promise<void>;
  /** The commands that judge a stack and write its manifests, in order; the first that fails ends the deploy. */
  deploy(stack: string): readonly DeployStep[];
  /** The command that succeeds only where a deploy would change nothing. */
  expectNoChanges(stack: string): DeployStep;
}

/** What a deployer works on. */
export interface DeployerOptions {
  readonly project: ScratchProject;
  /** An existing folder for what the deployer keeps. */
  readonly directory: string;
  /** Ends what is under way. */
  readonly signal: AbortSignal;
}

/** The real engine, with the policy pack, state in files and manifests in `rendered/<stack>`. */
export function engineDeployer(engine: Engine, { project, directory, signal }: DeployerOptions): Deployer {
  const folder = join(directory, "engine");
  mkdirSync(folder);
  const session = openEngineSession(engine, folder);
  const step = (parameters: readonly string[], unseen: readonly string[] = []): DeployStep => ({
    command: ["pulumi", ...parameters].join(" "),
    run: async () => {
      const { code, stdout, stderr } = await session.run([...parameters, ...unseen], {
        directory: project.directory,
        signal,
      });
      return { succeeded: code === 0, report: joined(stdout, stderr), blockedBy: firstViolation(stdout) };
    },
  });
  const withPolicies = (stack: string) => ["--stack", stack, "--policy-pack", "policy-pack"];
  return {
    async prepare(stacks) {
      for (const stack of stacks) {
        const init = await step(["stack", "init", stack]).run();
        if (!init.succeeded) throw new Error(`pulumi stack init ${stack} failed: ${init.report}`);
      }
      await project.commit("Encryption salts of the stacks", {});
    },
    deploy: (stack) => [step(["up", "--yes", ...withPolicies(stack)], ["--suppress-permalink=true"])],
    expectNoChanges: (stack) => step(["preview", "--expect-no-changes", ...withPolicies(stack)], ["--diff"]),
  };
}

/**
 * The first violation in the engine's report, from its line to the next one or to the end of the section. A broken
 * promise is reported for each object that carries it, in the same words.
 */
function firstViolation(report: string): string | undefined {
  const lines = report.split("\n");
  const isViolation = (line: string) => /^ +- \[mandatory\]/.test(line);
  const start = lines.findIndex(isViolation);
  if (start < 0) return undefined;
  const length = lines.slice(start + 1).findIndex((line) => line === "" || isViolation(line));
  const violation = lines.slice(start, length < 0 ? undefined : start + 1 + length);
  const indent = /^ */.exec(violation[0] ?? "")?.[0].length ?? 0;
  return violation.map((line) => line.slice(indent)).join("\n");
}

/** What `authority` exits with where the promise is broken or a policy blocks. */
const blockedExitCode = 3;

/** `authority check` and `authority render`: the same objects and policies, without an engine. */
export function renderDeployer({ project, signal }: DeployerOptions): Deployer {
  const run = (parameters: readonly string[]): Promise<DeployResult> =>
    new Promise((resolve, reject) => {
      const program = [join(project.directory, "bin", "authority.js"), ...parameters];
      const options = { cwd: project.directory, env: { ...gitEnvironment(), NO_COLOR: "1" }, signal };
      execFile(process.execPath, program, options, (error, stdout, stderr) => {
        if (signal.aborted) {
          reject(signal.reason as Error);
        } else {
          const blockedBy = error?.code === blockedExitCode ? stdout.trim() : undefined;
          resolve({ succeeded: error === null, report: joined(stdout, stderr), blockedBy });
        }
      });
    });
  const step = (parameters: readonly string[]): DeployStep => ({
    command: ["npx authority", ...parameters].join(" "),
    run: () => run(parameters),
  });
  const render = (stack: string) => ["render", "--stack", stack, "--out", `rendered/${stack}`];
  return {
    async prepare() {
      // Without an engine there is no state to make.
    },
    deploy: (stack) => [step(["check", "--stack", stack]), step(render(stack))],
    expectNoChanges: (stack) => ({
      command: ["npx authority", ...render(stack)].join(" "),
      run: async () => {
        const rendered = await run(render(stack));
        const changes = await project.git("status", "--porcelain", "--", `rendered/${stack}`);
        return {
          succeeded: rendered.succeeded && changes === "",
          report: joined(rendered.report, changes),
        };
      },
    }),
  };
}

function joined(stdout: string, stderr: string): string {
  return [stdout, stderr]
    .map((text) => text.trim())
    .filter((text) => text !== "")
    .join("\n");
}
