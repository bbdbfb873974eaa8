/**
 * The duration of a promotion with real Flux, step by step: from the image push to Flux's commit, and from the start of
 * `pulumi up` to Helm's upgrade. Compared with the plain Flux pattern: a source whose tag changes.
 *
 *   npx tsx test/bench/promotion.ts [--rounds 5]
 */
import { mkdirSync, mkdtempSync, realpathSync, rmSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import type { HelmRevision } from "../lab/helm-history";
import { Cluster } from "../lab/cluster";
import { startLab } from "../lab/start";
import { findEngine } from "../../demo/engine";
import { createApplication } from "../../demo/scratch-application";
import { describeMachine, describeSpans, numberOption } from "./measure";
import { secondsOf, type Target } from "./observation";
import { type Applied, PlainTenant, type PlainValues } from "./promotion-plain";
import { type Deployed, intervals, PromotedProject } from "./promotion-project";

const root = join(__dirname, "..", "..");
const plainValues: readonly PlainValues[] = ["fixed", "watched", "hashed"];

/** The rows to compare: this project from the start of `up` and from the new spec, and each plain pattern. */
type Pattern = "up" | "spec" | PlainValues;

const titles: Readonly<Record<Pattern, string>> = {
  up: "this project, from `up` started",
  spec: "this project, from the new spec",
  fixed: "plain, ConfigMap of a fixed name",
  watched: "plain, the same with the watch label",
  hashed: "plain, ConfigMap named by content",
};

/** The number of upgrades of a change, and whether the old chart ran with the new values. */
interface Upgrades {
  readonly seconds: number;
  readonly number: number;
  readonly mixed: boolean;
}

/** The two measured changes: a promotion with a changed value, and a changed value alone. */
interface Changes {
  readonly promotion: Upgrades;
  readonly values: Upgrades;
}

interface Round {
  readonly load: number;
  /** Seconds from the image push. */
  readonly commit: Readonly<Record<"seen" | "chosen" | "committed", number>>;
  /** Seconds from the start of `up`. */
  readonly up: Readonly<Record<"fetched" | "applied" | "begun" | "upgraded" | "ready" | "ended", number>>;
  readonly patterns: Readonly<Record<Pattern, Changes>>;
}

/** All tenants. */
interface Contestants {
  readonly project: PromotedProject;
  readonly plain: readonly (readonly [PlainValues, PlainTenant])[];
}

async function main(): Promise<void> {
  const rounds = await measure(numberOption("rounds", 5));
  const loads = rounds.map(({ load }) => load).sort((one, other) => one - other);
  const looks = Object.entries(intervals).map(([what, interval]) => `${what} ${interval}`);
  console.log(`${describeMachine()}; load ${(loads[0] ?? NaN).toFixed(1)} to ${(loads.at(-1) ?? NaN).toFixed(1)}`);
  console.log(`Flux's intervals: ${looks.join(", ")}\n`);
  printParts("image pushed, until", rounds, ({ commit: { seen, chosen, committed } }) => ({
    "the ImageRepository has seen it": seen,
    "the ImagePolicy has chosen it": chosen,
    "Flux's commit is on the Git host": committed,
  }));
  printParts("`up` started, until", rounds, ({ up: { fetched, applied, begun, upgraded, ready, ended } }) => ({
    "Flux has fetched the new source": fetched,
    "the HelmRelease has its new spec": applied,
    "Helm has begun to upgrade": begun,
    "Helm has upgraded": upgraded,
    "the HelmRelease is ready": ready,
    "`up` has ended": ended,
  }));
  printComparison(rounds);
}

async function measure(count: number): Promise<Round[]> {
  const engine = await findEngine();
  if ("missing" in engine) throw new Error(`needs the Pulumi engine: ${engine.missing}`);
  const directory = realpathSync(mkdtempSync(join(tmpdir(), "shared-authority-bench-")));
  const lab = await startLab({ root, report });
  try {
    const { gitRoot } = lab;
    if (gitRoot === undefined) throw new Error("needs a lab of its own");
    mkdirSync(gitRoot, { recursive: true });
    const application = await createApplication({ directory: gitRoot, name: "shop", registry: lab.registryUrl });
    const first: Target = { chartVersion: versionOf(-1), message: "the first release" };
    const { digest } = await application.publish({ version: first.chartVersion, message: "The first release" });
    const options = { root, directory, lab, gitRoot, engine, application };
    const project = await PromotedProject.create(options, first, digest);
    await project.deploy(first);
    const cluster = Cluster.fromKubeconfig(lab.kubeconfigPath);
    const plain = plainValues.map((values) => [values, new PlainTenant(cluster, lab, application, values)] as const);
    for (const [, tenant] of plain) await tenant.install(first);
    const rounds: Round[] = [];
    // The first round is a warm-up.
    for (let index = 0; index <= count; index += 1) {
      const round = await play({ project, plain }, versionOf(index - 1), versionOf(index));
      if (index > 0) rounds.push(round);
      report(`${index === 0 ? "warm-up" : `round ${index}`}: ${JSON.stringify(round)}`);
    }
    return rounds;
  } finally {
    await lab.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Versions of the range that the tenant allows; the one before the warm-up is `6.0.0`. */
function versionOf(index: number): string {
  return `6.${index + 1}.0`;
}

async function play({ project, plain }: Contestants, before: string, version: string): Promise<Round> {
  const [load = NaN] = loadavg();
  const promotion: Target = { chartVersion: version, message: `promoted with ${version}` };
  const values: Target = { chartVersion: version, message: `changed after ${version}` };
  const { end: pushed, seen, chosen, committed } = await project.promote(version);
  const deployed = await project.deploy(promotion);
  const begun = secondsOf(requireOne(deployed.revisions).deployedAt);
  const { begin, fetched, applied, upgraded, ready, end: ended } = deployed.moments;
  const promotions = { ...appliedBy(deployed), ...(await changeAll(plain, promotion)) };
  const revalued = await project.deploy(values);
  requireOne(revalued.revisions);
  const revaluations = { ...appliedBy(revalued), ...(await changeAll(plain, values)) };
  return {
    load,
    commit: since(pushed, { seen, chosen, committed }),
    up: since(begin, { fetched, applied, begun, upgraded, ready, ended }),
    patterns: record(Object.keys(titles) as Pattern[], (pattern) => ({
      promotion: upgradesOf(promotions[pattern], before, promotion),
      values: upgradesOf(revaluations[pattern], before, values),
    })),
  };
}

async function changeAll(plain: Contestants["plain"], target: Target): Promise<Record<PlainValues, Applied>> {
  const changed: (readonly [PlainValues, Applied])[] = [];
  for (const [values, tenant] of plain) changed.push([values, await tenant.change(target)]);
  return Object.fromEntries(changed) as Record<PlainValues, Applied>;
}

/** The project promises this, so a violation is an error. */
function requireOne(revisions: readonly HelmRevision[]): HelmRevision {
  const [revision] = revisions;
  if (revision !== undefined && revisions.length === 1) return revision;
  throw new Error(`one \`up\` was not one Helm upgrade: ${JSON.stringify(revisions)}`);
}

function appliedBy({ moments, revisions }: Deployed<"applied" | "upgraded">): Record<"up" | "spec", Applied> {
  const { begin, applied, upgraded } = moments;
  return { up: { seconds: upgraded - begin, revisions }, spec: { seconds: upgraded - applied, revisions } };
}

function upgradesOf({ seconds, revisions }: Applied, before: string, { message }: Target): Upgrades {
  const mixed = revisions.some((revision) => revision.chartVersion === before && revision.values.message === message);
  return { seconds, number: revisions.length, mixed };
}

function since<Name extends string>(begin: number, moments: Readonly<Record<Name, number>>): Record<Name, number> {
  const names = Object.keys(moments) as Name[];
  return record(names, (name) => moments[name] - begin);
}

function record<Name extends string, Value>(names: readonly Name[], valueOf: (name: Name) => Value) {
  return Object.fromEntries(names.map((name) => [name, valueOf(name)])) as Record<Name, Value>;
}

/** A row for each point in time, ordered by median, with the time since the previous one. */
function printParts(
  title: string,
  rounds: readonly Round[],
  momentsOf: (round: Round) => Record<string, number>,
): void {
  console.log(`| ${title} | in all | since the line before |\n|---|---:|---:|`);
  const moments = rounds.map(momentsOf);
  let before = moments.map(() => 0);
  for (const name of Object.keys(moments[0] ?? {})) {
    const here = moments.map((each) => each[name] ?? NaN);
    const steps = here.map((seconds, index) => seconds - (before[index] ?? NaN));
    console.log(`| ${name} | ${describeSpans(here)} | ${describeSpans(steps)} |`);
    before = here;
  }
  console.log("");
}

function printComparison(rounds: readonly Round[]): void {
  console.log("| pattern | promotion and value | Helm upgrades | old chart, new value | value alone | Helm upgrades |");
  console.log("|---|---:|---:|---:|---:|---:|");
  for (const [pattern, title] of Object.entries(titles)) {
    printPattern(
      title,
      rounds.map(({ patterns }) => patterns[pattern as Pattern]),
    );
  }
}

function printPattern(title: string, changes: readonly Changes[]): void {
  const promotions = changes.map(({ promotion }) => promotion);
  const values = changes.map((each) => each.values);
  const mixed = promotions.filter((each) => each.mixed).length;
  const cells = [
    title,
    describeSpans(promotions.map(({ seconds }) => seconds)),
    describeNumbers(promotions),
    mixed === 0 ? "never" : `in ${mixed} of ${promotions.length}`,
    describeSpans(values.map(({ seconds }) => seconds)),
    describeNumbers(values),
  ];
  console.log(`| ${cells.join(" | ")} |`);
}

/** `1` if all rounds are equal, otherwise `1 to 2`. */
function describeNumbers(upgrades: readonly Upgrades[]): string {
  const numbers = upgrades.map(({ number }) => number);
  const [least, most] = [Math.min(...numbers), Math.max(...numbers)];
  return least === most ? `${least}` : `${least} to ${most}`;
}

function report(line: string): void {
  process.stderr.write(`${line}\n`);
}

void main();
