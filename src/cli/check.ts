import type { StackConfig } from "../config/stack-config";
import { describeProblem, type Problem, ProblemsError } from "../config/problem";
import { emergencyReason } from "../config/emergency";
import { printable, printableLines } from "../config/printable";
import { readAllStackConfigs, readStackConfig } from "../config/read-stack-config";
import { stackFilePath } from "../config/stack-file";
import { readTextFile } from "../config/yaml-file";
import { judgeObjects, type PackConfig, type Violation } from "../policy-pack/judge";
import { parsePackConfig } from "../policy-pack/pack-config";
import { policies } from "../policy-pack/policies";
import { stackObjects } from "../manifests/stack-objects";
import type { EvidenceReader } from "../release/evidence-reader";
import { type Lock, readLock } from "../release/lock";
import {
  hint,
  type ResolvedStack,
  type ResolvedTenant,
  resolveStack,
  unlockedHint,
  unlockedReleases,
} from "../release/resolve";
import { countOf } from "../config/count";
import { type ExitCode, exitCode } from "./exit-code";
import { fluxNotice } from "./format";
import { countProblems, requireAnyStack } from "./project";
import { describeReasons } from "./releases";
import { describeRendered, type RenderedState, renderedState } from "./rendered-state";
import type { Session } from "./session";
import type { Colors } from "./terminal";
import { removedStackReasons, type TipRemovals, tipRemovals } from "./tip-removals";

/** Options of `authority check`. */
export interface CheckOptions {
  readonly stack?: string;
  readonly json?: boolean;
  readonly policyPackConfig?: string;
}

/** The result of `authority check`. */
export interface CheckResult {
  /** The problems in the files. */
  readonly problems: readonly Problem[];
  /** The stacks whose files have no problems. */
  readonly stacks: readonly CheckedStack[];
  /** The names of the stacks that were not checked, because of problems in the files. */
  readonly unchecked: readonly string[];
  /** What is wrong with the folders of stacks that these files remove. Empty if only one stack was checked. */
  readonly removedStacks: readonly string[];
}

/** The result for one stack. */
export interface CheckedStack {
  readonly stack: string;
  /** The number of tenants. */
  readonly tenants: number;
  /** The number of objects that the policies judged. */
  readonly objects: number;
  /** Tenants whose release may not run, and why. */
  readonly releases: readonly CheckedRelease[];
  /** The policies' violations. */
  readonly violations: readonly Violation[];
  /** The releases, as `<tenant> <tag>`, that keep the promise and are not in the lock. */
  readonly unlocked: readonly string[];
  /** The folder of a stack that delivers manifests. Absent if it was not compared, as where a release may not run. */
  readonly rendered?: RenderedState;
  /** What Flux's next commit would change in the stack file beside versions. */
  readonly notice?: string;
  /** What would be deleted if these files were merged. Absent if that was not compared. */
  readonly removals?: TipRemovals;
}

/** A release that may not run. */
export interface CheckedRelease extends Pick<ResolvedTenant, "source" | "reasons"> {
  /** The tenant's name. */
  readonly tenant: string;
}

/** Checks config, promise, policies and rendered manifests of one stack, or of all stacks, without an engine. */
export async function check(options: CheckOptions, session: Session): Promise<ExitCode> {
  const { root, terminal } = session;
  session.requireOneVersion();
  const { stack } = options;
  const problems: Problem[] = [];
  const gather = <Result>(read: () => Result): Result | undefined => {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof ProblemsError)) throw error;
      problems.push(...error.problems);
      return undefined;
    }
  };
  const names = stack === undefined ? requireAnyStack(root) : [stack];
  const configs =
    stack === undefined ? readableConfigs(root, names, gather) : [gather(() => readStackConfig({ root, stack }))];
  const lock = gather(() => readLock(root));
  const packConfig = gather(() => readPackConfig(options.policyPackConfig, session));
  const stacks: CheckedStack[] = [];
  if (lock !== undefined && packConfig !== undefined) {
    const reader = session.reader();
    for (const config of configs) {
      if (config === undefined) continue;
      terminal.count(`checking the stack ${config.stack}`);
      const notice = fluxNotice(root, config.stack);
      const removals = await tipRemovals(config);
      stacks.push({ ...(await checkStack(config, lock, reader, packConfig, renderedState)), notice, removals });
    }
  }
  terminal.done();
  const unchecked = names.filter((name) => !stacks.some((checked) => checked.stack === name));
  const removedStacks =
    stack === undefined ? await removedStackReasons(configs.filter((config) => config !== undefined)) : [];
  const result: CheckResult = { problems, stacks, unchecked, removedStacks };
  if (options.json === true) terminal.printJson(result);
  else terminal.print(describeCheck(result, terminal.colors));
  if (options.json !== true) for (const line of describeUncompared(stacks)) terminal.log(line);
  if (problems.length > 0) return exitCode.badInput;
  return stacks.some(isBlocked) || removedStacks.length > 0 ? exitCode.blocked : exitCode.fine;
}

/** The stacks that can be read: a stack with problems does not keep the others from being checked. */
function readableConfigs(
  root: string,
  stacks: readonly string[],
  gather: <Result>(read: () => Result) => Result | undefined,
): (StackConfig | undefined)[] {
  const all = gather(() => readAllStackConfigs(root));
  if (all !== undefined) return all;
  return stacks.map((stack) => {
    try {
      return readStackConfig({ root, stack });
    } catch (error) {
      if (error instanceof ProblemsError) return undefined;
      throw error;
    }
  });
}

/**
 * Judges one stack: the promise of each release, and all policies over its objects.
 *
 * @param compareRendered compares the folder of manifests. Default: it is not compared, because it is about to be written.
 */
export async function checkStack(
  config: StackConfig,
  lock: Lock,
  reader: EvidenceReader,
  packConfig: PackConfig,
  compareRendered: typeof renderedState = () => Promise.resolve(undefined),
): Promise<CheckedStack> {
  const resolved = await resolveStack(config, lock, reader);
  const judge = async (stack: ResolvedStack) => {
    const objects = Array.from(stackObjects(stack, { emergency: emergencyReason() }), ({ object }) => object);
    return { objects, violations: await judgeObjects(objects, policies, stack.config, packConfig) };
  };
  const refusals = async (stack: ResolvedStack) =>
    (await judge(stack)).violations
      .filter(({ enforcement }) => enforcement === "mandatory")
      .map(({ policy, message }) => `${policy}: ${message}`);
  const { objects, violations } = await judge(resolved);
  const releases = resolved.tenants
    .filter(({ reasons }) => reasons.length > 0)
    .map(({ tenant, source, reasons }) => ({ tenant: tenant.name, source, reasons }));
  return {
    stack: config.stack,
    tenants: config.tenants.length,
    objects: objects.length,
    releases,
    violations,
    unlocked: unlockedReleases(resolved),
    rendered: releases.length === 0 ? await compareRendered(resolved, reader, refusals) : undefined,
  };
}

/** @throws ProblemsError with everything that is wrong with the file */
export function readPackConfig(file: string | undefined, session: Session): PackConfig {
  return file === undefined ? {} : parsePackConfig(readTextFile(session.path(file), file, largestPackConfig), file);
}

const largestPackConfig = 1024 * 1024;

function isBlocked({ releases, violations, rendered, removals }: CheckedStack): boolean {
  const isViolated = violations.some(({ enforcement }) => enforcement === "mandatory");
  const isUndeclared = (removals?.reasons ?? []).length > 0;
  return releases.length > 0 || isViolated || rendered?.state === "changed" || isUndeclared;
}

/** A policy judges the promise too, and its message has the fix: each reason is reported once. */
export function isReportedBy(violations: readonly Violation[], { tenant, reasons }: CheckedRelease): boolean {
  const messages = violations.filter((violation) => violation.tenant === tenant).map(({ message }) => message);
  return reasons.every((reason) => messages.some((message) => message.includes(reason)));
}

function describeCheck({ problems, stacks, unchecked, removedStacks }: CheckResult, colors: Colors): string {
  // The stacks of a cluster may be fine each, and a problem together.
  const files = new Set(problems.map(({ file }) => file));
  const isFine = (checked: CheckedStack): boolean => !isBlocked(checked) && !files.has(stackFilePath(checked.stack));
  return [
    ...problems.map((problem) => printable(describeProblem(problem))),
    ...(problems.length === 0 ? [] : [colors.red(countProblems(problems))]),
    ...stacks.flatMap((checked) => describeStack(checked, colors, isFine(checked))),
    ...removedStacks.map((reason) => colors.red(printable(reason))),
    ...unchecked.map((stack) => `${stack}: ${colors.red("not checked")}, because of the problems above`),
    ...describeSum([...stacks.map(isFine), ...unchecked.map(() => false)]),
  ].join("\n");
}

/** With one stack, its own line says it all. */
function describeSum(fine: readonly boolean[]): string[] {
  const count = fine.filter(Boolean).length;
  return fine.length < 2 ? [] : [`${count} of ${countOf(fine.length, "stack")} ${count === 1 ? "is" : "are"} fine`];
}

/** The stacks whose tenants were compared with nothing, one line for each reason. */
function describeUncompared(stacks: readonly CheckedStack[]): string[] {
  const reasons = new Map<string, string[]>();
  for (const { stack, removals } of stacks) {
    const reason = removals?.uncompared;
    if (reason !== undefined) reasons.set(reason, [...(reasons.get(reason) ?? []), stack]);
  }
  return [...reasons].map(([reason, names]) =>
    printable(
      `${names.join(", ")}: not compared with what was decided before, so a removed tenant is not noticed: ${reason}`,
    ),
  );
}

/** Only the resolver knows where the evidence comes from, so no policy reports the hint. */
function describeHint(stack: string, release: CheckedRelease): string[] {
  const text = hint(stack, release);
  return text === undefined ? [] : [`${stack}/${release.tenant}: ${text}`];
}

/** The result for one stack, as lines for people. */
export function describeStack(checked: CheckedStack, colors: Colors, isFine = !isBlocked(checked)): string[] {
  const { stack, tenants, objects, releases, violations, unlocked, rendered, notice, removals } = checked;
  const verdict = isFine ? colors.green("fine") : colors.red("blocked");
  return [
    ...releases
      .flatMap((release) =>
        isReportedBy(violations, release)
          ? describeHint(stack, release)
          : describeReasons(stack, release.tenant, release),
      )
      .map(printable),
    ...violations.map(
      ({ policy, enforcement, message }) =>
        `${enforcement === "mandatory" ? colors.red(policy) : colors.yellow(`${policy} (advisory)`)}: ${printableLines(message)}`,
    ),
    ...[unlockedHint(stack, unlocked) ?? []].flat(),
    ...describeRendered(stack, rendered),
    ...(notice === undefined ? [] : [notice]),
    ...(removals?.reasons ?? []).map(printable),
    `${stack}: ${verdict}, ${countOf(tenants, "tenant")}, ${countOf(objects, "object")}`,
  ];
}
