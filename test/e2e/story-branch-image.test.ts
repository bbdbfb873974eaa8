import assert from "node:assert/strict";
import type { Application } from "./support/application";
import { useLab } from "./support/lab";
import { said, useFixture, stackFile } from "./support/fixture";

/** Story 1 with an image for each commit: dev runs this image with the chart of its commit. */
describe("dev with an image for each commit of master", () => {
  const opened = useLab();
  const fixture = useFixture(opened);
  let application: Application;
  /** The running commit with its tag and digest. */
  let running: { commit: string; tag: string; digest: string };

  before(async () => {
    application = await fixture().application("6.14.1");
    running = await publish(await head(), 999);
    await fixture().addStack("dev", {
      follow: "branch",
      tenants: [
        {
          application,
          ...running,
          automation: "auto",
          lines: ["branchImage:", "  pattern: '^master-(?P<sha>[0-9a-f]+)-(?P<ts>[0-9]+)$'", "  value: image.tag"],
        },
      ],
    });
    await fixture().up("dev");
  });

  const head = () => application.repository.git("rev-parse", "HEAD");

  /** Publishes an image, as CI does after each commit. */
  async function publish(commit: string, time: number): Promise<typeof running> {
    const tag = `master-${commit.slice(0, 8)}-${time}`;
    return { commit, tag, digest: await application.pushImage(tag) };
  }

  /** Commits a change to master that is visible in the chart. */
  async function commitReplicas(replicas: number): Promise<string> {
    const values = await application.chartFile("values.yaml");
    const commit = await application.repository.commit(`${replicas} replicas by default`, {
      "charts/podinfo/values.yaml": values.replace(/^replicaCount: .*$/m, `replicaCount: ${replicas}`),
    });
    await application.repository.push("master");
    return commit;
  }

  /** Reconciles all objects that could change the running release. */
  async function lookAtEverything(): Promise<void> {
    const source = fixture().flux("GitRepository", `${application.name}-commit.${running.commit.slice(0, 12)}`);
    await fixture().lookAtSource(application, source);
    await fixture().lookForNewImages("dev", application, "auto");
  }

  async function assertRuns({ commit, tag, digest }: typeof running, revisions: number): Promise<void> {
    assert.equal(await fixture().runningImage(application), `${application.image}:${tag}@${digest}`);
    const history = await fixture().history(application);
    assert.equal(history.length, revisions);
    assert.equal(history.at(-1)?.status, "deployed");
    assert.equal(history.at(-1)?.chartVersion, `6.14.1+${commit.slice(0, 12)}`);
  }

  it("runs image and chart of the latest commit, not of the last release", async () => {
    await assertRuns(running, 1);
    await fixture().expectNoChanges("dev");
  });

  it("ignores commits without an image, older images and images of releases", async () => {
    const before = await fixture().remoteHead();
    const unpublished = await commitReplicas(2);
    await application.pushImage(`master-${unpublished.slice(0, 8)}-99`);
    await application.pushImage("6.99.0");
    await lookAtEverything();
    assert.equal(await fixture().remoteHead(), before);
    await assertRuns(running, 1);
    await fixture().expectNoChanges("dev");
  });

  it("gets a commit's tag and digest from Flux, which changes no other byte of the stack file", async () => {
    const before = await fixture().project.read(stackFile("dev"));
    const next = await publish(await commitReplicas(3), 1000);
    const after = await fixture().waitForStackFile("dev", `Flux has committed ${next.tag}`, (text) =>
      text.includes(next.tag),
    );
    assert.equal(after, before.replace(running.tag, next.tag).replace(running.digest, next.digest));
    await lookAtEverything();
    await assertRuns(running, 1);
    await fixture().pull();
    assert.equal(await fixture().project.git("diff", "--name-only", "HEAD~1"), stackFile("dev"));
    assert.match(
      await fixture().project.git("log", "-1", "--format=%B"),
      new RegExp(
        `^Promote ${application.name} from ${running.tag} to ${next.tag} in dev\n\n- ${application.name}: ${running.tag} -> ${next.tag}$`,
        "m",
      ),
    );
    running = next;
  });

  it("deploys image and chart with one Helm upgrade at the next `up`", async () => {
    await fixture().up("dev");
    await assertRuns(running, 2);
    await fixture().expectNoChanges("dev");
    const { spec } = await opened().cluster.get({
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name: application.name, namespace: application.name },
    });
    assert.equal((spec as { replicas: number }).replicas, 3);
    const status = await fixture().authority("status", "--stack", "dev", "--json");
    assert.equal(status.code, 0, said(status));
    const { stacks } = JSON.parse(status.stdout) as { stacks: [{ tenants: [Record<string, unknown>] }] };
    const { tag, commit, valid, automation, newestAllowed } = stacks[0].tenants[0];
    assert.deepEqual(
      { tag, commit, valid, automation, newestAllowed },
      { tag: running.tag, commit: running.commit, valid: true, automation: "auto", newestAllowed: running.tag },
    );
  });

  it("skips an image without a commit on master, and continues with the next valid one", async () => {
    const stray = await publish("0123456789abcdef0123456789abcdef01234567", 5000);
    await fixture().waitForStackFile("dev", `Flux has committed ${stray.tag}`, (text) => text.includes(stray.tag));
    await fixture().pull();
    const refused = await fixture().tryUp("dev", "--skip-preview");
    assert.notEqual(refused.code, 0);
    assert.match(said(refused), /no commit on the branch "master" of \S+ has an id that begins with "01234567"/);
    await assertRuns(running, 2);

    running = await publish(await commitReplicas(1), 6000);
    await fixture().waitForStackFile("dev", `Flux has committed ${running.tag}`, (text) => text.includes(running.tag));
    await fixture().pull();
    await fixture().up("dev");
    await assertRuns(running, 3);
  });

  it("does not follow a tag that is pushed again, and CI reports it", async () => {
    const good = await fixture().previewInCi("dev");
    assert.equal(good.code, 0, said(good));
    const before = await fixture().remoteHead();
    await application.pushImage(running.tag, { labels: { built: "again" } });
    await lookAtEverything();
    assert.equal(await fixture().remoteHead(), before);
    await assertRuns(running, 3);
    const preview = await fixture().previewInCi("dev");
    assert.notEqual(preview.code, 0);
    assert.match(said(preview), /the digest of \S+ is "sha256:\w+", must be "sha256:\w+", as the stack file says/);
  });
});
