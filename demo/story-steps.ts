import { join } from "node:path";
import type { Deployer, DeployResult, DeployStep } from "./deployer";
import { readRenderedRelease, type RenderedRelease } from "./rendered-release";
import { storyTenant, type Stage } from "./story-stage";
import type { StoryPrinter } from "./story-printer";

/** Who and what takes part in the story. */
export interface Cast {
  readonly stage: Stage;
  readonly deployer: Deployer;
  readonly printer: StoryPrinter;
}

/** Something in the story did not come out as it is told. */
export class StoryError extends Error {
  override readonly name = "StoryError";
}

/**
 * Tells the story from the first deploy to the rollback. Whatever it says it has checked first.
 *
 * @throws StoryError where something is not as it is told
 */
export async function playStory(cast: Cast): Promise<void> {
  await cast.deployer.prepare(["dev", "prod"]);
  await devFollowsMaster(cast);
  await productionRunsRelease(cast);
  await gitTagWithoutImage(cast);
  await forgottenAppVersion(cast);
  const promotion = await goodRelease(cast);
  await revertedPromotion(cast, promotion);
}

async function devFollowsMaster(cast: Cast): Promise<void> {
  const { stage, printer } = cast;
  printer.chapter("dev follows master");
  printer.say("Pulumi.dev.yaml says `follow: branch`: dev runs the latest commit of the team's master.");
  await deploy(cast, "dev");
  const before = rendered(cast, "dev");
  must(before.source === storyTenant && before.followsRevision, "dev follows the branch", JSON.stringify(before));
  await stage.application.commit({ version: "1.0.0", message: "Work on 1.1.0" });
  printer.say("The team commits to master. Flux fetches that by itself; here is nothing to decide:");
  await expectNoChanges(cast, "dev");
  printer.shown(`dev deploys GitRepository ${before.source} at branch master, whatever its commit`);
}

async function productionRunsRelease(cast: Cast): Promise<void> {
  const { printer } = cast;
  printer.chapter("production runs 1.0.0");
  printer.say('Pulumi.prod.yaml says `follow: tags` and `tag: "1.0.0"`. The promise is judged, then it is deployed.');
  await deploy(cast, "prod");
  showProduction(cast, "1.0.0");
}

async function gitTagWithoutImage(cast: Cast): Promise<void> {
  const { stage, printer } = cast;
  printer.chapter("a Git tag without an image changes nothing");
  const commit = await stage.application.commit({ version: "1.1.0", message: "Release 1.1.0" });
  await stage.application.tag("1.1.0", commit);
  printer.say("The team pushes the Git tag 1.1.0, but its image build fails: that is no release.");
  await expectNoChanges(cast, "prod");
  showProduction(cast, "1.0.0");
}

async function forgottenAppVersion(cast: Cast): Promise<void> {
  const { stage, printer } = cast;
  printer.chapter("a release whose appVersion was forgotten is blocked");
  const release = { version: "1.2.0", appVersion: "1.1.0", message: "Release 1.2.0, or so it says" };
  const { digest } = await stage.application.publish(release);
  printer.say(
    "1.2.0 has tag, chart and image, but its Chart.yaml still says `appVersion: 1.1.0`. Somebody promotes it:",
  );
  const promotion = await promote(cast, "1.2.0", digest);
  const blocked = await attempt(cast, "prod");
  must(!blocked.succeeded && blocked.blockedBy !== undefined, "the policy pack blocks 1.2.0", blocked.report);
  must(blocked.blockedBy.includes("appVersion"), "the policy's message names the fact", blocked.report);
  printer.quote(blocked.blockedBy);
  await git(cast, "revert", "--no-edit", promotion);
  showProduction(cast, "1.0.0");
}

async function goodRelease(cast: Cast): Promise<string> {
  const { stage, printer } = cast;
  printer.chapter("a good release is promoted by a commit and rolled out");
  const { digest } = await stage.application.publish({ version: "1.2.1", message: "Release 1.2.1" });
  printer.say("The team fixes it as 1.2.1. The platform team promotes it: one commit in Pulumi.prod.yaml.");
  const promotion = await promote(cast, "1.2.1", digest);
  await deploy(cast, "prod");
  showProduction(cast, "1.2.1");
  return promotion;
}

async function revertedPromotion(cast: Cast, promotion: string): Promise<void> {
  const { printer } = cast;
  printer.chapter("the commit is reverted and production is back");
  printer.say("1.2.1 misbehaves under load. The promotion was one commit, so going back is one too.");
  await git(cast, "revert", "--no-edit", promotion);
  await deploy(cast, "prod");
  showProduction(cast, "1.0.0");
}

/** The decision: version and digest in the stack file, as one commit. */
async function promote({ stage, printer }: Cast, version: string, digest: string): Promise<string> {
  const file = "Pulumi.prod.yaml";
  const before = await stage.project.read(file);
  const after = before.replace(/^( +tag: ).*$/m, `$1"${version}"`).replace(/^( +digest: ).*$/m, `$1${digest}`);
  const message = `Promote ${storyTenant} to ${version} in production`;
  return printer.command(`git commit -m "${message}" ${file}`, () => stage.project.commit(message, { [file]: after }));
}

async function git({ stage, printer }: Cast, ...parameters: string[]): Promise<void> {
  const shown = parameters.map((parameter) => (/^[0-9a-f]{40}$/.test(parameter) ? parameter.slice(0, 7) : parameter));
  await printer.command(["git", ...shown].join(" "), () => stage.project.git(...parameters));
}

/** A deploy that must succeed. What it rendered is committed, as Flux would deploy it. */
async function deploy(cast: Cast, stack: string): Promise<void> {
  const result = await attempt(cast, stack);
  must(result.succeeded, `${stack} is deployed`, result.report);
  await cast.stage.project.commit(`Manifests of ${stack}`, {});
}

async function attempt(cast: Cast, stack: string): Promise<DeployResult> {
  let last: DeployResult = { succeeded: true, report: "" };
  for (const step of cast.deployer.deploy(stack)) {
    last = await run(cast, step);
    if (!last.succeeded) break;
  }
  return last;
}

async function expectNoChanges(cast: Cast, stack: string): Promise<void> {
  const result = await run(cast, cast.deployer.expectNoChanges(stack));
  must(result.succeeded, `${stack} has nothing to change`, result.report);
  cast.printer.shown("no changes");
}

async function run({ printer }: Cast, step: DeployStep): Promise<DeployResult> {
  return printer.command(step.command, () => step.run());
}

function rendered({ stage }: Cast, stack: string): RenderedRelease {
  const directory = join(stage.project.directory, "rendered", stack);
  const release = readRenderedRelease(directory, storyTenant);
  if (release === undefined) throw new StoryError(`There is no HelmRelease ${storyTenant} in ${directory}.`);
  return release;
}

function showProduction(cast: Cast, version: string): void {
  const release = rendered(cast, "prod");
  must(release.version === version, `production runs ${version}`, JSON.stringify(release));
  const { source, commit = "", values = "" } = release;
  cast.printer.shown(`production runs ${version}: source ${source} at ${commit.slice(0, 7)}, special config ${values}`);
}

function must(condition: boolean, claim: string, report: string): asserts condition {
  if (!condition) throw new StoryError(`Here the story does not hold that ${claim}. What was found:\n${report}`);
}
