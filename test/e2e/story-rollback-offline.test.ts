import assert from "node:assert/strict";
import type { LabControl } from "../lab/lab";
import type { Application } from "./support/application";
import { assertToldFailure } from "./support/failed-up";
import { requireControl, useOwnLab } from "./support/lab";
import { said, useFixture, stackFile } from "./support/fixture";

/**
 * The last part of story 5, with a chart in Git and (story 15) a chart in a registry, in one stack: a rollback by one
 * step needs neither the Git host nor the registry. It uses a separate lab, because it stops both.
 */
describe("a rollback without the Git host and the registry", () => {
  const opened = useOwnLab();
  const fixture = useFixture(opened);
  let control: LabControl;
  let inGit: Application;
  let inRegistry: Application;
  /** The commits of the last promotions, latest first. */
  let promotion: string[];

  before(async function () {
    control = requireControl(this, opened().lab);
    inGit = await fixture().application();
    inRegistry = await fixture().application();
    const [digest, another] = await publish("6.12.0");
    await fixture().addStack("prod", {
      tenants: [
        { application: inGit, tag: "6.12.0", digest, automation: "auto" },
        { application: inRegistry, tag: "6.12.0", digest: another, automation: "auto", chart: inRegistry.ociChart },
      ],
      sourceTimeout: "5s",
    });
    await lockAndDeploy();
    for (const version of ["6.13.0", "6.14.0"]) {
      const before = await fixture().project.git("rev-parse", "HEAD");
      await publish(version);
      await fixture().waitForStackFile("prod", `Flux has committed ${version} twice`, bothAt(version));
      await fixture().pull();
      await setValues(version);
      promotion = (await fixture().project.git("rev-list", `${before}..HEAD`)).split("\n");
      await lockAndDeploy();
    }
    for (const host of ["git", "registry"]) await control.kill(host);
  });

  const applications = () => [inGit, inRegistry];

  /** Publishes a release for both teams. @returns the images' digests */
  async function publish(version: string): Promise<string[]> {
    await inRegistry.pushChart(version);
    return Promise.all(applications().map((application) => application.pushImage(version)));
  }

  /** Whether both tenants have this tag in the stack file. */
  const bothAt = (version: string) => (text: string) => text.split(`tag: "${version}"`).length === 3;

  /** Changes the values together with the release. */
  async function setValues(version: string): Promise<void> {
    const files = applications().map(async ({ name }) => {
      const path = `tenants/${name}/values.yaml`;
      const before = (await fixture().project.read(path)).replace(/^podAnnotations: .*\n/m, "");
      return [path, `${before}podAnnotations: { deployed-with: "${version}" }\n`] as const;
    });
    await fixture().commit(`The values of ${version}`, Object.fromEntries(await Promise.all(files)));
  }

  async function lockAndDeploy(): Promise<void> {
    await fixture().lock("prod");
    await fixture().up("prod");
  }

  /** Asserts version and values of Helm's current revision for both tenants. */
  async function assertBothRun(revision: number, version: string): Promise<void> {
    for (const application of applications()) {
      const last = (await fixture().history(application)).at(-1)!;
      const image = await fixture().runningImage(application);
      assert.deepEqual(
        [last.revision, last.status, last.chartVersion.replace(/\+.*/, ""), image, last.values.podAnnotations],
        [revision, "deployed", version, `${application.image}:${version}`, { "deployed-with": version }],
      );
    }
  }

  it("by one step restores release and values with one upgrade", async () => {
    await assertBothRun(3, "6.14.0");
    await fixture().project.git("revert", "--no-commit", ...promotion);
    const reverted = await fixture().project.read(stackFile("prod"));
    const rollback = reverted.replaceAll("automation: auto", 'automation: auto\n        deny: ["6.14.0"]');
    await fixture().project.commit("Roll back podinfo and deny 6.14.0", { [stackFile("prod")]: rollback });
    await fixture().up("prod");
    await assertBothRun(4, "6.13.0");
    await fixture().expectNoChanges("prod");
    const outputs = await fixture().pulumi("stack", "output", "emergency", "--stack", "prod");
    assert.match(outputs.stdout, /^the branch main of .* cannot be read: /);
  });

  it("allows no step forward, because nobody can tell whether it was decided", async () => {
    const forward = (await fixture().project.read(stackFile("prod")))
      .replaceAll(/( {6}tag: )"6\.13\.0"/g, '$1"6.14.0"')
      .replaceAll(/ {8}deny: .*\n/g, "")
      .replaceAll(/^ {6}digest: .*\n/gm, "");
    await fixture().project.commit("Forward again", { [stackFile("prod")]: forward });
    const result = await fixture().tryUp("prod", "--skip-preview");
    assert.notEqual(result.code, 0);
    assert.match(
      said(result),
      new RegExp(
        "Only a step back is deployed while the Git host cannot be asked:\n +the branch main of .* cannot be read: .*\n" +
          `[^]* +${inGit.name} 6\\.14\\.0 is newer than 6\\.13\\.0, which was deployed last`,
      ),
    );
    await assertBothRun(4, "6.13.0");
    await fixture().project.git("reset", "--quiet", "--hard", "HEAD~1");
  });

  it("by two steps fails: `up` names the missing source, and the running release is not changed", async () => {
    const back = (await fixture().project.read(stackFile("prod"))).replaceAll(/( {6}tag: )"6\.13\.0"/g, '$1"6.12.0"');
    await fixture().project.commit("Two steps back", {
      [stackFile("prod")]: back.replaceAll(/^ {6}digest: .*\n/gm, ""),
    });
    const result = await fixture().authorityUp("prod");
    assert.equal(result.code, 1, said(result));
    const source = ({ name }: Application) => `${name}-6.12.0`;
    assertToldFailure(
      result,
      inGit,
      fixture().flux("GitRepository", source(inGit)),
      /Flux reports: GitOperationFailed: /,
    );
    assertToldFailure(
      result,
      inRegistry,
      fixture().flux("OCIRepository", source(inRegistry)),
      /Flux reports: OCI\w*Failed: /,
    );
    await assertBothRun(4, "6.13.0");
    // The failed release never ran, so the rollback is still possible.
    await fixture().project.git("revert", "--no-edit", "HEAD");
    await fixture().up("prod");
    await assertBothRun(4, "6.13.0");
  });

  it("can be pushed when the hosts are back, on top of Flux's commits", async () => {
    const rollback = await fixture().project.read(stackFile("prod"));
    for (const host of ["git", "registry"]) await control.restart(host);
    await fixture().waitForStackFile("prod", "Flux has corrected both tags", bothAt("6.13.0"));
    await fixture().project.git("pull", "--quiet", "--rebase", "origin", "main");
    await fixture().push();
    assert.equal(await fixture().project.read(stackFile("prod")), rollback);
    for (const application of applications()) await fixture().lookForNewImages("prod", application, "auto");
    assert.equal(await fixture().remoteFile(stackFile("prod")), rollback);
    await fixture().expectNoChanges("prod");
    await assertBothRun(4, "6.13.0");
  });
});
