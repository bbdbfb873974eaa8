import { mkdirSync, mkdtempSync, realpathSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { serveRegistry } from "./embedded-registry";
import { serveGit } from "./git-server";
import { createApplication, type PublishedRelease, type ScratchApplication } from "./scratch-application";
import { copyProject, type ScratchProject } from "./scratch-project";

/** The demo's application with its Git server and registry, and a copy of this project. */
export interface StorySetup {
  /** The folder with all files of the demo. */
  readonly directory: string;
  readonly application: ScratchApplication;
  /** The URL of the application's repository. */
  readonly repositoryUrl: string;
  readonly project: ScratchProject;
  /** Stops the servers and, unless `keep` is set, removes the folder. */
  close(keep: boolean): Promise<void>;
}

/** The name of the application and of its tenant. */
export const storyTenant = "shop";

/**
 * Creates an application with its first release, starts its servers, and copies this project. In the copy, both stacks
 * have the application as their only tenant.
 *
 * @param root absolute path of this project's folder
 */
export async function setUpStory(root: string): Promise<StorySetup> {
  const directory = realpathSync(mkdtempSync(join(tmpdir(), "shared-authority-story-")));
  const servers: { close(): Promise<void> }[] = [];
  const close = async (keep: boolean) => {
    await Promise.all(servers.map((server) => server.close()));
    if (!keep) await rm(directory, { recursive: true, force: true, maxRetries: 5 });
  };
  try {
    const repositories = join(directory, "repositories");
    mkdirSync(repositories);
    const registry = await serveRegistry();
    servers.push(registry);
    const gitServer = await serveGit({ root: repositories });
    servers.push(gitServer);
    const application = await createApplication({ directory: repositories, name: storyTenant, registry: registry.url });
    const first = await application.publish({ version: "1.0.0", message: "The first release" });
    const project = await copyProject({ root, directory: join(directory, "shared-repository") });
    const repositoryUrl = `${gitServer.url}/${storyTenant}.git`;
    await declareTenant(project, application, repositoryUrl, first);
    return { directory, application, repositoryUrl, project, close };
  } catch (error) {
    await close(false);
    throw error;
  }
}

/** Replaces the example tenants with the demo's tenant. */
async function declareTenant(
  project: ScratchProject,
  application: ScratchApplication,
  repositoryUrl: string,
  first: PublishedRelease,
): Promise<void> {
  const examples = await project.git("ls-files", "tenants", "rendered", "Pulumi.*.yaml", "releases.lock.yaml");
  const removed = examples.split("\n").filter((file) => file !== "");
  const tenant = `  shared-authority:tenants:
    ${storyTenant}:
      repository: ${repositoryUrl}
      chart: ${application.chartPath}
      image: ${application.image}
      insecureRegistry: true
`;
  await project.commit("Shop is the tenant of both stacks", {
    ...Object.fromEntries(removed.map((file) => [file, undefined])),
    "Pulumi.dev.yaml": `config:
  shared-authority:follow: branch
  shared-authority:branch: master
  shared-authority:delivery: { manifests: rendered/dev }
${tenant}`,
    "Pulumi.prod.yaml": `config:
  shared-authority:follow: tags
  shared-authority:delivery: { manifests: rendered/prod }
${tenant}      tag: "1.0.0"
      digest: ${first.digest}
      policy: { range: ">=1.0.0 <2.0.0" }
`,
    [`tenants/${storyTenant}/values.yaml`]: `image:\n  repository: ${application.image}\n`,
    [`tenants/${storyTenant}/values.prod.yaml`]: "replicaCount: 3\n",
  });
}
