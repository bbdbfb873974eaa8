import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parse, parseAllDocuments } from "yaml";
import type { KubernetesObject } from "../../src/manifests/object";
import { waitFor, waitForGone } from "../lab/wait";
import { Pipelines, type WorkflowRun } from "../support/pipelines";
import { projectRoot } from "../support/project";
import type { Application } from "./support/application";
import { said, useFixture } from "./support/fixture";
import { freshName, useLab } from "./support/lab";

/**
 * From the repository that `init` writes, on a stand-in Git host whose events start its workflows: a release becomes a pull
 * request, and after the merge it runs. Nothing is done by hand but pull requests and merges.
 */
for (const delivery of ["cluster", "manifests"] as const) {
  describe(`a repository's own pipelines, with delivery ${delivery}`, function () {
    this.timeout(900_000);
    const opened = useLab();
    const rootName = freshName("root");
    const undo: (() => unknown)[] = [];
    let root: readonly KubernetesObject[] = [];
    let application: Application;
    let pipelines: Pipelines;

    // Declared before the fixture, which removes the namespace with the accounts that Flux needs to uninstall.
    after(async () => {
      const { cluster } = opened();
      for (const object of [...root].reverse()) if (await cluster.find(object)) await cluster.delete(object);
      for (const step of undo.reverse()) await step();
    });

    const fixture = useFixture(opened);

    before(async () => {
      const directory = realpathSync(mkdtempSync(join(tmpdir(), "shared-authority-pipeline-")));
      undo.push(() => rmSync(directory, { recursive: true, force: true }));
      application = await fixture().application("6.11.1");
      const kubeconfig = readFileSync(opened().lab.kubeconfigPath, "utf8");
      const flags = ["--delivery", delivery];
      pipelines = await Pipelines.start(directory, fixture().session, flags, {
        secrets: { KUBECONFIG: kubeconfig },
      });
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
        "      chart: ./charts/podinfo",
        `      image: ${application.image}`,
        `      insecureRegistry: ${opened().lab.registryUrl.startsWith("http:")}`,
        `      tag: "6.11.1" # {"$imagepolicy": "${fixture().authorityNamespace}:${application.name}:tag"}`,
        "      policy:",
        '        range: ">=6.0.0 <7.0.0"',
        "        automation: pull-request",
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

    const remove = async (): Promise<void> => {
      const { cluster, own } = opened();
      if (own) return;
      if (delivery === "cluster") {
        symlinkSync(join(fixture().project.directory, "node_modules"), join(pipelines.clone, "node_modules"));
        const flags = ["--stack", "prod", "--yes", "--ignore-protect"];
        const environment = { KUBECONFIG: opened().lab.kubeconfigPath };
        const directory = pipelines.clone;
        const result = await fixture().session.run(["destroy", ...flags], { directory, environment });
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
    const commentsOn = (number: number) =>
      pipelines.repository.comments.filter(({ on }) => on === number).map(({ body }) => body);

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

    /** Merges a pull request as a person, and runs what that starts. */
    const merge = async (number: number): Promise<WorkflowRun[]> => {
      const found = pipelines.repository.pullRequests.find((one) => one.number === number);
      assert.ok(found);
      await pipelines.repository.merge(found, false, found.sha, pipelines.host.user("ada"));
      return pipelines.settle();
    };

    /** Commits on a branch from main become a pull request, which is judged. */
    const propose = async (branch: string, change: () => Promise<unknown>) => {
      await pipelines.git("fetch", "--quiet", "origin");
      await pipelines.git("switch", "--quiet", "--create", branch, "origin/main");
      await change();
      await pipelines.git("push", "--quiet", "origin", branch);
      const texts = { head: branch, base: "main", title: branch, body: "" };
      const { number } = await pipelines.repository.open(texts, pipelines.host.user("ada"));
      return { number, judged: await pipelines.settle() };
    };

    it("deploys what the first commit decides", async () => {
      await pipelines.commit("Decide here which releases run");
      await pipelines.git("push", "--quiet", "--set-upstream", "origin", "main");
      const first = await pipelines.settle();
      assert.ok(
        results(first, "up").every((line) => line.endsWith("success")),
        outputs(first),
      );
      await runs("6.11.1");
    });

    it("makes a release that Flux finds a judged pull request, and deploys it after the merge", async () => {
      await application.pushImage("6.13.0");
      const proposed = await waitFor(
        "a pull request for 6.13.0",
        async (see) => {
          const found = await pipelines.settle();
          see(outputs(found));
          return pipelines.repository.pullRequests.length > 0 ? found : undefined;
        },
        { lab: opened().lab, logs: ["image-reflector-controller", "image-automation-controller"], pauseMs: 1000 },
      );
      const [opened_] = pipelines.repository.pullRequests;
      assert.ok(opened_);
      assert.deepEqual(results(proposed, "preview"), ["judge success", "comment success"], outputs(proposed));
      assert.match(commentsOn(opened_.number).join(), /Nothing blocks this change[^]*6\.11\.1[^]*6\.13\.0/);
      const merged = await merge(opened_.number);
      assert.ok(
        results(merged, "up").every((line) => line.endsWith("success")),
        outputs(merged),
      );
      await runs("6.13.0");
    });

    it("blocks a release that breaks the promise, with the fact in the comment", async () => {
      await application.commitVersion("6.15.0", { appVersion: "6.14.1" });
      await application.tag("6.15.0");
      await application.pushImage("6.15.0");
      const file = join(pipelines.clone, "Pulumi.prod.yaml");
      const { number, judged } = await propose("broken", async () => {
        writeFileSync(file, readFileSync(file, "utf8").replace('tag: "6.13.0"', 'tag: "6.15.0"'));
        await pipelines.commit("Promote it by hand");
      });
      assert.deepEqual(results(judged, "preview"), ["judge failure", "comment success"], outputs(judged));
      assert.match(commentsOn(number).join(), /This change is blocked[^]*appVersion of Chart\.yaml is/);
    });

    it("takes a release back in the same way", async () => {
      const { number, judged } = await propose("rollback", () =>
        pipelines.authority([
          ...["rollback", application.name, "--stack", "prod", "--reason", "leaks memory", "--by", "ada"],
          ...["--to", "6.11.1"],
        ]),
      );
      assert.deepEqual(results(judged, "preview"), ["judge success", "comment success"], outputs(judged));
      const merged = await merge(number);
      assert.ok(
        results(merged, "up").every((line) => line.endsWith("success")),
        outputs(merged),
      );
      await runs("6.11.1");
    });
  });
}
