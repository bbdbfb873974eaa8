/**
 * The time until a number of tenants run: `pulumi up` with the policy pack in a new lab, until Helm has installed all
 * releases and their pods are ready. Then an `up` without changes.
 *
 *   npx tsx test/bench/tenants.ts [--tenants 10,100] [--skip-checkpoints]
 *
 * The state is in files, which the engine rewrites at each step. With `--skip-checkpoints` it writes them once, at the end
 * (`PULUMI_SKIP_CHECKPOINTS`), which is as fast as a backend that stores single steps.
 */
import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { Cluster } from "../lab/cluster";
import type { Lab } from "../lab/lab";
import { startLab } from "../lab/start";
import { findEngine, type Engine } from "../../demo/engine";
import { type EngineSession, openEngineSession } from "../../demo/engine-session";
import { createApplication } from "../../demo/scratch-application";
import { copyProject, type ScratchProject } from "../../demo/scratch-project";
import { release, tenantName } from "./synthetic-stack";
import { describeMachine } from "./measure";

const root = join(__dirname, "..", "..");
const stack = "prod";
/** Whether the engine writes the state only at the end. */
const skipCheckpoints = process.argv.includes("--skip-checkpoints");

/** The result for a number of tenants. */
interface Result {
  readonly tenants: number;
  readonly resources: number;
  readonly upSeconds: number;
  readonly idleSeconds: number;
}

async function main(): Promise<void> {
  const engine = await findEngine();
  if ("missing" in engine) throw new Error(`needs the Pulumi engine: ${engine.missing}`);
  const results: Result[] = [];
  for (const tenants of tenantsOption()) results.push(await measure(engine, tenants));
  console.log(`${describeMachine()}; state written ${skipCheckpoints ? "once, at the end" : "at each step"}`);
  console.log("| tenants | resources | until all run | per tenant | `up` with nothing to do | per tenant |");
  console.log("|---:|---:|---:|---:|---:|---:|");
  for (const { tenants, resources, upSeconds, idleSeconds } of results) {
    const figures = [upSeconds, upSeconds / tenants, idleSeconds, idleSeconds / tenants];
    console.log(`| ${[tenants, resources, ...figures.map((seconds) => `${seconds.toFixed(2)} s`)].join(" | ")} |`);
  }
}

/** Uses a new lab for each number of tenants. */
async function measure(engine: Engine, tenants: number): Promise<Result> {
  const directory = realpathSync(mkdtempSync(join(tmpdir(), "shared-authority-bench-")));
  const lab = await startLab({ root, report });
  try {
    const project = await copyProject({ root, directory: join(directory, "project") });
    const session = openEngineSession(engine, directory);
    report(`making ${tenants} applications`);
    await declare(project, lab, tenants);
    await run(session, project, ["stack", "init", stack]);
    const lock = ["bin/authority.js", "lock", "--stack", stack];
    await promisify(execFile)(process.execPath, lock, { cwd: project.directory, env: session.environment });
    await project.commit("Lock the releases", {});
    const upSeconds = await up(session, project, tenants);
    await requireRunning(lab, tenants);
    const idleSeconds = await up(session, project, tenants);
    return { tenants, resources: await countResources(session, project), upSeconds, idleSeconds };
  } finally {
    await lab.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Each tenant has its own application, repository and release. */
async function declare(project: ScratchProject, lab: Lab, tenants: number): Promise<void> {
  const { gitRoot, gitUrl, registryUrl, kubeconfigPath } = lab;
  if (gitRoot === undefined) throw new Error("needs a lab of its own");
  mkdirSync(gitRoot, { recursive: true });
  const stackFile = [
    "config:",
    `  kubernetes:kubeconfig: ${kubeconfigPath}`,
    "  shared-authority:follow: tags",
    "  shared-authority:intervals: { source: 1h0m0s, image: 1h0m0s, release: 1h0m0s }",
    "  shared-authority:timeouts: { release: 30m0s }",
    "  shared-authority:tenants:",
  ];
  const values: Record<string, string> = {};
  for (let index = 0; index < tenants; index += 1) {
    const name = tenantName(index);
    const application = await createApplication({ directory: gitRoot, name, registry: registryUrl });
    await application.publish({ version: release, message: `Release ${release}` });
    values[`tenants/${name}/values.yaml`] = `message: "Hello from ${name}"\n`;
    stackFile.push(
      `    ${name}:`,
      `      repository: ${gitUrl}/${name}.git`,
      `      chart: ./${application.chartPath}`,
      `      image: ${application.image}`,
      "      insecureRegistry: true",
      `      tag: "${release}"`,
      "      policy:",
      '        range: ">=6.0.0 <7.0.0"',
      `      team: [${name}-developers]`,
    );
  }
  await project.commit("Declare the tenants", {
    [`Pulumi.${stack}.yaml`]: `${stackFile.join("\n")}\n`,
    "Pulumi.dev.yaml": undefined,
    "Pulumi.staging.yaml": undefined,
    "releases.lock.yaml": undefined,
    ...values,
  });
}

/** @returns the duration in seconds */
async function up(session: EngineSession, project: ScratchProject, tenants: number): Promise<number> {
  const begin = performance.now();
  await run(session, project, ["up", "--stack", stack, "--policy-pack", "policy-pack", "--yes", "--skip-preview"]);
  const seconds = (performance.now() - begin) / 1000;
  report(`up of ${tenants} tenants: ${seconds.toFixed(2)} s`);
  return seconds;
}

/** `up` waits for all releases. This checks it in the cluster. */
async function requireRunning({ kubeconfigPath }: Lab, tenants: number): Promise<void> {
  const cluster = Cluster.fromKubeconfig(kubeconfigPath);
  const deployments = await cluster.list({ apiVersion: "apps/v1", kind: "Deployment" });
  const running = deployments.filter(({ status }) => status?.readyReplicas === 1).length;
  if (running !== tenants) throw new Error(`${running} of ${tenants} tenants run after \`up\``);
}

async function countResources(session: EngineSession, project: ScratchProject): Promise<number> {
  const state = JSON.parse(await run(session, project, ["stack", "export", "--stack", stack])) as {
    readonly deployment: { readonly resources: readonly unknown[] };
  };
  return state.deployment.resources.length;
}

async function run(session: EngineSession, project: ScratchProject, parameters: string[]): Promise<string> {
  const environment: Record<string, string> = skipCheckpoints
    ? { PULUMI_EXPERIMENTAL: "true", PULUMI_SKIP_CHECKPOINTS: "true" }
    : {};
  const { code, stdout, stderr } = await session.run(parameters, { directory: project.directory, environment });
  if (code !== 0) throw new Error(`pulumi ${parameters.join(" ")} ended with ${code}:\n${stdout}${stderr}`);
  return stdout;
}

/** The comma-separated numbers after `--tenants`. */
function tenantsOption(): number[] {
  const at = process.argv.indexOf("--tenants");
  const numbers = (at === -1 ? "10,100" : (process.argv[at + 1] ?? "")).split(",").map(Number);
  if (numbers.some((one) => !Number.isInteger(one) || one < 1)) {
    throw new Error("--tenants: expected whole numbers from 1 on, separated by commas");
  }
  return numbers;
}

function report(line: string): void {
  process.stderr.write(`${line}\n`);
}

void main();
