import { mkdirSync, mkdtempSync, realpathSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { serveRegistry } from "./embedded-registry";
import { serveGit } from "./git-server";
import { createApplication, type PublishedRelease, type ScratchApplication } from "./scratch-application";
import { copyProject, type ScratchProject } from "./scratch-project";

/** Everything that the story plays on. */
export interface Stage {
  /** The one folder that holds all of it. */
  readonly directory: string;
  readonly application: ScratchApplication;
  /** The application's repository as its clients see it. */
  readonly repositoryUrl: string;
  readonly project: ScratchProject;
  /** Stops the servers and, unless it is to be kept, removes the folder. */
  close(keep: boolean): Promise<void>;
}

/** The application of the story, and the tenant that it is in the shared repository. */
export const storyTenant = "shop";

/**
 * Sets the stage: an application's repository with its first release, a Git server, a registry, and a copy of this
 * project whose stacks hold that application.
 *
 * @param root absolute path of this project's folder
 */
export async function setStage(root: string): Promise<Stage> {
  const directory = realpathSync(mkdtempSync(join(tmpdir(), "shared-authority-story-")));
  const closers: (() => Promise<void>)[] = [];
  const close = async (keep: boolean) => {
    await Promise.all(closers.map((each) => each()));
    if (!keep) await rm(directory, { recursive: true, force: true, maxRetries: 5 });
  };
  try {
    const repositories = join(directory, "repositories");
    mkdirSync(repositories);
    const registry = await serveRegistry();
    closers.push(() => registry.close());
    const server = await serveGit({ root: repositories });
    closers.push(() => server.close());
    const application = await createApplication({ directory: repositories, name: storyTenant, registry: registry.url });
    const first = await application.publish({ version: "1.0.0", message: "The first release" });
    const project = await copyProject({ root, directory: join(directory, "shared-repository") });
    const repositoryUrl = `${server.url}/${storyTenant}.git`;
    await furnish(project, application, repositoryUrl, first);
    return { directory, application, repositoryUrl, project, close };
  } catch (error) {
    await close(false);
    throw error;
  }
}

/** Puts the story's tenant in the place of the example tenants. */
async function furnish(
  project: ScratchProject,
  application: ScratchApplication,
  repositoryUrl: string,
  first: PublishedRelease,
): Promise<void> {
  const examples = await project.git("ls-files", "tenants", "rendered", "Pulumi.*.yaml", "releases.lock.yaml");
  const gone = examples.split("\n").filter((file) => file !== "");
  const tenant = [
    "  shared-authority:tenants:",
    `    ${storyTenant}:`,
    `      repository: ${repositoryUrl}`,
    `      chart: ${application.chartPath}`,
    `      image: ${application.image}`,
    "      insecureRegistry: true",
  ];
  await project.commit("Shop is the tenant of both stacks", {
    ...Object.fromEntries(gone.map((file) => [file, undefined])),
    "Pulumi.dev.yaml": lines(
      "config:",
      "  shared-authority:follow: branch",
      "  shared-authority:branch: master",
      "  shared-authority:delivery: { manifests: rendered/dev }",
      ...tenant,
    ),
    "Pulumi.prod.yaml": lines(
      "config:",
      "  shared-authority:follow: tags",
      "  shared-authority:delivery: { manifests: rendered/prod }",
      ...tenant,
      '      tag: "1.0.0"',
      `      digest: ${first.digest}`,
      '      policy: { range: ">=1.0.0 <2.0.0" }',
    ),
    [`tenants/${storyTenant}/values.yaml`]: lines("image:", `  repository: ${application.image}`),
    [`tenants/${storyTenant}/values.prod.yaml`]: lines("replicaCount: 3"),
  });
}

function lines(...each: string[]): string {
  return each.map((line) => `${line}\n`).join("");
}
