/** Programs that run under the real engine: our program with a synthetic stack, and bare programs for comparison. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readStackConfig } from "../../src/config/read-stack-config";
import { serveRegistry } from "../../demo/embedded-registry";
import { findEngine, type Engine } from "../../demo/engine";
import { type EngineSession, openEngineSession } from "../../demo/engine-session";
import { pushImage } from "../../demo/push";
import { copyProject } from "../../demo/scratch-project";
import type { KubernetesObject } from "../../src/manifests/object";
import { stackObjects } from "../../src/manifests/stack-objects";
import { createEvidenceReader } from "../../src/release/evidence-reader";
import { readLock } from "../../src/release/lock";
import { resolveStack } from "../../src/release/resolve";
import { release, renderedFolder, tenantName, writeStack } from "./synthetic-stack";
import type { Run } from "./measure";

const root = join(__dirname, "..", "..");

/** A program with a stack, ready for previews. */
export interface Program {
  /** Runs `pulumi preview`. `process` is the program's Node process, `whole` is the complete run. */
  preview(...parameters: string[]): Promise<{ readonly process: Run; readonly whole: Run }>;
}

/** Creates programs in a temporary folder, which `close` removes. */
export class ProgramFolder {
  readonly #directory = mkdtempSync(join(tmpdir(), "shared-authority-bench-"));
  #registry?: Awaited<ReturnType<typeof serveRegistry>>;

  constructor(readonly engine: Engine) {}

  /** @throws Error if no engine is found */
  static async open(): Promise<ProgramFolder> {
    const engine = await findEngine();
    if ("missing" in engine) throw new Error(`needs the Pulumi engine: ${engine.missing}`);
    return new ProgramFolder(engine);
  }

  /** Our program with this many tenants; their images are in a local registry. */
  async ours(tenants: number): Promise<Program & { readonly objects: readonly KubernetesObject[] }> {
    this.#registry ??= await serveRegistry();
    const { url } = this.#registry;
    for (let index = 0; index < tenants; index += 1) await pushImage(url, tenantName(index), release);
    const directory = join(this.#directory, `ours-${tenants}`);
    await copyProject({ root, directory });
    for (const stack of ["dev", "staging"]) rmSync(join(directory, `Pulumi.${stack}.yaml`));
    rmSync(join(directory, "tenants"), { recursive: true });
    const pulumiYaml = readFileSync(join(directory, "Pulumi.yaml"), "utf8");
    writeStack({ directory, tenants, registry: new URL(url).host });
    writeFileSync(join(directory, "Pulumi.yaml"), pulumiYaml);
    const config = readStackConfig({ root: directory, stack: "prod" });
    const resolved = await resolveStack(config, readLock(directory), createEvidenceReader());
    return { ...(await this.#program(directory)), objects: Array.from(stackObjects(resolved), ({ object }) => object) };
  }

  /** A compiled program that only registers the objects. */
  async bare(objects: readonly KubernetesObject[]): Promise<Program> {
    return this.#program(this.#write("bare", bareProgram, objects));
  }

  /** A compiled program that only loads the SDK. */
  async empty(): Promise<Program> {
    return this.#program(this.#write("empty", emptyProgram, []));
  }

  /** A policy pack whose policy does nothing. It measures the engine's own overhead. */
  emptyPack(): string {
    const directory = join(this.#directory, "empty-pack");
    mkdirSync(directory);
    symlinkSync(join(root, "node_modules"), join(directory, "node_modules"), "junction");
    const options = "options: { typescript: false }";
    writeFileSync(join(directory, "PulumiPolicy.yaml"), `runtime: { name: nodejs, ${options} }\n`);
    writeFileSync(
      join(directory, "package.json"),
      JSON.stringify({ name: "empty-pack", version: "1.0.0", main: "pack.js" }),
    );
    writeFileSync(join(directory, "pack.js"), emptyPack);
    return directory;
  }

  /** Stops the registry and removes all files. */
  async close(): Promise<void> {
    await this.#registry?.close();
    rmSync(this.#directory, { recursive: true, force: true });
  }

  #write(name: string, program: string, objects: readonly KubernetesObject[]): string {
    const directory = join(this.#directory, name);
    mkdirSync(directory);
    symlinkSync(join(root, "node_modules"), join(directory, "node_modules"), "junction");
    const options = "options: { typescript: false }";
    writeFileSync(
      join(directory, "Pulumi.yaml"),
      `name: ${name}\nmain: program.js\nruntime: { name: nodejs, ${options} }\n`,
    );
    writeFileSync(join(directory, "program.js"), program);
    writeFileSync(join(directory, "objects.json"), JSON.stringify(objects));
    return directory;
  }

  async #program(directory: string): Promise<Program> {
    const sessionFolder = `${directory}-session`;
    mkdirSync(sessionFolder);
    const session = openEngineSession(this.engine, sessionFolder);
    await runPulumi(session, directory, ["stack", "init", "prod"]);
    const report = join(sessionFolder, "processes.jsonl");
    const environment = {
      NODE_OPTIONS: `--require ${join(__dirname, "report-process.js")}`,
      BENCH_REPORT: report,
      // Since 3.27x the engine serializes the whole state at each step of a preview too, which hides the program's cost.
      PULUMI_EXPERIMENTAL: "true",
      PULUMI_SKIP_CHECKPOINTS: "true",
    };
    return {
      async preview(...parameters) {
        rmSync(report, { force: true });
        const begin = performance.now();
        await runPulumi(session, directory, ["preview", "--suppress-outputs", ...parameters], environment);
        const whole = { seconds: (performance.now() - begin) / 1000, processorSeconds: 0, peakMiB: 0 };
        const processes = readFileSync(report, "utf8")
          .trimEnd()
          .split("\n")
          .map((line) => JSON.parse(line) as Run & { readonly role: string });
        const own = processes.find(({ role }) => role === "run");
        if (own === undefined) throw new Error("the program's process did not write its report");
        return { whole, process: own };
      },
    };
  }
}

async function runPulumi(
  session: EngineSession,
  directory: string,
  parameters: string[],
  environment: Record<string, string> = {},
): Promise<void> {
  const { code, stdout, stderr } = await session.run(parameters, { directory, environment });
  if (code !== 0) throw new Error(`pulumi ${parameters.join(" ")} ended with ${code}:\n${stdout}${stderr}`);
}

const emptyProgram = `"use strict";
const pulumi = require("@pulumi/pulumi");
exports.stack = pulumi.getStack();
`;

const emptyPack = `"use strict";
const { PolicyPack } = require("@pulumi/policy");
const policy = { name: "nothing", description: "Nothing.", enforcementLevel: "mandatory", validateResource() {} };
new PolicyPack("empty", { policies: [policy] });
`;

/** Imports single classes, as our program does, because the whole SDK takes seconds to load. */
const bareProgram = `"use strict";
const classes = {
  ConfigMap: require("@pulumi/kubernetes/core/v1/configMap").ConfigMap,
  LimitRange: require("@pulumi/kubernetes/core/v1/limitRange").LimitRange,
  Namespace: require("@pulumi/kubernetes/core/v1/namespace").Namespace,
  ResourceQuota: require("@pulumi/kubernetes/core/v1/resourceQuota").ResourceQuota,
  ServiceAccount: require("@pulumi/kubernetes/core/v1/serviceAccount").ServiceAccount,
  NetworkPolicy: require("@pulumi/kubernetes/networking/v1/networkPolicy").NetworkPolicy,
  Role: require("@pulumi/kubernetes/rbac/v1/role").Role,
  RoleBinding: require("@pulumi/kubernetes/rbac/v1/roleBinding").RoleBinding,
};
const { CustomResource } = require("@pulumi/kubernetes/apiextensions/customResource");
const { Provider } = require("@pulumi/kubernetes/provider");

const provider = new Provider("rendering", { renderYamlToDirectory: ${JSON.stringify(renderedFolder)} });
for (const object of require("./objects.json")) {
  const { name, namespace } = object.metadata;
  new (classes[object.kind] ?? CustomResource)(namespace + "/" + name, object, { provider });
}
`;
