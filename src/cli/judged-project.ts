/** Runs `check`, `report` and `pulumi preview` over a pull request's scratch project, each without credentials. */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join, sep } from "node:path";
import { execa } from "execa";
import { describeProblem } from "../config/problem";
import { readStackFile, stackFilePath } from "../config/stack-file";
import { packageFolder } from "../package-version";
import { judgeEnvironment } from "../preview/judge-environment";
import type { PreviewedStack, PreviewResult, UpgradeChange } from "../preview/preview-result";
import type { PullRequest } from "../preview/pull-request";
import { deliverToFolders, type ScratchProject } from "../preview/scratch-project";
import type { Upgrade } from "../preview/upgrade";
import { plainHttpVariable } from "../release/registry-client";
import type { CheckedStack, CheckResult } from "./check";
import { InputError } from "./input-error";
import { unifiedDiff } from "./own-git";
import { pulumiProgram } from "./pulumi-command";
import type { Session } from "./session";
import { describeStack } from "./check";
import { createColors } from "picocolors";

/** What is judged, and how. */
export interface JudgeOptions extends Pick<PullRequest, "upgrade"> {
  readonly scratch: string;
  /** The registries that may get credentials over plain HTTP. */
  readonly plainHttp: readonly string[];
  readonly env?: readonly string[];
  readonly policyPackConfig?: string;
}

/** What was found. */
export interface JudgedProject {
  readonly result: Pick<PreviewResult, "blocks" | "stacks" | "upgrade" | "notes">;
  readonly report?: string;
}

/** Judges the project, with the packages of the base branch or, of an upgrade, with the new ones. */
export async function judgeProject(
  project: ScratchProject,
  options: JudgeOptions,
  { terminal }: Session,
): Promise<JudgedProject> {
  const { root, stacks } = project;
  const { scratch, upgrade } = options;
  const environment = judgeEnvironment(scratch, process.env, options.env);
  const run = new ScratchRun(root, { ...environment, [plainHttpVariable]: options.plainHttp.join() });
  await run.installBase(terminal.step.bind(terminal));
  const raised = upgrade && (await raise(run, upgrade, project, options, terminal.step.bind(terminal)));
  const packConfig = packConfigFlags(root, options.policyPackConfig);
  terminal.step("checking the files, the promise and all policies");
  const checked = await check(run, packConfig, raised !== undefined);
  terminal.step("writing the report");
  const report = await writeReport(run, project.base, scratch);
  const readable = stacks.filter((stack) => checked.readable.has(stack));
  deliverToFolders(root, new Map(readable.map((stack) => [stack, readStackFile(root, stack).text])));
  const previewed: PreviewedStack[] = [];
  for (const stack of stacks) {
    const blocks = checked.stacks.get(stack) ?? [];
    if (!readable.includes(stack)) {
      previewed.push({ stack, blocks: ["the problems in the files keep it from being judged", ...blocks] });
      continue;
    }
    terminal.step(`running \`pulumi preview\` of ${stack}`);
    previewed.push({ stack, ...(await pulumiPreview(run, stack, packConfig, blocks)) });
  }
  const notes = [...(report.fault === undefined ? [] : [report.fault])];
  return {
    result: { blocks: checked.blocks, stacks: previewed, upgrade: raised ?? null, notes },
    report: report.text,
  };
}

function packConfigFlags(root: string, file: string | undefined): string[] {
  if (file === undefined) return [];
  // Of the base branch, whatever the pull request has under this name.
  if (!existsSync(join(root, file))) throw new InputError(`The base branch has no file ${file}.`);
  return ["--policy-pack-config", file];
}

interface Ended {
  readonly code: number;
  readonly stdout: string;
  /** All that it wrote. */
  readonly output: string;
}

/** Starts programs in the scratch project. */
class ScratchRun {
  constructor(
    readonly root: string,
    private readonly env: Record<string, string>,
  ) {}

  /** The command line of the package that is installed in the project. */
  authority(...args: readonly string[]): Promise<Ended> {
    const program = join(this.root, "node_modules/shared-authority/bin/authority.js");
    return this.#run(process.execPath, [program, ...args]);
  }

  pulumi(...args: readonly string[]): Promise<Ended> {
    return this.#run(pulumiProgram(), [...args, "--non-interactive", "--color", "never"]);
  }

  /** Links the packages that this program is installed with, if they are the base branch's; installs those otherwise. */
  async installBase(step: (text: string) => void): Promise<void> {
    const installed = packageFolder.split(`${sep}node_modules${sep}`, 1)[0] ?? packageFolder;
    const isSame = ["package.json", "package-lock.json"].every(
      (name) => textOf(join(installed, name)) === textOf(join(this.root, name)),
    );
    if (isSame) symlinkSync(join(installed, "node_modules"), join(this.root, "node_modules"), "junction");
    else await this.install(step);
  }

  /** Installs what `package-lock.json` names, without running any of it. */
  async install(step: (text: string) => void): Promise<void> {
    if (!existsSync(join(this.root, "package-lock.json"))) {
      throw new InputError(
        "The packages of the base branch are not installed here, and it has no package-lock.json to install them from. " +
          "Run this with `authority` of a checkout of the base branch, after `npm ci --ignore-scripts`.",
      );
    }
    step("installing the packages, without scripts");
    rmSync(join(this.root, "node_modules"), { recursive: true, force: true });
    const { code, output } = await this.#run("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund"]);
    if (code !== 0) throw new InputError(`\`npm ci\` failed:\n${output.slice(-2000)}`);
  }

  async #run(program: string, args: readonly string[]): Promise<Ended> {
    const result = await execa(program, args, {
      ...{ cwd: this.root, env: this.env, extendEnv: false, stdin: "ignore", reject: false, all: true },
      maxBuffer: 256 * 1024 * 1024,
    });
    if (result.code === "ENOENT") throw new InputError(`Cannot run \`${program}\`: it is not on PATH.`);
    return { code: result.exitCode ?? 1, stdout: result.stdout, output: result.all };
  }
}

function textOf(path: string): string | undefined {
  return existsSync(path) ? readFileSync(path, "utf8") : undefined;
}

interface Checked {
  readonly blocks: readonly string[];
  /** What blocks, by stack. */
  readonly stacks: ReadonlyMap<string, readonly string[]>;
  readonly readable: ReadonlySet<string>;
}

/** @param isUpgrade the folders of rendered manifests are not compared: the pipeline renders after the merge */
async function check(run: ScratchRun, packConfig: readonly string[], isUpgrade: boolean): Promise<Checked> {
  const { stdout, output } = await run.authority("check", "--json", ...packConfig);
  const result = jsonOf(stdout);
  if (result === undefined) return { blocks: [output.slice(-2000)], stacks: new Map(), readable: new Set() };
  return {
    blocks: [...result.problems.map(describeProblem), ...result.removedStacks],
    stacks: new Map(
      result.stacks.map((checked) => [
        checked.stack,
        blocksOf(isUpgrade ? { ...checked, rendered: undefined } : checked),
      ]),
    ),
    readable: new Set(result.stacks.map(({ stack }) => stack)),
  };
}

function jsonOf(text: string): CheckResult | undefined {
  try {
    return JSON.parse(text) as CheckResult;
  } catch {
    return undefined;
  }
}

/** What `check` says of a stack, without its hints, its advice and its last line. */
function blocksOf(checked: CheckedStack): string[] {
  const mandatory = checked.violations.filter(({ enforcement }) => enforcement === "mandatory");
  const rendered = checked.rendered?.state === "changed" ? checked.rendered : undefined;
  const bare = { ...checked, violations: mandatory, rendered, unlocked: [], notice: undefined };
  const uncompared = checked.removals?.uncompared;
  return [
    ...describeStack(bare, createColors(false), true).slice(0, -1),
    ...(uncompared === undefined ? [] : [`removed tenants cannot be noticed: ${uncompared}`]),
  ];
}

async function pulumiPreview(
  run: ScratchRun,
  stack: string,
  packConfig: readonly string[],
  blocks: readonly string[],
): Promise<Pick<PreviewedStack, "blocks" | "output">> {
  const made = await run.pulumi("stack", "init", stack);
  const flags = ["--policy-pack", "policy-pack", ...packConfig, "--suppress-outputs", "--suppress-progress"];
  const { code, output } = made.code === 0 ? await run.pulumi("preview", "--stack", stack, ...flags) : made;
  if (code === 0) return { blocks };
  const said = new Set(output.split("\n").filter((line) => /^ *(?:error: |- \[mandatory\])/.test(line)));
  // `check` names what the policies block. The engine is alone in running the program.
  const own = blocks.length > 0 ? [] : ["`pulumi preview` fails", ...Array.from(said, (line) => line.trim())];
  return { blocks: [...blocks, ...own], ...(own.length > 0 && { output }) };
}

async function writeReport(
  run: ScratchRun,
  base: string,
  scratch: string,
): Promise<{ readonly text?: string; readonly fault?: string }> {
  const file = join(scratch, "report.md");
  // Of the commits, because the copies of the stack files lack what is encrypted.
  const flags = ["--base", base, "--head", "HEAD", "--format", "markdown", "--output", file];
  const { code, output } = await run.authority("report", ...flags);
  const text = textOf(file);
  if (text !== undefined) return { text };
  return { fault: `there is no report: \`authority report\` ended with ${code}: ${output.slice(-500)}` };
}

/** Renders each stack with the packages of the base branch and with the new ones, which stay installed. */
async function raise(
  run: ScratchRun,
  upgrade: Upgrade,
  { stacks, packages }: ScratchProject,
  { scratch }: JudgeOptions,
  step: (text: string) => void,
): Promise<NonNullable<PreviewResult["upgrade"]>> {
  const render = async (name: string): Promise<void> => {
    for (const stack of stacks) {
      const folder = join(scratch, name, stack);
      mkdirSync(join(scratch, name), { recursive: true });
      const { code, output } = await run.authority("render", "--stack", stack, "--out", folder);
      if (code !== 0) throw new InputError(`The upgrade cannot be compared: ${stackFilePath(stack)}:\n${output}`);
    }
  };
  step("rendering with the packages of the base branch");
  await render("before");
  for (const [path, text] of packages) writeFileSync(join(run.root, path), text);
  await run.install(step);
  step("rendering with the new packages");
  await render("after");
  const changes: UpgradeChange[] = [];
  for (const stack of stacks) {
    changes.push(...(await changesBetween(stack, join(scratch, "before", stack), join(scratch, "after", stack))));
  }
  return { ...upgrade, changes };
}

async function changesBetween(stack: string, before: string, after: string): Promise<UpgradeChange[]> {
  const [old, next] = [filesIn(before), filesIn(after)];
  const changes: UpgradeChange[] = [];
  for (const file of [...new Set([...old.keys(), ...next.keys()])].sort()) {
    const [was, is] = [old.get(file), next.get(file)];
    if (was === is) continue;
    const kind = was === undefined ? "added" : is === undefined ? "removed" : "changed";
    changes.push({ stack, file, kind, diff: await unifiedDiff(file, was ?? "", is ?? "") });
  }
  return changes;
}

function filesIn(folder: string): Map<string, string> {
  const entries = existsSync(folder) ? readdirSync(folder, { recursive: true, withFileTypes: true }) : [];
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return new Map(paths.map((path) => [path.slice(folder.length + 1), readFileSync(path, "utf8")]));
}
