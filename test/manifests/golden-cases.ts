import { mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { serveRegistry } from "../../demo/embedded-registry";
import type { Listening } from "../../demo/loopback";
import { pushChart } from "../../demo/push";
import { createApplication } from "../../demo/scratch-application";
import { readStackConfig } from "../../src/config/read-stack-config";
import { createEvidenceReader } from "../../src/release/evidence-reader";
import { readLock } from "../../src/release/lock";
import { type ResolvedStack, resolveStack } from "../../src/release/resolve";

/** Each folder of test/golden is a case: a stack file, a lock and special config, and in `rendered` the expected YAML. */
export const golden = join(__dirname, "../golden");
export const rendered = "rendered";

export type Files = Readonly<Record<string, string>>;

export interface GoldenCase {
  readonly name: string;
  readonly stack: string;
  /** The input files, by path. */
  readonly given: Files;
}

export function readFiles(folder: string): Record<string, string> {
  return Object.fromEntries(
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .map((file) => [file.slice(folder.length + 1).replaceAll("\\", "/"), readFileSync(file, "utf8")] as const)
      .sort(([one], [other]) => (one < other ? -1 : 1)),
  );
}

export function writeFiles(folder: string, files: Files): void {
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), content);
  }
}

export function readCases(): GoldenCase[] {
  return readdirSync(golden, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => {
      const files = Object.entries(readFiles(join(golden, name)));
      const given = Object.fromEntries(files.filter(([path]) => !path.startsWith(`${rendered}/`)));
      const stack = Object.keys(given).map((path) => /^Pulumi\.(.+)\.yaml$/.exec(path)?.[1]);
      return { name, stack: stack.find((found) => found !== undefined) ?? "", given };
    });
}

/**
 * Names in a case for facts of the application that each run creates: the host of its registry, which differs, and the
 * commit that an image or a chart was built for.
 */
const named = { registry: "registry.example.net", commit: "0123456789abcdef0123456789abcdef01234567" } as const;

/** Variables by which Git reads the cases' host from this machine. */
const variables = ["GIT_CONFIG_COUNT", "GIT_CONFIG_KEY_0", "GIT_CONFIG_VALUE_0"] as const;

/** The application of all cases, on this machine. */
export class GoldenWorld {
  private constructor(
    readonly directory: string,
    private readonly registry: Listening,
    private readonly commit: string,
  ) {}

  /** The caller ends it. */
  static async create(): Promise<GoldenWorld> {
    const directory = realpathSync(mkdtempSync(join(tmpdir(), "shared-authority-golden-")));
    const registry = await serveRegistry();
    const application = await createApplication({ directory, name: "podinfo", registry: registry.url });
    const commit = await application.commit({ version: "6.14.1", message: "Say hello" });
    await application.pushImage(`master-${commit}-1767225660`);
    await pushChart(registry.url, "charts/podinfo", "0.0.0-master.17", {
      "Chart.yaml": "apiVersion: v2\nname: podinfo\nversion: 0.0.0-master.17\nappVersion: 0.0.0-master.17\n",
    });
    await application.commit({ version: "6.14.1", message: "Nobody has built this" });
    // A stack with `follow: branch` reads git.example.com from this machine.
    process.env.GIT_CONFIG_COUNT = "1";
    process.env.GIT_CONFIG_KEY_0 = `url.${pathToFileURL(directory).href}/podinfo.git.insteadOf`;
    process.env.GIT_CONFIG_VALUE_0 = "https://git.example.com/podinfo";
    return new GoldenWorld(directory, registry, commit);
  }

  async end(): Promise<void> {
    await this.registry.close();
    for (const variable of variables) Reflect.deleteProperty(process.env, variable);
    rmSync(this.directory, { recursive: true, force: true });
  }

  /** For a child process. */
  get environment(): Record<string, string> {
    return Object.fromEntries(variables.map((variable) => [variable, process.env[variable] ?? ""]));
  }

  /** The files with the facts of this run. */
  withMade(files: Files): Record<string, string> {
    const { host } = new URL(this.registry.url);
    return mapContents(files, (text) => text.replaceAll(named.registry, host).replaceAll(named.commit, this.commit));
  }

  /** The files as the cases have them. The commit is the same at each run. */
  withNamed(files: Files): Record<string, string> {
    const { host } = new URL(this.registry.url);
    return mapContents(files, (text) => text.replaceAll(host, named.registry));
  }

  /** Writes the files of a case, and resolves its stack as `authority` does. */
  async resolve({ name, stack, given }: GoldenCase): Promise<ResolvedStack> {
    const root = join(this.directory, name);
    writeFiles(root, { ...this.withMade(given), "Pulumi.yaml": "name: shared-authority\nruntime: nodejs\n" });
    return resolveStack(readStackConfig({ root, stack }), readLock(root), createEvidenceReader());
  }
}

function mapContents(files: Files, change: (text: string) => string): Record<string, string> {
  return Object.fromEntries(Object.entries(files).map(([path, text]) => [path, change(text)]));
}
