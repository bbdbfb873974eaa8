import assert from "node:assert/strict";
import { waitFor } from "../lab/wait";
import type { WorkflowRun } from "../support/pipelines";
import { useLab } from "./support/lab";
import { usePipelines } from "./support/pipelines";

/** Flux commits what it finds to main, and the pipelines carry it out. Nobody is asked. */
for (const delivery of ["cluster", "manifests"] as const) {
  describe(`a repository's own pipelines, with automation auto and delivery ${delivery}`, function () {
    this.timeout(1_800_000);
    const opened = useLab();
    const story = usePipelines(opened, { delivery, automation: "auto" });
    const { results, outputs } = story;
    const pipelines = () => story.pipelines();
    const onMain = (...args: string[]) => pipelines().repository.git(...args);

    /** Waits until Flux has committed a version, and runs all that this starts. */
    const carriedOut = async (version: string, isDone: (runs: readonly WorkflowRun[]) => boolean) => {
      const seen: WorkflowRun[] = [];
      await waitFor(
        `the run of Flux's commit of ${version}`,
        async (see) => {
          seen.push(...(await pipelines().settle()));
          see(outputs(seen));
          return (await pipelines().show("Pulumi.prod.yaml")).includes(`tag: "${version}"`) && isDone(seen)
            ? true
            : undefined;
        },
        { lab: opened().lab, logs: ["image-reflector-controller", "image-automation-controller"], pauseMs: 1000 },
      );
      return seen;
    };

    /** The author and the files of each commit since another one, the oldest first. */
    const commitsSince = async (commit: string) => {
      const ids = (await onMain("rev-list", "--reverse", `${commit}..main`)).split("\n");
      return Promise.all(
        ids.map(async (id) => {
          const [subject = "", ...files] = (await onMain("show", "--name-only", "--format=%s", id)).split("\n");
          return { subject, files: files.filter((file) => file !== "") };
        }),
      );
    };

    it("deploys what the first commit decides", () => story.deployFirst());

    it("runs a new release after Flux's commit, with its lock and render in a commit of their own", async () => {
      const before = await onMain("rev-parse", "main");
      await story.release("6.16.0");
      const runs = await carriedOut("6.16.0", (seen) => results(seen, "up").length > 0);
      story.assertDeployed(runs);
      assert.match(await pipelines().show("releases.lock.yaml"), /"6\.16\.0":/);
      await story.runs("6.16.0");
      const [flux, completed = { subject: "", files: [] }, ...more] = await commitsSince(before);
      assert.deepEqual(flux?.files, ["Pulumi.prod.yaml"]);
      assert.match(completed.subject, /^Add lock and render /);
      assert.ok(completed.files.includes("releases.lock.yaml"));
      assert.equal(
        completed.files.some((file) => file.startsWith("rendered/prod/")),
        delivery === "manifests",
      );
      assert.deepEqual([more, pipelines().repository.pullRequests], [[], []]);
    });

    it("keeps what runs while the release on main breaks the promise, and runs the next one", async () => {
      const issue = () => pipelines().repository.issues.find(({ title }) => title === "Main is not deployed")?.state;
      await story.breakPromise("6.17.0");
      const broken = await carriedOut("6.17.0", (seen) => results(seen, "up").length > 0);
      assert.ok(results(broken, "up").includes("complete failure"), outputs(broken));
      assert.match(outputs(broken), /appVersion of .* is "6\.14\.1", must be "6\.17\.0"/);
      assert.equal(issue(), "open");
      await story.runs("6.16.0");
      await story.release("6.18.0");
      const fixed = await carriedOut("6.18.0", (seen) => results(seen, "up").length > 0);
      await story.runs("6.18.0");
      assert.equal(issue(), "closed", outputs(fixed));
    });
  });
}
