import assert from "node:assert/strict";
import { join } from "node:path";
import type { EngineResult } from "../../demo/engine-session";
import { authorityProgram } from "../../demo/scratch-project";
import type { Application } from "./support/application";
import { FaultyHost } from "./support/faulty-host";
import { openStackFile } from "./support/stack-file";
import { assertWhole, objectsInCluster } from "./support/inventory";
import { requireControl, useLab } from "./support/lab";
import { said, useFixture } from "./support/fixture";
import { runTold } from "./support/told-commands";

/** Hosts that fail during a read. For hosts that are down from the start, see fault-hosts. */
describe("a Git host and a registry that fail during the resolution of releases", () => {
  const opened = useLab();
  const hosts: FaultyHost[] = [];
  let git: FaultyHost;
  let registry: FaultyHost;

  before(async function () {
    const { lab } = opened();
    requireControl(this, lab);
    hosts.push((git = await FaultyHost.start(lab.gitUrl)));
    hosts.push((registry = await FaultyHost.start(lab.registryUrl)));
  });

  // Closed after the fixture, which needs them for its removal.
  const fixture = useFixture(() => {
    const lab = { ...opened().lab, gitUrl: git.url, registryUrl: registry.url, registryHost: registry.host };
    return { ...opened(), lab };
  });

  after(() => {
    for (const host of hosts) host.close();
  });

  const tags = new Map<Application, string>();
  /** The chart is in Git. */
  let plain: Application;
  /** The chart is in the registry. */
  let packaged: Application;
  let file: Awaited<ReturnType<typeof openStackFile>>;

  before(async () => {
    const versions = ["6.13.0", "6.14.0", "6.14.1"];
    plain = await fixture().application(...versions);
    packaged = await fixture().application(...versions);
    for (const version of versions) await packaged.pushChart(version);
    await fixture().addStack("prod", {
      tenants: [
        { application: plain, tag: "6.13.0" },
        { application: packaged, tag: "6.13.0", chart: packaged.ociChart },
      ],
    });
    file = await openStackFile(fixture(), "prod", [plain, packaged]);
    for (const application of [plain, packaged]) tags.set(application, "6.13.0");
    await lock();
    await fixture().up("prod");
  });

  const names = () => [plain.name, packaged.name];

  const heldWithAdvice = () =>
    new RegExp(`skipped: ${packaged.name}; deploying 1 of 2 tenants\\. .* run this again when .* are fixed`);

  async function lock(): Promise<void> {
    const locked = await fixture().authority("lock", "--stack", "prod");
    assert.equal(locked.code, 0, said(locked));
    await fixture().commit("Lock what runs", {});
  }

  async function promote(application: Application, tag: string): Promise<void> {
    tags.set(application, tag);
    await file.declare(tags);
  }

  /** The objects and all Helm revisions. */
  const seen = async () => [
    await objectsInCluster(fixture(), names()),
    ...(await Promise.all([plain, packaged].map((application) => fixture().history(application)))),
  ];

  /** @returns how the `up` ended, which has changed nothing in the cluster */
  async function changesNothing(up: () => Promise<EngineResult>, seconds: number): Promise<EngineResult> {
    const before = await seen();
    const begin = performance.now();
    const result = await up();
    const took = (performance.now() - begin) / 1000;
    assert.ok(took < seconds, `it took ${took} s\n${said(result)}`);
    assert.deepEqual(await seen(), before);
    return result;
  }

  /** The next `up` deploys the release and locks it, so that it needs no host any more. */
  async function heal(): Promise<void> {
    for (const host of hosts) host.heal();
    const healed = await fixture().authorityUp("prod");
    assert.equal(healed.code, 0, said(healed));
    for (const [application, tag] of tags) {
      assert.equal(await fixture().runningImage(application), `${application.image}:${tag}`);
    }
    await assertWhole(fixture(), "prod", names());
    await lock();
  }

  it("cut Git between tags and commits: the `up` fails with instructions, and the next one succeeds", async () => {
    await promote(plain, "6.14.0");
    // Git needs two requests for the refs.
    git.failAfter(2, "cut", `/${plain.name}.git/`);
    const result = await changesNothing(() => fixture().tryUp("prod", "--skip-preview"), 200);
    const text = said(result);
    assert.notEqual(result.code, 0, text);
    assert.ok(git.failures > 0);
    assert.match(
      text,
      new RegExp(
        `What cannot be verified is not deployed:\n +${plain.name}: release 6\\.14\\.0 is not in releases\\.lock\\.yaml` +
          `[^]*${plain.name}: the Git tag "6\\.14\\.0" in ${plain.repository.url} cannot be read: git fetch: .*${git.host}`,
      ),
    );
    assert.doesNotMatch(text, /the image .* cannot be read/);
    assert.match(
      text,
      /Nothing was changed\. Run this again when everything can be read\. .*`npx authority up --stack prod`/,
    );
    await heal();
  });

  it("cut the registry between a chart's manifest and config: the `up` skips the tenant, and the next one deploys it", async () => {
    await promote(packaged, "6.14.0");
    registry.failAfter(1, "cut", `/${packaged.chartPath}/manifests/`);
    const result = await changesNothing(() => fixture().authorityUp("prod"), 200);
    const text = said(result);
    assert.equal(result.code, 3, text);
    assert.ok(registry.failures > 0);
    assert.match(
      text,
      new RegExp(
        `prod/${packaged.name}: cannot be verified\n[^]*the chart ${packaged.ociChart}:6\\.14\\.0 cannot be read: ` +
          `GET ${registry.host}/v2/${packaged.chartPath}/blobs/sha256:[0-9a-f]+: the connection was closed`,
      ),
    );
    assert.match(text, heldWithAdvice());
    assert.doesNotMatch(text, /the Git tag .* cannot be read/);
    await heal();
  });

  it("hang: the `up` times out and skips the tenant, and the next one deploys it", async () => {
    await promote(packaged, "6.14.1");
    git.failAfter(2, "hang", `/${packaged.name}.git/`);
    registry.failAfter(1, "hang", `/${packaged.chartPath}/manifests/`);
    // The timeouts are 30 s for each of four registry requests, and 120 s for Git: too long for a test.
    const patience = `NODE_OPTIONS='--require=${join(__dirname, "support", "short-patience.js")}'`;
    const command = `${patience} '${process.execPath}' ${authorityProgram} up --stack prod -- --yes --skip-preview`;
    const result = await changesNothing(() => runTold(fixture(), command), 200);
    const text = said(result);
    assert.equal(result.code, 3, text);
    assert.ok(git.failures > 0 && registry.failures > 0);
    assert.match(
      text,
      new RegExp(
        `the Git tag "6\\.14\\.1" in ${packaged.repository.url} cannot be read: git fetch: no answer within 120 s`,
      ),
    );
    assert.match(
      text,
      new RegExp(
        `the chart ${packaged.ociChart}:6\\.14\\.1 cannot be read: GET ${registry.host}/v2/${packaged.chartPath}/blobs/` +
          "sha256:[0-9a-f]+: no answer within 30 s",
      ),
    );
    assert.match(text, heldWithAdvice());
    await heal();
  });
});
