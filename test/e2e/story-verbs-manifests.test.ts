import assert from "node:assert/strict";
import { lockFile } from "../../src/release/lock";
import { waitForGone } from "../lab/wait";
import type { Application } from "./support/application";
import { type Fixture, said, stackFile, useFixture } from "./support/fixture";
import { useLab } from "./support/lab";
import { rendered, useRoot } from "./support/root";

/**
 * The stories of a stack that renders manifests, by verbs alone and without an engine, while Flux's automation runs every
 * second. Each verb is one commit with lock and render, and Flux runs what it says.
 */
describe("the platform team's verbs with rendered manifests", () => {
  const opened = useLab();
  let automated: Application;
  let curated: Application;

  const root = useRoot(
    opened,
    () => fixture(),
    () => [automated, curated],
  );
  const fixture: () => Fixture = useFixture(opened);

  before(async () => {
    await fixture().actAs("Jane");
    automated = await fixture().application("6.13.0");
    curated = await fixture().application("6.13.0");
    await fixture().addStack("prod", {
      tenants: [],
      settings: [`shared-authority:delivery: { manifests: ${rendered} }`],
      intervals: "{ source: 1h0m0s, image: 1s, release: 1m0s, automation: 1s }",
    });
    const example = await fixture().project.read("tenants/podinfo/values.yaml");
    for (const { name, image } of [automated, curated]) {
      const values = `${example}\nimage:\n  repository: ${image}\n`;
      await fixture().commit(`The special config of ${name}`, { [`tenants/${name}/values.yaml`]: values });
    }
  });

  const git = (...args: string[]) => fixture().project.git(...args);

  /** Runs a verb, which makes one commit of the stack file, the render, and what else is named. */
  async function decide(args: readonly string[], ...further: readonly string[]): Promise<string> {
    const before = await git("rev-parse", "HEAD");
    const decided = await fixture().authority(...args, "--stack", "prod", "--yes", "--push");
    assert.equal(decided.code, 0, said(decided));
    assert.equal(await git("rev-list", "--count", `${before}..HEAD`), "1");
    // Flux may have committed on top of it already.
    assert.equal(await git("rev-parse", "origin/main"), await git("rev-parse", "HEAD"));
    const changed = (await git("diff", "--name-only", before, "HEAD")).split("\n");
    const isRendered = (path: string) => path.startsWith(`${rendered}/`);
    assert.ok(changed.some(isRendered), `${args[0]} has rendered: ${changed.join(", ")}`);
    assert.deepEqual(
      changed.filter((path) => !isRendered(path)),
      [stackFile("prod"), ...further],
    );
    const checked = await fixture().authority("check", "--stack", "prod");
    assert.equal(checked.code, 0, said(checked));
    return said(decided);
  }

  /** Flux applies the main branch. Then these versions run, after this many upgrades. */
  async function expectRunning(application: Application, version: string, upgrades: number): Promise<void> {
    await root.enforce();
    await root.runs(application, version);
    const history = await fixture().history(application);
    const { chartVersion, status, revision } = history.at(-1)!;
    assert.deepEqual(
      { chartVersion, status, revision },
      { chartVersion: version, status: "deployed", revision: upgrades },
    );
    assert.equal(await fixture().runningImage(application), `${application.image}:${version}`);
  }

  /** Flux has looked for new images several times, and has committed nothing. */
  async function expectNoCommit(): Promise<void> {
    const head = await git("rev-parse", "HEAD");
    for (let look = 0; look < 3; look++) await fixture().lookForNewImages("prod", automated, "auto");
    assert.equal(await fixture().remoteHead(), head);
  }

  const isAutomatedAt = (version: string) => (text: string) =>
    new RegExp(`^ {4}${automated.name}:[^]*?^ {6}tag: "([^"]+)"`, "m").exec(text)?.[1] === version;

  /** Flux promotes, and a pipeline adds lock and render. */
  async function promotedByFlux(version: string): Promise<void> {
    // Without the pin, the policy is automatic again.
    await root.reconcile();
    await fixture().waitForStackFile("prod", `Flux has promoted ${version}`, isAutomatedAt(version));
    await fixture().pull();
    for (const args of [["lock"], ["render", "--out", rendered]]) {
      const ended = await fixture().authority(...args, "--stack", "prod");
      assert.equal(ended.code, 0, said(ended));
    }
    await fixture().commit("Lock and render", {});
  }

  const addTenant = ({ name, repository, image }: Application, automation: string) => [
    ...["add-tenant", name, "--repository", repository.url, "--chart", "./charts/podinfo", "--image", image],
    ...["--range", ">=6.0.0 <7.0.0", "--automation", automation, "--insecure-registry"],
  ];

  it("add-tenant: both run", async () => {
    await decide(addTenant(automated, "auto"), "Pulumi.yaml", lockFile);
    await decide(addTenant(curated, "manual"), "Pulumi.yaml", lockFile);
    await root.apply();
    await expectRunning(automated, "6.13.0", 1);
    await expectRunning(curated, "6.13.0", 1);
  });

  it("promote: one upgrade", async () => {
    await curated.pushImage("6.14.0");
    await decide(["promote", curated.name], lockFile);
    await expectRunning(curated, "6.14.0", 2);
    await expectRunning(automated, "6.13.0", 1);
  });

  it("pin and unpin: Flux promotes only without the pin", async () => {
    await decide(["pin", automated.name, "--reason", "audit", "--by", "jane"]);
    await automated.pushImage("6.14.0");
    await expectRunning(automated, "6.13.0", 1);
    await expectNoCommit();
    await decide(["unpin", automated.name]);
    await promotedByFlux("6.14.0");
    await expectRunning(automated, "6.14.0", 2);
  });

  it("hold and resume: the same for what is held", async () => {
    await decide(["hold", automated.name, "--reason", "holidays", "--by", "jane", "--accept-open"]);
    await automated.pushImage("6.14.1");
    await expectRunning(automated, "6.14.0", 2);
    await expectNoCommit();
    await decide(["resume", automated.name]);
    await promotedByFlux("6.14.1");
    await expectRunning(automated, "6.14.1", 3);
  });

  it("rollback: the old version runs after one upgrade, and Flux does not take the bad one again", async () => {
    await decide(["rollback", automated.name, "--reason", "leaks memory"]);
    await expectNoCommit();
    await expectRunning(automated, "6.14.0", 4);
    await expectNoCommit();
    await decide(["unpin", automated.name]);
    await expectRunning(automated, "6.14.0", 4);
    await expectNoCommit();
  });

  it("deny and allow: a denied version is not promoted", async () => {
    await curated.pushImage("6.14.1");
    await decide(["deny", curated.name, "6.14.1", "--reason", "leaks memory"]);
    const refused = await fixture().authority("promote", curated.name, "6.14.1", "--stack", "prod", "--yes");
    assert.equal(refused.code, 3, said(refused));
    assert.match(said(refused), /6\.14\.1 is denied by the policy/);
    await expectRunning(curated, "6.14.0", 2);
    await decide(["allow", curated.name, "6.14.1"]);
    await decide(["promote", curated.name, "6.14.1"], lockFile);
    await expectRunning(curated, "6.14.1", 3);
  });

  it("remove-tenant: Flux deletes its release and its namespace, and nothing else", async () => {
    const { uid } = (await fixture().release(automated)).metadata;
    await decide(["remove-tenant", curated.name, "--reason", "unused", "--by", "jane"]);
    await root.enforce();
    await waitForGone(opened().cluster, fixture().flux("HelmRelease", curated.name), opened());
    const namespace = { apiVersion: "v1", kind: "Namespace", metadata: { name: curated.name } };
    await waitForGone(opened().cluster, namespace, opened());
    await expectRunning(automated, "6.14.0", 4);
    assert.equal((await fixture().release(automated)).metadata.uid, uid);
  });
});
