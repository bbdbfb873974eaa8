import assert from "node:assert/strict";
import type { Application } from "./support/application";
import { useLab } from "./support/lab";
import { said, useFixture } from "./support/fixture";
import { waitFor } from "../lab/wait";

/** Story 1 with a chart for each commit: Flux follows a range with a filter, without an `up`. */
describe("dev with a chart in the registry for each commit of master", () => {
  const opened = useLab();
  const fixture = useFixture(opened);
  let application: Application;
  let source: unknown;

  before(async () => {
    application = await fixture().application();
    await publish("0.0.0-master.999");
    await publish("6.14.1");
    await fixture().addStack("dev", {
      follow: "branch",
      tenants: [
        {
          application,
          chart: application.ociChart,
          lines: ["branchChart:", "  pattern: '^0\\.0\\.0-master\\.[0-9]+$'"],
        },
      ],
    });
    await fixture().up("dev");
    source = await specOf("OCIRepository");
  });

  /** Publishes a chart for the head of master, as CI does after each commit. */
  async function publish(version: string, appVersion = version): Promise<string> {
    return application.pushChart(version, {
      revision: "HEAD",
      change: (files) => ({
        ...files,
        "Chart.yaml": (files["Chart.yaml"] ?? "")
          .replace(/^version: .*$/m, `version: ${version}`)
          .replace(/^appVersion: .*$/m, `appVersion: ${appVersion}`),
        "values.yaml": (files["values.yaml"] ?? "").replace(/^( {2}tag: ).*$/m, `$1${appVersion}`),
      }),
    });
  }

  async function specOf(kind: "OCIRepository" | "HelmRelease"): Promise<unknown> {
    return (await opened().cluster.get(fixture().flux(kind, application.name))).spec;
  }

  /** Waits until Helm's last revision has this chart version. After the `+`, Helm adds the artifact's digest. */
  const runs = (version: string) =>
    waitFor(
      `dev runs ${version}`,
      async (see) => {
        const latest = (await fixture().history(application)).at(-1);
        see(latest?.chartVersion);
        return latest?.status === "deployed" && latest.chartVersion.startsWith(`${version}+`) ? latest : undefined;
      },
      { lab: opened().lab, logs: ["source-controller", "helm-controller"] },
    );

  it("runs the newest chart of a commit, not a release", async () => {
    await runs("0.0.0-master.999");
    assert.equal(await fixture().runningImage(application), `${application.image}:0.0.0-master.999`);
    await fixture().expectNoChanges("dev");
  });

  it("ignores commits without a chart, older charts and charts of other commits", async () => {
    await application.commitVersion("6.15.0");
    for (const version of ["0.0.0-master.99", "0.0.0-feature.2000", "6.15.0"]) await publish(version);
    await fixture().reconcile(fixture().flux("OCIRepository", application.name));
    await fixture().reconcile(fixture().flux("HelmRelease", application.name));
    const history = await fixture().history(application);
    assert.equal(history.length, 1);
    assert.ok(history[0]!.chartVersion.startsWith("0.0.0-master.999+"));
  });

  it("deploys the next published chart without an `up` or a commit here", async () => {
    const before = await fixture().remoteHead();
    const digest = await publish("0.0.0-master.1000");
    const { chartVersion } = await runs("0.0.0-master.1000");
    assert.ok(chartVersion.endsWith(`+${digest.slice("sha256:".length, "sha256:".length + 12)}`));
    assert.equal(await fixture().runningImage(application), `${application.image}:0.0.0-master.1000`);
    assert.equal((await fixture().history(application)).length, 2);
    assert.equal(await fixture().remoteHead(), before);
    assert.deepEqual(await specOf("OCIRepository"), source);
  });

  it("is not upgraded by an `up`", async () => {
    const spec = await specOf("HelmRelease");
    await fixture().up("dev");
    await fixture().reconcile(fixture().flux("HelmRelease", application.name));
    assert.deepEqual(await specOf("HelmRelease"), spec);
    assert.equal((await fixture().history(application)).length, 2);
    await fixture().expectNoChanges("dev");
    const preview = await fixture().previewInCi("dev");
    assert.equal(preview.code, 0, said(preview));
  });
});
