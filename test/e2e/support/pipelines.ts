import assert from "node:assert/strict";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { parse, parseAllDocuments } from "yaml";
import { authorityProgram } from "../../../demo/scratch-project";
import type { KubernetesObject } from "../../../src/manifests/object";
import { createRegistry } from "../../../src/release/registry";
import { waitFor, waitForGone } from "../../lab/wait";
import { githubRelease, runApplicationPipeline } from "../../support/application-pipeline";
import { writeImage } from "../../support/image-layout";
import { Pipelines, type WorkflowRun } from "../../support/pipelines";
import { projectRoot } from "../../support/project";
import type { Application } from "./application";
import { type Fixture, said, useFixture } from "./fixture";
import { freshName, type OpenedLab } from "./lab";

/** How the stack `prod` of the repository delivers, and how its tenant is promoted. */
export interface PipelineStory {
  readonly delivery: "cluster" | "manifests";
  readonly automation: "auto" | "pull-request";
}

/**
 * The repository that `init` writes, on a stand-in Git host whose events start its workflows, with a tenant at 6.11.1 whose
 * image the lab's Flux watches. With `delivery: manifests` the chart is read from the registry. Call it in a `describe`.
 */
export function usePipelines(opened: () => OpenedLab, { delivery, automation }: PipelineStory) {
  const rootName = freshName("root");
  const undo: (() => unknown)[] = [];
  let root: readonly KubernetesObject[] = [];
  let directory: string;
  let application: Application;
  let pipelines: Pipelines;

  // Declared before the fixture, which removes the namespace with the accounts that Flux needs to uninstall.
  after(async () => {
    const { cluster } = opened();
    for (const object of [...root].reverse()) if (await cluster.find(object)) await cluster.delete(object);
    for (const step of undo.reverse()) await step();
  });

  const fixture: () => Fixture = useFixture(opened);
  const isInsecure = () => opened().lab.registryUrl.startsWith("http:");

  before(async () => {
    directory = realpathSync(mkdtempSync(join(tmpdir(), "shared-authority-pipeline-")));
    undo.push(() => rmSync(directory, { recursive: true, force: true }));
    application = await fixture().application("6.11.1");
    if (delivery === "manifests") await application.pushChart("6.11.1");
    const kubeconfig = readFileSync(opened().lab.kubeconfigPath, "utf8");
    const flags = ["--delivery", delivery];
    const secrets = { KUBECONFIG: kubeconfig };
    pipelines = await Pipelines.start(directory, fixture().session, flags, { secrets });
    undo.push(() => pipelines.close());
    undo.push(() => remove());
    const { "current-context": context } = parse(kubeconfig) as { "current-context": string };
    const example = await fixture().project.read("tenants/podinfo/values.yaml");
    mkdirSync(join(pipelines.clone, "tenants", application.name), { recursive: true });
    writeFileSync(
      join(pipelines.clone, "tenants", application.name, "values.yaml"),
      `${example}\nimage:\n  repository: ${application.image}\n`,
    );
    writeFileSync(join(pipelines.clone, "Pulumi.prod.yaml"), stackFile(context));
    for (const stack of ["dev", "staging"]) rmSync(join(pipelines.clone, `Pulumi.${stack}.yaml`));
    for (const name of ["up", "verify"]) {
      const file = join(pipelines.clone, `.github/workflows/${name}.yml`);
      writeFileSync(file, readFileSync(file, "utf8").replaceAll("stack: [dev, staging, prod]", "stack: [prod]"));
    }
    await opened().cluster.create(pushSecret());
    if (delivery === "manifests") root = await rootObjects();
    else {
      const made = await fixture().session.run(["stack", "init", "prod"], { directory: pipelines.clone });
      assert.equal(made.code, 0, said(made));
    }
  });

  const stackFile = (context: string): string =>
    [
      "config:",
      ...(delivery === "cluster" ? [`  kubernetes:context: ${context}`] : []),
      "  shared-authority:follow: tags",
      `  shared-authority:delivery: ${delivery === "cluster" ? "cluster" : "{ manifests: rendered/prod }"}`,
      `  shared-authority:authorityNamespace: ${fixture().authorityNamespace}`,
      `  shared-authority:configRepository: { url: "${pipelines.url}", branch: main, secret: shared-authority-push }`,
      "  shared-authority:intervals: { source: 1h0m0s, image: 2s, release: 1m0s, automation: 3s }",
      "  shared-authority:timeouts: { source: 30s, release: 2m0s }",
      "  shared-authority:tenants:",
      `    ${application.name}:`,
      `      repository: ${application.repository.url}`,
      `      chart: ${delivery === "cluster" ? "./charts/podinfo" : application.ociChart}`,
      `      image: ${application.image}`,
      `      insecureRegistry: ${isInsecure()}`,
      `      tag: "6.11.1" # {"$imagepolicy": "${fixture().authorityNamespace}:${application.name}:tag"}`,
      "      policy:",
      '        range: ">=6.0.0 <7.0.0"',
      `        automation: ${automation}`,
      "",
    ].join("\n");

  /** What Flux pushes with. */
  const pushSecret = () => ({
    ...{ apiVersion: "v1", kind: "Secret", type: "Opaque" },
    metadata: { name: "shared-authority-push", namespace: fixture().authorityNamespace },
    stringData: { username: "flux", password: "flux-token" },
  });

  /** docs/root-kustomization.yaml with the names of this test, which looks often. */
  const rootObjects = async (): Promise<KubernetesObject[]> => {
    const text = readFileSync(join(projectRoot, "docs/root-kustomization.yaml"), "utf8")
      .replaceAll("https://github.com/example/shared-authority.git", pipelines.url)
      .replaceAll("shared-authority-root", rootName)
      .replaceAll("flux-system", fixture().authorityNamespace)
      .replaceAll(/interval: 1m0s|retryInterval: 30s/gi, (found) => found.replace(/\d.*/, "3s"));
    const objects = parseAllDocuments(text).map((document) => document.toJS() as KubernetesObject);
    for (const object of objects) await opened().cluster.apply(object);
    return objects;
  };

  /** The packages in the person's clone, for programs that are not a pipeline's. */
  const withPackages = (): string => {
    const packages = join(pipelines.clone, "node_modules");
    if (!existsSync(packages)) symlinkSync(join(fixture().project.directory, "node_modules"), packages);
    return pipelines.clone;
  };

  const remove = async (): Promise<void> => {
    const { cluster, own } = opened();
    if (own) return;
    if (delivery === "cluster") {
      const flags = ["--stack", "prod", "--yes", "--ignore-protect"];
      const environment = { KUBECONFIG: opened().lab.kubeconfigPath };
      const result = await fixture().session.run(["destroy", ...flags], { directory: withPackages(), environment });
      assert.equal(result.code, 0, said(result));
      return;
    }
    const release = fixture().flux("HelmRelease", application.name);
    const namespace = { apiVersion: "v1", kind: "Namespace", metadata: { name: application.name } };
    for (const object of [release, namespace]) {
      if (await cluster.find(object)) await cluster.delete(object);
      await waitForGone(cluster, object);
    }
  };

  const results = (runs: readonly WorkflowRun[], workflow: string) =>
    runs.flatMap((run) => (run.workflow === workflow ? run.jobs.map(({ job, result }) => `${job} ${result}`) : []));

  const outputs = (runs: readonly WorkflowRun[]) =>
    runs.flatMap(({ workflow, jobs }) => jobs.map((one) => `== ${workflow} ${one.job}\n${one.output}`)).join("\n");

  /** Waits until the cluster runs a version. */
  const runs = (version: string) =>
    waitFor(
      `${application.name} runs ${version}`,
      async (see) => {
        const image = await fixture()
          .runningImage(application)
          .catch(() => undefined);
        see(image);
        return image?.endsWith(`:${version}`) === true ? image : undefined;
      },
      { lab: opened().lab, logs: ["kustomize-controller", "helm-controller"], pauseMs: 500 },
    );

  const assertDeployed = (found: readonly WorkflowRun[]): void => {
    assert.ok(
      results(found, "up").every((line) => line.endsWith("success")),
      outputs(found),
    );
  };

  return {
    fixture,
    application: () => application,
    pipelines: () => pipelines,
    directory: () => directory,
    ...{ results, outputs, runs, assertDeployed },

    /** Pushes the first commit, and waits until the tenant runs what it decides. */
    deployFirst: async (): Promise<void> => {
      await pipelines.commit("Decide here which releases run");
      await pipelines.git("push", "--quiet", "--set-upstream", "origin", "main");
      assertDeployed(await pipelines.settle());
      await runs("6.11.1");
    },

    /**
     * The application team's release: `authority release`, and what its tag starts, the steps of the application's own workflow.
     * Only the build is a stand-in, an image that has nothing but its labels.
     */
    release: async (version: string): Promise<void> => {
      const { repository } = application;
      const flags = ["--chart", "charts/podinfo", "--branch", "master", "--push", "--yes"];
      const program = join(projectRoot, "bin/authority.js");
      const made = await execa(process.execPath, [program, "release", version, ...flags], {
        cwd: repository.path,
        env: { ...identity("AUTHOR"), ...identity("COMMITTER") },
        reject: false,
      });
      assert.equal(made.exitCode, 0, made.stderr);
      const revision = await repository.git("rev-parse", "HEAD");
      const folder = mkdtempSync(join(directory, "application-"));
      writeImage(join(folder, "built/images/app"), {
        "org.opencontainers.image.revision": revision,
        "org.opencontainers.image.version": version,
      });
      await runApplicationPipeline(githubRelease, {
        ...{ directory: folder, remote: repository.url, tag: version, insecure: isInsecure() },
        settings: {
          image: `${application.image}=images/app`,
          chart: "charts/podinfo",
          chartTo: application.ociChart,
          build: 'cp -R "$BUILT/images/." images',
          from: "master",
        },
      });
      const chart = await createRegistry().readChart(application.ociChart, version, isInsecure());
      assert.equal(chart?.revision, revision);
    },

    /** A release whose `appVersion` was forgotten, published past the application's workflow. */
    breakPromise: async (version: string): Promise<void> => {
      await application.commitVersion(version, { appVersion: "6.14.1" });
      await application.tag(version);
      await application.pushChart(version);
      await application.pushImage(version);
    },

    /** `authority` of a person in the clone, which is brought to the tip of main. */
    authorityOnMain: async (...args: readonly string[]): Promise<string> => {
      await pipelines.git("fetch", "--quiet", "origin");
      await pipelines.git("switch", "--quiet", "--force-create", "main", "origin/main");
      // The engine would record a path in KUBECONFIG.
      const env = { ...fixture().session.environment, HOME: pipelines.environment.HOME };
      const options = { cwd: withPackages(), env, extendEnv: false, reject: false, all: true } as const;
      const result = await execa(process.execPath, [authorityProgram, ...args], options);
      rmSync(join(pipelines.clone, "node_modules"));
      assert.equal(result.exitCode, 0, result.all);
      return result.all;
    },
  };
}

function identity(role: "AUTHOR" | "COMMITTER"): Record<string, string> {
  return { [`GIT_${role}_NAME`]: "Ana", [`GIT_${role}_EMAIL`]: "ana@example.com" };
}
