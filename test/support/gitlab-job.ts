/** Runs a job of GitLab CI on this machine: its scripts as they stand, in a fresh clone at a commit. */
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { execa } from "execa";
import { parse } from "yaml";
import { git } from "../../demo/git";

interface Job {
  readonly extends?: string;
  readonly variables?: Readonly<Record<string, string>>;
  readonly before_script?: readonly string[];
  readonly script?: readonly string[];
}

export interface GitLabJobOptions {
  /** `.gitlab-ci.yml`. */
  readonly file: string;
  readonly job: string;
  /** A folder for the clone. */
  readonly directory: string;
  /** The address to clone from, with what the runner has. */
  readonly url: string;
  readonly commit: string;
  /** What the project and the runner give. */
  readonly env: Readonly<Record<string, string>>;
}

/** @returns what it wrote, and its exit code */
export async function runGitLabJob(
  options: GitLabJobOptions,
): Promise<{ readonly code: number; readonly output: string }> {
  const { file, job, directory, url, commit, env } = options;
  const pipeline = parse(readFileSync(file, "utf8"), { merge: true }) as Readonly<Record<string, Job>>;
  const { variables = {}, before_script: before = [], script = [] } = jobOf(pipeline, job);
  const clone = mkdtempSync(join(directory, "job-"));
  await git({ directory: clone }, "init", "--quiet", "--initial-branch=unused");
  await git({ directory: clone }, "remote", "add", "origin", url);
  await git({ directory: clone }, "fetch", "--quiet", "origin", "+refs/heads/*:refs/remotes/origin/*");
  await git({ directory: clone }, "checkout", "--quiet", "--detach", commit);
  // The engine is there already.
  const programs = mkdtempSync(join(directory, "programs-"));
  writeFileSync(join(programs, "curl"), "#!/bin/sh\n", { mode: 0o755 });
  const PATH = `${programs}${delimiter}${env.PATH ?? ""}`;
  const common = pipeline.variables as unknown as Readonly<Record<string, string>>;
  const { exitCode = 1, all } = await execa("bash", ["-eo", "pipefail", "-c", [...before, ...script].join("\n")], {
    cwd: clone,
    env: { ...common, ...env, ...variables, PATH, CI: "true", GITLAB_CI: "true" },
    ...{ extendEnv: false, stdin: "ignore", reject: false, all: true },
  });
  return { code: exitCode, output: all };
}

/** With what it extends: mappings are merged, lists are replaced. */
function jobOf(pipeline: Readonly<Record<string, Job>>, name: string): Job {
  const job = pipeline[name];
  if (job === undefined) throw new Error(`There is no job ${name}.`);
  const base = job.extends === undefined ? {} : jobOf(pipeline, job.extends);
  return { ...base, ...job, variables: { ...base.variables, ...job.variables } };
}
