/** Runs the jobs of a workflow of GitHub Actions on this machine: each `run:` as it stands, with stand-ins for actions. */
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { parse } from "yaml";
import { type ExpressionContext, interpolate, isToRun } from "./expression";

/** An action in a step: what it does here, and the outputs that it has. */
export type StandInAction = (call: ActionCall) => Promise<Readonly<Record<string, string>> | undefined>;

export interface ActionCall {
  /** `with:`, evaluated. */
  readonly inputs: Readonly<Record<string, string>>;
  /** The folder of the job. */
  readonly workspace: string;
  /** The token of the workflow, and what it may do. */
  readonly token: string;
}

export interface WorkflowOptions {
  /** The workflow's file. */
  readonly file: string;
  /** A folder for the jobs. */
  readonly directory: string;
  /** `github` in expressions. */
  readonly github: Readonly<Record<string, unknown>>;
  /** Those of a job with this environment. */
  readonly vars?: (environment: string | undefined) => Readonly<Record<string, string>>;
  /** The same. */
  readonly secrets?: (environment: string | undefined) => Readonly<Record<string, string>>;
  /** Variables of every step. */
  readonly env: Readonly<Record<string, string>>;
  /** The token of the workflow itself. */
  readonly token: string;
  /** By name, without the commit: `actions/checkout`. */
  readonly actions: Readonly<Record<string, StandInAction>>;
}

/** One job, of each element of its matrix. */
export interface JobResult {
  readonly job: string;
  readonly result: "success" | "failure" | "skipped";
  /** All that its steps wrote. */
  readonly output: string;
  /** The names or commands of the steps that ran. */
  readonly steps: readonly string[];
}

interface Workflow {
  readonly env?: Record<string, string>;
  readonly permissions?: unknown;
  readonly jobs: Readonly<Record<string, Job>>;
}

interface Job {
  readonly needs?: string | readonly string[];
  readonly if?: string;
  readonly permissions?: unknown;
  readonly environment?: string;
  readonly env?: Record<string, string>;
  readonly strategy?: { readonly matrix: Readonly<Record<string, readonly string[]>> };
  readonly steps: readonly Step[];
}

interface Step {
  readonly id?: string;
  readonly name?: string;
  readonly if?: string;
  readonly uses?: string;
  readonly with?: Record<string, unknown>;
  readonly run?: string;
  readonly env?: Record<string, string>;
  readonly "working-directory"?: string;
}

interface Defaults {
  readonly defaults?: { readonly run?: { readonly shell?: string; readonly "working-directory"?: string } };
}

/** Runs all jobs, one after the other, as their `needs` and conditions say. */
export async function runWorkflow(options: WorkflowOptions): Promise<JobResult[]> {
  const workflow = parse(readFileSync(options.file, "utf8")) as Workflow & Defaults;
  const results: JobResult[] = [];
  for (const [name, job] of Object.entries(workflow.jobs)) {
    const needs = [job.needs ?? []].flat();
    const before = (needed: string) => results.filter((one) => one.job === needed).map(({ result }) => result);
    const stateOf = (found: readonly string[]) =>
      found.includes("failure") ? "failure" : found.includes("skipped") ? "skipped" : "success";
    const needed = Object.fromEntries(needs.map((one) => [one, { result: stateOf(before(one)) }]));
    const failed = Object.values(needed).some(({ result }) => result !== "success");
    const context = { github: options.github, needs: needed };
    if (!isToRun(job.if, context, { failed })) {
      results.push({ job: name, result: "skipped", output: "", steps: [] });
      continue;
    }
    const [[key, values] = ["", [""]]] = Object.entries(job.strategy?.matrix ?? {});
    for (const value of values) {
      const matrix = key === "" ? {} : { [key]: value };
      results.push(await runJob(name, job, workflow, { ...context, matrix }, options));
    }
  }
  return results;
}

async function runJob(
  name: string,
  job: Job,
  { env = {}, defaults }: Workflow & Defaults,
  given: ExpressionContext,
  options: WorkflowOptions,
): Promise<JobResult> {
  const folder = mkdtempSync(join(options.directory, `${name}-`));
  const [workspace, temporary] = [join(folder, "work"), join(folder, "temp")];
  for (const one of [workspace, temporary]) mkdirSync(one);
  const environment =
    job.environment === undefined ? undefined : interpolate(job.environment, given, { failed: false });
  const secrets = options.secrets?.(environment) ?? {};
  const steps: Record<string, { outputs: Readonly<Record<string, string>> }> = {};
  const context = {
    ...given,
    secrets,
    vars: options.vars?.(environment) ?? {},
    steps,
    github: { ...options.github, token: options.token },
  };
  const ran: string[] = [];
  let output = "";
  let failed = false;
  const evaluated = (values: Readonly<Record<string, unknown>> = {}): Record<string, string> =>
    Object.fromEntries(
      Object.entries(values).map(([key, value]) => [key, interpolate(String(value), context, { failed })]),
    );
  for (const step of job.steps) {
    if (!isToRun(step.if, context, { failed })) continue;
    ran.push(step.name ?? step.run ?? step.uses ?? "");
    try {
      if (step.uses !== undefined) {
        const [action = ""] = step.uses.split("@");
        const standIn = options.actions[action];
        if (standIn === undefined) throw new Error(`There is no stand-in for the action ${step.uses}.`);
        const outputs = await standIn({ inputs: evaluated(step.with), workspace, token: options.token });
        if (step.id !== undefined) steps[step.id] = { outputs: outputs ?? {} };
        continue;
      }
      const script = join(temporary, "step.sh");
      writeFileSync(script, interpolate(step.run ?? "", context, { failed }));
      // As GitHub starts `shell: bash`.
      if (defaults?.run?.shell !== "bash") throw new Error("The workflow does not say `shell: bash`.");
      const result = await execa("bash", ["--noprofile", "--norc", "-eo", "pipefail", script], {
        cwd: join(workspace, step["working-directory"] ?? defaults.run["working-directory"] ?? "."),
        env: {
          ...options.env,
          CI: "true",
          GITHUB_ACTIONS: "true",
          GITHUB_WORKSPACE: workspace,
          RUNNER_TEMP: temporary,
          GITHUB_STEP_SUMMARY: join(folder, "summary.md"),
          ...evaluated(env),
          ...evaluated(job.env),
          ...evaluated(step.env),
        },
        ...{ extendEnv: false, stdin: "ignore", reject: false, all: true },
      });
      output += `$ ${step.run ?? ""}\n${result.all}\n`;
      if (result.exitCode !== 0) failed = true;
    } catch (error) {
      output += `$ ${step.uses ?? step.run ?? ""}\n${(error as Error).message}\n`;
      failed = true;
    }
  }
  return { job: name, result: failed ? "failure" : "success", output, steps: ran };
}
