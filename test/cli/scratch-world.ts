import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { serveRegistry } from "../../demo/embedded-registry";
import { serveGit } from "../../demo/git-server";
import { createApplication, type ScratchApplication } from "../../demo/scratch-application";
import { temporaryDirectory } from "../support/directory";

/** An application team with its Git host and its registry, and an empty project beside them. */
export interface ScratchWorld {
  /** The project's folder, which holds `Pulumi.yaml` and nothing else. */
  readonly root: string;
  readonly application: ScratchApplication;
  /** The application's repository as its clients see it. */
  readonly repository: string;
  /** Writes files of the project, by their paths. */
  readonly write: (files: Readonly<Record<string, string>>) => void;
  /** Everything in the project, as sorted paths. */
  readonly files: () => string[];
  /** The entry of the application under `shared-authority:tenants`, with more keys in it. */
  readonly tenant: (...more: readonly string[]) => string;
  /** The Git host and the registry are gone from now on. */
  readonly cutNetwork: () => Promise<void>;
}

/** Makes a world for each test of the suite. Call it in a `describe`. */
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

/** A stack that follows tags, with these entries under `shared-authority:tenants`. */
export function tagsStack(...tenants: readonly string[]): string {
  return `config:\n  shared-authority:follow: tags\n  shared-authority:tenants:\n${tenants.join("")}`;
}

/** A stack that follows the branch `master`. */
export function branchStack(...tenants: readonly string[]): string {
  return tagsStack(...tenants).replace("follow: tags", "follow: branch");
}

/** The lines that make the tenant of a stack that follows tags run this version. */
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
    async cutNetwork() {
      await Promise.all([registry.close(), gitServer.close()]);
    },
  };
}
