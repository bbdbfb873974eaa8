import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { serveRegistry } from "../../demo/embedded-registry";
import { serveGit } from "../../demo/git-server";
import { createApplication, type ScratchApplication } from "../../demo/scratch-application";
import { temporaryDirectory } from "../support/directory";

/** An application team with its Git host and registry, and an empty project. */
export interface ScratchWorld {
  /** The folder of the project. At first it contains only `Pulumi.yaml`. */
  readonly root: string;
  readonly application: ScratchApplication;
  /** The URL of the application's repository. */
  readonly repository: string;
  /** Writes files into the project: path -> content. */
  readonly write: (files: Readonly<Record<string, string>>) => void;
  /** The sorted paths of all files in the project. */
  readonly files: () => string[];
  /** The application's entry under `shared-authority:tenants`, with additional lines. */
  readonly tenant: (...more: readonly string[]) => string;
  readonly cutGitHost: () => Promise<void>;
  /** Stops the Git host and the registry. */
  readonly cutNetwork: () => Promise<void>;
}

/** Creates a world for each test of the suite. Call it in a `describe`. */
export function scratchWorld(): () => ScratchWorld {
  const directory = temporaryDirectory();
  let world: ScratchWorld | undefined;
  beforeEach(async () => {
    world = await makeWorld(directory());
  });
  afterEach(async () => {
    await world?.cutNetwork();
    world = undefined;
  });
  return () => {
    if (world === undefined) throw new Error("The world exists only while a test runs.");
    return world;
  };
}

/** A stack file that follows tags, with these entries under `shared-authority:tenants`. */
export function tagsStack(...tenants: readonly string[]): string {
  return `config:\n  shared-authority:follow: tags\n  shared-authority:tenants:\n${tenants.join("")}`;
}

/** A stack file that follows the branch `master`. */
export function branchStack(...tenants: readonly string[]): string {
  return tagsStack(...tenants).replace("follow: tags", "follow: branch");
}

/** The lines of a tenant that runs this version. */
export function running(version: string): readonly string[] {
  return [`tag: "${version}"`, 'policy: { range: ">=1.0.0 <2.0.0" }'];
}

async function makeWorld(directory: string): Promise<ScratchWorld> {
  const repositories = join(directory, "repositories");
  const root = join(directory, "project");
  mkdirSync(repositories);
  mkdirSync(root);
  writeFileSync(join(root, "Pulumi.yaml"), "name: shared-authority\nruntime: nodejs\n");
  const registry = await serveRegistry();
  const gitServer = await serveGit({ root: repositories });
  const application = await createApplication({ directory: repositories, name: "shop", registry: registry.url });
  const repository = `${gitServer.url}/shop.git`;
  return {
    root,
    application,
    repository,
    write(files) {
      for (const [path, content] of Object.entries(files)) {
        mkdirSync(dirname(join(root, path)), { recursive: true });
        writeFileSync(join(root, path), content);
      }
    },
    files: () =>
      readdirSync(root, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1))
        .sort(),
    tenant: (...more) =>
      [
        "    shop:",
        `      repository: ${repository}`,
        "      chart: ./charts/shop",
        `      image: ${application.image}`,
        "      insecureRegistry: true",
        ...more.map((line) => `      ${line}`),
        "",
      ].join("\n"),
    cutGitHost: () => gitServer.close(),
    async cutNetwork() {
      await Promise.all([registry.close(), gitServer.close()]);
    },
  };
}
