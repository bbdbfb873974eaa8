import {
  type EnforcementLevel,
  type PolicyConfigSchema,
  type ReportViolation,
  type ResourceValidationArgs,
  type ResourceValidationPolicy,
  type Severity,
  type StackValidationPolicy,
  UnknownValueError,
} from "@pulumi/policy";
import { runtime } from "@pulumi/pulumi";
import { stackConfigOfEngine } from "../src/config/engine-config";
import { describeProblem, ProblemsError } from "../src/config/problem";
import type { StackConfig } from "../src/config/stack-config";
import { type JudgedObject, judgedObjects } from "./judged-object";
import { type Run, runOf, stackOf } from "./run";

/** What a policy can use besides the object: the stack's config, the objects judged so far, its own settings. */
export interface PolicyContext<Settings extends object = object> {
  readonly config: StackConfig;
  readonly run: Run;
  readonly settings: Settings;
}

/** Name, description and fix of a policy, as the engine and the messages show them. */
interface Description {
  readonly name: string;
  readonly displayName: string;
  /** What must hold, in one sentence. */
  readonly description: string;
  readonly severity: Severity;
  readonly enforcementLevel: EnforcementLevel;
  /** How to fix a violation. Every message ends with it. */
  readonly remediationSteps: string;
  readonly configSchema?: PolicyConfigSchema;
}

/** How a policy judges. */
interface Rule<Settings extends object> {
  /** Whether the policy judges this object. */
  applies(object: JudgedObject, context: PolicyContext<Settings>): boolean;
  /** What is wrong with the object: one sentence each, without the object's name. Empty if the object passes. */
  judge(object: JudgedObject, context: PolicyContext<Settings>): readonly string[] | Promise<readonly string[]>;
  /** What is missing at the end of the run. The engine calls it after the steps: it fails a preview, but blocks no `up`. */
  judgeStack?: (context: PolicyContext<Settings>) => readonly string[];
}

/** A policy of this pack. It judges each resource before its step and, if needed, the whole stack after the steps. */
export type Policy = ResourceValidationPolicy & Partial<Pick<StackValidationPolicy, "validateStack">>;

/**
 * Defines a policy by its description and its rule.
 *
 * The engine downgrades a mandatory policy to advice when it reads an unknown value. Here an unknown value, like
 * unreadable config, is a violation at the policy's own level: what cannot be judged does not pass.
 */
export function definePolicy<Settings extends object = object>(description: Description, rule: Rule<Settings>): Policy {
  const { judgeStack } = rule;
  return {
    ...description,
    async validateResource(args, report) {
      let objects: readonly JudgedObject[];
      try {
        objects = judgedObjects(args);
      } catch (error) {
        reportUnjudged(error, args.name, report);
        return;
      }
      if (objects.length === 0) args.notApplicable("The resource is no Kubernetes object.");
      const run = runOf(args.urn);
      for (const object of objects) {
        run.add(object);
        try {
          const context = contextOf<Settings>(args, run);
          if (!rule.applies(object, context)) continue;
          const faults = await rule.judge(object, context);
          if (faults.length > 0) report(message(description, object.title, faults));
        } catch (error) {
          reportUnjudged(error, args.name, report);
        }
      }
    },
    ...(judgeStack === undefined
      ? {}
      : {
          validateStack(args, report) {
            const [first] = args.resources;
            if (first === undefined) return;
            try {
              const faults = judgeStack(contextOf<Settings>({ ...args, urn: first.urn }, runOf(first.urn)));
              if (faults.length > 0) report(message(description, "The stack", faults));
            } catch (error) {
              reportUnjudged(error, "stack", report);
            }
          },
        }),
  };
}

/** Reads the stack's config on first use, so that unreadable config fails only policies that need it. */
function contextOf<Settings extends object>(
  args: Pick<ResourceValidationArgs, "urn" | "getConfig">,
  run: Run,
): PolicyContext<Settings> {
  return {
    get config() {
      return (run.config ??= stackConfigOfEngine(stackOf(args.urn), runtime.allConfig()));
    },
    run,
    settings: args.getConfig<Settings>(),
  };
}

type Fixable = Pick<Description, "remediationSteps">;

/**
 * Reports that a resource could not be judged.
 *
 * @throws every other error: it is a bug in the policy
 */
function reportUnjudged(error: unknown, resource: string, report: ReportViolation): void {
  if (error instanceof UnknownValueError) report(unknownMessage(resource, error as UnknownValue));
  else if (error instanceof ProblemsError) {
    const faults = error.problems.map((problem) => `the stack's config cannot be read: ${describeProblem(problem)}`);
    report(message(readableConfig, resource, faults));
  } else throw error;
}

const plainValue: Fixable = {
  remediationSteps: "give this field a plain value, not an Output that a step of this same run makes.",
};

const readableConfig: Fixable = { remediationSteps: "correct the stack file; `authority check` shows the lines." };

/** The fields of `UnknownValueError`, which the package exports without its type. */
interface UnknownValue {
  /** The path of the field. */
  readonly props: readonly PropertyKey[];
}

function unknownMessage(resource: string, error: UnknownValue): string {
  const field = error.props.map(String).join(".");
  return message(plainValue, resource, [`\`${field}\` is not known before the step, so nobody can judge it`]);
}

function message(description: Fixable, title: string, faults: readonly string[]): string {
  return [`${title}:`, ...faults.map((fault) => `  - ${fault}`), `  Fix: ${description.remediationSteps}`].join("\n");
}
