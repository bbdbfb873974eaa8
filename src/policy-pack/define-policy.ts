import type { ReportViolation, ResourceValidationArgs, ResourceValidationPolicy } from "@pulumi/policy";
import type * as z from "zod";
import { printable } from "../config/printable";
import type { StackConfig } from "../config/stack-config";
import type { Resource } from "./resource";
import { type Run, runOf } from "./run";
import type { Decided } from "./verdict";

/** Name and description of a policy, as the engine and the messages show them. */
export interface Description extends Omit<ResourceValidationPolicy, "validateResource"> {
  /** What the file of `--policy-pack-config` may say about it, besides a level. Default: nothing. */
  readonly settings?: z.ZodObject;
}

/** A policy of this pack. It judges each resource before its step and, if needed, the whole stack after the steps. */
export interface Policy extends Description {
  readonly validateResource: (
    resource: Resource & Pick<ResourceValidationArgs, "getConfig">,
    report: ReportViolation,
  ) => Promise<void>;
  readonly validateStack?: (
    stack: { readonly resources: readonly Pick<Resource, "urn">[] },
    report: ReportViolation,
  ) => void;
}

/** What a policy can use besides the object. */
export interface PolicyContext<Settings extends object = object> {
  readonly config: StackConfig;
  readonly run: Run;
  /** The policy's own. */
  readonly settings: Settings;
}

/** What is wrong with an object, one sentence; with lines that follow it as they are, such as YAML to add. */
export type Fault = string | readonly [sentence: string, ...lines: string[]];

/**
 * Defines a policy over the objects that the stack decides. Others are refused already, by `decided-objects`.
 *
 * @param judge what is wrong with the object, and the fix: one sentence each, without the object's name. Empty if it passes
 */
export function definePolicy<Settings extends object = object>(
  description: Description,
  judge: (decided: Decided, context: PolicyContext<Settings>) => readonly Fault[] | Promise<readonly Fault[]>,
): Policy {
  return {
    ...description,
    async validateResource(resource, report) {
      const run = runOf(resource.urn);
      const { title, decided } = run.verdictOf(resource);
      if (decided === undefined) return;
      const context = { run, settings: resource.getConfig<Settings>(), config: run.config };
      reportFaults(report, title, await judge(decided, context));
    },
  };
}

/** Reports what is wrong in one message. Names and facts come from outside, so each line is escaped. */
export function reportFaults(report: (message: string) => void, title: string, faults: readonly Fault[]): void {
  const lines = faults.flatMap((fault) => {
    const [sentence, ...more] = typeof fault === "string" ? [fault] : fault;
    return [`  - ${sentence}`, ...more];
  });
  if (faults.length > 0) report([`${title}:`, ...lines].map(printable).join("\n"));
}
