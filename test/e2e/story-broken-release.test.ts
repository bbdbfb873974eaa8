import assert from "node:assert/strict";
import type { ObjectReference } from "../lab/cluster";
import type { ChartFiles } from "../../demo/example-chart";
import type { Application } from "./support/application";
import { assertToldFailure } from "./support/failed-up";
import { requireControl, useOwnLab } from "./support/lab";
import { removeTag } from "./support/registry";
import { said, useFixture } from "./support/fixture";

/**
 * Story 10 with a chart in Git and (story 15) a chart in a registry, in one stack: a release that keeps the promise but
 * fails. Production keeps the previous release, and `up` reports the reason.
 */
describe("a release that fails", () => {
  const opened = useOwnLab();
  const fixture = useFixture(opened);
  let inGit: Application;
  let inRegistry: Application;
  let servingAtFirst: readonly (readonly string[])[];
  const path = "templates/deployment.yaml";
  let template: string;

  before(async () => {
    inGit = await fixture().application("6.14.1");
    inRegistry = await fixture().application("6.14.1");
    await inRegistry.pushChart("6.14.1");
    await fixture().addStack("prod", {
      tenants: [
        { application: inGit, tag: "6.14.1" },
        { application: inRegistry, tag: "6.14.1", chart: inRegistry.ociChart },
      ],
      releaseTimeout: "40s",
      sourceTimeout: "10s",
    });
    await fixture().commit("Two pods each, of which the chart lets one be away", {
      ...Object.fromEntries(await Promise.all(applications().map(withTwoPods))),
    });
    await fixture().up("prod");
    template = await inGit.chartFile(path);
    servingAtFirst = await servingPods();
    assert.deepEqual(
      servingAtFirst.map((pods) => pods.length),
      [2, 2],
    );
  });

  const applications = () => [inGit, inRegistry];

  async function withTwoPods({ name }: Application): Promise<[path: string, content: string]> {
    const file = `tenants/${name}/values.yaml`;
    return [file, `${await fixture().project.read(file)}replicaCount: 2\n`];
  }

  /** The ready pods of the previous release, for each application. */
  async function servingPods(): Promise<string[][]> {
    const { cluster } = opened();
    const lists = await Promise.all(
      applications().map(({ name }) => cluster.list({ apiVersion: "v1", kind: "Pod", namespace: name })),
    );
    return lists.map((pods) =>
      pods
        .filter(({ spec, status }) => {
          const ready = (status?.conditions ?? []).some(({ type, status: is }) => type === "Ready" && is === "True");
          return ready && JSON.stringify(spec).includes(":6.14.1");
        })
        .map(({ metadata }) => metadata.uid)
        .sort(),
    );
  }

  /** Both teams publish a release. One of them also publishes the chart to the registry. */
  async function release(version: string, files: ChartFiles = {}): Promise<void> {
    const inFolder = Object.entries(files).map(([path, content]) => [`charts/podinfo/${path}`, content]);
    for (const application of applications()) {
      await application.commitVersion(version, { files: Object.fromEntries(inFolder) as ChartFiles });
      await application.tag(version);
      await application.pushImage(version);
    }
    await inRegistry.pushChart(version);
  }

  const promote = (version: string) =>
    fixture().edit("prod", `Promote to ${version}`, (text) => text.replaceAll(/tag: "[^"]+"/g, `tag: "${version}"`));

  /** Runs an `up` that must fail within its timeout, and report for both tenants the failed object and the reason. */
  async function failingUp(
    objectOf: (application: Application) => ObjectReference,
    ...why: readonly RegExp[]
  ): Promise<void> {
    const started = Date.now();
    const result = await fixture().tryUp("prod", "--skip-preview");
    const seconds = (Date.now() - started) / 1000;
    assert.notEqual(result.code, 0);
    assert.ok(seconds < 240, `up took ${seconds} s`);
    for (const [index, application] of applications().entries()) {
      assertToldFailure(result, application, objectOf(application), why[index] ?? why[0]!);
    }
  }

  const sourceOf = (version: string) => (application: Application) =>
    fixture().flux(application === inGit ? "GitRepository" : "OCIRepository", `${application.name}-${version}`);
  const releaseOf = ({ name }: Application) => fixture().flux("HelmRelease", name);

  it("changes nothing if its source cannot be fetched", async () => {
    await release("6.15.0");
    await promote("6.15.0");
    const locked = await fixture().authority("lock");
    assert.equal(locked.code, 0, said(locked));
    await fixture().commit("Lock 6.15.0", {});
    for (const { repository } of applications()) {
      await repository.git("reset", "--quiet", "--hard", "HEAD~1");
      await repository.push("--force", "master");
      await repository.push("--delete", "6.15.0");
    }
    await removeTag(opened().lab, inRegistry.chartPath, "6.15.0");
    const before = await Promise.all(applications().map((application) => fixture().release(application)));
    await failingUp(
      sourceOf("6.15.0"),
      /Flux reports: GitOperationFailed: .*commit/,
      /Flux reports: OCI\w*Failed: .*manifest/i,
    );
    const after = await Promise.all(applications().map((application) => fixture().release(application)));
    assert.deepEqual(
      after.map(({ spec }) => spec),
      before.map(({ spec }) => spec),
    );
    assert.deepEqual(await servingPods(), servingAtFirst);
  });

  it("does not replace the previous release if its chart does not render", async () => {
    await release("6.15.1", { [path]: `${template}\n{{ fail "a mistake in the chart" }}\n` });
    await promote("6.15.1");
    await failingUp(releaseOf, /Flux reports: UpgradeFailed: .*6\.15\.1.*a mistake in the chart/);
    assert.deepEqual(await servingPods(), servingAtFirst);
  });

  it("leaves the previous pods running if its pods do not become ready", async function () {
    const control = requireControl(this, opened().lab);
    await release("6.15.2", { [path]: template });
    await control.keepUnready(...applications().map(({ name }) => `${name}:6.15.2`));
    await promote("6.15.2");
    // Helm has several messages for a timeout.
    await failingUp(releaseOf, /Flux reports: UpgradeFailed: .*6\.15\.2.*(?:timeout|not ready|deadline)/i);
    const serving = await servingPods();
    for (const [index, atFirst] of servingAtFirst.entries()) {
      assert.ok(
        atFirst.some((pod) => serving[index]!.includes(pod)),
        `no pod of ${applications()[index]!.name} has served all the time: ${JSON.stringify({ atFirst, serving })}`,
      );
    }
  });

  it("is replaced by the next good release", async () => {
    await release("6.15.3");
    await promote("6.15.3");
    await fixture().up("prod");
    for (const application of applications()) {
      assert.equal(await fixture().runningImage(application), `${application.image}:6.15.3`);
      assert.equal((await fixture().history(application)).at(-1)?.status, "deployed");
    }
    await fixture().expectNoChanges("prod", "--refresh");
  });
});
