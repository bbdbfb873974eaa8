import { runtime } from "@pulumi/pulumi";
import type { StackConfig } from "../config/stack-config";
import { describeProblem, type Problem, ProblemsError } from "../config/problem";
import { engineConfigOf } from "../config/engine-config";
import { readAllStackConfigs, readConfigFiles, readStackConfig } from "../config/read-stack-config";
import { judgeObjects, type Violation } from "../../policy-pack/judge";
import { policies } from "../../policy-pack/policies";
import { stackObjects } from "../manifests/stack-objects";
import type { EvidenceReader } from "../release/evidence-reader";
import { type Lock, readLock } from "../release/lock";
import { hint, type ResolvedTenant, resolveStack } from "../release/resolve";
import { countOf } from "./count";
import { type ExitCode, exitCode } from "./exit-code";
import { countProblems, requireAnyStack } from "./project";
import { describeReasons } from "./releases";
import type { Session } from "./session";
import { type Colors, printable, printableLines } from "./terminal";

/** Options of `authority check`. */
export interface CheckOptions {
  readonly stack?: string;
  readonly json?: boolean;
}

/** The result of `authority check`. */
export interface CheckResult {
  /** The problems in the files. */
  readonly problems: readonly Problem[];
  /** The stacks whose files have no problems. */
  readonly stacks: readonly CheckedStack[];
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
}

/** A release that may not run. */
export interface CheckedRelease extends Pick<ResolvedTenant, "source" | "reasons"> {
  /** The tenant's name. */
  readonly tenant: string;
}

/** Checks config, promise and policies of one stack, or of all stacks, without an engine. */
export async function check(options: CheckOptions, session: Session): Promise<ExitCode> {
  const { root, terminal } = session;
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
  const configs =
    stack === undefined ? readableConfigs(root, gather) : [gather(() => readStackConfig({ root, stack }))];
  const lock = gather(() => readLock(root));
  const stacks: CheckedStack[] = [];
  if (lock !== undefined) {
    const reader = session.reader();
    for (const config of configs) {
      if (config === undefined) continue;
      terminal.count(`checking the stack ${config.stack}`);
      stacks.push(await checkStack(config, lock, reader));
    }
  }
  terminal.done();
  const result: CheckResult = { problems, stacks };
  if (options.json === true) terminal.printJson(result);
  else terminal.print(describeCheck(result, terminal.colors));
  if (problems.length > 0) return exitCode.badInput;
  return stacks.some(isBlocked) ? exitCode.blocked : exitCode.fine;
}

/** The stacks that can be read: a stack with problems does not keep the others from being checked. */
function readableConfigs(
  root: string,
  gather: <Result>(read: () => Result) => Result | undefined,
): (StackConfig | undefined)[] {
  const stacks = requireAnyStack(root);
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

/** Judges one stack: the promise of each release, and all policies over its objects. */
export async function checkStack(config: StackConfig, lock: Lock, reader: EvidenceReader): Promise<CheckedStack> {
  runtime.setAllConfig(engineConfigOf(readConfigFiles(config.root, config.stack)));
  const resolved = await resolveStack(config, lock, reader);
  const objects = Array.from(stackObjects(resolved), ({ object }) => object);
  const violations = await judgeObjects(objects, policies, {}, config.stack);
  return {
    stack: config.stack,
    tenants: config.tenants.length,
    objects: objects.length,
    releases: resolved.tenants
      .filter(({ reasons }) => reasons.length > 0)
      .map(({ tenant, source, reasons }) => ({ tenant: tenant.name, source, reasons })),
    violations,
  };
}

function isBlocked({ releases, violations }: CheckedStack): boolean {
  return releases.length > 0 || violations.some(({ enforcement }) => enforcement === "mandatory");
}

/** A policy judges the promise too, and its message has the fix: each reason is reported once. */
function isReportedBy(violations: readonly Violation[], { tenant, reasons }: CheckedRelease): boolean {
  const messages = violations.filter((violation) => violation.tenant === tenant).map(({ message }) => message);
  return reasons.every((reason) => messages.some((message) => message.includes(reason)));
}

function describeCheck({ problems, stacks }: CheckResult, colors: Colors): string {
  return [
    ...problems.map((problem) => printable(describeProblem(problem))),
    ...(problems.length === 0 ? [] : [colors.red(countProblems(problems))]),
    ...stacks.flatMap((checked) => describeStack(checked, colors)),
  ].join("\n");
}

/** Only the resolver knows where the evidence comes from, so no policy reports the hint. */
function describeHint(stack: string, release: CheckedRelease): string[] {
  const text = hint(stack, release);
  return text === undefined ? [] : [`${stack}/${release.tenant}: ${text}`];
}

/** The result for one stack, as lines for people. */
export function describeStack(checked: CheckedStack, colors: Colors): string[] {
  const { stack, tenants, objects, releases, violations } = checked;
  const verdict = isBlocked(checked) ? colors.red("blocked") : colors.green("fine");
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
    `${stack}: ${verdict}, ${countOf(tenants, "tenant")}, ${countOf(objects, "object")}`,
  ];
}
