import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import type { StackConfig } from "../config/stack-config";
import type { Problem } from "../config/problem";
import { listStacks, eachStackConfig, type ReadOptions, readStackConfig } from "../config/read-stack-config";
import { readProjectFile } from "../config/stack-file";
import { countOf } from "../config/count";
import { InputError } from "./input-error";
import { setFullName } from "./pulumi-command";

/**
 * Finds the project: the nearest folder, from `from` upwards, that contains `Pulumi.yaml`.
 *
 * @throws InputError if there is none
 */
export function findProject(from: string): string {
  for (let folder = from; ; folder = dirname(folder)) {
    if (existsSync(join(folder, "Pulumi.yaml"))) return folder;
    if (folder === dirname(folder)) {
      throw new InputError(
        `No Pulumi.yaml found in ${from} or a folder above it. Run this command in the shared repository, or name its ` +
          "folder with `--cwd`.",
      );
    }
  }
}

/**
 * The name of a stack as its file has it, of a name as `pulumi` takes it: `prod`, `acme/prod` or `acme/shop/prod`. The
 * engine is called with the full name.
 *
 * @throws InputError if the name is that of another project's stack
 */
export function stackName(root: string, given: string): string {
  const [, project, stack = given] = /^\w[\w.-]*\/(?:(\w[\w.-]*)\/)?([\w.-]+)$/.exec(given) ?? [];
  const own = project === undefined ? undefined : readProjectFile(root)?.document.get("name");
  if (own !== project) {
    throw new InputError(
      `\`--stack ${given}\` names a stack of the project ${String(project)}; the project in ${root} is ${String(own)}.`,
    );
  }
  if (stack !== given) setFullName(stack, given);
  return stack;
}

/**
 * Reads the config of one stack, or of all stacks.
 *
 * @throws ProblemsError with all problems in their files
 * @throws InputError if the project has no stack
 */
export function readStacks(root: string, stack: string | undefined, options?: ReadOptions): StackConfig[] {
  return [...eachStack(root, stack, options)];
}

/** The same, one after the other. The problems of all are thrown at the end. */
export function* eachStack(
  root: string,
  stack: string | undefined,
  options?: ReadOptions,
): Generator<StackConfig, void> {
  if (stack !== undefined) {
    yield readStackConfig({ root, stack }, options);
    return;
  }
  requireAnyStack(root);
  yield* eachStackConfig(root, options);
}

/**
 * The names of all stacks.
 *
 * @throws InputError if there are none: a check of an empty project must not succeed
 */
export function requireAnyStack(root: string): string[] {
  const stacks = listStacks(root);
  if (stacks.length > 0) return stacks;
  throw new InputError(`No stack found in ${root}; expected a file \`Pulumi.<stack>.yaml\`.`);
}

/**
 * The stack of a verb that works on exactly one stack.
 *
 * @throws InputError if `--stack` is missing
 */
export function requireStack(root: string, verb: string, stack: string | undefined): string {
  if (stack !== undefined) return stack;
  throw new InputError(
    `\`authority ${verb}\` needs a stack; name one with \`--stack\`: ${requireAnyStack(root).join(", ")}.`,
  );
}

/** Such as `3 problems in the files`. */
export function countProblems(problems: readonly Problem[]): string {
  return `${countOf(problems.length, "problem")} in the files`;
}
