import assert from "node:assert/strict";
import type { LiveObject } from "../lab/cluster";
import { Application } from "./support/application";
import { type HelmRevision, helmHistory } from "../lab/helm-history";
import { assertToldFailure } from "./support/failed-up";
import { podinfoTags } from "../support/podinfo-repository";
import { freshName, useOwnLab } from "./support/lab";
import { said, useFixture } from "./support/fixture";
import { conditionOf } from "../lab/wait";

const count = 20;
/** Long intervals, because forty sources would keep Flux busy. */
const intervals = "{ source: 10m0s, image: 10m0s, release: 10m0s }";

const releases: readonly string[] = ["6.14.0", "6.14.1"];

/** Story 13: two stacks with twenty tenants each. Two tenants have broken releases. */
describe("twenty tenants", function () {
  this.timeout(1_800_000);
  // A separate lab, because removing forty tenants takes long.
  const opened = useOwnLab();
  const fixture = useFixture(opened);
  const dev = freshName("authority-dev");
  const applications: Application[] = [];
  /** One has a wrong appVersion, the other a chart that does not render. */
  let blocked: Application;
  let failing: Application;

  before(async () => {
    // Only the last releases, because twenty repositories with all tags take long.
    const tags = podinfoTags.filter(({ tag }) => releases.includes(tag));
    for (let index = 0; index < count; index += 1) {
      const application = await Application.create(opened().lab, tags);
      applications.push(application);
      for (const version of releases) await application.pushImage(version);
    }
    [blocked, failing] = applications as [Application, Application];
    await fixture().addStack("dev", {
      follow: "branch",
      authorityNamespace: dev,
      intervals,
      tenants: applications.map((application) => ({
        application,
        lines: [`namespace: ${devNamespace(application)}`],
      })),
    });
    await fixture().addStack("prod", {
      tenants: applications.map((application) => ({ application, tag: "6.14.0" })),
      intervals,
    });
  });

  after(() => Promise.all(applications.map(({ repository }) => repository.remove())));

  const devNamespace = ({ name }: Application): string => `${name}-dev`;

  const histories = (): Promise<HelmRevision[][]> => Promise.all(applications.map((one) => fixture().history(one)));

  /** The Helm revision of each tenant in production, as `version status`. */
  const latest = async (): Promise<string[]> =>
    (await histories()).map((revisions) => `${revisions.at(-1)?.chartVersion} ${revisions.at(-1)?.status}`);

  const devHistories = (): Promise<HelmRevision[][]> =>
    Promise.all(applications.map((one) => helmHistory(opened().cluster, devNamespace(one), one.name)));

  /** The generations of dev's HelmReleases. Every change increments them. */
  const devGenerations = async (): Promise<unknown[]> => {
    const kind = { apiVersion: "helm.toolkit.fluxcd.io/v2", kind: "HelmRelease", namespace: dev };
    return (await opened().cluster.list(kind)).map(({ metadata }) => [metadata.name, metadata.generation]);
  };

  /** Changes production's tags in one commit. */
  const promote = async (tagOf: (application: Application) => string): Promise<void> => {
    await fixture().edit("prod", "Promote all", (text) => {
      const entries = text.split(/^(?= {4}podinfo-)/m);
      return entries
        .map((entry) => {
          const application = applications.find(({ name }) => entry.startsWith(`    ${name}:`));
          return application === undefined ? entry : entry.replace(/tag: "[^"]+"/, `tag: "${tagOf(application)}"`);
        })
        .join("");
    });
  };

  const publish = async (application: Application, version: string, ...options: CommitOptions): Promise<void> => {
    await application.commitVersion(version, ...options);
    await application.tag(version);
    await application.pushImage(version);
  };

  it("start in dev and in production at the same time", async () => {
    const results = await Promise.all([fixture().authorityUp("dev"), fixture().authorityUp("prod")]);
    for (const result of results) assert.equal(result.code, 0, said(result));
    assert.deepEqual(await latest(), Array(count).fill("6.14.0 deployed"));
    const inDev = await devHistories();
    assert.deepEqual(
      inDev.map((revisions) => revisions.map(({ chartVersion }) => chartVersion.replace(/\+.*$/, ""))),
      Array(count).fill(["6.14.1"]),
    );
  });

  it("are promoted except two: a blocked one does not reach the cluster, a failing one fails alone", async () => {
    const template = '{{ fail "a mistake in the chart" }}\n';
    await publish(blocked, "6.14.2", { appVersion: "6.14.1" });
    await publish(failing, "6.14.2", { files: { "charts/podinfo/templates/mistake.yaml": template } });
    const [before, inDev] = [await fixture().release(blocked), await devGenerations()];

    await promote((application) => (application === blocked || application === failing ? "6.14.2" : "6.14.1"));
    const result = await fixture().authorityUp("prod");
    const output = said(result);
    // One tenant is skipped and another one failed. The failure is first.
    assert.equal(result.code, 1, output);
    assert.match(output, /appVersion of Chart\.yaml is "6\.14\.1", must be "6\.14\.2"/);
    assert.match(output, new RegExp(`skipped: ${blocked.name}; deploying 19 of 20 tenants`));
    assertToldFailure(result, failing, fixture().flux("HelmRelease", failing.name), /a mistake in the chart/);

    const expected = applications.map((application) =>
      application === blocked || application === failing ? "6.14.0 deployed" : "6.14.1 deployed",
    );
    assert.deepEqual(await latest(), expected);
    const counts = (await histories()).map(({ length }) => length);
    assert.deepEqual(
      counts,
      expected.map((text) => (text.startsWith("6.14.0") ? 1 : 2)),
      "one upgrade a promotion",
    );

    const after = await fixture().release(blocked);
    assert.deepEqual([after.metadata.generation, after.spec], [before.metadata.generation, before.spec]);
    assert.equal(await opened().cluster.find(fixture().flux("GitRepository", `${blocked.name}-6.14.2`)), undefined);
    for (const application of [blocked, failing]) {
      assert.equal(await fixture().runningImage(application), `${application.image}:6.14.0`);
      assert.equal(await readyPods(application), 1);
    }
    assert.match(whyNotReady(await fixture().release(failing)), /a mistake in the chart/);
    assert.deepEqual(await devGenerations(), inDev);
  });

  it("continue automatically when both teams have fixed their releases", async () => {
    await publish(blocked, "6.14.3");
    await publish(failing, "6.14.3", { files: { "charts/podinfo/templates/mistake.yaml": "" } });
    await promote((application) => (application === blocked || application === failing ? "6.14.3" : "6.14.1"));
    const result = await fixture().authorityUp("prod");
    assert.equal(result.code, 0, said(result));
    assert.deepEqual(
      await latest(),
      applications.map((application) =>
        application === blocked || application === failing ? "6.14.3 deployed" : "6.14.1 deployed",
      ),
    );
    await fixture().expectNoChanges("prod");
  });

  const readyPods = async ({ name }: Application): Promise<number> => {
    const pods = await opened().cluster.list({ apiVersion: "v1", kind: "Pod", namespace: name });
    return pods.filter((pod) => conditionOf(pod, "Ready")?.status === "True").length;
  };
});

type CommitOptions = Parameters<Application["commitVersion"]> extends [string, ...infer Options] ? Options : never;

function whyNotReady(release: LiveObject): string {
  return `${conditionOf(release, "Released")?.message ?? ""} ${conditionOf(release, "Ready")?.message ?? ""}`;
}
