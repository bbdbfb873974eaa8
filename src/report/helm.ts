/** Renders a chart with the Helm CLI, without a cluster, plugins, repositories or credentials. */
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { withoutCredentials } from "../config/address";
import { printableSentence } from "../config/printable";
import { withScratchFolder } from "../release/scratch-folder";

/** A chart: its files, or the archive that `helm package` makes. */
export type ChartContent = readonly { readonly path: string; readonly content: Buffer }[] | Buffer;

/** What Flux would tell Helm. */
export interface HelmRelease {
  readonly name: string;
  readonly namespace: string;
  /** Values files, as YAML, in the order in which they are merged. */
  readonly values: readonly string[];
}

/** Why a chart cannot be rendered. The message is one printable sentence. */
export class HelmError extends Error {
  override readonly name = "HelmError";
}

const timeoutMs = 60_000;
const largestOutput = 16 * 1024 * 1024;

/** The variables of the environment that Helm gets: none of them holds a credential, a cluster or a plugin. */
const inherited = ["PATH", "SystemRoot", "PATHEXT", "TMPDIR", "TEMP"];

/**
 * The objects of a chart as one YAML stream.
 *
 * @throws HelmError when Helm is missing, or refuses the chart
 */
export async function helmTemplate(chart: ChartContent, { name, namespace, values }: HelmRelease): Promise<string> {
  const { execa } = await import("execa");
  return withScratchFolder("authority-helm-", async (folder) => {
    const place = join(folder, Buffer.isBuffer(chart) ? "chart.tgz" : "chart");
    if (Buffer.isBuffer(chart)) writeFileSync(place, chart);
    else for (const { path, content } of chart) write(join(place, path), content);
    const files = values.map((text, index) => {
      const file = join(folder, `values-${index}.yaml`);
      writeFileSync(file, text);
      return file;
    });
    const options = ["--namespace", namespace, "--skip-tests", ...files.flatMap((file) => ["--values", file])];
    const result = await execa("helm", ["template", ...options, "--", name, place], {
      cwd: folder,
      env: { ...environment(), ...foldersIn(folder), NO_COLOR: "1" },
      extendEnv: false,
      stdin: "ignore",
      reject: false,
      timeout: timeoutMs,
      maxBuffer: largestOutput,
    });
    if (result.timedOut) throw new HelmError(`\`helm template\` took longer than ${timeoutMs / 1000} s`);
    if (result.isMaxBuffer) throw new HelmError(`the rendered chart has more than ${largestOutput} bytes`);
    if (result.exitCode === 0) return result.stdout;
    const said = withoutCredentials(result.stderr.replaceAll(`${folder}/`, "")).trim();
    throw new HelmError(
      printableSentence(`\`helm template\` failed: ${said.replace(/\s*\n\s*/g, "; ").slice(0, 500)}`),
    );
  });
}

/** What to do where Helm is missing. */
export const noHelm = "the program `helm` is not on PATH: install Helm where the report is made";

let finding: Promise<boolean> | undefined;

/**
 * Whether charts can be rendered, before any is fetched.
 *
 * @throws HelmError where Helm is missing
 */
export async function requireHelm(): Promise<void> {
  finding ??= import("execa").then(async ({ execa }) => {
    const result = await execa("helm", ["version", "--short"], {
      env: environment(),
      extendEnv: false,
      reject: false,
      stdin: "ignore",
    });
    return result.code !== "ENOENT";
  });
  if (!(await finding)) throw new HelmError(noHelm);
}

function write(file: string, content: Buffer): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, content);
}

function environment(): Record<string, string> {
  return Object.fromEntries(
    inherited.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])),
  );
}

function foldersIn(folder: string): Record<string, string> {
  const names = ["HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME", "HELM_PLUGINS", "HOME"];
  return Object.fromEntries(names.map((name) => [name, join(folder, "helm")]));
}
