import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { waitFor, waitForCondition } from "../lab/wait";
import { StandInHost } from "../support/git-host/stand-in";
import { runGitLabJob } from "../support/gitlab-job";
import type { WorkflowRun } from "../support/pipelines";
import { projectRoot } from "../support/project";
import { useLab } from "./support/lab";
import { usePipelines } from "./support/pipelines";

/**
 * From the repository that `init` writes, on a stand-in Git host whose events start its workflows: a release becomes a pull
 * request, and after the merge it runs. Nothing is done by hand but pull requests, merges, and the application team's release.
 */
for (const delivery of ["cluster", "manifests"] as const) {
  describe(`a repository's own pipelines, with delivery ${delivery}`, function () {
    this.timeout(1_800_000);
    const opened = useLab();
    const story = usePipelines(opened, { delivery, automation: "pull-request" });
    const { results, outputs } = story;
    const pipelines = () => story.pipelines();
    const application = () => story.application();

    const commentsOn = (number: number) =>
      pipelines()
        .repository.comments.filter(({ on }) => on === number)
        .map(({ body }) => body);

    /** Merges a pull request as a person, and runs what that starts. */
    const merge = async (number: number): Promise<WorkflowRun[]> => {
      const found = pipelines().repository.pullRequests.find((one) => one.number === number);
      assert.ok(found);
      await pipelines().repository.merge(found, false, found.sha, pipelines().host.user("ada"));
      return pipelines().settle();
    };

    /** Commits on a branch from main become a pull request, which is judged. */
    const propose = async (branch: string, change: () => Promise<unknown>) => {
      await pipelines().git("fetch", "--quiet", "origin");
      await pipelines().git("switch", "--quiet", "--create", branch, "origin/main");
      await change();
      await pipelines().git("push", "--quiet", "origin", branch);
      const texts = { head: branch, base: "main", title: branch, body: "" };
      const { number } = await pipelines().repository.open(texts, pipelines().host.user("ada"));
      return { number, judged: await pipelines().settle() };
    };

    it("deploys what the first commit decides", () => story.deployFirst());

    it("makes a release that Flux finds a judged pull request, and deploys it after the merge", async () => {
      await story.release("6.16.0");
      const proposed = await waitFor(
        "a pull request for 6.16.0",
        async (see) => {
          const found = await pipelines().settle();
          see(outputs(found));
          return pipelines().repository.pullRequests.length > 0 ? found : undefined;
        },
        { lab: opened().lab, logs: ["image-reflector-controller", "image-automation-controller"], pauseMs: 1000 },
      );
      const [opened_] = pipelines().repository.pullRequests;
      assert.ok(opened_);
      assert.deepEqual(results(proposed, "preview"), ["judge success", "comment success"], outputs(proposed));
      assert.match(commentsOn(opened_.number).join(), /Nothing blocks this change[^]*6\.11\.1[^]*6\.16\.0/);
      const merged = await merge(opened_.number);
      story.assertDeployed(merged);
      await story.runs("6.16.0");
    });

    if (delivery === "cluster") {
      it("finds each night what somebody has changed in the cluster, on both Git hosts", async () => {
        const { cluster, lab } = opened();
        const { environment, repository, host } = pipelines();
        const folder = join(story.directory(), "gitlab");
        mkdirSync(folder);
        const users = [{ login: "authority", token: "push-token" }];
        const gitlab = await StandInHost.start({ kind: "gitlab", directory: folder, users });
        const project = await gitlab.createRepository("acme/releases");
        const { PULUMI_BACKEND_URL = "", PULUMI_CONFIG_PASSPHRASE = "" } = story.fixture().session.environment;
        const title = "The stack prod has drifted";
        /** Both nightly jobs, and the issues that are there afterwards. */
        const compare = async () => {
          const jobs = await pipelines().run("verify");
          const { code, output } = await runGitLabJob({
            file: join(projectRoot, "template/.gitlab-ci.yml"),
            job: "drift",
            directory: folder,
            url: host.cloneUrl("acme/releases", "workflow-token"),
            commit: await repository.git("rev-parse", "main"),
            env: {
              ...environment,
              ...gitlab.environment("acme/releases", ""),
              ...{ STACK: "prod", KUBECONFIG: lab.kubeconfigPath, AUTHORITY_PUSH_TOKEN: "push-token" },
              ...{ PULUMI_BACKEND_URL, PULUMI_CONFIG_PASSPHRASE },
            },
          });
          const issues = [repository, project].map(
            ({ issues: all }) => all.find((issue) => issue.title === title)?.state ?? "none",
          );
          const outcome = [...jobs.map(({ job, result }) => `${job} ${result}`), `drift ${code}`, ...issues];
          return { outcome, said: [...jobs.map((job) => job.output), output].join("\n") };
        };
        try {
          const same = await compare();
          assert.deepEqual(same.outcome, ["releases success", "drift success", "drift 0", "none", "none"], same.said);
          const release = story.fixture().flux("HelmRelease", application().name);
          await cluster.patch(release, { spec: { interval: "59m" } });
          await waitForCondition(cluster, release, { lab });
          const changed = await compare();
          assert.deepEqual(
            changed.outcome,
            ["releases success", "drift failure", "drift 1", "open", "open"],
            changed.said,
          );
          for (const { issues } of [repository, project]) {
            assert.match(issues.find((issue) => issue.title === title)?.body ?? "", /HelmRelease/);
          }
          await story.authorityOnMain("up", "--stack", "prod", "--", "--refresh", "--yes", "--skip-preview");
          const restored = await compare();
          assert.deepEqual(
            restored.outcome,
            ["releases success", "drift success", "drift 0", "closed", "closed"],
            restored.said,
          );
        } finally {
          await gitlab.close();
        }
      });
    }

    it("blocks a release that breaks the promise, with the fact in an issue and in the comment", async () => {
      await story.breakPromise("6.17.0");
      const seen: WorkflowRun[] = [];
      const issue = await waitFor(
        "an issue about 6.17.0",
        async (see) => {
          seen.push(...(await pipelines().settle()));
          see(outputs(seen));
          return pipelines().repository.issues.find(({ title }) => title === "Releases for prod break the promise");
        },
        { lab: opened().lab, logs: ["image-reflector-controller", "image-automation-controller"], pauseMs: 1000 },
      );
      assert.match(issue.body, /appVersion of .* is "6\.14\.1", must be "6\.17\.0"/);
      assert.deepEqual(new Set(results(seen, "promotion")), new Set(["promotions success"]), outputs(seen));
      const file = join(pipelines().clone, "Pulumi.prod.yaml");
      const { number, judged } = await propose("broken", async () => {
        writeFileSync(file, readFileSync(file, "utf8").replace('tag: "6.16.0"', 'tag: "6.17.0"'));
        await pipelines().commit("Promote it by hand");
      });
      assert.deepEqual(results(judged, "preview"), ["judge failure", "comment success"], outputs(judged));
      assert.match(commentsOn(number).join(), /This change is blocked[^]*appVersion of .* is/);
    });

    it("takes a release back in the same way", async () => {
      const { number, judged } = await propose("rollback", () =>
        pipelines().authority([
          ...["rollback", application().name, "--stack", "prod", "--reason", "leaks memory", "--by", "ada"],
          ...["--to", "6.11.1"],
        ]),
      );
      assert.deepEqual(results(judged, "preview"), ["judge success", "comment success"], outputs(judged));
      const merged = await merge(number);
      story.assertDeployed(merged);
      await story.runs("6.11.1");
    });
  });
}
