import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { annotation } from "../src/manifests/annotation";
import type { Deployer, DeployResult, DeployStep } from "./deployer";
import type { StoryPrinter } from "./story-printer";
import { storyTenant, type StorySetup } from "./story-setup";

/** The parts that every step uses. */
export interface StoryContext {
  readonly setup: StorySetup;
  readonly deployer: Deployer;
  readonly printer: StoryPrinter;
}

/** A step of the demo had an unexpected result. */
export class StoryError extends Error {
  override readonly name = "StoryError";
}

/**
 * Runs all steps of the demo, from the first deployment to the rollback. Each printed result is verified first.
 *
 * @throws StoryError if a result is not as expected
 */
export async function runSteps(context: StoryContext): Promise<void> {
  await context.deployer.prepare(["dev", "prod"]);
  await devFollowsMaster(context);
  await productionRunsRelease(context);
  await gitTagWithoutImage(context);
  await wrongAppVersion(context);
  const promotion = await goodRelease(context);
  await revertedPromotion(context, promotion);
}

async function devFollowsMaster(context: StoryContext): Promise<void> {
  const { setup, printer } = context;
  printer.chapter("dev follows master");
  printer.say("Pulumi.dev.yaml has `follow: branch`: dev runs the latest commit of the team's branch master.");
  await deploy(context, "dev");
  const { spec } = readRelease(context, "dev");
  const { sourceRef, reconcileStrategy } = spec.chart.spec;
  const followsBranch = sourceRef.name === storyTenant && reconcileStrategy === "Revision";
  assertStep(followsBranch, "dev follows the branch", JSON.stringify(spec));
  await setup.application.commit({ version: "1.0.0", message: "Work on 1.1.0" });
  printer.say("The team commits to master. Flux deploys the commit. The shared repository needs no change:");
  await expectNoChanges(context, "dev");
  printer.shown(`dev deploys GitRepository ${sourceRef.name} at branch master`);
}

async function productionRunsRelease(context: StoryContext): Promise<void> {
  const { printer } = context;
  printer.chapter("production runs 1.0.0");
  printer.say('Pulumi.prod.yaml has `follow: tags` and `tag: "1.0.0"`. The release is checked, then deployed.');
  await deploy(context, "prod");
  showProduction(context, "1.0.0");
}

async function gitTagWithoutImage(context: StoryContext): Promise<void> {
  const { setup, printer } = context;
  printer.chapter("a Git tag without an image changes nothing");
  const commit = await setup.application.commit({ version: "1.1.0", message: "Release 1.1.0" });
  await setup.application.tag("1.1.0", commit);
  printer.say("The team pushes the Git tag 1.1.0, but the image build fails. Without an image there is no release.");
  await expectNoChanges(context, "prod");
  showProduction(context, "1.0.0");
}

async function wrongAppVersion(context: StoryContext): Promise<void> {
  const { setup, printer, deployer } = context;
  printer.chapter("a release with the wrong appVersion is blocked");
  const { digest } = await setup.application.publish({
    version: "1.2.0",
    appVersion: "1.1.0",
    message: "Release 1.2.0",
  });
  printer.say("1.2.0 has a Git tag, a chart and an image, but its Chart.yaml still has `appVersion: 1.1.0`.");
  printer.say("The platform team promotes it anyway:");
  const promotion = await promote(context, "1.2.0", digest);
  const { succeeded, blockedBy, report } = await runStep(printer, deployer.preview("prod"));
  assertStep(!succeeded && blockedBy !== undefined, "the policy pack blocks 1.2.0", report);
  assertStep(blockedBy.includes("appVersion"), "the policy's message names appVersion", report);
  printer.quote(blockedBy);
  await revert(context, promotion);
  showProduction(context, "1.0.0");
}

async function goodRelease(context: StoryContext): Promise<string> {
  const { setup, printer } = context;
  printer.chapter("a good release is promoted with one commit");
  const { digest } = await setup.application.publish({ version: "1.2.1", message: "Release 1.2.1" });
  printer.say("The team publishes the corrected release 1.2.1. The platform team promotes it in Pulumi.prod.yaml.");
  const promotion = await promote(context, "1.2.1", digest);
  await deploy(context, "prod");
  showProduction(context, "1.2.1");
  return promotion;
}

async function revertedPromotion(context: StoryContext, promotion: string): Promise<void> {
  const { printer } = context;
  printer.chapter("the commit is reverted and production is back");
  printer.say("1.2.1 fails under load. The promotion was one commit, so the rollback is one commit too.");
  await revert(context, promotion);
  await deploy(context, "prod");
  showProduction(context, "1.0.0");
}

/** Writes version and digest to the stack file and commits it. */
async function promote({ setup, printer }: StoryContext, version: string, digest: string): Promise<string> {
  const file = "Pulumi.prod.yaml";
  const before = await setup.project.read(file);
  const after = before.replace(/^( +tag: ).*$/m, `$1"${version}"`).replace(/^( +digest: ).*$/m, `$1${digest}`);
  const message = `Promote ${storyTenant} to ${version} in production`;
  return printer.command(`git commit -m "${message}" ${file}`, () => setup.project.commit(message, { [file]: after }));
}

async function revert({ setup, printer }: StoryContext, commit: string): Promise<void> {
  const command = `git revert --no-edit ${commit.slice(0, 7)}`;
  await printer.command(command, () => setup.project.git("revert", "--no-edit", commit));
}

/** Deploys a stack and commits the rendered manifests, as Flux would deploy them. */
async function deploy({ deployer, printer, setup }: StoryContext, stack: string): Promise<void> {
  for (const step of deployer.deploy(stack)) {
    const { succeeded, report } = await runStep(printer, step);
    assertStep(succeeded, `the deployment of ${stack} succeeds`, report);
  }
  await setup.project.commit(`Manifests of ${stack}`, {});
}

async function expectNoChanges({ deployer, printer }: StoryContext, stack: string): Promise<void> {
  const result = await runStep(printer, deployer.expectNoChanges(stack));
  assertStep(result.succeeded, `a deployment of ${stack} changes nothing`, result.report);
  printer.shown("no changes");
}

function runStep(printer: StoryPrinter, step: DeployStep): Promise<DeployResult> {
  return printer.command(step.command, () => step.run());
}

/** The fields of a HelmRelease that the demo shows. */
interface HelmRelease {
  readonly metadata: { readonly annotations?: Readonly<Record<string, string>> };
  readonly spec: {
    readonly chart: {
      readonly spec: { readonly sourceRef: { readonly name: string }; readonly reconcileStrategy?: string };
    };
    readonly valuesFrom?: readonly { readonly name: string }[];
  };
}

/** Reads the tenant's HelmRelease from the rendered manifests of a stack. */
function readRelease({ setup }: StoryContext, stack: string): HelmRelease {
  const directory = join(setup.project.directory, "rendered", stack);
  const files = readdirSync(directory, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".yaml"));
  const objects = files.map((file) => parse(readFileSync(join(directory, file), "utf8")) as { readonly kind: string });
  const release = objects.find(({ kind }) => kind === "HelmRelease");
  if (release === undefined) throw new StoryError(`No HelmRelease found in ${directory}.`);
  return release as unknown as HelmRelease;
}

function showProduction(context: StoryContext, version: string): void {
  const { metadata, spec } = readRelease(context, "prod");
  const { [annotation.version]: running, [annotation.commit]: commit = "" } = metadata.annotations ?? {};
  assertStep(running === version, `production runs ${version}`, JSON.stringify(metadata));
  const [source, values] = [spec.chart.spec.sourceRef.name, spec.valuesFrom?.[0]?.name ?? ""];
  context.printer.shown(
    `production runs ${version}: source ${source} at ${commit.slice(0, 7)}, special config ${values}`,
  );
}

function assertStep(condition: boolean, expected: string, found: string): asserts condition {
  if (!condition) throw new StoryError(`Expected that ${expected}. Found:\n${found}`);
}
