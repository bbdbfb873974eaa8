import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import type { Engine } from "./engine";
import { type EngineResult, openEngineSession } from "./engine-session";
import { gitEnvironment } from "./git";
import { authorityProgram, type ScratchProject } from "./scratch-project";

/** One command of a deployment. */
export interface DeployStep {
  /** The command line, as a user types it. */
  readonly command: string;
  run(): Promise<DeployResult>;
}

/** The result of a step. */
export interface DeployResult {
  readonly succeeded: boolean;
  /** The command's output. */
  readonly report: string;
  /** The policy's message, if a policy blocked the release. */
  readonly blockedBy?: string;
}

/** Renders the manifests of a stack: with the Pulumi engine, or with `authority` if there is no engine. */
export interface Deployer {
  /** Creates the stacks and commits the changes to their files. */
  prepare(stacks: readonly string[]): Promise<void>;
  /** The command that judges what a deployment would apply. */
  preview(stack: string): DeployStep;
  /** The commands that check a stack and render its manifests. A failed command ends the deployment. */
  deploy(stack: string): readonly DeployStep[];
  /** The command that fails if a deployment would change anything. */
  expectNoChanges(stack: string): DeployStep;
}

/** Options of a deployer. */
export interface DeployerOptions {
  readonly project: ScratchProject;
  /** An existing folder for the deployer's files. */
  readonly directory: string;
  /** Ends the running command. */
  readonly signal: AbortSignal;
}

/** Deploys with the engine and the policy pack. State is in files, manifests go to `rendered/<stack>`. */
export function engineDeployer(engine: Engine, { project, directory, signal }: DeployerOptions): Deployer {
  const folder = join(directory, "engine");
  mkdirSync(folder);
  const session = openEngineSession(engine, folder);
  const step = (parameters: readonly string[], hidden: readonly string[] = []): DeployStep => ({
    command: ["pulumi", ...parameters].join(" "),
    async run() {
      const result = await session.run([...parameters, ...hidden], { directory: project.directory, signal });
      return { succeeded: result.code === 0, report: outputOf(result), blockedBy: firstViolation(result.stdout) };
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
    preview: (stack) => step(["preview", ...withPolicies(stack)]),
    deploy: (stack) => [step(["up", "--yes", "--skip-preview", ...withPolicies(stack)], ["--suppress-permalink=true"])],
    expectNoChanges: (stack) => step(["preview", "--expect-no-changes", ...withPolicies(stack)], ["--diff"]),
  };
}

/** The first violation in the engine's output. The engine repeats it for each object of a release. */
function firstViolation(output: string): string | undefined {
  const [violation, indent = ""] =
    /^( +)- \[mandatory\].*?(?=\n\n|\n +- \[mandatory\]|\s*$(?!\n))/ms.exec(output) ?? [];
  return violation?.slice(indent.length).replaceAll(`\n${indent}`, "\n");
}

/** The exit code of `authority` for a release that breaks the promise or a policy. */
const blockedExitCode = 3;

/** Deploys with `authority check` and `authority render`: the same objects and policies, without an engine. */
export function renderDeployer({ project, signal }: DeployerOptions): Deployer {
  const run = async (parameters: readonly string[]): Promise<DeployResult> => {
    const result = await execa(process.execPath, [authorityProgram, ...parameters], {
      cwd: project.directory,
      env: { ...gitEnvironment(), NO_COLOR: "1" },
      extendEnv: false,
      stdin: "ignore",
      cancelSignal: signal,
      reject: false,
    });
    signal.throwIfAborted();
    const blockedBy = result.exitCode === blockedExitCode ? result.stdout : undefined;
    return { succeeded: !result.failed, report: outputOf(result), blockedBy };
  };
  const step = (parameters: readonly string[], runStep = () => run(parameters)): DeployStep => ({
    command: ["npx authority", ...parameters].join(" "),
    run: runStep,
  });
  const check = (stack: string) => step(["check", "--stack", stack]);
  const render = (stack: string) => ["render", "--stack", stack, "--out", `rendered/${stack}`];
  return {
    prepare: () => Promise.resolve(),
    preview: check,
    deploy: (stack) => [check(stack), step(render(stack))],
    expectNoChanges: (stack) =>
      step(render(stack), async () => {
        const { succeeded, report } = await run(render(stack));
        const changes = await project.git("status", "--porcelain", "--", `rendered/${stack}`);
        return { succeeded: succeeded && changes === "", report: `${report}\n${changes}` };
      }),
  };
}

function outputOf({ stdout, stderr }: Pick<EngineResult, "stdout" | "stderr">): string {
  return `${stdout.trim()}\n${stderr.trim()}`.trim();
}
